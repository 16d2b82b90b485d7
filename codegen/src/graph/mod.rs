//! The dataflow graph of one mode of a network.
//!
//! Nodes stand in execution order; each value is written by one node, or comes from
//! outside (a [`Source`]). All tensors are channels last: a map is `[height, width,
//! channels]`, a convolution weight `[kh, kw, in, out]`, a linear weight `[in, out]`.
//! A type is *batched* if there is one such tensor per sample. What a graph does not know
//! is where values lie in memory; the plan decides that.

mod op;
mod operand;
pub(crate) mod print;
mod verify;

use std::collections::HashSet;

use nnc_dsl::model::Init;
use nnc_dsl::scalar::Expr;

pub use op::{Conv, Crop, CrossEntropy, Op, Permute, Pool, Resize, Windows};
pub use operand::{Distribution, Keep, MAX_OPERANDS, Operand, Per, Spread};
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
    /// The network's outputs.
    pub outputs: Vec<ValueId>,
    /// The loss of each sample.
    pub loss: ValueId,
    /// The gradient of each parameter, none of a frozen one; empty in evaluation, and in training
    /// before `differentiate`.
    pub gradients: Vec<Option<ValueId>>,
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
    /// The samples of the batch: the input of this index.
    Input(usize),
    /// The target values of a regression: those for the output of this index.
    Target(usize),
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
    /// Its values at the start; never [`Init::Scaled`], whose fan the lowering knows.
    pub init: Init,
    /// Factor on the learning rate; 0 is frozen, and has no gradient.
    pub learning_rate: f64,
    /// The value in the graph.
    pub value: ValueId,
}

impl Parameter {
    /// Whether it keeps its values: no gradient, no update.
    pub fn is_frozen(&self) -> bool {
        self.learning_rate == 0.0
    }
}

/// What a parameter is; decides its order in files and its weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `[spatial…, in / groups, out]`; outside `[out, in / groups, spatial…]`
    ConvolutionWeight,
    /// `[in, out]`; outside `[out, in]`
    LinearWeight,
    /// Added to a result.
    Bias,
    /// The scale of a normalisation, a layer scale.
    Scale,
    /// The shift of a normalisation.
    Shift,
    /// The slopes of a parametric rectifier.
    Slope,
}

impl Role {
    /// Whether weight decay applies: weights yes, biases, normalisations and slopes no.
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
}

impl Graph {
    /// A graph without nodes; `outputs and loss are set when they are known.
    pub fn new(mode: Mode) -> Graph {
        Graph {
            mode,
            values: Vec::new(),
            nodes: Vec::new(),
            origins: Vec::new(),
            parameters: Vec::new(),
            states: Vec::new(),
            outputs: Vec::new(),
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

    /// Values that must exist when the pass ends: outputs, loss and gradients.
    pub fn results(&self) -> impl Iterator<Item = ValueId> + '_ {
        let gradients = self.gradients.iter().flatten();
        self.outputs.iter().chain([&self.loss]).chain(gradients).copied()
    }
}

impl Node {
    /// The tensors that it reads, the epilogue's too.
    pub fn reads(&self) -> impl Iterator<Item = ValueId> + '_ {
        let epilogue = self.epilogue.iter().flat_map(|epilogue| &epilogue.inputs);
        self.inputs.iter().chain(epilogue).flat_map(|operand| operand.reads())
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
