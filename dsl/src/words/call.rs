//! A word with its window and its arguments: what shape rules and layer constructors read.

use super::{Default, Word};

/// The value of an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    /// A whole number.
    Count(usize),
    /// A number.
    Real(f64),
    /// A truth value.
    Flag(bool),
}

/// A word with its window and the values of its arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// The row.
    pub word: &'static Word,
    /// Window height and width; `[1, 1]` for a word without one.
    pub window: [usize; 2],
    /// A value per argument of the row, where the text has one.
    pub settings: Vec<Option<Setting>>,
}

impl Call {
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
        self.word.arguments.iter().find(|argument| argument.name == name).map(|argument| argument.default)
    }
}
