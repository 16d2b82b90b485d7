//! The words of the language: one table, and what it takes to read it.
//!
//! A row of [`WORDS`] says everything that is true of a word: how it is written, what it
//! takes, which shapes it reads and gives, which layer it is, and its page in the reference.
//! The checker, the reference in `docs/language.md` and the suggestions for misspelt words
//! all read the same rows, so a new word is a new row. What a layer computes is left to the
//! compiler.

mod call;
mod formula;
mod init;
mod near;
mod numbers;
mod range;
mod reference;
mod rules;
mod table;

pub use call::{Call, Setting};
pub use formula::{FORMULA_FUNCTIONS, FormulaError, scalar};
pub use init::{INITIALISERS, Initialiser, Number, initialiser};
pub use near::{nearest, suggest, suggest_argument};
pub use numbers::{MAX_RANK, Numbers, joined};
pub use range::Range;
pub use reference::{initial_weights, page, reference};
pub use rules::{Fitted, MAX_ELEMENTS, Misfit, checked_len};
pub use table::{FAMILIES, Family, WORDS};

use std::fmt;

use crate::model::{Layer, Shape};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
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
    /// Whole numbers in a range, one per spatial axis or one for all: `2`, `2x1`.
    PerAxis(Range),
    /// One of these names.
    Choice(&'static [&'static str]),
    /// Initial weights: `he_uniform`, `constant(0.1)`.
    Init,
    /// A shape: `16x4x4`.
    Shape,
    /// An order of axes: `[1, 0, 2]`.
    Order,
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
    /// This one of the names.
    Choice(&'static str),
    /// It depends on the rest of the word, as these words say.
    Derived(&'static str),
}

impl fmt::Display for Default {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Default::Required => write!(f, "none, it must be written"),
            Default::Number(value) if *value != 0.0 && value.abs() < 1e-3 => write!(f, "{value:e}"),
            Default::Number(value) => write!(f, "{}", (value * 1e6).round() / 1e6),
            Default::Flag(value) => write!(f, "{value}"),
            Default::Choice(name) => write!(f, "`{name}`"),
            Default::Derived(words) => write!(f, "{words}"),
        }
    }
}

/// The shapes that a word reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Any.
    Any,
    /// Channels and one to three spatial axes.
    Map,
    /// Channels × height × width.
    Plane,
    /// Features.
    Vector,
}

/// What a word is.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    /// A layer, and the shape that it gives for one of the right rank.
    Layer(fn(&Call, &Shape) -> Fitted),
    /// A layer that keeps the shape.
    Same(fn(&Call) -> Layer),
    /// A function of each element `x`, in the language's own notation, over `x` and the arguments.
    Formula(&'static str),
}

impl Rank {
    /// Whether the word reads this shape.
    pub fn accepts(self, shape: &Shape) -> bool {
        match self {
            Rank::Any => true,
            Rank::Map => (2..=MAX_RANK).contains(&shape.0.len()),
            Rank::Plane => shape.0.len() == 3,
            Rank::Vector => shape.0.len() == 1,
        }
    }
}

/// The result of looking a word up.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// The word and the window in its name. A word that wants a window and has none in its name takes it as
    /// an argument.
    Word(&'static Word, Option<Numbers>),
    /// The word has a window that is not a size.
    BadWindow(&'static Word),
    /// No word is called so.
    Nothing,
}

/// Looks a word up as it is written. A whole name wins over a name and a window, so that `relu6` and
/// `conv3` are told apart.
pub fn find(written: &str) -> Found {
    if let Some(word) = WORDS.iter().find(|word| word.name == written) {
        return Found::Word(word, None);
    }
    let (stem, window) = split(written);
    match WORDS.iter().find(|word| word.name == stem && word.window != Windowed::No) {
        None => Found::Nothing,
        Some(word) => {
            parse_window(window).map_or(Found::BadWindow(word), |size| Found::Word(word, Some(size)))
        }
    }
}

/// Splits `conv3x1` into `conv` and `3x1`: the window is the longest end of the form
/// digits, or digits joined by `x`.
pub(crate) fn split(written: &str) -> (&str, &str) {
    let end_of = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let mut start = end_of(written);
    while start < written.len() {
        let Some(before) = written[..start].strip_suffix('x') else { break };
        let further = end_of(before);
        if further == before.len() {
            break;
        }
        start = further;
    }
    written.split_at(start)
}

fn parse_window(text: &str) -> Option<Numbers> {
    // A window is never larger than a map; the bound keeps later arithmetic far from overflow.
    let size = |digits: &str| digits.parse().ok().filter(|size| (1..=65_536).contains(size));
    let sizes: Vec<usize> = text.split('x').map(size).collect::<Option<_>>()?;
    Numbers::new(&sizes).filter(|_| sizes.len() < MAX_RANK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_windows_are_told_apart() {
        assert_eq!(split("conv3x1"), ("conv", "3x1"));
        assert_eq!(split("conv3x1x12"), ("conv", "3x1x12"));
        assert_eq!(split("conv3"), ("conv", "3"));
        assert_eq!(split("relu"), ("relu", ""));
        assert_eq!(split("maxx2"), ("maxx", "2"));
        assert_eq!(split("3x3"), ("", "3x3"));
        assert_eq!(split("x3x3"), ("x", "3x3"));
        let window = |written| match find(written) {
            Found::Word(word, window) => Some((word.name, window.map(|window| window.to_string()))),
            Found::BadWindow(_) | Found::Nothing => None,
        };
        assert_eq!(window("conv3x1"), Some(("conv", Some("3x1".to_owned()))));
        assert_eq!(window("conv1x2x3"), Some(("conv", Some("1x2x3".to_owned()))));
        assert_eq!(window("conv"), Some(("conv", None)));
        assert_eq!(window("relu6"), Some(("relu6", None)));
        assert!(matches!(find("conv0"), Found::BadWindow(_)));
        assert!(matches!(find("conv3x3x3x3"), Found::BadWindow(_)));
        assert!(matches!(find("conv99999999999999999999"), Found::BadWindow(_)));
        assert!(matches!(find("relu3"), Found::Nothing));
    }
}
