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
    /// What goes in, from the signature, at least one. The body starts with the first; the others
    /// are read by [`StepKind::From`].
    pub inputs: Vec<Input>,
    /// What comes out, from the signature, at least one.
    pub outputs: Vec<Output>,
    /// The network itself.
    pub body: Sequence,
    /// How to train it; defaults where the text has no `train`.
    pub train: Train,
}

/// A value that the text has named (`as skip`, or an input's name). Dense in a model: the inputs
/// come first, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tap(pub usize);

/// An input of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name; empty if it is the only one and has none.
    pub name: String,
    /// Shape of one sample.
    pub shape: Shape,
    /// The value.
    pub tap: Tap,
}

/// An output of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its name; empty if it is the only one and has none.
    pub name: String,
    /// Shape of one sample.
    pub shape: Shape,
    /// The value; none for the end of the body.
    pub tap: Option<Tap>,
}

/// The shape of one sample, channels first: `3x32x32` or `784`.
///
/// Rank 1 is a vector of features; above it come the channels and then the spatial axes: rank 2 is
/// channels × length, rank 3 channels × height × width, rank 4 channels × depth × height × width.
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

    /// The spatial axes; none for a vector.
    pub fn spatial(&self) -> &[usize] {
        self.0.get(1..).unwrap_or_default()
    }

    /// Elements per channel.
    pub fn positions(&self) -> usize {
        self.spatial().iter().product()
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
    /// The name that the text gives to the value after the step (`as skip`).
    pub tap: Option<Tap>,
    /// Factor on the learning rate of the step's own parameters (`with lr=0.1`). Zero is frozen: nothing
    /// of it learns, and its batch norms use and keep the running statistics in training too.
    pub learning_rate: f64,
}

/// What a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// A single layer.
    Layer(Layer),
    /// A use of a `block` or network, one turn of a `repeat` or `for`, or the body of an `if`, `with` or
    /// `from`: a sequence with a name.
    Scope(Sequence),
    /// A use of a `shared` sub-network. All uses with one path have the same parameters and states,
    /// named after that path and not after the step's.
    Shared {
        /// Full path of the declaration, unique in the model.
        path: String,
        /// The layers, with the shapes of this use.
        body: Sequence,
    },
    /// The value of a tap, in place of the present one.
    From(Tap),
    /// Branches that start from the same value and are joined again. `residual { a } shortcut { b }`
    /// is the sum of the branches `a` and `b`; without `shortcut` the second branch is empty. `concat skip`
    /// has an empty branch and one that is a [`StepKind::From`].
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
    /// Side by side along the channels; the branches have the same spatial axes.
    Concat,
    /// Element-wise product. The first branch has the shape of the result; each other one has it
    /// too, or is one number per channel (`C` or `Cx1x1`), or one per position (`1xHxW`).
    Mul,
}

/// A layer with all its settings. Lists have an element per spatial axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// Cross-correlation with zero padding.
    Conv(Conv),
    /// The transpose of a convolution, which enlarges: (size − 1) · stride − 2 · pad + dilation ·
    /// (window − 1) + 1 + output pad.
    ConvTranspose {
        /// Its settings; `groups` divides both channel counts.
        conv: Conv,
        /// Rows and columns added at the end of each axis.
        output_pad: Vec<usize>,
    },
    /// y = x Wᵀ + b on a vector.
    Linear {
        /// Whether a bias is added.
        bias: bool,
        /// Initial weights.
        init: Init,
    },
    /// Batch normalisation per channel (Ioffe & Szegedy 2015) with learnt scale and shift.
    BatchNorm {
        /// Added to the variance.
        eps: f64,
        /// Weight of the new batch in the running statistics (PyTorch's convention).
        momentum: f64,
        /// Initial scale; 0 starts a residual block as the identity.
        gamma: f64,
    },
    /// Normalisation along the channels at each position (Ba et al. 2016) with learnt scale and shift.
    LayerNorm {
        /// Added to the variance.
        eps: f64,
    },
    /// Normalisation over groups of channels and all positions of a sample (Wu & He 2018), with learnt
    /// scale and shift per channel. Instance normalisation has as many groups as channels.
    GroupNorm {
        /// How many groups; divides the channels.
        groups: usize,
        /// Added to the variance.
        eps: f64,
        /// Whether there are a scale and a shift.
        affine: bool,
    },
    /// x / √(mean of squares along the channels + eps) with a learnt scale (Zhang & Sennrich 2019).
    RmsNorm {
        /// Added to the mean.
        eps: f64,
    },
    /// x / (k + alpha / size · Σ x² over `size` neighbouring channels)^beta (Krizhevsky et al. 2012),
    /// as in PyTorch.
    LocalResponseNorm {
        /// Neighbouring channels.
        size: usize,
        /// Factor.
        alpha: f64,
        /// Exponent.
        beta: f64,
        /// Constant.
        k: f64,
    },
    /// A learnt factor per channel (layer scale, Touvron et al. 2021).
    Scale {
        /// Its value at the start.
        initial: f64,
    },
    /// A function of each element: an expression over `Var(0)`.
    Activation(Expr),
    /// max(x, 0) + a · min(x, 0) with a learnt slope per channel (He et al. 2015).
    PRelu {
        /// The slope at the start.
        initial: f64,
    },
    /// max(x, 0) + a · min(x, 0) with a slope drawn for each element while training, the middle
    /// one in evaluation (Xu et al. 2015).
    RRelu {
        /// Least slope.
        lower: f64,
        /// Greatest slope.
        upper: f64,
    },
    /// Probabilities along the channels.
    Softmax,
    /// Their logarithms.
    LogSoftmax,
    /// First half of the channels times the sigmoid of the second (Dauphin et al. 2017).
    Glu,
    /// Maximum over a window. Padding counts as −∞.
    MaxPool(Window),
    /// Mean over a window.
    AvgPool {
        /// The window.
        window: Window,
        /// Whether padding counts as zeros in the mean (PyTorch's default), or not at all.
        count_pad: bool,
    },
    /// Maximum over bins that divide the map into the output's size.
    AdaptiveMaxPool,
    /// Mean over such bins; bin i of n covers ⌊i·size/n⌋ to ⌈(i+1)·size/n⌉.
    AdaptiveAvgPool,
    /// Mean over the whole map; leaves a vector.
    GlobalAvgPool,
    /// Maximum over the whole map; leaves a vector.
    GlobalMaxPool,
    /// Enlarges or shrinks the spatial axes to those of the output.
    Resize(Interpolation),
    /// C·r² × H × W to C × r·H × r·W (Shi et al. 2016).
    PixelShuffle {
        /// r
        factor: usize,
    },
    /// Channels seen as groups × rest, transposed (Zhang et al. 2017).
    ChannelShuffle {
        /// How many groups.
        groups: usize,
    },
    /// Zeros around the map.
    Pad {
        /// At the start of each axis.
        before: Vec<usize>,
        /// At its end.
        after: Vec<usize>,
    },
    /// A part: of axis `axis` (0 for the channels) the elements from `start` on; the output's shape says
    /// how many.
    Slice {
        /// Which axis of the shape.
        axis: usize,
        /// The first.
        start: usize,
    },
    /// The middle of the map, or what is left from `before` on.
    Crop {
        /// Left out at the start of each spatial axis.
        before: Vec<usize>,
    },
    /// A map read as a vector, channels first.
    Flatten,
    /// The same elements, channels first, under the output's shape.
    Reshape,
    /// Axis i of the output is axis `order[i]` of the input.
    Permute {
        /// A permutation of the axes, the channels being 0.
        order: Vec<usize>,
    },
    /// Inverted dropout: zero with probability `rate`, else scaled by 1 / (1 − rate); nothing in evaluation.
    Dropout {
        /// Probability of a zero.
        rate: f64,
    },
    /// The same for whole channels of a sample (Tompson et al. 2015).
    SpatialDropout {
        /// Probability of a zero.
        rate: f64,
    },
    /// Dropout that keeps mean and variance under SELU (Klambauer et al. 2017).
    AlphaDropout {
        /// Probability of the saturated value.
        rate: f64,
    },
    /// The same for whole samples, at the end of a residual branch (Huang et al. 2016).
    StochasticDepth {
        /// Probability of a zero.
        rate: f64,
    },
    /// Adds normal noise; nothing in evaluation.
    GaussianNoise {
        /// Its standard deviation.
        std: f64,
    },
    /// Nothing.
    Identity,
}

/// A convolution's settings; lists have an element per spatial axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// The window.
    pub kernel: Vec<usize>,
    /// Distance between neighbouring windows.
    pub stride: Vec<usize>,
    /// Zeros at both ends of each axis.
    pub pad: Vec<usize>,
    /// Distance between neighbouring elements of a window.
    pub dilation: Vec<usize>,
    /// Channels are cut into so many groups, each convolved for itself.
    pub groups: usize,
    /// Whether a bias per output channel is added (dropped before batch norm unless asked for).
    pub bias: bool,
    /// Initial weights.
    pub init: Init,
}

/// A pooling window; lists have an element per spatial axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its size.
    pub size: Vec<usize>,
    /// Distance between neighbouring windows.
    pub stride: Vec<usize>,
    /// Border at both ends of each axis. A last window may reach beyond it (`ceil=true`): the
    /// output's shape says how many windows there are.
    pub pad: Vec<usize>,
}

/// How a map is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The element at ⌊i · size / new size⌋.
    Nearest,
    /// Linear along each axis between element centres, as PyTorch does without `align_corners`.
    Linear,
}

/// Initial values of a weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Variance `scale` / fan.
    Scaled {
        /// 2 for He, 1 for LeCun and Glorot.
        scale: f64,
        /// What it is divided by.
        fan: Fan,
        /// The distribution.
        form: Form,
    },
    /// Mean 0 and this standard deviation.
    Random {
        /// The standard deviation.
        std: f64,
        /// The distribution.
        form: Form,
    },
    /// Orthogonal rows or columns (Saxe et al. 2013).
    Orthogonal {
        /// Factor.
        gain: f64,
    },
    /// All the same.
    Constant(f64),
}

/// What the variance of initial weights is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fan {
    /// Elements that one output sums.
    In,
    /// Outputs that one element goes into.
    Out,
    /// Their mean (Glorot & Bengio 2010).
    Average,
}

/// A distribution with mean 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Normal.
    Normal,
    /// Normal, cut at two standard deviations.
    TruncatedNormal,
    /// Uniform.
    Uniform,
}

impl Init {
    /// He et al. 2015, the default of convolutions and linear layers.
    pub const HE_NORMAL: Init = Init::Scaled { scale: 2.0, fan: Fan::In, form: Form::Normal };
}

/// How to train: the `train` section, completed with defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// The data set, if the text names one.
    pub data: Option<Data>,
    /// Random changes to training images.
    pub augment: Augment,
    /// What is minimised: the weighted sum of these, at least one.
    pub losses: Vec<LossTerm>,
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

/// A part of what is minimised.
#[derive(Clone, Debug, PartialEq)]
pub struct LossTerm {
    /// Index of the output that it judges; no two terms judge the same one.
    pub output: usize,
    /// How.
    pub loss: Loss,
    /// Its factor in the sum.
    pub weight: f64,
}

/// A loss, averaged over the samples of a batch and, where the output is a map, over its positions.
#[derive(Clone, Debug, PartialEq)]
pub enum Loss {
    /// −log softmax(logits)\[label\] along the channels; a label per sample and position.
    CrossEntropy {
        /// Share of the target that is spread over all classes (Szegedy et al. 2016).
        label_smoothing: f64,
        /// A factor per class; empty for none. The mean is a weighted one, as in PyTorch.
        class_weights: Vec<f64>,
    },
    /// Binary cross-entropy of each element's sigmoid; takes logits.
    BinaryCrossEntropy,
    /// (prediction − target)²
    MeanSquaredError,
    /// |prediction − target|
    MeanAbsoluteError,
    /// Quadratic within `delta` of the target, linear beyond (Huber 1964).
    Huber {
        /// Where the two meet.
        delta: f64,
    },
}

impl Loss {
    /// Cross-entropy as it is meant if nothing else is said.
    pub const CROSS_ENTROPY: Loss = Loss::CrossEntropy { label_smoothing: 0.0, class_weights: Vec::new() };
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
            losses: vec![LossTerm { output: 0, loss: Loss::CROSS_ENTROPY, weight: 1.0 }],
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
