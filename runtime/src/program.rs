//! A compiled network as the runtime sees it: a table of constants and functions.
//!
//! The compiler emits one `static PROGRAM: Program` per network. It is plain data, so that
//! everything that works on it is compiled once, in this crate, and not in the user's.

use crate::emitted::{Pass, Slot, Update};

/// A compiled network.
pub struct Program {
    /// The network's name in the model's text.
    pub name: &'static str,
    /// The model's text.
    pub source: &'static str,
    /// Shape of one input sample, channels first.
    pub input: &'static [usize],
    /// Shape of one output sample, channels first.
    pub output: &'static [usize],
    /// Where each learnt tensor lies in the flat buffer, in the order of the network's words.
    pub parameters: &'static [Parameter],
    /// Elements of the flat parameter buffer (gradients and optimiser states have the same).
    pub parameter_len: usize,
    /// Elements `0..decayed_len` are weights and take weight decay; biases and norms lie after.
    pub decayed_len: usize,
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
    /// Convolution weight: outside `[out, in, kh, kw]`, inside `[kh, kw, in, out]`.
    Convolution,
    /// Linear weight: outside `[out, in]`, inside `[in, out]`.
    Linear,
}

/// Initial values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All the same.
    Constant(f32),
    /// Normal with mean 0; He et al. 2015 is a standard deviation of √(2 / fan-in).
    Normal {
        /// The standard deviation.
        std: f32,
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
    /// The network's output, channels last; live until `loss` has run.
    pub output: Slot,
    /// The loss of each sample; live until `backward` begins.
    pub loss_slot: Slot,
}

/// The evaluation pass: `prepare` whenever the parameters have changed, then `forward`, then
/// `loss` if there is a target.
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
    /// The network's output, channels last.
    pub output: Slot,
    /// The loss of each sample.
    pub loss_slot: Slot,
}

/// The compiled optimiser.
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
pub struct Defaults {
    /// Format and path of the data set.
    pub data: Option<Data>,
    /// Mirror training images left and right with probability one half.
    pub flip: bool,
    /// Zeros around training images before a random cut to the old size.
    pub crop: usize,
    /// What the target is.
    pub target: Target,
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

/// What the loss compares the output with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A class per sample (cross-entropy).
    Class,
    /// A value per output element (mean squared error).
    Values,
}
