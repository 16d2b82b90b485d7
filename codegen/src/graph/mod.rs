//! The dataflow graph of one mode of a network.
//!
//! Nodes stand in execution order; each value is written by one node, or comes from
//! outside (a [`Source`]). All tensors are channels last: a map is `[height, width,
//! channels]`, a convolution weight `[kh, kw, in, out]`, a linear weight `[in, out]`.
//! A type is *batched* if there is one such tensor per sample. What a graph does not know
//! is where values lie in memory; the plan decides that.

mod print;
mod verify;

use std::collections::HashSet;

use nnc_dsl::scalar::Expr;

pub use verify::{Violation, verify};

/// One mode of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// What it is for.
    pub mode: Mode,
    /// All values; a [`ValueId`] is an index.
    pub values: Vec<Value>,
    /// The nodes in execution order.
    pub nodes: Vec<Node>,
    /// Places in the text that nodes come from; an [`OriginId`] is an index.
    pub origins: Vec<Origin>,
    /// Learnt tensors; a [`ParameterId`] is an index.
    pub parameters: Vec<Parameter>,
    /// Tensors that are kept but not learnt; a [`StateId`] is an index.
    pub states: Vec<State>,
    /// The network's output.
    pub output: ValueId,
    /// The loss of each sample.
    pub loss: ValueId,
    /// The gradient of each parameter; empty in evaluation, and in training before `differentiate`.
    pub gradients: Vec<ValueId>,
    /// Names in use.
    names: HashSet<String>,
}

/// What a graph is for. Training and evaluation are two graphs, never a flag at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics, dropout, gradients.
    Training,
    /// Running statistics, no randomness.
    Evaluation,
}

macro_rules! id {
    ($(#[$doc:meta] $name:ident;)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub usize);
    )*};
}

id! {
    /// Index of a value.
    ValueId;
    /// Index of an origin.
    OriginId;
    /// Index of a parameter.
    ParameterId;
    /// Index of a state.
    StateId;
}

/// A tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Path of words and role, such as `residual1.conv2` or `bn1.mean`; unique.
    pub name: String,
    /// Its extent.
    pub ty: Type,
    /// Where it comes from.
    pub source: Source,
}

/// The extent of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// Whether there is one tensor per sample of the batch.
    pub batched: bool,
    /// Dimensions, channels last.
    pub dims: Vec<usize>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The samples of the batch.
    Input,
    /// The target values of a regression.
    Target,
    /// A learnt tensor.
    Parameter(ParameterId),
    /// A kept tensor.
    State(StateId),
    /// An output of a node.
    Node,
}

/// A learnt tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// `conv1.weight`
    pub name: String,
    /// Dimensions inside, channels last.
    pub dims: Vec<usize>,
    /// What it is.
    pub role: Role,
    /// The value in the graph.
    pub value: ValueId,
}

/// What a parameter is; decides its initial values, its order in files and its weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `[kh, kw, in, out]`
    ConvolutionWeight,
    /// `[in, out]`
    LinearWeight,
    /// Starts at zero.
    Bias,
    /// The scale of a normalisation; starts at one.
    Scale,
    /// The shift of a normalisation; starts at zero.
    Shift,
}

impl Role {
    /// Whether weight decay applies: weights yes, biases and normalisations no.
    pub fn decays(self) -> bool {
        matches!(self, Role::ConvolutionWeight | Role::LinearWeight)
    }
}

/// A tensor that is kept with the model but not learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// `bn1.running_mean`
    pub name: String,
    /// Dimensions.
    pub dims: Vec<usize>,
    /// Value of every element at the start.
    pub initial: f64,
    /// The value in the graph.
    pub value: ValueId,
}

/// A place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Names of the enclosing uses of blocks and turns of loops: `for1.repeat2`; may be empty.
    pub scope: String,
    /// The step's path within the scope: `residual1.body.conv1`.
    pub step: String,
    /// The stem of the word, for names of fused kernels: `conv3`, `bn`, `relu`.
    pub word: String,
    /// The word as written.
    pub text: String,
}

impl Origin {
    /// Scope and step.
    pub fn path(&self) -> String {
        join_path(&self.scope, &self.step)
    }
}

/// `a.b`, or the other if one is empty.
pub(crate) fn join_path(a: &str, b: &str) -> String {
    match (a, b) {
        ("", only) | (only, "") => only.to_owned(),
        (a, b) => format!("{a}.{b}"),
    }
}

/// An operation with its operands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// Read, in the op's order.
    pub inputs: Vec<Operand>,
    /// Written, in the op's order.
    pub outputs: Vec<ValueId>,
    /// A function of each element of the result, applied before it is stored.
    pub epilogue: Option<Epilogue>,
    /// Which part of a pass it belongs to.
    pub section: Section,
    /// The word it comes from; the last one if several were fused.
    pub origin: OriginId,
    /// The words that were fused, in order, for names of kernels.
    pub words: Vec<String>,
}

/// A fused function of each element of an anchor's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Epilogue {
    /// Operands of the expression; one of them is [`Operand::Result`].
    pub inputs: Vec<Operand>,
    /// The function.
    pub expr: Expr,
}

/// Parts of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// From parameters and states alone; runs when they have changed.
    Prepare,
    /// Input to output.
    Forward,
    /// Output and target to loss.
    Loss,
    /// Loss to gradients.
    Backward,
}

impl Section {
    /// All, in execution order.
    pub const ALL: [Section; 4] = [Section::Prepare, Section::Forward, Section::Loss, Section::Backward];
}

/// What a node reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// A tensor: of the extent of the result, or a vector of its channels.
    Value(ValueId),
    /// 1 / (batch × positions).
    InverseCount {
        /// Elements per channel and sample.
        positions: usize,
    },
    /// An independent uniform number in [0, 1) for each element, the same in forward and backward.
    Uniform {
        /// Tells the network's random words apart.
        stream: u32,
    },
    /// The anchor's own result; in epilogues alone.
    Result,
}

/// The operations. Closed, and matched without wildcards, so that a new one makes the compiler
/// point at every place that needs it.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// (x, w) → y
    Conv2d(Conv2d),
    /// (dy, w) → dx
    Conv2dBackwardData(Conv2d),
    /// (x, dy) → dw
    Conv2dBackwardWeight(Conv2d),
    /// (x, w) → y
    Linear,
    /// (dy, w) → dx
    LinearBackwardData,
    /// (x, dy) → dw
    LinearBackwardWeight,
    /// x → y
    MaxPool(Pool2d),
    /// (x, dy) → dx; finds the maximum again instead of storing its place
    MaxPoolBackward(Pool2d),
    /// x → y
    AvgPool(Pool2d),
    /// dy → dx
    AvgPoolBackward(Pool2d),
    /// x → (mean, variance) per channel, biased
    BatchStatistics,
    /// (mean, variance, running mean, running variance) → (running mean, running variance), in place
    RunningStatistics {
        /// Weight of the new statistics.
        momentum: f64,
        /// Elements per channel and sample that the statistics are of.
        positions: usize,
    },
    /// (x, mean, inverse standard deviation, scale, shift) → y; `expand` makes it element-wise
    BatchNorm,
    /// Functions of each element: one expression per output over the inputs
    Pointwise(Vec<Expr>),
    /// Sums over batch and positions of functions of each element, per channel. The first input is a
    /// value of the full extent.
    ReduceChannels(Vec<Expr>),
    /// x → y along the channels
    Softmax,
    /// (y, dy) → dx
    SoftmaxBackward,
    /// logits → loss of each sample; the labels are implied
    CrossEntropy,
    /// logits → gradient of the mean loss
    CrossEntropyBackward,
    /// (prediction, target) → loss of each sample: mean over features of an expression over both
    LossTerms(Expr),
    /// (prediction, target) → gradient of the mean loss; the expression is the derivative of the term
    LossTermsBackward(Expr),
    /// parts → y along the channels
    Concat,
    /// dy → parts
    Split,
    /// A map as a vector in the language's order, channels first
    Flatten,
    /// Its backward
    FlattenBackward,
    /// The same bytes under another shape; no kernel
    Reshape,
}

/// A convolution's extents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Height, width, channels before.
    pub input: [usize; 3],
    /// Height, width, channels after.
    pub output: [usize; 3],
    /// Window.
    pub kernel: [usize; 2],
    /// Strides.
    pub stride: [usize; 2],
    /// Padding.
    pub pad: [usize; 2],
}

/// A pooling's extents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// Height, width, channels before.
    pub input: [usize; 3],
    /// Height, width, channels after.
    pub output: [usize; 3],
    /// Window.
    pub window: [usize; 2],
    /// Strides.
    pub stride: [usize; 2],
    /// Padding.
    pub pad: [usize; 2],
}

impl Type {
    /// One tensor per sample.
    pub fn batched(dims: &[usize]) -> Type {
        Type { batched: true, dims: dims.to_vec() }
    }

    /// One tensor whatever the batch.
    pub fn fixed(dims: &[usize]) -> Type {
        Type { batched: false, dims: dims.to_vec() }
    }

    /// Elements, per sample if batched. A scalar has one.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether there is no element; never so in a checked network.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last dimension; 1 for a scalar.
    pub fn channels(&self) -> usize {
        self.dims.last().copied().unwrap_or(1)
    }

    /// Elements per channel, per sample if batched.
    pub fn positions(&self) -> usize {
        self.len() / self.channels()
    }

    /// As height, width, channels; a vector is a map of one position.
    pub fn as_map(&self) -> [usize; 3] {
        match self.dims[..] {
            [h, w, c] => [h, w, c],
            _ => [1, 1, self.len()],
        }
    }
}

impl Graph {
    /// A graph without nodes; `output` and `loss` are set when they are known.
    pub fn new(mode: Mode) -> Graph {
        Graph {
            mode,
            values: Vec::new(),
            nodes: Vec::new(),
            origins: Vec::new(),
            parameters: Vec::new(),
            states: Vec::new(),
            output: ValueId(0),
            loss: ValueId(0),
            gradients: Vec::new(),
            names: HashSet::new(),
        }
    }

    /// The value of an id.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// The type of a value.
    pub fn ty(&self, id: ValueId) -> &Type {
        &self.values[id.0].ty
    }

    /// Adds a value under a name that is made unique.
    pub fn add_value(&mut self, name: &str, ty: Type, source: Source) -> ValueId {
        let mut unique = name.to_owned();
        for number in 2.. {
            if self.names.insert(unique.clone()) {
                break;
            }
            unique = format!("{name}_{number}");
        }
        let name = unique;
        self.values.push(Value { name, ty, source });
        ValueId(self.values.len() - 1)
    }

    /// Which node writes each value.
    pub fn producers(&self) -> Vec<Option<usize>> {
        let mut producers = vec![None; self.values.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for output in &node.outputs {
                producers[output.0] = Some(index);
            }
        }
        producers
    }

    /// Which nodes read each value, in order; a node that reads a value twice is listed once.
    pub fn consumers(&self) -> Vec<Vec<usize>> {
        let mut consumers = vec![Vec::new(); self.values.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for value in node.reads() {
                if consumers[value.0].last() != Some(&index) {
                    consumers[value.0].push(index);
                }
            }
        }
        consumers
    }

    /// Values that must exist when the pass ends: output, loss and gradients.
    pub fn results(&self) -> impl Iterator<Item = ValueId> + '_ {
        [self.output, self.loss].into_iter().chain(self.gradients.iter().copied())
    }
}

impl Node {
    /// The tensors that it reads, the epilogue's too.
    pub fn reads(&self) -> impl Iterator<Item = ValueId> + '_ {
        let epilogue = self.epilogue.iter().flat_map(|epilogue| &epilogue.inputs);
        self.inputs.iter().chain(epilogue).filter_map(|operand| operand.value())
    }

    /// The n-th input, which must be a tensor.
    pub fn input(&self, index: usize) -> ValueId {
        self.inputs[index].value().expect("the verifier admits only tensors as operands of anchors")
    }

    /// Whether it changes kept state, so that it may not be removed.
    pub fn has_effect(&self) -> bool {
        matches!(self.op, Op::RunningStatistics { .. })
    }
}

impl Operand {
    /// The tensor, if it is one.
    pub fn value(self) -> Option<ValueId> {
        match self {
            Operand::Value(id) => Some(id),
            Operand::InverseCount { .. } | Operand::Uniform { .. } | Operand::Result => None,
        }
    }
}

impl Op {
    /// Its name in dumps and error reports.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Conv2d(_) => "conv2d",
            Op::Conv2dBackwardData(_) => "conv2d_backward_data",
            Op::Conv2dBackwardWeight(_) => "conv2d_backward_weight",
            Op::Linear => "linear",
            Op::LinearBackwardData => "linear_backward_data",
            Op::LinearBackwardWeight => "linear_backward_weight",
            Op::MaxPool(_) => "max_pool2d",
            Op::MaxPoolBackward(_) => "max_pool2d_backward",
            Op::AvgPool(_) => "avg_pool2d",
            Op::AvgPoolBackward(_) => "avg_pool2d_backward",
            Op::BatchStatistics => "batch_statistics",
            Op::RunningStatistics { .. } => "running_statistics",
            Op::BatchNorm => "batch_norm",
            Op::Pointwise(_) => "pointwise",
            Op::ReduceChannels(_) => "reduce_channels",
            Op::Softmax => "softmax",
            Op::SoftmaxBackward => "softmax_backward",
            Op::CrossEntropy => "cross_entropy",
            Op::CrossEntropyBackward => "cross_entropy_backward",
            Op::LossTerms(_) => "loss_terms",
            Op::LossTermsBackward(_) => "loss_terms_backward",
            Op::Concat => "concat_channels",
            Op::Split => "split_channels",
            Op::Flatten => "to_channels_first",
            Op::FlattenBackward => "to_channels_last",
            Op::Reshape => "reshape",
        }
    }
}
