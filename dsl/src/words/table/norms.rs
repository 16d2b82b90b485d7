//! Normalisation, and the learnt scale.

use super::{ANY, BIAS, SIZES, eps, named, positional};
use crate::model::Layer;
use crate::words::{Argument, Default, Kind, Meaning, Range, Rank, Windowed, Word, rules};

const fn affine(default: bool) -> Argument {
    Argument {
        name: "affine",
        default: Default::Flag(default),
        doc: "Whether a learnt scale and shift per channel follow.",
        ..BIAS
    }
}

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "bn",
        window: Windowed::No,
        arguments: &[
            eps(1e-5),
            named(
                "momentum",
                Kind::Real(Range::above_to(0.0, 1.0)),
                Default::Number(0.1),
                "Weight of the newest batch in the running mean and variance.",
            ),
            named(
                "gamma",
                ANY,
                Default::Number(1.0),
                "Initial scale; 0 at the end of a residual body starts it as the identity (Goyal et al. 2017).",
            ),
        ],
        input: Rank::Any,
        meaning: Meaning::Same(|call| Layer::BatchNorm {
            eps: call.real("eps"),
            momentum: call.real("momentum"),
            gamma: call.real("gamma"),
        }),
        aliases: &[
            "batchnorm",
            "batchnorm1d",
            "batchnorm2d",
            "batchnorm3d",
            "batchnormalization",
            "batchnormalisation",
            "norm",
        ],
        summary: "batch normalisation",
        reference: "Batch normalisation per channel (Ioffe and Szegedy 2015): `(x - mean) / sqrt(variance + \
            eps)`, then a learnt scale and shift. Training uses the statistics of the batch, evaluation the \
            running ones. It stands before the activation, and wants batches of 16 or more.",
        example: "network Normed<3x32x32 -> 16x32x32> { conv3 16 bn relu }",
    },
    Word {
        name: "ln",
        window: Windowed::No,
        arguments: &[eps(1e-5)],
        input: Rank::Any,
        meaning: Meaning::Same(|call| Layer::LayerNorm { eps: call.real("eps") }),
        aliases: &["layernorm", "layernorm2d", "layernormalization", "layernormalisation"],
        summary: "layer normalisation",
        reference: "Normalises along the channels at each position (Ba et al. 2016): `(x - mean) / \
            sqrt(variance + eps)`, then a learnt scale and shift per channel. It does the same in training \
            and evaluation and with any batch.",
        example: "network Block<16x8x8 -> 16x8x8> { residual { dwconv7 ln conv1 64 gelu conv1 16 } }",
    },
    Word {
        name: "gn",
        window: Windowed::No,
        arguments: &[
            positional(
                "groups",
                Kind::Count(SIZES),
                Default::Required,
                "Groups of channels that are normalised together; divides the channels.",
            ),
            eps(1e-5),
            affine(true),
        ],
        input: Rank::Any,
        meaning: Meaning::Layer(rules::group_norm),
        aliases: &["groupnorm", "groupnormalization", "groupnormalisation"],
        summary: "group normalisation",
        reference: "Normalises each group of channels over all its positions, sample by sample (Wu and He \
            2018): `(x - mean) / sqrt(variance + eps)`. The choice for small batches, where `bn` is noisy.",
        example: "network Normed<3x32x32 -> 32x32x32> { conv3 32 gn 8 relu }",
    },
    Word {
        name: "instancenorm",
        window: Windowed::No,
        arguments: &[eps(1e-5), affine(false)],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::instance_norm),
        aliases: &[
            "instancenorm1d",
            "instancenorm2d",
            "instancenorm3d",
            "instancenormalization",
            "instancenormalisation",
        ],
        summary: "instance normalisation",
        reference: "Normalises each channel over its positions, sample by sample (Ulyanov et al. 2016): `(x \
            - mean) / sqrt(variance + eps)`. As in PyTorch there is no learnt scale and shift unless \
            `affine=true` asks for them. Common in style transfer and image translation.",
        example: "network Style<3x32x32 -> 16x32x32> { conv3 16 instancenorm affine=true relu }",
    },
    Word {
        name: "rms",
        window: Windowed::No,
        arguments: &[eps(1e-6)],
        input: Rank::Any,
        meaning: Meaning::Same(|call| Layer::RmsNorm { eps: call.real("eps") }),
        aliases: &["rmsnorm", "rootmeansquarenorm", "rmsnormalization"],
        summary: "normalisation by the root mean square",
        reference: "`x / sqrt(mean(x*x) + eps)` along the channels at each position, then a learnt scale \
            (Zhang and Sennrich 2019): `ln` without the mean.",
        example: "network Table<16 -> 4> { linear 64 rms silu linear 4 }",
    },
    Word {
        name: "lrn",
        window: Windowed::No,
        arguments: &[
            positional("size", Kind::Count(SIZES), Default::Number(5.0), "Neighbouring channels in the sum."),
            named("alpha", Kind::Real(Range::at_least(0.0)), Default::Number(1e-4), "Factor of the sum."),
            named("beta", Kind::Real(Range::above(0.0)), Default::Number(0.75), "Exponent."),
            named("k", Kind::Real(Range::above(0.0)), Default::Number(1.0), "Added to the sum."),
        ],
        input: Rank::Map,
        meaning: Meaning::Same(|call| Layer::LocalResponseNorm {
            size: call.count("size").unwrap_or(1),
            alpha: call.real("alpha"),
            beta: call.real("beta"),
            k: call.real("k"),
        }),
        aliases: &["localresponsenorm", "localresponsenormalization", "crossmaplrn2d", "localnorm"],
        summary: "local response normalisation",
        reference: "`x / (k + alpha/size * s)^beta`, where `s` is the sum of the squares of `size` \
            neighbouring channels at the position (Krizhevsky et al. 2012, with PyTorch's factors). Of \
            historical interest: `bn` has taken its place.",
        example: "network Alex<3x32x32 -> 64x15x15> { conv5 64 relu lrn 5 pool3 stride=2 }",
    },
    Word {
        name: "scale",
        window: Windowed::No,
        arguments: &[positional("initial", ANY, Default::Number(1.0), "Every factor at the start.")],
        input: Rank::Any,
        meaning: Meaning::Same(|call| Layer::Scale { initial: call.real("initial") }),
        aliases: &["layerscale", "learnedscale"],
        summary: "learnt factor per channel",
        reference: "Multiplies each channel by a learnt number. With a small start, such as `scale 1e-6` at \
            the end of a residual body, it is the layer scale of Touvron et al. (2021).",
        example: "network Block<16x8x8 -> 16x8x8> { residual { dwconv7 ln conv1 64 gelu conv1 16 scale 1e-6 \
            } }",
    },
];
