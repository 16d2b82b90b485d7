//! The table of words, in the order of the reference: a file per family, one list.

mod activations;
mod convolutions;
mod linear;
mod norms;
mod pooling;
mod regularisers;
mod shapes;

use super::{Argument, Default, Kind, Range, Word};

/// Words that belong together.
#[derive(Debug)]
pub struct Family {
    /// What they have in common, as a heading.
    pub title: &'static str,
    /// Their rows.
    pub words: &'static [Word],
}

/// The families in the order of the reference.
pub static FAMILIES: &[Family] = &ALL;

/// Every word of the language that is a layer.
pub static WORDS: &[Word] = &ROWS;

const ALL: [Family; 7] = [
    Family { title: "Convolutions", words: convolutions::WORDS },
    Family { title: "Linear layers", words: linear::WORDS },
    Family { title: "Normalisation", words: norms::WORDS },
    Family { title: "Activations", words: activations::WORDS },
    Family { title: "Pooling", words: pooling::WORDS },
    Family { title: "Sizes and shapes", words: shapes::WORDS },
    Family { title: "Regularisation", words: regularisers::WORDS },
];

static ROWS: [Word; count()] = rows();

const fn count() -> usize {
    let (mut family, mut words) = (0, 0);
    while family < ALL.len() {
        words += ALL[family].words.len();
        family += 1;
    }
    words
}

const fn rows() -> [Word; count()] {
    let mut rows = [ALL[0].words[0]; count()];
    let (mut family, mut filled) = (0, 0);
    while family < ALL.len() {
        let mut row = 0;
        while row < ALL[family].words.len() {
            rows[filled] = ALL[family].words[row];
            (row, filled) = (row + 1, filled + 1);
        }
        family += 1;
    }
    rows
}

const SIZES: Range = Range::closed(1.0, 4_294_967_295.0);
// A window or border is never larger than a map; the bound keeps later arithmetic far from overflow.
const SMALL: Range = Range::closed(1.0, 65_536.0);
const BORDERS: Range = Range::closed(0.0, 65_536.0);
const ALL_INDICES: Range = Range::closed(0.0, 4_294_967_295.0);
const RATE: Kind = Kind::Real(Range::half_open(0.0, 1.0));
const POSITIVE: Kind = Kind::Real(Range::above(0.0));
const ANY: Kind = Kind::Real(Range::ANY);

const BIAS: Argument = named(
    "bias",
    Kind::Flag,
    Default::Flag(true),
    "Whether a learnt number is added to each output channel. If it is not written, it is dropped \
     where `bn` follows directly, whose shift does the same.",
);

const INIT: Argument = named(
    "init",
    Kind::Init,
    Default::Derived("`he_normal`"),
    "[Initial weights](#initial-weights); biases begin at zero.",
);

/// An argument that may stand without its name.
const fn positional(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Argument {
    Argument { name, positional: true, kind, default, doc }
}

/// An argument that must be named.
const fn named(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Argument {
    Argument { name, positional: false, kind, default, doc }
}

const fn window(doc: &'static str) -> Argument {
    named("window", Kind::PerAxis(SMALL), Default::Derived("the number in the name"), doc)
}

const WINDOW: Argument = window("The window where it is calculated, as in `conv 32 window=(k)`.");

const fn stride(default: Default) -> Argument {
    named("stride", Kind::PerAxis(SIZES), default, "Distance between neighbouring windows.")
}

const fn pad(default: Default, doc: &'static str) -> Argument {
    named("pad", Kind::PerAxis(BORDERS), default, doc)
}

const fn eps(default: f64) -> Argument {
    named("eps", POSITIVE, Default::Number(default), "Added before the root, so that it divides by no zero.")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::words::Windowed;

    #[test]
    fn names_and_aliases_are_unique() {
        let mut seen = HashSet::new();
        for word in WORDS {
            for name in word.aliases.iter().chain([&word.name]) {
                assert!(seen.insert(name.replace('_', "")), "`{name}` stands twice in the table");
            }
            assert!(word.aliases.iter().all(|alias| !alias.contains('_')), "{}", word.name);
        }
    }

    #[test]
    fn every_row_is_documented() {
        for word in WORDS {
            assert!(!word.summary.is_empty() && !word.reference.is_empty(), "{}", word.name);
            assert!(word.reference.ends_with('.'), "{}", word.name);
            assert!(word.example.contains(word.name), "the example of {} does not use it", word.name);
            assert!(word.arguments.iter().all(|argument| argument.doc.ends_with('.')), "{}", word.name);
        }
    }

    #[test]
    fn defaults_lie_in_their_ranges() {
        for argument in WORDS.iter().flat_map(|word| word.arguments) {
            let fits = match (argument.default, argument.kind) {
                (Default::Number(value), Kind::Real(range) | Kind::Count(range) | Kind::PerAxis(range)) => {
                    range.contains(value)
                }
                (Default::Flag(_), kind) => kind == Kind::Flag,
                (Default::Choice(name), Kind::Choice(names)) => names.contains(&name),
                (Default::Number(_) | Default::Choice(_), _) => false,
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

    #[test]
    fn windowed_words_take_a_calculated_window() {
        for word in WORDS {
            assert_eq!(word.window != Windowed::No, word.argument("window").is_some(), "{}", word.name);
        }
    }
}
