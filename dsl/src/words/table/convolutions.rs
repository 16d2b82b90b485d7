//! Convolutions: ordinary, depthwise, transposed.

use super::{BIAS, INIT, SIZES, SMALL, WINDOW, named, pad, positional, stride};
use crate::words::{Argument, Default, Kind, Meaning, Rank, Windowed, Word, rules};

const CHANNELS: Argument =
    positional("channels", Kind::Count(SIZES), Default::Required, "Number of output channels.");

const PAD: Argument = pad(
    Default::Derived("half the window where it is odd, 0 where it is even"),
    "Zeros at both ends of each axis; smaller than the window.",
);

const DILATION: Argument = named(
    "dilation",
    Kind::PerAxis(SMALL),
    Default::Number(1.0),
    "Distance between neighbouring elements of a window (Yu and Koltun 2016).",
);

const GROUPS: Argument = named(
    "groups",
    Kind::Count(SIZES),
    Default::Number(1.0),
    "The channels are cut into so many groups, each convolved for itself (Xie et al. 2017); divides both \
     channel counts.",
);

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "conv",
        window: Windowed::Yes(3),
        arguments: &[CHANNELS, stride(Default::Number(1.0)), PAD, DILATION, GROUPS, BIAS, INIT, WINDOW],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::conv),
        aliases: &[
            "conv1d",
            "conv2d",
            "conv3d",
            "convolution",
            "convolution1d",
            "convolution2d",
            "convolution3d",
            "convolutional",
            "cnn",
        ],
        summary: "convolution",
        reference: "A convolution (LeCun et al. 1989; a cross-correlation, as everywhere in deep learning) \
            with zero padding, over all spatial axes of the map. The number in the name is the window, \
            `conv3` or `conv3x1`, height before width. An odd window keeps the size of the map unless \
            `stride` or `pad` say otherwise; each axis becomes `floor((size + 2*pad - dilation*(window - 1) \
            - 1) / stride) + 1`.",
        example: "network Edges<3x32x32 -> 16x16x16> { conv3 16 stride=2 }",
    },
    Word {
        name: "dwconv",
        window: Windowed::Yes(3),
        arguments: &[
            stride(Default::Number(1.0)),
            PAD,
            DILATION,
            named(
                "multiplier",
                Kind::Count(SIZES),
                Default::Number(1.0),
                "Output channels per input channel.",
            ),
            BIAS,
            INIT,
            WINDOW,
        ],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::dwconv),
        aliases: &[
            "depthwise",
            "depthwiseconv",
            "depthwiseconv1d",
            "depthwiseconv2d",
            "depthwiseconvolution",
            "dwconv2d",
            "convdw",
        ],
        summary: "depthwise convolution",
        reference: "A convolution of each channel for itself, `conv` with as many groups as channels. With a \
            `conv1` after it, it is a separable convolution (Chollet 2017; Howard et al. 2017). Sizes as for \
            `conv`.",
        example: "network Separable<16x32x32 -> 32x16x16> { dwconv3 stride=2 bn relu conv1 32 bn }",
    },
    Word {
        name: "deconv",
        window: Windowed::Yes(4),
        arguments: &[
            CHANNELS,
            stride(Default::Number(1.0)),
            pad(
                Default::Derived("what multiplies the size by the stride"),
                "Elements left out at both ends of each axis of the result; smaller than the window.",
            ),
            named(
                "output_pad",
                Kind::PerAxis(super::BORDERS),
                Default::Derived("0 where `pad` is written, else what multiplies the size by the stride"),
                "Elements added at the end of each axis of the result; smaller than the stride or the \
                 dilation.",
            ),
            DILATION,
            GROUPS,
            BIAS,
            INIT,
            WINDOW,
        ],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::deconv),
        aliases: &[
            "convtranspose",
            "convtranspose1d",
            "convtranspose2d",
            "convtranspose3d",
            "conv1dtranspose",
            "conv2dtranspose",
            "conv3dtranspose",
            "transposedconv",
            "transposeconv",
            "deconv2d",
            "deconvolution",
            "deconvolutional",
            "upconv",
            "tconv",
        ],
        summary: "transposed convolution",
        reference: "The transpose of a convolution, which enlarges the map (Zeiler et al. 2010; Dumoulin and \
            Visin 2016). Each axis becomes `(size - 1)*stride - 2*pad + dilation*(window - 1) + 1 + \
            output_pad`. If neither `pad` nor `output_pad` is written, that is `size*stride`, so that \
            `stride=2` doubles the map with any window; only an even window with `stride=1` has no middle, \
            and adds to the size. A window that is a multiple of the stride avoids the pattern of a \
            chequerboard (Odena et al. 2016).",
        example: "network Decoder<32x8x8 -> 3x32x32> { deconv4 16 stride=2 bn relu deconv2 3 stride=2 }",
    },
];
