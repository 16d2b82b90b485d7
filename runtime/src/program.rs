//! A compiled network as the runtime sees it: a table of constants and functions.
//!
//! The compiler emits one `static PROGRAM: Program` per network. It is plain data, so that
//! everything that works on it is compiled once, in this crate, and not in the user's.

use crate::emitted::cuda::Cuda;
use nnc_kernels::emitted::{Pass, Slot, Update};

/// A compiled network.
#[derive(Clone)]
pub struct Program {
    /// The network's name in the model's text.
    pub name: &'static str,
    /// The model's text.
    pub source: &'static str,
    /// What goes in, in the order of the signature.
    pub inputs: &'static [Port],
    /// What comes out, in the order of the signature.
    pub outputs: &'static [Port],
    /// What each loss compares an output with.
    pub targets: &'static [Target],
    /// Where each learnt tensor lies in the flat buffer, in the order of the network's words.
    pub parameters: &'static [Parameter],
    /// Elements of the flat parameter buffer.
    pub parameter_len: usize,
    /// Elements of the flat gradient buffer and of each optimiser state: the parameters that learn.
    /// Frozen ones lie after them.
    pub trained_len: usize,
    /// How the parameters that learn move: ranges that follow each other from 0 to `trained_len`.
    pub groups: &'static [Group],
    /// Where each tensor that is kept but not learnt lies in the flat state buffer.
    pub states: &'static [State],
    /// Elements of the flat state buffer.
    pub state_len: usize,
    /// The training pass.
    pub training: Training,
    /// The evaluation pass.
    pub evaluation: Evaluation,
    /// The update of the parameters.
    pub optimizer: Optimizer,
    /// What the `train` section says.
    pub defaults: Defaults,
    /// The same for GPUs, where it was compiled in.
    pub cuda: Option<&'static Cuda>,
}

/// An input or an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name; empty if it is the only one and has none.
    pub name: &'static str,
    /// Shape of one sample, channels first.
    pub shape: &'static [usize],
}

/// How many there are, and their names: `2 inputs (`image`, `meta`)`.
pub(crate) fn count_text<'a>(what: &str, ports: impl ExactSizeIterator<Item = &'a Port>) -> String {
    let plural = if ports.len() == 1 { "" } else { "s" };
    let count = ports.len();
    let names: Vec<String> =
        ports.filter(|port| !port.name.is_empty()).map(|port| format!("`{}`", port.name)).collect();
    let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    format!("{count} {what}{plural}{names}")
}

/// Neighbouring elements of the flat parameter buffer that learn alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// One past its last element; it begins where the one before ends.
    pub end: usize,
    /// Factor on the learning rate.
    pub learning_rate: f32,
    /// Whether weight decay applies.
    pub decays: bool,
}

/// A learnt tensor.
pub struct Parameter {
    /// Path of words and role: `residual1.conv2.weight`.
    pub name: &'static str,
    /// Shape in the order of [`Layout`]'s outside form.
    pub shape: &'static [usize],
    /// How the buffer's order differs from the outside form.
    pub layout: Layout,
    /// Values at the start.
    pub init: Init,
    /// First element in the flat buffer.
    pub offset: usize,
}

/// How a tensor is ordered outside (files, PyTorch) and inside (kernels).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The same in both.
    Plain,
    /// Convolution weight: outside `[out, in, spatial…]`, inside `[spatial…, in, out]`.
    Convolution,
    /// Linear weight: outside `[out, in]`, inside `[in, out]`.
    Linear,
}

/// Initial values. Fans are already reckoned with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All the same.
    Constant(f32),
    /// Normal with mean 0; He et al. 2015 is a standard deviation of √(2 / fan-in).
    Normal {
        /// The standard deviation.
        std: f32,
    },
    /// Normal with mean 0, cut at two standard deviations and widened so that `std` is the result's.
    TruncatedNormal {
        /// The standard deviation of the result.
        std: f32,
    },
    /// Uniform in −bound to bound.
    Uniform {
        /// The bound.
        bound: f32,
    },
    /// Orthogonal rows or columns of the outside form seen as a matrix `[out, rest]` (Saxe et al. 2013),
    /// by a QR decomposition of a normal matrix with the signs of R's diagonal.
    Orthogonal {
        /// Factor.
        gain: f32,
    },
}

/// A tensor that is kept with the model but not learnt, such as a running mean.
pub struct State {
    /// Path of words and role: `bn1.running_mean`.
    pub name: &'static str,
    /// Shape.
    pub shape: &'static [usize],
    /// Value of every element at the start.
    pub initial: f32,
    /// First element in the flat buffer.
    pub offset: usize,
}

/// The training pass: `forward`, then `loss`, then `backward`, on one arena.
#[derive(Clone)]
pub struct Training {
    /// Arena elements per sample of the batch.
    pub batched_len: usize,
    /// Arena elements whatever the batch.
    pub fixed_len: usize,
    /// Input to output. Updates running statistics.
    pub forward: fn(&Pass),
    /// Output and target to `loss_slot`.
    pub loss: fn(&Pass),
    /// Gradients of the mean loss into the gradient buffer; every element is written.
    pub backward: fn(&Pass),
    /// The network's outputs, channels last; live until `loss` has run.
    pub outputs: &'static [Slot],
    /// The loss of each sample; live until `backward` begins.
    pub loss_slot: Slot,
}

/// The evaluation pass: `prepare` whenever the parameters have changed, then `forward`, then
/// `loss` if there is a target.
#[derive(Clone)]
pub struct Evaluation {
    /// Arena elements per sample of the batch.
    pub batched_len: usize,
    /// Arena elements whatever the batch.
    pub fixed_len: usize,
    /// Elements computed from parameters and states alone, such as folded weights.
    pub prepared_len: usize,
    /// Fills the prepared buffer.
    pub prepare: fn(&Pass),
    /// Input to output.
    pub forward: fn(&Pass),
    /// Output and target to `loss_slot`.
    pub loss: fn(&Pass),
    /// The network's outputs, channels last.
    pub outputs: &'static [Slot],
    /// The loss of each sample.
    pub loss_slot: Slot,
}

/// The compiled optimiser.
#[derive(Clone)]
pub struct Optimizer {
    /// Its word: `adadelta`.
    pub name: &'static str,
    /// Names and values of the hyperparameters; `lr` and `weight_decay` are among them.
    pub hyperparameters: &'static [(&'static str, f32)],
    /// Names of the states, each a flat buffer that starts at zero.
    pub states: &'static [&'static str],
    /// One step over the flat buffers.
    pub update: fn(&Update),
}

/// The `train` section of the model's text.
#[derive(Clone)]
pub struct Defaults {
    /// Format and path of the data set.
    pub data: Option<Data>,
    /// Mirror training images left and right with probability one half.
    pub flip: bool,
    /// Zeros around training images before a random cut to the old size.
    pub crop: usize,
    /// Samples per step.
    pub batch: usize,
    /// Passes over the training part.
    pub epochs: usize,
    /// Seed of everything random.
    pub seed: u64,
}

/// A data set as the text names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    /// `digits`, `mnist`, `cifar10`, `images` or `csv`.
    pub format: &'static str,
    /// Where it lies.
    pub path: Option<&'static str>,
    /// The CSV column that holds the target.
    pub target: Option<&'static str>,
}

/// What a loss compares an output with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of the output.
    pub output: usize,
    /// With what.
    pub kind: TargetKind,
    /// Its place in the target region, for values; empty for classes.
    pub slot: Slot,
}

/// The kinds of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A class per sample and position of the output (cross-entropy).
    Classes,
    /// A value per element of the output.
    Values,
}
