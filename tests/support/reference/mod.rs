//! What a network computes, straight from the definitions.
//!
//! Forward and backward of a [`CheckedModel`] in `f64`, by direct loops over tensors with the
//! channels first. Nothing is shared with the compiler or the runtime but the checked model and
//! the value of a scalar expression: gradients are written by hand per layer, and element-wise
//! slopes come from dual numbers. Speed matters only so far that a network of a thousand million
//! multiply-adds is done in seconds.

mod activation;
mod branches;
mod conv;
mod dropout;
mod linear;
mod loss;
mod network;
mod norm;
mod parallel;
mod pool;
mod softmax;
mod spec;
mod tensor;

use std::collections::BTreeMap;

use nnc_dsl::CheckedModel;

use network::{Gradients, Mode, Walk};
pub(crate) use spec::{Spec, parameters, states};
use tensor::Tensor;

/// Values by the name of the tensor, in PyTorch's order of dimensions.
pub(crate) type Tensors = BTreeMap<String, Vec<f64>>;

/// What the network should have said.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Targets<'a> {
    /// The class of each sample.
    Classes(&'a [u32]),
    /// The wanted outputs, one sample after the other.
    Values(&'a [f64]),
}

/// The random number in [0, 1) that decides about an element of a dropout: which dropout of the
/// network, in the order of its words, and which element, counted with the channels last.
pub(crate) type Uniform<'a> = &'a (dyn Fn(usize, u64) -> f64 + Sync);

/// The values that a network works with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    /// What is learnt.
    pub(crate) parameters: &'a Tensors,
    /// Running statistics.
    pub(crate) states: &'a Tensors,
}

/// What a step of training computes before anything is updated.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Mean over the samples.
    pub(crate) loss: f64,
    /// The gradient of the loss by each parameter.
    pub(crate) gradients: Tensors,
    /// The running statistics after the step.
    pub(crate) states: Tensors,
}

/// The outputs for whole samples, in evaluation mode.
pub(crate) fn evaluate(model: &CheckedModel, values: Values, inputs: &[f64]) -> Vec<f64> {
    let mut walk = Walk::new(values, Mode::Evaluation);
    let (output, _) = walk.sequence(&model.body, "", batch(model, inputs));
    output.data
}

/// One step of training, without the update.
pub(crate) fn train_step(
    model: &CheckedModel,
    values: Values,
    inputs: &[f64],
    targets: Targets,
    uniform: Uniform,
) -> Step {
    let mut walk = Walk::new(values, Mode::Training(uniform));
    let (output, backward) = walk.sequence(&model.body, "", batch(model, inputs));
    let (loss, slope) = loss::of(model.train.loss, &output, targets);
    let mut gradients = Gradients::default();
    backward(slope, &mut gradients);
    Step { loss, gradients: gradients.0, states: walk.states }
}

/// The loss of outputs, averaged over the samples.
pub(crate) fn loss(model: &CheckedModel, outputs: &[f64], targets: Targets) -> f64 {
    let outputs = Tensor::new(outputs.len() / model.output.len(), &model.output, outputs.to_vec());
    loss::of(model.train.loss, &outputs, targets).0
}

fn batch(model: &CheckedModel, inputs: &[f64]) -> Tensor {
    assert_eq!(inputs.len() % model.input.len(), 0, "inputs are whole samples");
    Tensor::new(inputs.len() / model.input.len(), &model.input, inputs.to_vec())
}
