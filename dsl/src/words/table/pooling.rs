//! Pooling: sliding, adaptive, global.

use super::{BIAS, SIZES, WINDOW, named, pad, positional, stride};
use crate::words::{Argument, Default, Kind, Meaning, Rank, Windowed, Word, rules};

const STRIDE: Argument = stride(Default::Derived("the window"));

const CEIL: Argument = Argument {
    name: "ceil",
    default: Default::Flag(false),
    doc: "Whether a last window may reach beyond the map, so that sizes are rounded up.",
    ..BIAS
};

const SIZE: Argument =
    positional("size", Kind::PerAxis(SIZES), Default::Required, "Size of the result, as `7` or `7x5`.");

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "pool",
        window: Windowed::Yes(2),
        arguments: &[
            STRIDE,
            pad(
                Default::Number(0.0),
                "Border at both ends of each axis that never wins; at most half the window.",
            ),
            CEIL,
            WINDOW,
        ],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::pool),
        aliases: &[
            "maxpool",
            "maxpool1d",
            "maxpool2d",
            "maxpool3d",
            "maxpooling",
            "maxpooling1d",
            "maxpooling2d",
            "maxpooling3d",
        ],
        summary: "maximum over a window",
        reference: "The largest number of each window, per channel. `pool2` halves each axis; a row or \
            column that does not fill a window is left out. Each axis becomes `floor((size + 2*pad - window) \
            / stride) + 1`; with `ceil=true` it is rounded up, but the last window still begins inside the \
            map or the border before it.",
        example: "network Halve<3x32x32 -> 8x16x16> { conv3 8 relu pool2 }",
    },
    Word {
        name: "avgpool",
        window: Windowed::Yes(2),
        arguments: &[
            STRIDE,
            pad(Default::Number(0.0), "Border at both ends of each axis; at most half the window."),
            CEIL,
            named(
                "count_pad",
                Kind::Flag,
                Default::Flag(true),
                "Whether the border counts as zeros in the mean, or not at all.",
            ),
            WINDOW,
        ],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::avgpool),
        aliases: &[
            "averagepool",
            "avgpool1d",
            "avgpool2d",
            "avgpool3d",
            "averagepooling",
            "averagepooling1d",
            "averagepooling2d",
            "averagepooling3d",
            "meanpool",
        ],
        summary: "mean over a window",
        reference: "The mean of each window, per channel; sizes as for `pool`.",
        example: "network Halve<3x32x32 -> 8x16x16> { conv3 8 relu avgpool2 }",
    },
    Word {
        name: "adaptive_pool",
        window: Windowed::No,
        arguments: &[SIZE],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::adaptive_pool),
        aliases: &["adaptivemaxpool", "adaptivemaxpool1d", "adaptivemaxpool2d", "adaptivemaxpool3d"],
        summary: "maximum over bins",
        reference: "The largest number of each of `size` bins per axis, whatever the size of the map: bin \
            `i` covers `floor(i*n/size)` to `ceil((i + 1)*n/size)` of `n` elements.",
        example: "network Bins<8x13x13 -> 8x6x6> { adaptive_pool 6 }",
    },
    Word {
        name: "adaptive_avgpool",
        window: Windowed::No,
        arguments: &[SIZE],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::adaptive_avgpool),
        aliases: &[
            "adaptiveavgpool1d",
            "adaptiveavgpool2d",
            "adaptiveavgpool3d",
            "adaptiveaveragepool",
            "adaptiveaveragepooling",
        ],
        summary: "mean over bins",
        reference: "The mean of each of `size` bins per axis, which are those of `adaptive_pool`. It gives \
            one size to maps of any size; for size 1 followed by `flatten` there is `gap`.",
        example: "network Bins<8x13x13 -> 10> { adaptive_avgpool 7x7 flatten linear 10 }",
    },
    Word {
        name: "gap",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::global_avgpool),
        aliases: &[
            "globalavgpool",
            "globalaveragepool",
            "globalaveragepooling",
            "globalaveragepooling1d",
            "globalaveragepooling2d",
            "globalaveragepooling3d",
            "globalpool",
        ],
        summary: "mean over the whole map",
        reference: "Global average pooling (Lin et al. 2013): one number per channel, whatever the size of \
            the map. The usual step from maps to classes.",
        example: "network Classes<3x32x32 -> 10> { conv3 32 relu conv1 10 gap }",
    },
    Word {
        name: "gmp",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::global_pool),
        aliases: &[
            "globalmaxpool",
            "globalmaxpooling",
            "globalmaxpooling1d",
            "globalmaxpooling2d",
            "globalmaxpooling3d",
        ],
        summary: "maximum over the whole map",
        reference: "Global maximum pooling: the largest number of each channel, wherever it stands.",
        example: "network Classes<3x32x32 -> 10> { conv3 32 relu gmp linear 10 }",
    },
];
