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
mod gate;
mod layers;
mod linear;
mod loss;
mod neighbours;
mod network;
mod norm;
mod optimizer;
mod parallel;
mod places;
mod pool;
mod random;
mod rectifier;
mod resize;
mod softmax;
mod spec;
mod tensor;

use std::collections::BTreeMap;

use nnc_dsl::CheckedModel;
use nnc_dsl::model::LossTerm;

use network::{Gradients, Mode, Passed, Walk};
pub(crate) use optimizer::Optimizer;
pub(crate) use spec::{Spec, parameters, states};
use tensor::Tensor;

/// Values by the name of the tensor, in PyTorch's order of dimensions.
pub(crate) type Tensors = BTreeMap<String, Vec<f64>>;

/// What an output should have said.
#[derive(Clone, Debug)]
pub(crate) enum Targets {
    /// The class of each sample, or of each position of each sample.
    Classes(Vec<u32>),
    /// The wanted outputs, one sample after the other.
    Values(Vec<f64>),
}

/// Random numbers: which random word of the network, in the order of the words, and which number of
/// it. What is drawn per element is counted with the channels last.
#[derive(Clone, Copy)]
pub(crate) struct Draw<'a> {
    /// In [0, 1).
    pub(crate) uniform: &'a dyn Fn(usize, u64) -> f64,
    /// With mean 0 and variance 1.
    pub(crate) normal: &'a dyn Fn(usize, u64) -> f64,
}

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
    /// The weighted sum of the losses.
    pub(crate) loss: f64,
    /// The gradient of the loss by each parameter that is not frozen.
    pub(crate) gradients: Tensors,
    /// The running statistics after the step.
    pub(crate) states: Tensors,
}

/// Every output for whole samples, in evaluation mode; `inputs` has a list for each input.
pub(crate) fn evaluate(model: &CheckedModel, values: Values, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut walk = Walk::new(values, Mode::Evaluation);
    let (outputs, _) = run(model, &mut walk, inputs);
    outputs.into_iter().map(|output| output.data).collect()
}

/// One step of training, without the update; `targets` has one for each output that a loss judges.
pub(crate) fn train_step(
    model: &CheckedModel,
    values: Values,
    inputs: &[Vec<f64>],
    targets: &[Targets],
    draw: Draw,
) -> Step {
    let mut walk = Walk::new(values, Mode::Training(draw));
    let (outputs, (end, backward)) = run(model, &mut walk, inputs);
    let (mut loss, mut slope, mut gradients) = (0.0, end.zeros_like(), Gradients::default());
    for (term, targets) in terms(model).iter().zip(targets) {
        let (value, mut part) = loss::of(&term.loss, &outputs[term.output], targets);
        loss += term.weight * value;
        part.data.iter_mut().for_each(|slope| *slope *= term.weight);
        match model.outputs[term.output].tap {
            Some(tap) => gradients.add_tap(tap, part),
            None => slope.add(&part),
        }
    }
    backward(slope, &mut gradients);
    let mut found = gradients.parameters;
    for spec in parameters(model).into_iter().filter(|spec| spec.learning_rate != 0.0) {
        // No way leads back to what no loss depends on.
        found.entry(spec.name).or_insert_with(|| vec![0.0; spec.shape.iter().product()]);
    }
    Step { loss, gradients: found, states: walk.states }
}

/// The loss of outputs.
pub(crate) fn loss(model: &CheckedModel, outputs: &[Vec<f64>], targets: &[Targets]) -> f64 {
    let term = |(term, targets): (&LossTerm, &Targets)| {
        let output = batch(&model.outputs[term.output].shape.0, &outputs[term.output]);
        term.weight * loss::of(&term.loss, &output, targets).0
    };
    terms(model).iter().zip(targets).map(term).sum()
}

/// What is minimised, in the order of the outputs.
pub(crate) fn terms(model: &CheckedModel) -> Vec<LossTerm> {
    let mut terms = model.train.losses.clone();
    terms.sort_by_key(|term| term.output);
    terms
}

/// The outputs, and what the end of the body came to.
fn run<'a>(model: &'a CheckedModel, walk: &mut Walk<'a>, inputs: &[Vec<f64>]) -> (Vec<Tensor>, Passed<'a>) {
    for (input, values) in model.inputs.iter().zip(inputs) {
        walk.taps.insert(input.tap, batch(&input.shape.0, values));
    }
    let first = walk.taps[&model.inputs[0].tap].clone();
    let (end, backward) = walk.sequence(&model.body, "", first);
    let output = |output: &nnc_dsl::model::Output| match output.tap {
        Some(tap) => walk.taps[&tap].clone(),
        None => end.clone(),
    };
    (model.outputs.iter().map(output).collect(), (end, backward))
}

fn batch(shape: &[usize], values: &[f64]) -> Tensor {
    let len: usize = shape.iter().product();
    assert_eq!(values.len() % len, 0, "a batch is whole samples");
    Tensor::new(values.len() / len, shape, values.to_vec())
}
