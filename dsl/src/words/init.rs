//! Initial weights by name: `he_uniform`, `constant(0.1)`.

use super::{Range, nearest};
use crate::model::{Fan, Form, Init};

/// A way to begin a weight.
#[derive(Debug)]
pub struct Initialiser {
    /// Its name.
    pub name: &'static str,
    /// The number in parentheses, where it takes one.
    pub number: Option<Number>,
    /// What it is, given the number (or anything, where it takes none).
    pub make: fn(f64) -> Init,
    /// One line for the reference.
    pub summary: &'static str,
}

/// The number that an initialiser takes.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// Its name.
    pub name: &'static str,
    /// Which values it takes.
    pub range: Range,
    /// Its value if it is not written.
    pub default: Option<f64>,
}

/// All of them, in the order of the reference.
pub static INITIALISERS: &[Initialiser] = &[
    plain(
        "he_normal",
        |_| scaled(2.0, Fan::In, Form::Normal),
        "normal, variance 2 / fan in (He et al. 2015)",
    ),
    plain("he_uniform", |_| scaled(2.0, Fan::In, Form::Uniform), "uniform, variance 2 / fan in"),
    plain("he_normal_out", |_| scaled(2.0, Fan::Out, Form::Normal), "normal, variance 2 / fan out"),
    plain("he_uniform_out", |_| scaled(2.0, Fan::Out, Form::Uniform), "uniform, variance 2 / fan out"),
    plain(
        "lecun_normal",
        |_| scaled(1.0, Fan::In, Form::Normal),
        "normal, variance 1 / fan in; the one for `selu`",
    ),
    plain("lecun_uniform", |_| scaled(1.0, Fan::In, Form::Uniform), "uniform, variance 1 / fan in"),
    plain(
        "glorot_normal",
        |_| scaled(1.0, Fan::Average, Form::Normal),
        "normal, variance 2 / (fan in + fan out) (Glorot and Bengio 2010)",
    ),
    plain(
        "glorot_uniform",
        |_| scaled(1.0, Fan::Average, Form::Uniform),
        "uniform, variance 2 / (fan in + fan out)",
    ),
    with_number("normal", STD, |std| Init::Random { std, form: Form::Normal }, "normal"),
    with_number(
        "truncated_normal",
        STD,
        |std| Init::Random { std, form: Form::TruncatedNormal },
        "normal, cut at two standard deviations",
    ),
    with_number(
        "uniform",
        Number { name: "bound", range: Range::above(0.0), default: None },
        |bound| Init::Random { std: bound / 3.0_f64.sqrt(), form: Form::Uniform },
        "uniform between minus the bound and the bound",
    ),
    with_number(
        "orthogonal",
        Number { name: "gain", range: Range::above(0.0), default: Some(1.0) },
        |gain| Init::Orthogonal { gain },
        "orthogonal rows or columns times the gain (Saxe et al. 2013)",
    ),
    with_number(
        "constant",
        Number { name: "value", range: Range::ANY, default: None },
        Init::Constant,
        "all the same",
    ),
    plain("zeros", |_| Init::Constant(0.0), "`constant(0)`"),
    plain("ones", |_| Init::Constant(1.0), "`constant(1)`"),
];

const STD: Number = Number { name: "std", range: Range::above(0.0), default: None };

/// The initialiser of this name.
pub fn initialiser(name: &str) -> Option<&'static Initialiser> {
    INITIALISERS.iter().find(|initialiser| initialiser.name == name)
}

impl Initialiser {
    /// The name that was probably meant: by its parts in other systems (`kaiming_normal` is `he_normal`), then
    /// by few slips of the pen.
    pub fn suggest(written: &str) -> Option<&'static Initialiser> {
        let mut plain = written.to_lowercase().trim_end_matches('_').to_owned();
        for (other, own) in
            [("kaiming", "he"), ("xavier", "glorot"), ("msra", "he"), ("trunc_", "truncated_")]
        {
            plain = plain.replace(other, own);
        }
        let names = || INITIALISERS.iter().map(|one| one.name);
        let beginning = || names().find(|name| !plain.is_empty() && name.starts_with(&plain));
        nearest(&plain, names()).or_else(beginning).and_then(initialiser)
    }

    /// Whether so many numbers may stand in parentheses after it.
    pub fn takes(&self, numbers: usize) -> bool {
        match self.number {
            None => numbers == 0,
            Some(number) => numbers == 1 || (numbers == 0 && number.default.is_some()),
        }
    }
}

/// Initial weights as a text would say them.
pub(super) fn written(init: Init) -> String {
    let same = |initialiser: &&Initialiser, number: f64| (initialiser.make)(number) == init;
    let number = match init {
        Init::Random { std, form: Form::Uniform } => {
            return format!("uniform({})", rounded(std * 3.0_f64.sqrt()));
        }
        Init::Random { std, .. } => std,
        Init::Orthogonal { gain } => gain,
        Init::Constant(value) => value,
        Init::Scaled { .. } => 0.0,
    };
    let plain = INITIALISERS.iter().find(|one| one.number.is_none() && same(one, number));
    let found = plain.or_else(|| INITIALISERS.iter().find(|one| same(one, number)));
    match found {
        Some(one) if one.number.is_some_and(|takes| takes.default != Some(number)) => {
            format!("{}({number})", one.name)
        }
        Some(one) => one.name.to_owned(),
        None => String::new(),
    }
}

/// Without the last digits, which the way to a standard deviation and back may change.
fn rounded(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap_or(value)
}

const fn plain(name: &'static str, make: fn(f64) -> Init, summary: &'static str) -> Initialiser {
    Initialiser { name, number: None, make, summary }
}

const fn with_number(
    name: &'static str,
    number: Number,
    make: fn(f64) -> Init,
    summary: &'static str,
) -> Initialiser {
    Initialiser { name, number: Some(number), make, summary }
}

const fn scaled(scale: f64, fan: Fan, form: Form) -> Init {
    Init::Scaled { scale, fan, form }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_initialiser_is_written_as_it_was() {
        for one in INITIALISERS {
            let (number, expected) = match one.number {
                Some(Number { default: Some(default), .. }) => (default, one.name.to_owned()),
                Some(_) => (0.1, format!("{}(0.1)", one.name)),
                None => (0.0, one.name.to_owned()),
            };
            assert_eq!(written((one.make)(number)), expected);
        }
        assert_eq!(written(Init::Orthogonal { gain: 2.0 }), "orthogonal(2)");
        assert_eq!(written(Init::HE_NORMAL), "he_normal");
    }

    #[test]
    fn names_of_other_systems_are_recognised() {
        for (name, meant) in [
            ("kaiming_normal_", "he_normal"),
            ("xavier_uniform", "glorot_uniform"),
            ("he", "he_normal"),
            ("trunc_normal", "truncated_normal"),
            ("orthogonl", "orthogonal"),
            ("zero", "zeros"),
        ] {
            assert_eq!(Initialiser::suggest(name).map(|one| one.name), Some(meant), "{name}");
        }
        assert!(Initialiser::suggest("delta_orthonormal").is_none());
    }
}
