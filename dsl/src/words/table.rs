//! The table of words, in the order of the reference.

use super::rules;
use super::{Argument, Default, Kind, Meaning, Range, Rank, Windowed, Word};
use crate::model::Layer;

const SIZE: Kind = Kind::Count(Range::closed(1.0, 4_294_967_295.0));
const PAD: Kind = Kind::Count(Range::closed(0.0, 65_536.0));

const BIAS: Argument = Argument {
    name: "bias",
    positional: false,
    kind: Kind::Flag,
    default: Default::Flag(true),
    doc: "Whether a learnt number is added to each output channel. If it is not written, it is dropped \
          where `bn` follows directly, whose shift does the same.",
};

const fn stride(default: Default) -> Argument {
    Argument {
        name: "stride",
        positional: false,
        kind: SIZE,
        default,
        doc: "Distance between neighbouring windows, along both axes.",
    }
}

const fn pad(default: Default, doc: &'static str) -> Argument {
    Argument { name: "pad", positional: false, kind: PAD, default, doc }
}

const POOL_STRIDE: Argument = stride(Default::Derived("the window"));

/// Every word of the language that is a layer.
pub static WORDS: &[Word] = &[
    Word {
        name: "conv",
        window: Windowed::Yes(3),
        arguments: &[
            Argument {
                name: "channels",
                positional: true,
                kind: SIZE,
                default: Default::Required,
                doc: "Number of output channels.",
            },
            stride(Default::Number(1.0)),
            pad(
                Default::Derived("`(k-1)/2` for an odd window, 0 for an even one"),
                "Zeros added on each side of both axes; smaller than the window.",
            ),
            BIAS,
        ],
        input: Rank::Map,
        meaning: Meaning::Layer { shape: rules::conv_shape, layer: rules::conv_layer },
        aliases: &["conv2d", "convolution", "convolution2d", "cnn"],
        summary: "convolution",
        reference: "A two-dimensional convolution (cross-correlation, as everywhere in deep learning) with \
            zero padding. The number in the name is the window, `conv3` or `conv3x1`, height before width. \
            An odd window keeps the size of the map unless `stride` or `pad` say otherwise; each axis becomes \
            `floor((size + 2*pad - window) / stride) + 1`. Weights start with He initialisation, \
            biases at zero.",
        example: "network Edges<3x32x32 -> 16x16x16> { conv3 16 stride=2 }",
    },
    Word {
        name: "bn",
        window: Windowed::No,
        arguments: &[
            Argument {
                name: "eps",
                positional: false,
                kind: Kind::Real(Range::above(0.0)),
                default: Default::Number(1e-5),
                doc: "Added to the variance before the root.",
            },
            Argument {
                name: "momentum",
                positional: false,
                kind: Kind::Real(Range::above_to(0.0, 1.0)),
                default: Default::Number(0.1),
                doc: "Weight of the newest batch in the running mean and variance.",
            },
        ],
        input: Rank::Any,
        meaning: Meaning::Layer { shape: rules::same, layer: rules::batch_norm },
        aliases: &["batchnorm", "batchnorm2d", "batchnorm1d", "batchnormalization", "norm"],
        summary: "batch normalisation",
        reference: "Batch normalisation per channel (Ioffe and Szegedy 2015): \
            `(x - mean) / sqrt(variance + eps)`, then a learnt scale and shift. Training uses the statistics of \
            the batch, evaluation the running ones. It stands before the activation, and wants batches of 16 \
            or more.",
        example: "network Normed<3x32x32 -> 16x32x32> { conv3 16 bn relu }",
    },
    Word {
        name: "relu",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Any,
        meaning: Meaning::Formula("max(x, 0)"),
        aliases: &["rectifier", "rectifiedlinear"],
        summary: "rectified linear unit",
        reference: "The usual activation of hidden layers.",
        example: "network Hidden<64 -> 10> { linear 32 relu linear 10 }",
    },
    Word {
        name: "lrelu",
        window: Windowed::No,
        arguments: &[Argument {
            name: "slope",
            positional: false,
            kind: Kind::Real(Range::at_least(0.0)),
            default: Default::Number(0.01),
            doc: "Slope of the negative side.",
        }],
        input: Rank::Any,
        meaning: Meaning::Formula("select(x > 0, x, slope*x)"),
        aliases: &["leakyrelu", "leaky", "lerelu"],
        summary: "leaky rectified linear unit",
        reference: "Lets a little through on the negative side, so that no unit dies.",
        example: "network Leaky<64 -> 10> { linear 32 lrelu slope=0.1 linear 10 }",
    },
    Word {
        name: "elu",
        window: Windowed::No,
        arguments: &[Argument {
            name: "alpha",
            positional: false,
            kind: Kind::Real(Range::above(0.0)),
            default: Default::Number(1.0),
            doc: "Minus the limit on the negative side.",
        }],
        input: Rank::Any,
        // The minimum keeps the exponential finite on the side that is not chosen.
        meaning: Meaning::Formula("select(x > 0, x, alpha*(exp(min(x, 0)) - 1))"),
        aliases: &["exponentiallinear"],
        summary: "exponential linear unit",
        reference: "Smooth on the negative side, with a limit (Clevert et al. 2015).",
        example: "network Smooth<64 -> 10> { linear 32 elu linear 10 }",
    },
    Word {
        name: "gelu",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Any,
        meaning: Meaning::Formula("0.5*x*(1 + erf(x/sqrt(2)))"),
        aliases: &["gaussianerrorlinear"],
        summary: "Gaussian error linear unit",
        reference: "The exact form of Hendrycks and Gimpel (2016), not the approximation by tanh.",
        example: "network Gaussian<64 -> 10> { linear 32 gelu linear 10 }",
    },
    Word {
        name: "silu",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Any,
        meaning: Meaning::Formula("x*sigmoid(x)"),
        aliases: &["swish"],
        summary: "sigmoid linear unit",
        reference: "Also known as swish.",
        example: "network Swish<64 -> 10> { linear 32 silu linear 10 }",
    },
    Word {
        name: "sigmoid",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Any,
        meaning: Meaning::Formula("sigmoid(x)"),
        aliases: &["logistic"],
        summary: "logistic function",
        reference: "Squashes to the numbers between 0 and 1. For outputs; hidden layers learn better with `relu`.",
        example: "network Squash<64 -> 3> { linear 3 sigmoid } train Squash { loss mse }",
    },
    Word {
        name: "tanh",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Any,
        meaning: Meaning::Formula("tanh(x)"),
        aliases: &["hyperbolictangent"],
        summary: "hyperbolic tangent",
        reference: "Squashes to the numbers between -1 and 1.",
        example: "network Squash<64 -> 3> { linear 3 tanh } train Squash { loss mse }",
    },
    Word {
        name: "softmax",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Any,
        meaning: Meaning::Layer { shape: rules::same, layer: |_| Layer::Softmax },
        aliases: &["logsoftmax"],
        summary: "probabilities along the channels",
        reference: "Turns the channels at each place into probabilities that sum to 1. A network that is trained \
            with `loss cross_entropy` ends without it: that loss takes the numbers before the softmax.",
        example: "network Attention<8x4x4 -> 8x4x4> { conv1 8 softmax }",
    },
    Word {
        name: "pool",
        window: Windowed::Yes(2),
        arguments: &[
            POOL_STRIDE,
            pad(Default::Number(0.0), "Border on each side that never wins; at most half the window."),
        ],
        input: Rank::Map,
        meaning: Meaning::Layer { shape: rules::pool_shape, layer: rules::max_pool },
        aliases: &["maxpool", "maxpool2d", "maxpooling", "maxpooling2d"],
        summary: "maximum over a window",
        reference: "The largest number of each window, per channel. `pool2` halves height and width; a row or \
            column that does not fill a window is left out. Each axis becomes \
            `floor((size + 2*pad - window) / stride) + 1`.",
        example: "network Halve<3x32x32 -> 8x16x16> { conv3 8 relu pool2 }",
    },
    Word {
        name: "avgpool",
        window: Windowed::Yes(2),
        arguments: &[
            POOL_STRIDE,
            pad(
                Default::Number(0.0),
                "Zeros on each side, which count in the mean; at most half the window.",
            ),
        ],
        input: Rank::Map,
        meaning: Meaning::Layer { shape: rules::pool_shape, layer: rules::average_pool },
        aliases: &["averagepool", "avgpool2d", "averagepooling", "averagepooling2d", "meanpool"],
        summary: "mean over a window",
        reference: "The mean of each window, per channel; sizes as for `pool`.",
        example: "network Halve<3x32x32 -> 8x16x16> { conv3 8 relu avgpool2 }",
    },
    Word {
        name: "gap",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Map,
        meaning: Meaning::Layer { shape: rules::global_pool, layer: |_| Layer::GlobalAvgPool },
        aliases: &[
            "globalavgpool",
            "globalaveragepool",
            "globalaveragepooling2d",
            "globalpool",
            "adaptiveavgpool2d",
        ],
        summary: "mean over the whole map",
        reference: "Global average pooling: one number per channel, whatever the size of the map. The usual step \
            from maps to classes.",
        example: "network Classes<3x32x32 -> 10> { conv3 32 relu conv1 10 gap }",
    },
    Word {
        name: "flatten",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Map,
        meaning: Meaning::Layer { shape: rules::flatten, layer: |_| Layer::Flatten },
        aliases: &["reshape", "view", "flat"],
        summary: "a map read as a vector",
        reference: "Channel after channel, each row after row: `16x4x4` becomes `256`.",
        example: "network Dense<1x8x8 -> 10> { flatten linear 10 }",
    },
    Word {
        name: "linear",
        window: Windowed::No,
        arguments: &[
            Argument {
                name: "features",
                positional: true,
                kind: SIZE,
                default: Default::Required,
                doc: "Number of output features.",
            },
            BIAS,
        ],
        input: Rank::Vector,
        meaning: Meaning::Layer { shape: rules::linear_shape, layer: rules::linear_layer },
        aliases: &["fc", "dense", "fullyconnected", "affine"],
        summary: "fully connected layer",
        reference: "Every output feature is a weighted sum of all input features. It reads a vector: put `gap` or \
            `flatten` between a map and it. Weights start with He initialisation, biases at zero.",
        example: "network Perceptron<784 -> 10> { linear 128 relu linear 10 }",
    },
    Word {
        name: "dropout",
        window: Windowed::No,
        arguments: &[Argument {
            name: "rate",
            positional: true,
            kind: Kind::Real(Range::half_open(0.0, 1.0)),
            default: Default::Number(0.5),
            doc: "Probability that an element becomes zero.",
        }],
        input: Rank::Any,
        meaning: Meaning::Layer { shape: rules::same, layer: rules::dropout },
        aliases: &["drop", "dropout2d"],
        summary: "random zeros while training",
        reference: "While training, each element becomes zero with probability `rate` and is scaled by \
            `1 / (1 - rate)` otherwise. In evaluation it does nothing. It stands after batch norm and never \
            in the output layer.",
        example: "network Robust<784 -> 10> { linear 128 relu dropout 0.3 linear 10 }",
    },
    Word {
        name: "identity",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Any,
        meaning: Meaning::Layer { shape: rules::same, layer: |_| Layer::Identity },
        aliases: &["id", "noop", "pass"],
        summary: "nothing",
        reference: "Hands on what it gets, for instance as a branch of `add` or `concat`.",
        example: "network Grow<3x8x8 -> 8x8x8> { concat { identity | conv3 5 relu } }",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_aliases_are_unique() {
        let mut seen = HashSet::new();
        for word in WORDS {
            for name in word.aliases.iter().chain([&word.name]) {
                assert!(seen.insert(*name), "`{name}` stands twice in the table");
            }
        }
    }

    #[test]
    fn every_row_is_documented() {
        for word in WORDS {
            assert!(!word.summary.is_empty() && !word.reference.is_empty(), "{}", word.name);
            assert!(word.example.contains(word.name), "the example of {} does not use it", word.name);
            assert!(word.arguments.iter().all(|argument| argument.doc.ends_with('.')), "{}", word.name);
        }
    }

    #[test]
    fn defaults_lie_in_their_ranges() {
        for argument in WORDS.iter().flat_map(|word| word.arguments) {
            let fits = match (argument.default, argument.kind) {
                (Default::Number(value), Kind::Real(range) | Kind::Count(range)) => range.contains(value),
                (Default::Flag(_), kind) => kind == Kind::Flag,
                (Default::Number(_), Kind::Flag) => false,
                (Default::Required | Default::Derived(_), _) => true,
            };
            assert!(fits, "the default of `{}`", argument.name);
        }
    }

    #[test]
    fn positional_arguments_come_first() {
        for word in WORDS {
            let positional: Vec<bool> = word.arguments.iter().map(|a| a.positional).collect();
            assert!(positional.is_sorted_by(|a, b| a >= b), "{}", word.name);
        }
    }
}
