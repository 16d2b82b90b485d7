//! Words that change sizes and shapes and learn nothing.

use super::{ALL_INDICES, BORDERS, SIZES, SMALL, named, positional};
use crate::words::{Argument, Default, Kind, Meaning, Rank, Windowed, Word, rules};

const AMOUNT: Argument =
    positional("amount", Kind::PerAxis(BORDERS), Default::Derived("0"), "At both ends of each axis.");
const BEFORE: Argument = named(
    "before",
    Kind::PerAxis(BORDERS),
    Default::Derived("`amount`"),
    "At the start of each axis (top, left).",
);
const AFTER: Argument =
    named("after", Kind::PerAxis(BORDERS), Default::Derived("`amount`"), "At its end (bottom, right).");

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "upsample",
        window: Windowed::No,
        arguments: &[
            positional(
                "factor",
                Kind::PerAxis(SMALL),
                Default::Derived("2"),
                "How often each axis is multiplied.",
            ),
            named(
                "size",
                Kind::PerAxis(SIZES),
                Default::Derived("the factor"),
                "The new size, in place of a factor.",
            ),
            named(
                "mode",
                Kind::Choice(&["nearest", "linear", "bilinear"]),
                Default::Choice("nearest"),
                "`nearest` repeats elements; `linear` interpolates along each axis, for which `bilinear` is \
                 another name.",
            ),
        ],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::upsample),
        aliases: &[
            "upsample2d",
            "upsampling",
            "upsampling1d",
            "upsampling2d",
            "upsampling3d",
            "upsamplingnearest2d",
            "upsamplingbilinear2d",
            "interpolate",
            "resize",
            "unpool",
        ],
        summary: "larger map by repetition or interpolation",
        reference: "Enlarges (or, with `size=`, also shrinks) the spatial axes. Interpolation is between the \
            centres of elements, as in PyTorch without `align_corners`.",
        example: "network Decoder<16x8x8 -> 3x16x16> { upsample 2 mode=bilinear conv3 3 }",
    },
    Word {
        name: "pixel_shuffle",
        window: Windowed::No,
        arguments: &[positional(
            "factor",
            Kind::Count(SMALL),
            Default::Required,
            "r, how often height and width are multiplied.",
        )],
        input: Rank::Plane,
        meaning: Meaning::Layer(rules::pixel_shuffle),
        aliases: &["depthtospace", "subpixel", "subpixelconv"],
        summary: "channels to positions",
        reference: "`C*r*r x H x W` becomes `C x r*H x r*W` (Shi et al. 2016): `out[c, r*h + i, r*w + j] = \
            in[c*r*r + i*r + j, h, w]`. The last step of super-resolution.",
        example: "network Super<3x16x16 -> 3x32x32> { conv3 12 pixel_shuffle 2 }",
    },
    Word {
        name: "channel_shuffle",
        window: Windowed::No,
        arguments: &[positional(
            "groups",
            Kind::Count(SIZES),
            Default::Required,
            "Groups that the channels come from; divides them.",
        )],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::channel_shuffle),
        aliases: &["shuffle", "shufflechannels"],
        summary: "channels of all groups mixed",
        reference: "Reads the channels as `groups x rest` and transposes (Zhang et al. 2018), so that the \
            next grouped convolution sees channels of every group.",
        example: "network Mixed<8x8x8 -> 8x8x8> { conv1 8 groups=2 channel_shuffle 2 conv1 8 groups=2 }",
    },
    Word {
        name: "pad",
        window: Windowed::No,
        arguments: &[AMOUNT, BEFORE, AFTER],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::pad),
        aliases: &[
            "zeropad",
            "zeropad1d",
            "zeropad2d",
            "zeropad3d",
            "zeropadding",
            "zeropadding1d",
            "zeropadding2d",
            "zeropadding3d",
            "constantpad2d",
            "padding",
        ],
        summary: "zeros around the map",
        reference: "Adds zeros: `pad 1` on all sides, `pad 2x0` above and below, `pad after=1` below and on \
            the right. At least one of the three is written.",
        example: "network Padded<3x30x30 -> 8x32x32> { pad 1 conv3 8 }",
    },
    Word {
        name: "crop",
        window: Windowed::No,
        arguments: &[
            AMOUNT,
            named(
                "size",
                Kind::PerAxis(SIZES),
                Default::Derived("what the other arguments leave"),
                "Size of what is kept: the middle, or what begins at `before`.",
            ),
            BEFORE,
            AFTER,
        ],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::crop),
        aliases: &["centercrop", "centrecrop", "cropping1d", "cropping2d", "cropping3d"],
        summary: "a part of the map",
        reference: "Leaves out `amount` at both ends of each axis, or keeps `size` in the middle: `crop \
            size=24x24`. Of an odd rest the smaller half is left out before.",
        example: "network Cropped<3x32x32 -> 8x24x24> { crop size=24 conv3 8 }",
    },
    Word {
        name: "slice",
        window: Windowed::No,
        arguments: &[
            positional(
                "axis",
                Kind::Count(ALL_INDICES),
                Default::Number(0.0),
                "Which axis: 0 for the channels, then the spatial ones.",
            ),
            positional(
                "start",
                Kind::Count(ALL_INDICES),
                Default::Number(0.0),
                "The first element that is kept.",
            ),
            positional(
                "end",
                Kind::Count(SIZES),
                Default::Derived("the end of the axis"),
                "The first element after the kept ones.",
            ),
        ],
        input: Rank::Any,
        meaning: Meaning::Layer(rules::slice),
        aliases: &["narrow", "chunk", "split"],
        summary: "a part of one axis",
        reference: "Keeps the elements from `start` to before `end` of one axis: `slice end=8` the first \
            eight channels, `slice axis=2 start=4` the columns from the fifth on.",
        example: "network Halves<16x8x8 -> 16x8x8> { concat { slice end=8 conv3 8 | slice start=8 } }",
    },
    Word {
        name: "flatten",
        window: Windowed::No,
        arguments: &[],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::flatten),
        aliases: &["flat"],
        summary: "a map read as a vector",
        reference: "Channel after channel, each row after row: `16x4x4` becomes `256`.",
        example: "network Dense<1x8x8 -> 10> { flatten linear 10 }",
    },
    Word {
        name: "reshape",
        window: Windowed::No,
        arguments: &[positional("shape", Kind::Shape, Default::Required, "The new shape, as in `16x4x4`.")],
        input: Rank::Any,
        meaning: Meaning::Layer(rules::reshape),
        aliases: &["view", "unflatten"],
        summary: "the same elements under another shape",
        reference: "Reads the elements, channel after channel and row after row, as another shape with as \
            many of them.",
        example: "network Generator<64 -> 1x16x16> { linear 256 relu reshape 16x4x4 deconv4 8 stride=2 relu \
            deconv4 1 stride=2 }",
    },
    Word {
        name: "permute",
        window: Windowed::No,
        arguments: &[positional(
            "order",
            Kind::Order,
            Default::Required,
            "For each axis of the result the axis of the input, the channels being 0.",
        )],
        input: Rank::Map,
        meaning: Meaning::Layer(rules::permute),
        aliases: &["transpose", "swapaxes", "rearrange"],
        summary: "axes in another order",
        reference: "`permute [1, 0, 2]` makes channels of the rows and rows of the channels: axis `i` of the \
            result is axis `order[i]` of the input.",
        example: "network Mixer<8x16 -> 8x16> { permute [1, 0] conv1 16 gelu permute [1, 0] }",
    },
];
