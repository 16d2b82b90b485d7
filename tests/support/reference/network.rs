//! The walk through a network: forward, with a function that goes the same way back.
//!
//! Each step gives its output and a closure from the gradient by the output to the gradient by
//! the input, which adds the gradients by the parameters on its way.

use nnc_dsl::model::{Join, Layer, Sequence, Shape, Step, StepKind};
use nnc_dsl::scalar::Expr;

use super::conv::Conv;
use super::norm::{self, Affine, Statistics};
use super::pool::Pool;
use super::spec::join;
use super::tensor::Tensor;
use super::{Tensors, Uniform, Values, activation, branches, dropout, linear, softmax};

/// Gradients by parameter.
#[derive(Default)]
pub(super) struct Gradients(pub(super) Tensors);

impl Gradients {
    fn insert(&mut self, name: String, values: Vec<f64>) {
        let before = self.0.insert(name, values);
        assert!(before.is_none(), "every parameter is used once");
    }
}

/// From the gradient by a step's output to the gradient by its input.
pub(super) type Backward<'a> = Box<dyn FnOnce(Tensor, &mut Gradients) -> Tensor + 'a>;

/// Which of its two meanings a network has.
#[derive(Clone, Copy)]
pub(super) enum Mode<'a> {
    Evaluation,
    Training(Uniform<'a>),
}

/// A walk under way.
pub(super) struct Walk<'a> {
    values: Values<'a>,
    mode: Mode<'a>,
    /// Running statistics after the walk.
    pub(super) states: Tensors,
    /// Dropouts so far.
    dropouts: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(values: Values<'a>, mode: Mode<'a>) -> Self {
        Walk { values, mode, states: values.states.clone(), dropouts: 0 }
    }

    pub(super) fn sequence(
        &mut self,
        sequence: &'a Sequence,
        path: &str,
        x: Tensor,
    ) -> (Tensor, Backward<'a>) {
        let (mut value, mut way_back) = (x, Vec::new());
        for step in &sequence.steps {
            let (output, backward) = self.step(step, &join(path, &step.name), value);
            value = output;
            way_back.push(backward);
        }
        let backward = |slope, gradients: &mut Gradients| {
            way_back.into_iter().rev().fold(slope, |slope, backward| backward(slope, gradients))
        };
        (value, Box::new(backward))
    }

    fn step(&mut self, step: &'a Step, path: &str, x: Tensor) -> (Tensor, Backward<'a>) {
        match &step.kind {
            StepKind::Layer(layer) => self.layer(layer, step, path, x),
            StepKind::Scope(body) => self.sequence(body, path, x),
            StepKind::Join { join: how, branches } => {
                let results = branches
                    .iter()
                    .map(|(name, body)| self.sequence(body, &join(path, name), x.clone()))
                    .collect();
                joined(*how, results)
            }
        }
    }

    fn layer(&mut self, layer: &'a Layer, step: &'a Step, path: &str, x: Tensor) -> (Tensor, Backward<'a>) {
        match layer {
            Layer::Conv { kernel, stride, pad, bias } => {
                let conv = Conv::new(map(&step.input), map(&step.output), *kernel, *stride, *pad);
                self.biased(*bias, path, |walk| walk.convolution(conv, path, x))
            }
            Layer::Linear { bias } => {
                self.biased(*bias, path, |walk| walk.linear(step.output.len(), path, x))
            }
            Layer::BatchNorm { eps, momentum } => self.batch_norm(*eps, *momentum, path, x),
            Layer::Activation(function) => elementwise(function, x),
            Layer::Softmax => {
                let y = softmax::forward(&x);
                (y.clone(), Box::new(move |dy, _| softmax::gradient(&y, &dy)))
            }
            Layer::MaxPool(window) => {
                let pool = Pool::new(&step.input, &step.output, *window);
                (pool.max(&x), Box::new(move |dy, _| pool.max_gradient(&x, &dy)))
            }
            Layer::AvgPool(window) => average(Pool::new(&step.input, &step.output, *window), x),
            Layer::GlobalAvgPool => average(Pool::whole(&step.input), x),
            Layer::Flatten => (x.reshaped(&step.output), Box::new(move |dy, _| dy.reshaped(&step.input))),
            Layer::Dropout { rate } => self.dropout(*rate, x),
            Layer::Identity => (x, Box::new(|dy, _| dy)),
        }
    }

    fn convolution(&mut self, conv: Conv, path: &str, x: Tensor) -> (Tensor, Backward<'a>) {
        let (name, weight) = self.parameter(path, "weight");
        let y = conv.forward(&x, weight);
        let backward = move |dy: Tensor, gradients: &mut Gradients| {
            gradients.insert(name, conv.weight_gradient(&x, &dy));
            conv.input_gradient(&dy, weight)
        };
        (y, Box::new(backward))
    }

    fn linear(&mut self, outputs: usize, path: &str, x: Tensor) -> (Tensor, Backward<'a>) {
        let (name, weight) = self.parameter(path, "weight");
        let y = linear::forward(&x, weight, outputs);
        let backward = move |dy: Tensor, gradients: &mut Gradients| {
            gradients.insert(name, linear::weight_gradient(&x, &dy));
            linear::input_gradient(&dy, weight, x.channels)
        };
        (y, Box::new(backward))
    }

    /// The layer, and a bias per channel after it.
    fn biased(
        &mut self,
        bias: bool,
        path: &str,
        layer: impl FnOnce(&mut Self) -> (Tensor, Backward<'a>),
    ) -> (Tensor, Backward<'a>) {
        let (mut y, before) = layer(self);
        if !bias {
            return (y, before);
        }
        let (name, bias) = self.parameter(path, "bias");
        y.add_bias(bias);
        let backward = move |dy: Tensor, gradients: &mut Gradients| {
            gradients.insert(name, dy.channel_sums());
            before(dy, gradients)
        };
        (y, Box::new(backward))
    }

    fn batch_norm(&mut self, eps: f64, momentum: f64, path: &str, x: Tensor) -> (Tensor, Backward<'a>) {
        let ((scale_name, scale), (shift_name, shift)) =
            (self.parameter(path, "weight"), self.parameter(path, "bias"));
        let affine = Affine { scale, shift };
        let kept = ["running_mean", "running_var"].map(|role| join(path, role));
        let [mean, variance] = kept.each_ref().map(|name| self.values.states[name].clone());
        let old = Statistics { mean, variance, eps };
        if let Mode::Evaluation = self.mode {
            let y = norm::forward(&x, &old, affine);
            return (y, Box::new(|_, _| panic!("evaluation has no way back")));
        }
        let batch = Statistics::of(&x, eps);
        let new = norm::running(old, &batch, momentum, x.samples * x.positions);
        self.states.extend(kept.into_iter().zip([new.mean, new.variance]));
        let y = norm::forward(&x, &batch, affine);
        let backward = move |dy: Tensor, gradients: &mut Gradients| {
            let gradient = norm::gradient(&x, &batch, scale, &dy);
            gradients.insert(scale_name, gradient.scale);
            gradients.insert(shift_name, gradient.shift);
            gradient.input
        };
        (y, Box::new(backward))
    }

    fn dropout(&mut self, rate: f64, x: Tensor) -> (Tensor, Backward<'a>) {
        let Mode::Training(uniform) = self.mode else {
            return (x, Box::new(|dy, _| dy));
        };
        if rate == 0.0 {
            return (x, Box::new(|dy, _| dy));
        }
        let factors = dropout::factors(&x, rate, |element| uniform(self.dropouts, element));
        self.dropouts += 1;
        let y = dropout::apply(x, &factors);
        (y, Box::new(move |dy, _| dropout::apply(dy, &factors)))
    }

    fn parameter(&self, path: &str, role: &str) -> (String, &'a [f64]) {
        let name = join(path, role);
        let values = &self.values.parameters[&name];
        (name, values)
    }
}

fn elementwise(function: &Expr, x: Tensor) -> (Tensor, Backward<'_>) {
    let y = activation::forward(&x, function);
    (y, Box::new(move |dy, _| activation::gradient(&x, function, &dy)))
}

fn average<'a>(pool: Pool, x: Tensor) -> (Tensor, Backward<'a>) {
    (pool.mean(&x), Box::new(move |dy, _| pool.mean_gradient(&dy)))
}

fn joined<'a>(how: Join, results: Vec<(Tensor, Backward<'a>)>) -> (Tensor, Backward<'a>) {
    let (outputs, ways_back): (Vec<Tensor>, Vec<Backward>) = results.into_iter().unzip();
    let channels: Vec<usize> = outputs.iter().map(|output| output.channels).collect();
    let y = match how {
        Join::Add => branches::sum(outputs),
        Join::Concat => branches::concatenated(&outputs),
    };
    let backward = move |dy: Tensor, gradients: &mut Gradients| {
        let parts = match how {
            Join::Add => vec![dy; channels.len()],
            Join::Concat => branches::split(&dy, &channels),
        };
        let ways_back = ways_back.into_iter().zip(parts);
        branches::sum(ways_back.map(|(backward, part)| backward(part, gradients)).collect())
    };
    (y, Box::new(backward))
}

/// Channels, height and width.
fn map(shape: &Shape) -> [usize; 3] {
    let [height, width] = shape.area();
    [shape.channels(), height, width]
}
