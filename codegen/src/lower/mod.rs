//! Lowering: from the checked model to the graph of one mode.
//!
//! Here the language's channels-first shapes become channels-last tensors, words become
//! nodes, and training and evaluation part: batch norm takes the statistics of the batch or
//! the running ones, dropout is random or nothing. Nothing is optimised yet. Each family of
//! words has a file; this one walks the tree of steps.

mod activations;
mod build;
mod conv;
mod initial;
mod joins;
mod losses;
mod norm;
mod pool;
mod regularisers;
mod reorder;
mod window;

use std::collections::HashMap;

use nnc_dsl::model::{CheckedModel, Layer, Sequence, Shape, Step, StepKind, Tap};

use crate::graph::{Graph, Mode, Source, Type, ValueId, join_path};
use build::Place;

/// The graph of `model` in `mode`: forward and loss.
pub fn lower(model: &CheckedModel, mode: Mode) -> Graph {
    let mut lowering = Lowering::new(mode);
    for (index, input) in model.inputs.iter().enumerate() {
        let name = if input.name.is_empty() { "input" } else { &input.name };
        let value = lowering.graph.add_value(name, batched(&input.shape), Source::Input(index));
        lowering.taps.insert(input.tap, value);
    }
    let first = lowering.tapped(model.inputs[0].tap);
    let end = lowering.sequence(&model.body, first);
    let outputs = model.outputs.iter().map(|output| output.tap.map_or(end, |tap| lowering.tapped(tap)));
    lowering.graph.outputs = outputs.collect();
    lowering.losses(model);
    // A stable sort: `Prepare` nodes move to the front, the others keep their order.
    lowering.graph.nodes.sort_by_key(|node| node.section);
    lowering.graph
}

struct Lowering {
    graph: Graph,
    names: Names,
    /// The values that the text has named.
    taps: HashMap<Tap, ValueId>,
    /// Parameters and states by name: the uses of a shared sub-network have them in common.
    tensors: HashMap<String, ValueId>,
    /// Random streams in use.
    streams: u32,
}

/// Where the walk stands.
#[derive(Clone, Default)]
struct Names {
    /// Path of the innermost use of a block or turn of a loop.
    scope: String,
    /// Path within the scope.
    path: String,
    /// Path that parameters and states are named after: scope and path, but for what is within a
    /// shared sub-network.
    tensors: String,
}

impl Lowering {
    fn new(mode: Mode) -> Lowering {
        Lowering {
            graph: Graph::new(mode),
            names: Names::default(),
            taps: HashMap::new(),
            tensors: HashMap::new(),
            streams: 0,
        }
    }

    fn sequence(&mut self, sequence: &Sequence, input: ValueId) -> ValueId {
        sequence.steps.iter().fold(input, |value, step| self.step(step, value))
    }

    fn step(&mut self, step: &Step, x: ValueId) -> ValueId {
        let y = match &step.kind {
            StepKind::Layer(layer) => {
                let place = self.place(step);
                self.layer(layer, step, x, &place)
            }
            StepKind::Scope(body) => {
                let names = self.names.scope(&step.name);
                self.within(names, |this| this.sequence(body, x))
            }
            StepKind::Shared { path, body } => {
                let names = Names { tensors: path.clone(), ..self.names.scope(&step.name) };
                self.within(names, |this| this.sequence(body, x))
            }
            StepKind::From(tap) => self.tapped(*tap),
            StepKind::Join { join, branches } => {
                let mut branch = |(name, body): &(String, Sequence)| {
                    let names = self.names.branch(&join_path(&step.name, name));
                    self.within(names, |this| this.sequence(body, x))
                };
                let joined: Vec<ValueId> = branches.iter().map(&mut branch).collect();
                let place = self.place(step);
                self.join(*join, &joined, &batched(&step.output), &place)
            }
        };
        if let Some(tap) = step.tap {
            self.taps.insert(tap, y);
        }
        y
    }

    fn within<T>(&mut self, names: Names, body: impl FnOnce(&mut Self) -> T) -> T {
        let outside = std::mem::replace(&mut self.names, names);
        let result = body(self);
        self.names = outside;
        result
    }

    fn tapped(&self, tap: Tap) -> ValueId {
        match self.taps.get(&tap) {
            Some(value) => *value,
            None => unreachable!("the check admits a name only after the step that it names"),
        }
    }

    fn layer(&mut self, layer: &Layer, step: &Step, x: ValueId, place: &Place) -> ValueId {
        match layer {
            Layer::Conv(conv) => self.conv(conv, step, x, place),
            Layer::ConvTranspose { conv, .. } => self.conv_transpose(conv, step, x, place),
            Layer::Linear { bias, init } => self.linear(*bias, *init, step, x, place),
            Layer::BatchNorm { eps, momentum, gamma } => self.batch_norm(x, [*eps, *momentum, *gamma], place),
            Layer::LayerNorm { eps } => self.layer_norm(x, *eps, place),
            Layer::GroupNorm { groups, eps, affine } => self.group_norm(x, *groups, *eps, *affine, place),
            Layer::RmsNorm { eps } => self.rms_norm(x, *eps, place),
            Layer::LocalResponseNorm { size, alpha, beta, k } => {
                self.local_response_norm(x, *size, [*alpha, *beta, *k], place)
            }
            Layer::Scale { initial } => self.scale(x, *initial, place),
            Layer::Activation(expr) => self.map(x, expr.clone(), place),
            Layer::PRelu { initial } => self.prelu(x, *initial, place),
            Layer::RRelu { lower, upper } => self.rrelu(x, *lower, *upper, place),
            Layer::Softmax => self.softmax(x, place),
            Layer::LogSoftmax => self.log_softmax(x, place),
            Layer::Glu => self.glu(x, place),
            Layer::MaxPool(window) => self.max_pool(window, step, x, place),
            Layer::AvgPool { window, count_pad } => self.avg_pool(window, *count_pad, step, x, place),
            Layer::AdaptiveMaxPool | Layer::GlobalMaxPool => self.adaptive_max_pool(step, x, place),
            Layer::AdaptiveAvgPool | Layer::GlobalAvgPool => self.adaptive_avg_pool(step, x, place),
            Layer::Resize(interpolation) => self.resize(*interpolation, step, x, place),
            Layer::PixelShuffle { factor } => self.pixel_shuffle(*factor, step, x, place),
            Layer::ChannelShuffle { groups } => self.channel_shuffle(*groups, x, place),
            Layer::Pad { before, .. } => self.pad(before, step, x, place),
            Layer::Slice { axis, start } => self.slice(*axis, *start, step, x, place),
            Layer::Crop { before } => self.crop(before, step, x, place),
            Layer::Flatten | Layer::Reshape => self.reshape(step, x, place),
            Layer::Permute { order } => self.permute(order, step, x, place),
            Layer::Dropout { rate } => self.dropout(x, *rate, place),
            Layer::SpatialDropout { rate } => self.spatial_dropout(x, *rate, place),
            Layer::AlphaDropout { rate } => self.alpha_dropout(x, *rate, place),
            Layer::StochasticDepth { rate } => self.stochastic_depth(x, *rate, place),
            Layer::GaussianNoise { std } => self.gaussian_noise(x, *std, place),
            Layer::Identity => x,
        }
    }
}

impl Names {
    /// Within a use of a block or a turn of a loop.
    fn scope(&self, name: &str) -> Names {
        Names {
            scope: join_path(&join_path(&self.scope, &self.path), name),
            path: String::new(),
            tensors: join_path(&self.tensors, name),
        }
    }

    /// Within a branch of a join.
    fn branch(&self, name: &str) -> Names {
        Names {
            scope: self.scope.clone(),
            path: join_path(&self.path, name),
            tensors: join_path(&self.tensors, name),
        }
    }
}

/// A tensor per sample of this shape, channels last.
fn batched(shape: &Shape) -> Type {
    Type::batched(&[shape.spatial(), &[shape.channels()]].concat())
}
