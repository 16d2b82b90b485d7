//! The words of the language: one table, and what it takes to read it.
//!
//! A row of [`WORDS`] says everything that is true of a word: how it is written, what it
//! takes, which shapes it reads and gives, which layer it is, and its page in the reference.
//! The checker, the reference in `docs/language.md` and the suggestions for misspelt words
//! all read the same rows, so a new word is a new row. What a layer computes is left to the
//! compiler.

mod call;
mod formula;
mod near;
mod range;
mod reference;
mod rules;
mod table;

pub use call::{Call, Setting};
pub use formula::{FormulaError, scalar};
pub use near::{nearest, suggest};
pub use range::Range;
pub use reference::reference;
pub use rules::{MAX_ELEMENTS, Misfit, checked_len};
pub use table::WORDS;

use std::fmt;

use crate::model::{Layer, Shape};

/// A row of the table.
#[derive(Debug)]
pub struct Word {
    /// How it is written, without the window.
    pub name: &'static str,
    /// Whether the window is part of the name, as in `conv3`.
    pub window: Windowed,
    /// What may follow it. Arguments by position come first.
    pub arguments: &'static [Argument],
    /// Which shapes it reads.
    pub input: Rank,
    /// What it is.
    pub meaning: Meaning,
    /// Its names in other systems, to suggest this one.
    pub aliases: &'static [&'static str],
    /// One line for lists.
    pub summary: &'static str,
    /// Its page in the reference: sentences, with formulas where they help.
    pub reference: &'static str,
    /// A whole network that uses it.
    pub example: &'static str,
}

/// Whether a window is part of a word's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windowed {
    /// `relu`
    No,
    /// `conv3`, `conv3x1`; the field is the usual window, for suggestions.
    Yes(usize),
}

/// An argument of a word.
#[derive(Debug)]
pub struct Argument {
    /// Its name, as in `stride=2`.
    pub name: &'static str,
    /// Whether it may also be written without its name.
    pub positional: bool,
    /// Which values it takes.
    pub kind: Kind,
    /// Its value if it is not written.
    pub default: Default,
    /// What it does, as a sentence.
    pub doc: &'static str,
}

/// The values that an argument takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number in a range.
    Count(Range),
    /// A number in a range.
    Real(Range),
    /// `true` or `false`.
    Flag,
}

/// The value of an argument that is not written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// There is none.
    Required,
    /// This number.
    Number(f64),
    /// This truth value.
    Flag(bool),
    /// It depends on the rest of the word, as these words say.
    Derived(&'static str),
}

impl fmt::Display for Default {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Default::Required => write!(f, "none, it must be written"),
            Default::Number(value) if *value != 0.0 && value.abs() < 1e-3 => write!(f, "{value:e}"),
            Default::Number(value) => write!(f, "{value}"),
            Default::Flag(value) => write!(f, "{value}"),
            Default::Derived(words) => write!(f, "{words}"),
        }
    }
}

/// The shapes that a word reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Any.
    Any,
    /// Channels × height × width.
    Map,
    /// Features.
    Vector,
}

/// What a word is.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    /// A layer of its own.
    Layer {
        /// The shape that it gives for the one that it reads, which has the right rank.
        shape: fn(&Call, &Shape) -> Result<Shape, Misfit>,
        /// The layer.
        layer: fn(&Call) -> Layer,
    },
    /// A function of each element `x`, in the language's own notation, over `x` and the arguments.
    Formula(&'static str),
}

impl Rank {
    /// Whether the word reads this shape.
    pub fn accepts(self, shape: &Shape) -> bool {
        match self {
            Rank::Any => true,
            Rank::Map => shape.0.len() == 3,
            Rank::Vector => shape.0.len() == 1,
        }
    }
}

/// The result of looking a word up.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// The word and its window; `[1, 1]` for a word without one.
    Word(&'static Word, [usize; 2]),
    /// The word wants a window and has none, or one that is not a size.
    BadWindow(&'static Word),
    /// No word is called so.
    Nothing,
}

/// Looks a word up as it is written. A whole name wins over a name and a window, so that a
/// future `relu6` can stand beside `relu`.
pub fn find(written: &str) -> Found {
    let whole = WORDS.iter().find(|word| word.name == written);
    let (stem, window) = split(written);
    match whole {
        Some(word) if word.window == Windowed::No => Found::Word(word, [1, 1]),
        Some(word) => Found::BadWindow(word),
        None => match WORDS.iter().find(|word| word.name == stem && word.window != Windowed::No) {
            None => Found::Nothing,
            Some(word) => parse_window(window).map_or(Found::BadWindow(word), |size| Found::Word(word, size)),
        },
    }
}

/// Splits `conv3x1` into `conv` and `3x1`: the window is the longest end of the form
/// digits, or digits, `x`, digits.
pub(crate) fn split(written: &str) -> (&str, &str) {
    let end_of = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let last = end_of(written);
    let start = match written[..last].strip_suffix('x') {
        Some(before) if last < written.len() && end_of(before) < before.len() => end_of(before),
        _ => last,
    };
    written.split_at(start)
}

fn parse_window(text: &str) -> Option<[usize; 2]> {
    // A window is never larger than a map; the bound keeps later arithmetic far from overflow.
    let size = |digits: &str| digits.parse().ok().filter(|size| (1..=65_536).contains(size));
    match text.split_once('x') {
        None => size(text).map(|size| [size, size]),
        Some((height, width)) => Some([size(height)?, size(width)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_windows_are_told_apart() {
        assert_eq!(split("conv3x1"), ("conv", "3x1"));
        assert_eq!(split("conv3"), ("conv", "3"));
        assert_eq!(split("relu"), ("relu", ""));
        assert_eq!(split("maxx2"), ("maxx", "2"));
        assert_eq!(split("3x3"), ("", "3x3"));
        assert!(matches!(find("conv3x1"), Found::Word(word, [3, 1]) if word.name == "conv"));
        assert!(matches!(find("conv"), Found::BadWindow(_)));
        assert!(matches!(find("conv0"), Found::BadWindow(_)));
        assert!(matches!(find("conv99999999999999999999"), Found::BadWindow(_)));
        assert!(matches!(find("relu3"), Found::Nothing));
    }
}
