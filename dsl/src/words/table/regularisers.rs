//! Words that act while training alone, and the one that never acts.

use super::{RATE, positional};
use crate::model::Layer;
use crate::words::{Argument, Default, Kind, Meaning, Range, Rank, Windowed, Word};

const fn rate(default: Default, doc: &'static str) -> Argument {
    positional("rate", RATE, default, doc)
}

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "dropout",
        window: Windowed::No,
        arguments: &[rate(Default::Number(0.5), "Probability that an element becomes zero.")],
        input: Rank::Any,
        meaning: Meaning::Same(|call| Layer::Dropout { rate: call.real("rate") }),
        aliases: &["drop"],
        summary: "random zeros while training",
        reference: "While training, each element becomes zero with probability `rate` and is scaled by `1 / \
            (1 - rate)` otherwise (Srivastava et al. 2014). In evaluation it does nothing. It stands after \
            batch norm and never in the output layer.",
        example: "network Robust<784 -> 10> { linear 128 relu dropout 0.3 linear 10 }",
    },
    Word {
        name: "spatial_dropout",
        window: Windowed::No,
        arguments: &[rate(Default::Number(0.5), "Probability that a channel becomes zero.")],
        input: Rank::Map,
        meaning: Meaning::Same(|call| Layer::SpatialDropout { rate: call.real("rate") }),
        aliases: &[
            "dropout1d",
            "dropout2d",
            "dropout3d",
            "spatialdropout1d",
            "spatialdropout2d",
            "spatialdropout3d",
            "channeldropout",
            "featuredropout",
        ],
        summary: "random empty channels while training",
        reference: "Dropout of whole channels of a sample (Tompson et al. 2015), since neighbouring \
            positions of a map say nearly the same.",
        example: "network Robust<3x32x32 -> 10> { conv3 16 relu spatial_dropout 0.1 conv3 32 relu gap linear \
            10 }",
    },
    Word {
        name: "alpha_dropout",
        window: Windowed::No,
        arguments: &[rate(Default::Number(0.5), "Probability that an element is replaced.")],
        input: Rank::Any,
        meaning: Meaning::Same(|call| Layer::AlphaDropout { rate: call.real("rate") }),
        aliases: &["seludropout"],
        summary: "dropout for `selu`",
        reference: "While training, an element becomes the limit of `selu` on the negative side with \
            probability `rate`; a factor and a shift keep mean and variance (Klambauer et al. 2017).",
        example: "network Snn<16 -> 4> { linear 64 init=lecun_normal selu alpha_dropout 0.1 linear 4 }",
    },
    Word {
        name: "stochastic_depth",
        window: Windowed::No,
        arguments: &[rate(Default::Required, "Probability that a sample becomes zero.")],
        input: Rank::Any,
        meaning: Meaning::Same(|call| Layer::StochasticDepth { rate: call.real("rate") }),
        aliases: &["droppath", "droplayer"],
        summary: "random skipping of a residual body while training",
        reference: "While training, whole samples become zero with probability `rate` and are scaled by `1 / \
            (1 - rate)` otherwise (Huang et al. 2016). It stands at the end of a residual body, which those \
            samples skip.",
        example: "network Deep<16x8x8 -> 16x8x8> { residual { conv3 16 bn relu conv3 16 bn stochastic_depth \
            0.1 } relu }",
    },
    Word {
        name: "noise",
        window: Windowed::No,
        arguments: &[positional(
            "std",
            Kind::Real(Range::at_least(0.0)),
            Default::Required,
            "Standard deviation of the noise.",
        )],
        input: Rank::Any,
        meaning: Meaning::Same(|call| Layer::GaussianNoise { std: call.real("std") }),
        aliases: &["gaussiannoise", "addnoise"],
        summary: "normal noise while training",
        reference: "While training, adds to each element a normal number with mean 0. In evaluation it does \
            nothing. Most often on the input.",
        example: "network Robust<784 -> 10> { noise 0.1 linear 128 relu linear 10 }",
    },
    Word {
        name: "identity",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Any,
        meaning: Meaning::Same(|_| Layer::Identity),
        aliases: &["id", "noop", "nop", "pass"],
        summary: "nothing",
        reference: "Hands on what it gets, for instance as a branch of `add` or `concat`.",
        example: "network Grow<3x8x8 -> 8x8x8> { concat { identity | conv3 5 relu } }",
    },
];
