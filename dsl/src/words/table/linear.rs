//! Fully connected layers.

use super::{BIAS, INIT, SIZES, positional};
use crate::words::{Default, Kind, Meaning, Rank, Windowed, Word, rules};

pub(super) const WORDS: &[Word] = &[Word {
    name: "linear",
    window: Windowed::No,
    arguments: &[
        positional("features", Kind::Count(SIZES), Default::Required, "Number of output features."),
        BIAS,
        INIT,
    ],
    input: Rank::Vector,
    meaning: Meaning::Layer(rules::flat_linear),
    aliases: &["fc", "dense", "fullyconnected", "affine", "connected", "lin"],
    summary: "fully connected layer",
    reference: "Every output feature is a weighted sum of all input features: `y = W x + b`. It reads a \
        vector: put `gap` or `flatten` between a map and it.",
    example: "network Perceptron<784 -> 10> { linear 128 relu linear 10 }",
}];
