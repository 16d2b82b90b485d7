//! A word with its window and its arguments: what the rules of the table's rows read.

use super::{Argument, Default, Misfit, Numbers, Word, init};
use crate::model::Init;

/// The value of an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    /// A whole number.
    Count(usize),
    /// A number.
    Real(f64),
    /// A truth value.
    Flag(bool),
    /// Numbers for axes, a shape, or an order of axes.
    Numbers(Numbers),
    /// One of the names that the argument takes.
    Choice(&'static str),
    /// Initial values.
    Init(Init),
}

/// A word with its window and the values of its arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// The row.
    pub word: &'static Word,
    /// The window, where the word's name holds one.
    pub window: Option<Numbers>,
    /// A value per argument of the row, where the text has one.
    pub settings: Vec<Option<Setting>>,
}

impl Call {
    /// The window per axis: from the name, or from `window=`.
    pub fn window(&self, axes: usize) -> Result<Vec<usize>, Misfit> {
        let written = self.window.or_else(|| self.numbers("window"));
        spread("window", written.unwrap_or(Numbers::one(1)), axes)
    }

    /// The number per axis that the text gives, or the row's default; none if that is derived.
    pub fn per_axis(&self, name: &'static str, axes: usize) -> Result<Option<Vec<usize>>, Misfit> {
        let default = || self.default_number(name).map(|number| Numbers::one(number as usize));
        let numbers = self.numbers(name).or_else(default);
        numbers.map(|numbers| spread(name, numbers, axes)).transpose()
    }

    /// The numbers that the text gives.
    pub fn numbers(&self, name: &str) -> Option<Numbers> {
        match self.written(name) {
            Some(Setting::Numbers(numbers)) => Some(numbers),
            _ => None,
        }
    }

    /// The count that the text gives, or the row's default; none if that is derived.
    pub fn count(&self, name: &str) -> Option<usize> {
        match self.written(name) {
            Some(Setting::Count(value)) => Some(value),
            _ => self.default_number(name).map(|value| value as usize),
        }
    }

    /// The number that the text gives, or the row's default.
    pub fn real(&self, name: &str) -> f64 {
        match self.written(name) {
            Some(Setting::Real(value)) => value,
            Some(Setting::Count(value)) => value as f64,
            _ => self.default_number(name).unwrap_or(f64::NAN),
        }
    }

    /// The truth value that the text gives, or the row's default.
    pub fn flag(&self, name: &str) -> bool {
        match self.written(name) {
            Some(Setting::Flag(value)) => value,
            _ => matches!(self.default(name), Some(Default::Flag(true))),
        }
    }

    /// The choice that the text makes, or the row's default.
    pub fn choice(&self, name: &str) -> &'static str {
        match (self.written(name), self.default(name)) {
            (Some(Setting::Choice(value)), _) | (_, Some(Default::Choice(value))) => value,
            _ => "",
        }
    }

    /// The initial weights that the text gives, or He's.
    pub fn init(&self) -> Init {
        match self.written("init") {
            Some(Setting::Init(init)) => init,
            _ => Init::HE_NORMAL,
        }
    }

    fn written(&self, name: &str) -> Option<Setting> {
        let index = self.word.arguments.iter().position(|argument| argument.name == name)?;
        self.settings.get(index).copied().flatten()
    }

    fn default_number(&self, name: &str) -> Option<f64> {
        match self.default(name) {
            Some(Default::Number(value)) => Some(value),
            _ => None,
        }
    }

    fn default(&self, name: &str) -> Option<Default> {
        self.word.argument(name).map(|argument| argument.default)
    }
}

impl Word {
    /// The argument of this name.
    pub fn argument(&self, name: &str) -> Option<&'static Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Setting::Count(value) => write!(f, "{value}"),
            Setting::Real(value) => write!(f, "{value}"),
            Setting::Flag(value) => write!(f, "{value}"),
            Setting::Numbers(numbers) => write!(f, "{numbers}"),
            Setting::Choice(name) => write!(f, "{name}"),
            Setting::Init(value) => write!(f, "{}", init::written(*value)),
        }
    }
}

fn spread(argument: &'static str, numbers: Numbers, axes: usize) -> Result<Vec<usize>, Misfit> {
    numbers.per_axis(axes).ok_or(Misfit::Axes { argument, numbers, axes })
}
