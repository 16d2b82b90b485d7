//! What a network is made of and what it costs: parameters, multiply-adds and memory.
//!
//! Counts come from the checked model, word by word; memory comes from the plans, which know it
//! before anything runs. A multiply-add is one product of a weight with an activation, so only
//! convolutions and linear layers have them; biases, norms and activations count as nothing. The
//! parameters of a shared sub-network are counted where it is used first.

use std::collections::HashSet;

use nnc_dsl::model::{CheckedModel, Conv, Input, Layer, Output, Sequence, Shape, Step, StepKind};

use crate::Compiled;
use crate::graph::join_path;
use crate::optimizers::update_rule;
use crate::plan::{Plan, Region};

/// Bytes of one number in every buffer.
const FLOAT: u64 = 4;

/// The table of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The network's name.
    pub network: String,
    /// What goes in.
    pub inputs: Vec<Input>,
    /// What comes out.
    pub outputs: Vec<Output>,
    /// Learnt numbers.
    pub parameters: u64,
    /// Multiply-adds of one sample in a forward pass.
    pub macs: u64,
    /// The words in the order of the data flow.
    pub rows: Vec<Row>,
    /// Bytes of all buffers.
    pub memory: Memory,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Path of names, as in the names of parameters: `residual1.body.conv1`.
    pub path: String,
    /// The word with its arguments, or the name of a branch.
    pub word: String,
    /// How many words it stands in.
    pub depth: usize,
    /// Shape after it.
    pub output: Shape,
    /// What it costs; none for a word that only holds others, which are counted themselves.
    pub cost: Option<Cost>,
}

/// What a layer costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Learnt numbers.
    pub parameters: u64,
    /// Multiply-adds of one sample.
    pub macs: u64,
}

/// Bytes of the buffers that a network runs in, without the data set and what kernels take for themselves:
/// that depends on the machine too, and follows from the [products](Plan::products).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The parameters.
    pub parameters: u64,
    /// The gradients of those that learn.
    pub gradients: u64,
    /// The states of the optimiser.
    pub optimizer: u64,
    /// What is kept but not learnt, such as running statistics.
    pub states: u64,
    /// What evaluation computes from the parameters alone.
    pub prepared: u64,
    /// A batch as the kernels read it: inputs, and targets that are no classes. Per sample.
    pub batch_per_sample: u64,
    /// The arena of the training pass.
    pub training: Arena,
    /// The arena of the evaluation pass.
    pub evaluation: Arena,
}

/// Bytes of the arena of one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arena {
    /// For each sample of the batch.
    pub per_sample: u64,
    /// Whatever the batch.
    pub fixed: u64,
}

/// The table of `model`, whose compiled form is `compiled`.
pub fn summary(model: &CheckedModel, compiled: &Compiled) -> Summary {
    let mut table = Table::default();
    table.add_sequence(&model.body, "", 0);
    let rows = table.rows;
    let total = |count: fn(&Cost) -> u64| rows.iter().filter_map(|row| row.cost.as_ref()).map(count).sum();
    Summary {
        network: model.name.clone(),
        inputs: model.inputs.clone(),
        outputs: model.outputs.clone(),
        parameters: total(|cost| cost.parameters),
        macs: total(|cost| cost.macs),
        memory: Memory::new(model, compiled),
        rows,
    }
}

impl Summary {
    /// What goes in: `3x32x32`, or `image 3x64x64, meta 8` if it has names.
    pub fn inputs_text(&self) -> String {
        ports(self.inputs.iter().map(|input| (&input.name, &input.shape)))
    }

    /// What comes out, in the same form.
    pub fn outputs_text(&self) -> String {
        ports(self.outputs.iter().map(|output| (&output.name, &output.shape)))
    }
}

/// Shapes with their names, as far as they have any.
pub(crate) fn ports<'m>(ports: impl Iterator<Item = (&'m String, &'m Shape)>) -> String {
    let text = |(name, shape): (&String, &Shape)| {
        if name.is_empty() { shape.to_string() } else { format!("{name} {shape}") }
    };
    ports.map(text).collect::<Vec<_>>().join(", ")
}

impl Memory {
    fn new(model: &CheckedModel, compiled: &Compiled) -> Memory {
        let Compiled { training, evaluation } = compiled;
        let gradients = bytes(training.tensors.trained_len);
        let optimizer_states = update_rule(model.train.optimizer.kind).states.len() as u64;
        Memory {
            parameters: bytes(training.tensors.parameter_len),
            gradients,
            optimizer: optimizer_states * gradients,
            // Twice: the runtime keeps a copy that undoes a step whose loss is not finite.
            states: 2 * bytes(training.tensors.state_len),
            prepared: bytes(evaluation.prepared_len),
            batch_per_sample: bytes(
                region_len(training, Region::Input) + region_len(training, Region::Target),
            ),
            training: Arena::new(training),
            evaluation: Arena::new(evaluation),
        }
    }

    /// All that training with batches of `batch` takes, with the evaluation in between.
    pub fn training_total(&self, batch: u64) -> u64 {
        self.gradients + self.optimizer + self.kept() + self.shared().bytes(batch) + self.batch(batch)
    }

    /// All that evaluation with batches of `batch` takes.
    pub fn evaluation_total(&self, batch: u64) -> u64 {
        self.kept() + self.evaluation.bytes(batch) + self.batch(batch)
    }

    /// The arena of a model that trains and evaluates in turns.
    pub fn shared(&self) -> Arena {
        let (training, evaluation) = (&self.training, &self.evaluation);
        Arena {
            per_sample: training.per_sample.max(evaluation.per_sample),
            fixed: training.fixed.max(evaluation.fixed),
        }
    }

    /// A batch of `batch` samples.
    pub fn batch(&self, batch: u64) -> u64 {
        self.batch_per_sample.saturating_mul(batch)
    }

    fn kept(&self) -> u64 {
        self.parameters + self.states + self.prepared
    }
}

impl Arena {
    fn new(plan: &Plan) -> Arena {
        Arena { per_sample: bytes(plan.batched_len), fixed: bytes(plan.fixed_len) }
    }

    /// Its size for batches of `batch`.
    pub fn bytes(&self, batch: u64) -> u64 {
        self.per_sample.saturating_mul(batch).saturating_add(self.fixed)
    }
}

/// Elements of what lies in a region that the plan does not pack.
fn region_len(plan: &Plan, region: Region) -> usize {
    let slots = plan.slots.iter().flatten().filter(|slot| slot.region == region);
    slots.map(|slot| slot.offset + slot.len).max().unwrap_or(0)
}

fn bytes(floats: usize) -> u64 {
    floats as u64 * FLOAT
}

/// The rows so far.
#[derive(Default)]
struct Table {
    rows: Vec<Row>,
    /// Paths of the shared sub-networks whose parameters are counted.
    counted: HashSet<String>,
    /// Whether the parameters of the present sub-network are.
    is_repeated: bool,
}

impl Table {
    fn add_sequence(&mut self, sequence: &Sequence, path: &str, depth: usize) {
        for step in &sequence.steps {
            self.add_step(step, path, depth);
        }
    }

    fn add_step(&mut self, step: &Step, path: &str, depth: usize) {
        let path = join_path(path, &step.name);
        let cost = match &step.kind {
            StepKind::Layer(layer) => Some(self.cost(layer, step)),
            StepKind::From(_) => Some(Cost::default()),
            StepKind::Scope(_) | StepKind::Shared { .. } | StepKind::Join { .. } => None,
        };
        let (word, output) = (step.text.clone(), step.output.clone());
        self.rows.push(Row { path: path.clone(), word, depth, output, cost });
        match &step.kind {
            StepKind::Layer(_) | StepKind::From(_) => {}
            StepKind::Scope(body) => self.add_sequence(body, &path, depth + 1),
            StepKind::Shared { path: declared, body } => {
                let is_repeated = self.is_repeated || !self.counted.insert(declared.clone());
                let outside = std::mem::replace(&mut self.is_repeated, is_repeated);
                self.add_sequence(body, &path, depth + 1);
                self.is_repeated = outside;
            }
            StepKind::Join { branches, .. } => {
                for (name, branch) in branches {
                    self.add_branch(name, branch, &path, depth + 1);
                }
            }
        }
    }

    /// A branch under its name. The body of a `residual` needs none, and an empty branch, which hands
    /// the value on, has nothing to show.
    fn add_branch(&mut self, name: &str, branch: &Sequence, path: &str, depth: usize) {
        let path = join_path(path, name);
        if name == "body" {
            return self.add_sequence(branch, &path, depth);
        }
        if !branch.steps.is_empty() {
            let (word, output) = (name.to_owned(), branch.output.clone());
            self.rows.push(Row { path: path.clone(), word, depth, output, cost: None });
            self.add_sequence(branch, &path, depth + 1);
        }
    }

    fn cost(&self, layer: &Layer, step: &Step) -> Cost {
        let cost = cost(layer, step);
        Cost { parameters: if self.is_repeated { 0 } else { cost.parameters }, ..cost }
    }
}

fn cost(layer: &Layer, step: &Step) -> Cost {
    let [inputs, outputs] = [&step.input, &step.output].map(|shape| shape.channels() as u64);
    let per_channel = |count: u64| Cost { parameters: count * outputs, macs: 0 };
    match layer {
        Layer::Conv(conv) => convolution(conv, [inputs, outputs], step.output.positions()),
        // Every element of the input meets each weight of its channel once.
        Layer::ConvTranspose { conv, .. } => convolution(conv, [inputs, outputs], step.input.positions()),
        Layer::Linear { bias, .. } => weighted(inputs * outputs, 1, *bias, outputs),
        Layer::BatchNorm { .. } | Layer::LayerNorm { .. } => per_channel(2),
        Layer::GroupNorm { affine, .. } => per_channel(if *affine { 2 } else { 0 }),
        Layer::RmsNorm { .. } | Layer::Scale { .. } | Layer::PRelu { .. } => per_channel(1),
        Layer::LocalResponseNorm { .. }
        | Layer::Activation(_)
        | Layer::RRelu { .. }
        | Layer::Softmax
        | Layer::LogSoftmax
        | Layer::Glu
        | Layer::MaxPool(_)
        | Layer::AvgPool { .. }
        | Layer::AdaptiveMaxPool
        | Layer::AdaptiveAvgPool
        | Layer::GlobalAvgPool
        | Layer::GlobalMaxPool
        | Layer::Resize(_)
        | Layer::PixelShuffle { .. }
        | Layer::ChannelShuffle { .. }
        | Layer::Pad { .. }
        | Layer::Slice { .. }
        | Layer::Crop { .. }
        | Layer::Flatten
        | Layer::Reshape
        | Layer::Permute { .. }
        | Layer::Dropout { .. }
        | Layer::SpatialDropout { .. }
        | Layer::AlphaDropout { .. }
        | Layer::StochasticDepth { .. }
        | Layer::GaussianNoise { .. }
        | Layer::Identity => Cost::default(),
    }
}

fn convolution(conv: &Conv, [inputs, outputs]: [u64; 2], positions: usize) -> Cost {
    let window: usize = conv.kernel.iter().product();
    weighted(window as u64 * inputs * outputs / conv.groups as u64, positions as u64, conv.bias, outputs)
}

/// A layer that uses each of its weights once at every position.
fn weighted(weights: u64, positions: u64, bias: bool, outputs: u64) -> Cost {
    let biases = if bias { outputs } else { 0 };
    Cost { parameters: weights + biases, macs: weights * positions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile;
    use nnc_dsl::{Entry, Options, check};

    fn summary_of(text: &str) -> Summary {
        let outcome = check(text, Entry::File, &Options::default());
        let [model] = &outcome.models[..] else { panic!("{:?}", outcome.diagnostics) };
        let compiled = compile(model);
        let summary = summary(model, &compiled);
        let planned = &compiled.training.graph.parameters;
        let planned: usize = planned.iter().map(|parameter| parameter.dims.iter().product::<usize>()).sum();
        assert_eq!(summary.parameters, planned as u64, "the plan has as many");
        summary
    }

    /// Five stages of 3x3 convolutions at 224, 112, 56, 28 and 14 pixels, one more at 7, and the classes.
    #[test]
    fn vgg_agrees_with_the_sum_by_hand() {
        let summary = summary_of(
            "network Vgg<3x224x224 -> 10> {
                for c in [32, 64, 128, 256, 512] { conv3 (c) bn relu pool2 }
                conv3 512 bn relu conv1 10 gap
            }",
        );
        let stages = [(3, 32), (32, 64), (64, 128), (128, 256), (256, 512), (512, 512)];
        let weights = stages.map(|(inputs, outputs)| 9 * inputs * outputs);
        let norms: u64 = stages.iter().map(|(_, outputs)| 2 * outputs).sum();
        assert_eq!(summary.parameters, weights.iter().sum::<u64>() + norms + 512 * 10 + 10);
        assert_eq!(summary.parameters, 3_935_018);
        let areas = [224, 112, 56, 28, 14, 7].map(|side: u64| side * side);
        let macs: u64 = weights.iter().zip(areas).map(|(weights, area)| weights * area).sum();
        assert_eq!(summary.macs, macs + 7 * 7 * 512 * 10);
    }

    #[test]
    fn branches_stand_under_their_word() {
        let summary = summary_of(
            "network Net<3x8x8 -> 4> {
                residual { conv3 8 stride=2 bn } shortcut { conv1 8 stride=2 bias=false }
                add { relu | identity } gap linear 4
            }",
        );
        let rows: Vec<(&str, usize)> =
            summary.rows.iter().map(|row| (row.path.as_str(), row.depth)).collect();
        assert_eq!(
            rows,
            [
                ("residual1", 0),
                ("residual1.body.conv1", 1),
                ("residual1.body.bn1", 1),
                ("residual1.shortcut", 1),
                ("residual1.shortcut.conv1", 2),
                ("add1", 0),
                ("add1.branch1", 1),
                ("add1.branch1.relu1", 2),
                ("add1.branch2", 1),
                ("add1.branch2.identity1", 2),
                ("gap1", 0),
                ("linear1", 0),
            ]
        );
        assert_eq!(summary.parameters, 9 * 3 * 8 + 2 * 8 + 3 * 8 + 8 * 4 + 4);
        assert_eq!(summary.macs, 16 * (9 * 3 * 8 + 3 * 8) + 8 * 4);
    }

    #[test]
    fn memory_grows_with_the_batch_and_the_optimiser() {
        let model =
            |optimizer| format!("network Net<8 -> 2> {{ linear 2 }} train Net {{ optimizer {optimizer} }}");
        let [sgd, adam] = ["sgd", "adam"].map(|optimizer| summary_of(&model(optimizer)).memory);
        assert_eq!(adam.training_total(4) - sgd.training_total(4), sgd.parameters);
        let shared = sgd.training.per_sample.max(sgd.evaluation.per_sample);
        assert_eq!(sgd.batch_per_sample, 4 * 8);
        assert_eq!(sgd.training_total(5) - sgd.training_total(4), shared + sgd.batch_per_sample);
        assert!(sgd.evaluation_total(4) < sgd.training_total(4));
    }
}
