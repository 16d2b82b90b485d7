//! The layers of the walk: which family does the work, and which parameters it works with.

use nnc_dsl::model::{Layer, Step};

use super::conv::Conv;
use super::neighbours::LocalResponse;
use super::network::{Gradients, Mode, Passed, Walk};
use super::norm::{self, Form, Normal, Sets};
use super::places::Places;
use super::pool::Pool;
use super::random::Drawn;
use super::resize::Resize;
use super::spec::join;
use super::tensor::Tensor;
use super::{activation, gate, linear, rectifier, softmax};

/// A learnt tensor of a layer.
struct Parameter<'a> {
    name: String,
    values: &'a [f64],
    is_frozen: bool,
}

impl Parameter<'_> {
    fn add_gradient(&self, gradients: &mut Gradients, values: impl FnOnce() -> Vec<f64>) {
        if !self.is_frozen {
            gradients.add(&self.name, values());
        }
    }
}

impl<'a> Walk<'a> {
    pub(super) fn layer(&mut self, layer: &'a Layer, step: &'a Step, path: &str, x: Tensor) -> Passed<'a> {
        let (input, output) = (&step.input.0[..], &step.output.0[..]);
        let one = |role| self.parameter(step, path, role);
        match layer {
            Layer::Conv(settings) => {
                let passed = convolution(Conv::new(settings, input, output), one("weight"), x);
                self.biased(settings.bias, step, path, passed)
            }
            Layer::ConvTranspose { conv: settings, .. } => {
                let passed = transposed(Conv::new(settings, output, input), one("weight"), x);
                self.biased(settings.bias, step, path, passed)
            }
            Layer::Linear { bias, .. } => {
                let passed = product(step.output.len(), one("weight"), x);
                self.biased(*bias, step, path, passed)
            }
            Layer::BatchNorm { eps, momentum, .. } => self.batch_norm([*eps, *momentum], step, path, x),
            Layer::LayerNorm { eps } => {
                let passed = normalised(x, Sets::Positions, Form::Standard, *eps);
                self.affine(true, step, path, passed)
            }
            Layer::GroupNorm { groups, eps, affine } => {
                let passed = normalised(x, Sets::Groups(*groups), Form::Standard, *eps);
                self.affine(*affine, step, path, passed)
            }
            Layer::RmsNorm { eps } => {
                let passed = normalised(x, Sets::Positions, Form::RootMeanSquare, *eps);
                scaled(one("weight"), passed)
            }
            Layer::Scale { .. } => scaled(one("weight"), (x, Box::new(|dy, _| dy))),
            Layer::PRelu { .. } => rectified(one("weight"), x),
            Layer::Dropout { .. }
            | Layer::SpatialDropout { .. }
            | Layer::AlphaDropout { .. }
            | Layer::StochasticDepth { .. }
            | Layer::GaussianNoise { .. }
            | Layer::RRelu { .. } => self.random(layer, x),
            _ => fixed(layer, step, x),
        }
    }

    fn parameter(&self, step: &Step, path: &str, role: &str) -> Parameter<'a> {
        let name = join(path, role);
        let values = &self.values.parameters[&name];
        Parameter { name, values, is_frozen: step.learning_rate == 0.0 }
    }

    /// A bias per channel after a layer.
    fn biased(&self, bias: bool, step: &Step, path: &str, (x, before): Passed<'a>) -> Passed<'a> {
        if !bias {
            return (x, before);
        }
        let bias = self.parameter(step, path, "bias");
        let y = x.map_channels(|x, channel| x + bias.values[channel]);
        let backward = move |dy: Tensor, gradients: &mut Gradients| {
            bias.add_gradient(gradients, || dy.channel_sums());
            before(dy, gradients)
        };
        (y, Box::new(backward))
    }

    /// A scale and a shift per channel after a normalisation.
    fn affine(&self, affine: bool, step: &Step, path: &str, normalised: Passed<'a>) -> Passed<'a> {
        if !affine {
            return normalised;
        }
        self.biased(true, step, path, scaled(self.parameter(step, path, "weight"), normalised))
    }

    /// With the statistics of the batch while training, unless the layer is frozen; else with the
    /// running ones.
    fn batch_norm(&mut self, [eps, momentum]: [f64; 2], step: &Step, path: &str, x: Tensor) -> Passed<'a> {
        let names = ["running_mean", "running_var"].map(|role| join(path, role));
        let running = names.each_ref().map(|name| &self.values.states[name]);
        let is_training = matches!(self.mode, Mode::Training(_)) && step.learning_rate != 0.0;
        if !is_training {
            let deviations: Vec<f64> = running[1].iter().map(|variance| (variance + eps).sqrt()).collect();
            let y = x.map_channels(|x, channel| (x - running[0][channel]) / deviations[channel]);
            let backward =
                move |dy: Tensor, _: &mut Gradients| dy.map_channels(|dy, channel| dy / deviations[channel]);
            return self.affine(true, step, path, (y, Box::new(backward)));
        }
        let normal = Normal::new(&x, Sets::Channels, Form::Standard, eps);
        let count = x.samples * x.positions();
        for (channel, batch) in normal.moments.iter().enumerate() {
            let old = names.each_ref().map(|name| self.states[name][channel]);
            let new = norm::running(old, *batch, momentum, count);
            for (name, new) in names.iter().zip(new) {
                self.states.get_mut(name).expect("the state is known")[channel] = new;
            }
        }
        self.affine(true, step, path, way_of(normal))
    }

    fn random(&mut self, layer: &Layer, x: Tensor) -> Passed<'a> {
        let drawn = match (self.mode, layer) {
            (Mode::Training(draw), _) => Drawn::of(layer, &x, self.streams, draw),
            (Mode::Evaluation, Layer::RRelu { lower, upper }) => {
                Some(Drawn::rectifier(&x, (lower + upper) / 2.0))
            }
            (Mode::Evaluation, _) => None,
        };
        let Some(drawn) = drawn else { return (x, Box::new(|dy, _| dy)) };
        self.streams += 1;
        (drawn.forward(&x), Box::new(move |dy, _| drawn.gradient(&dy)))
    }
}

/// Layers without parameters that always do the same.
fn fixed<'a>(layer: &'a Layer, step: &'a Step, x: Tensor) -> Passed<'a> {
    let (input, output) = (&step.input.0[..], &step.output.0[..]);
    match layer {
        Layer::Activation(function) => {
            let y = activation::forward(&x, function);
            (y, Box::new(move |dy, _| activation::gradient(&x, function, &dy)))
        }
        Layer::Softmax => {
            let y = softmax::forward(&x);
            (y.clone(), Box::new(move |dy, _| softmax::gradient(&y, &dy)))
        }
        Layer::LogSoftmax => {
            let y = softmax::logarithm(&x);
            (y.clone(), Box::new(move |dy, _| softmax::logarithm_gradient(&y, &dy)))
        }
        Layer::Glu => (gate::forward(&x), Box::new(move |dy, _| gate::gradient(&x, &dy))),
        Layer::LocalResponseNorm { size, alpha, beta, k } => {
            let local = LocalResponse { size: *size, alpha: *alpha, beta: *beta, k: *k };
            (local.forward(&x), Box::new(move |dy, _| local.gradient(&x, &dy)))
        }
        Layer::MaxPool(window) => maximum(Pool::sliding(input, output, window, false), x),
        Layer::AvgPool { window, count_pad } => mean(Pool::sliding(input, output, window, *count_pad), x),
        Layer::AdaptiveMaxPool | Layer::GlobalMaxPool => maximum(Pool::adaptive(input, output), x),
        Layer::AdaptiveAvgPool | Layer::GlobalAvgPool => mean(Pool::adaptive(input, output), x),
        Layer::Resize(interpolation) => {
            let resize = Resize::new(*interpolation, input, output);
            (resize.forward(&x), Box::new(move |dy, _| resize.gradient(&dy)))
        }
        Layer::Identity => (x, Box::new(|dy, _| dy)),
        layer => {
            let places = Places::of(layer, input, output);
            let places = places.unwrap_or_else(|| panic!("{layer:?} has a family of its own"));
            (places.forward(&x), Box::new(move |dy, _| places.gradient(&dy)))
        }
    }
}

fn convolution(conv: Conv, weight: Parameter, x: Tensor) -> Passed {
    let y = conv.forward(&x, weight.values);
    let backward = move |dy: Tensor, gradients: &mut Gradients| {
        weight.add_gradient(gradients, || conv.weight_gradient(&x, &dy));
        conv.input_gradient(&dy, weight.values)
    };
    (y, Box::new(backward))
}

/// `mirrored` is the convolution whose gradient by the input this is.
fn transposed(mirrored: Conv, weight: Parameter, x: Tensor) -> Passed {
    let y = mirrored.input_gradient(&x, weight.values);
    let backward = move |dy: Tensor, gradients: &mut Gradients| {
        weight.add_gradient(gradients, || mirrored.weight_gradient(&dy, &x));
        mirrored.forward(&dy, weight.values)
    };
    (y, Box::new(backward))
}

fn product(outputs: usize, weight: Parameter, x: Tensor) -> Passed {
    let y = linear::forward(&x, weight.values, outputs);
    let backward = move |dy: Tensor, gradients: &mut Gradients| {
        weight.add_gradient(gradients, || linear::weight_gradient(&x, &dy));
        linear::input_gradient(&dy, weight.values, x.channels())
    };
    (y, Box::new(backward))
}

fn normalised<'a>(x: Tensor, sets: Sets, form: Form, eps: f64) -> Passed<'a> {
    way_of(Normal::new(&x, sets, form, eps))
}

fn way_of<'a>(normal: Normal) -> Passed<'a> {
    (normal.values.clone(), Box::new(move |dy, _| normal.gradient(&dy)))
}

/// A factor per channel after a layer.
fn scaled<'a>(scale: Parameter<'a>, (x, before): Passed<'a>) -> Passed<'a> {
    let y = x.map_channels(|x, channel| x * scale.values[channel]);
    let backward = move |dy: Tensor, gradients: &mut Gradients| {
        scale.add_gradient(gradients, || dy.zip(&x, |dy, x| dy * x).channel_sums());
        before(dy.map_channels(|dy, channel| dy * scale.values[channel]), gradients)
    };
    (y, Box::new(backward))
}

fn rectified(slopes: Parameter, x: Tensor) -> Passed {
    let y = rectifier::forward(&x, slopes.values);
    let backward = move |dy: Tensor, gradients: &mut Gradients| {
        slopes.add_gradient(gradients, || rectifier::slope_gradient(&x, &dy));
        rectifier::input_gradient(&x, slopes.values, &dy)
    };
    (y, Box::new(backward))
}

fn maximum<'a>(pool: Pool, x: Tensor) -> Passed<'a> {
    (pool.max(&x), Box::new(move |dy, _| pool.max_gradient(&x, &dy)))
}

fn mean<'a>(pool: Pool, x: Tensor) -> Passed<'a> {
    (pool.mean(&x), Box::new(move |dy, _| pool.mean_gradient(&dy)))
}
