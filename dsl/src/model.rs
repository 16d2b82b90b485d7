//! The checked model: what the compiler sees of the language.
//!
//! A [`CheckedModel`] is a tree of steps in which every shape, count and choice is
//! known: parameters of networks and blocks have their values, `repeat` and `for`
//! are unrolled into scopes, `let` is gone, defaults are filled in. What can no
//! longer be asked is how the user wrote a number. Shapes are per sample and
//! channels first, as in the language.

use std::fmt;

use crate::diagnostic::Span;
use crate::scalar::Expr;

/// A network that has passed every check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedModel {
    /// The network's name, a valid Rust identifier (`Vgg`); empty for an anonymous one.
    pub name: String,
    /// Where the name stands; the signature of an anonymous network.
    pub name_span: Span,
    /// Whether the text says `pub`.
    pub public: bool,
    /// The network's parameters and the values that they took.
    pub parameters: Vec<(String, f64)>,
    /// Shape of one input sample, from the signature.
    pub input: Shape,
    /// Shape of one output sample, from the signature.
    pub output: Shape,
    /// The network itself.
    pub body: Sequence,
    /// How to train it; defaults where the text has no `train`.
    pub train: Train,
}

/// The shape of one sample, channels first: `3x32x32` or `784`.
///
/// Rank 3 is a map of channels × height × width, rank 1 a vector of features.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape(pub Vec<usize>);

impl Shape {
    /// A map of `channels` × `height` × `width`.
    pub fn map(channels: usize, height: usize, width: usize) -> Shape {
        Shape(vec![channels, height, width])
    }

    /// A vector of `features`.
    pub fn vector(features: usize) -> Shape {
        Shape(vec![features])
    }

    /// Number of elements of one sample.
    pub fn len(&self) -> usize {
        self.0.iter().product()
    }

    /// Whether it has no element; a checked shape never is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The channels of a map, the features of a vector.
    pub fn channels(&self) -> usize {
        self.0.first().copied().unwrap_or(1)
    }

    /// Height and width of a map, `[1, 1]` for a vector.
    pub fn area(&self) -> [usize; 2] {
        match self.0[..] {
            [_, height, width] => [height, width],
            _ => [1, 1],
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (index, dimension) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "x" };
            write!(f, "{separator}{dimension}")?;
        }
        Ok(())
    }
}

/// Steps one after the other. An empty sequence is the identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// Shape before the first step.
    pub input: Shape,
    /// Shape after the last step.
    pub output: Shape,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One step of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The step's name, unique among its siblings, such as `conv1`, `bn1`, `residual2`,
    /// `cbr1`, `repeat1`. Parameters are called after the path of these names
    /// (`residual2.conv1.weight`).
    pub name: String,
    /// The word as written with its arguments, for summaries and comments: `conv3 32 stride=2`.
    pub text: String,
    /// Where the word stands.
    pub span: Span,
    /// Shape before.
    pub input: Shape,
    /// Shape after.
    pub output: Shape,
    /// What the step is.
    pub kind: StepKind,
}

/// What a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// A single layer.
    Layer(Layer),
    /// A use of a `block`, or one turn of a `repeat` or `for`: a sequence with a name.
    Scope(Sequence),
    /// Branches that start from the same value and are joined again. `residual { a } shortcut { b }`
    /// is the sum of the branches `a` and `b`; without `shortcut` the second branch is empty.
    Join {
        /// How the branches come together.
        join: Join,
        /// The branches with their names (`body`, `shortcut`, `branch1`, …), at least two.
        branches: Vec<(String, Sequence)>,
    },
}

/// How branches come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Element-wise sum; the branches have one shape.
    Add,
    /// Side by side along the channels; the branches have one height and width.
    Concat,
}

/// A layer with all its settings.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// 2-d cross-correlation with zero padding.
    Conv {
        /// Window height and width.
        kernel: [usize; 2],
        /// Vertical and horizontal stride.
        stride: [usize; 2],
        /// Rows added above and below, columns added left and right.
        pad: [usize; 2],
        /// Whether a bias per output channel is added (dropped before batch norm unless asked for).
        bias: bool,
    },
    /// y = x Wᵀ + b on a vector.
    Linear {
        /// Whether a bias is added.
        bias: bool,
    },
    /// Batch normalisation per channel (Ioffe & Szegedy 2015) with learnt scale and shift.
    BatchNorm {
        /// Added to the variance.
        eps: f64,
        /// Weight of the new batch in the running statistics (PyTorch's convention).
        momentum: f64,
    },
    /// A function of each element: an expression over `Var(0)`.
    Activation(Expr),
    /// Probabilities along the channels.
    Softmax,
    /// Maximum over a window. Padding counts as −∞.
    MaxPool(Window),
    /// Mean over a window. Padding counts as zeros, included in the mean.
    AvgPool(Window),
    /// Mean over the whole map; leaves a vector.
    GlobalAvgPool,
    /// A map read as a vector, channels first.
    Flatten,
    /// Inverted dropout: zero with probability `rate`, else scaled by 1 / (1 − rate); nothing in evaluation.
    Dropout {
        /// Probability of a zero.
        rate: f64,
    },
    /// Nothing.
    Identity,
}

/// A pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width.
    pub size: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Rows added above and below, columns added left and right.
    pub pad: [usize; 2],
}

/// How to train: the `train` section, completed with defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// The data set, if the text names one.
    pub data: Option<Data>,
    /// Random changes to training images.
    pub augment: Augment,
    /// What is minimised.
    pub loss: Loss,
    /// How the parameters move.
    pub optimizer: Optimizer,
    /// Samples per step.
    pub batch: usize,
    /// Passes over the training part.
    pub epochs: usize,
    /// Seed of everything random.
    pub seed: u64,
}

/// `data FORMAT "path"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// `digits`, `mnist`, `cifar10`, `images` or `csv`.
    pub format: String,
    /// Where it lies; the embedded `digits` has no path.
    pub path: Option<String>,
    /// The column of a CSV file that holds the target; the last one if not given.
    pub target: Option<String>,
}

/// `augment flip crop=4`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Mirror left and right with probability one half.
    pub flip: bool,
    /// Pad by so many zeros on each side and cut the old size out at random.
    pub crop: usize,
}

/// What is minimised, averaged over the samples of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// −log softmax(logits)\[label\].
    CrossEntropy,
    /// Mean over the features of (prediction − target)².
    MeanSquaredError,
}

/// An optimiser and its hyperparameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    /// Which.
    pub kind: OptimizerKind,
    /// Every hyperparameter in the order of [`OptimizerKind::hyperparameters`].
    pub values: Vec<f64>,
}

/// The optimisers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OptimizerKind {
    /// Zeiler 2012, arXiv 1212.5701.
    Adadelta,
    /// Gradient descent with (Nesterov) momentum.
    Sgd,
    /// Kingma & Ba 2014, arXiv 1412.6980.
    Adam,
}

impl OptimizerKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [OptimizerKind; 3] = [OptimizerKind::Adadelta, OptimizerKind::Sgd, OptimizerKind::Adam];

    /// The word in `optimizer WORD`.
    pub fn name(self) -> &'static str {
        match self {
            OptimizerKind::Adadelta => "adadelta",
            OptimizerKind::Sgd => "sgd",
            OptimizerKind::Adam => "adam",
        }
    }

    /// Names and defaults of the hyperparameters (PyTorch's names and defaults, but for
    /// `sgd`, whose momentum is the customary 0.9, Nesterov's form).
    pub fn hyperparameters(self) -> &'static [(&'static str, f64)] {
        match self {
            OptimizerKind::Adadelta => &[("lr", 1.0), ("rho", 0.9), ("eps", 1e-6), ("weight_decay", 0.0)],
            OptimizerKind::Sgd => {
                &[("lr", 0.05), ("momentum", 0.9), ("nesterov", 1.0), ("weight_decay", 0.0)]
            }
            OptimizerKind::Adam => {
                &[("lr", 1e-3), ("beta1", 0.9), ("beta2", 0.999), ("eps", 1e-8), ("weight_decay", 0.0)]
            }
        }
    }
}

impl Default for Train {
    fn default() -> Self {
        let kind = OptimizerKind::Adadelta;
        Train {
            data: None,
            augment: Augment::default(),
            loss: Loss::CrossEntropy,
            optimizer: Optimizer {
                kind,
                values: kind.hyperparameters().iter().map(|(_, value)| *value).collect(),
            },
            batch: 128,
            epochs: 10,
            seed: 0,
        }
    }
}
