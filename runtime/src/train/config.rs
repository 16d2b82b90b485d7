//! The settings that decide a run's result, and how they are put together.
//!
//! The model's `train` section gives the defaults, [`Overrides`] change them, and the outcome is
//! a [`Config`], stored in every checkpoint. Whatever cannot change the result (threads, folders)
//! is not part of it, so that equal runs write equal files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::FORMATS;
use crate::error::Error;
use crate::program::{self, Program};

/// What decides a run's result, besides the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The data set.
    pub data: Source,
    /// Mirror training images left and right with probability one half.
    pub flip: bool,
    /// Zeros around training images before a random cut to the old size.
    pub crop: usize,
    /// Samples per step.
    pub batch: usize,
    /// Passes over the training part.
    pub epochs: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// The optimiser's hyperparameters.
    pub hyperparameters: BTreeMap<String, f32>,
}

/// Where a data set comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// One of [`FORMATS`](crate::data::FORMATS).
    pub format: String,
    /// Where it lies; the embedded `digits` has no path.
    pub path: Option<PathBuf>,
    /// The CSV column that holds the target.
    pub target: Option<String>,
}

/// Changes to the defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// The data set, as [`Source::parse`] reads it: `PATH`, `FORMAT:PATH` or `digits`.
    pub data: Option<String>,
    /// Samples per step.
    pub batch: Option<usize>,
    /// Passes over the training part.
    pub epochs: Option<usize>,
    /// Seed of everything random.
    pub seed: Option<u64>,
    /// Hyperparameters by name.
    pub hyperparameters: Vec<(String, f32)>,
}

impl Config {
    /// The program's defaults with `overrides`.
    pub fn new(program: &Program, overrides: &Overrides) -> Result<Config, Error> {
        let defaults = &program.defaults;
        let config = Config {
            data: source(program, overrides.data.as_deref())?,
            flip: defaults.flip,
            crop: defaults.crop,
            batch: overrides.batch.unwrap_or(defaults.batch),
            epochs: overrides.epochs.unwrap_or(defaults.epochs),
            seed: overrides.seed.unwrap_or(defaults.seed),
            hyperparameters: hyperparameters(program, &overrides.hyperparameters)?,
        };
        config.check()?;
        Ok(config)
    }

    /// The settings of a run that goes on. Only `epochs` and the path of the data may change:
    /// with anything else changed, the result would be that of neither run.
    pub fn resumed(&self, program: &Program, overrides: &Overrides) -> Result<Config, Error> {
        let data = match &overrides.data {
            Some(text) => Source::parse(text, Some(self.data.clone()))?,
            None => self.data.clone(),
        };
        differs("data", &self.data.format, Some(&data.format))?;
        differs("batch", &self.batch, overrides.batch.as_ref())?;
        differs("seed", &self.seed, overrides.seed.as_ref())?;
        hyperparameters(program, &overrides.hyperparameters)?;
        for (name, value) in &overrides.hyperparameters {
            if let Some(old) = self.hyperparameters.get(name) {
                differs(name, old, Some(value))?;
            }
        }
        let config = Config { data, epochs: overrides.epochs.unwrap_or(self.epochs), ..self.clone() };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Error> {
        for (what, value) in [("batch", self.batch), ("epochs", self.epochs)] {
            if value == 0 {
                return Err(Error::settings(
                    format!("`{what}` is 0, expected at least 1"),
                    format!("leave `--{what}` out to take the model's value"),
                ));
            }
        }
        Ok(())
    }
}

impl Source {
    /// The data set of `text`, as [`Source::parse`] reads it, or else that of the model.
    pub fn choose(text: Option<&str>, default: Option<Source>) -> Result<Source, Error> {
        match (text, default) {
            (Some(text), default) => Source::parse(text, default),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(Error::settings(
                "no data set is given",
                "give one with `--data FORMAT:PATH`, or write `data FORMAT \"path\"` into the `train` section",
            )),
        }
    }

    /// Reads `FORMAT:PATH`, `PATH` or the name of the embedded data set. A path alone takes its
    /// format from `default`, or from its ending `.csv`.
    pub fn parse(text: &str, default: Option<Source>) -> Result<Source, Error> {
        let source = |format: &str, path: Option<PathBuf>| {
            let target = default.as_ref().filter(|default| default.format == format);
            let target = target.and_then(|default| default.target.clone());
            Source { format: format.to_owned(), path, target }
        };
        if text == "digits" {
            return Ok(source(text, None));
        }
        if let Some((format, path)) = text.split_once(':').filter(|(format, _)| FORMATS.contains(format)) {
            return Ok(source(format, Some(PathBuf::from(path))));
        }
        let path = PathBuf::from(text);
        if path.extension().is_some_and(|extension| extension == "csv") {
            return Ok(source("csv", Some(path)));
        }
        match &default {
            Some(default) if default.format != "digits" => Ok(source(&default.format, Some(path))),
            _ => Err(Error::settings(
                format!("the format of the data set `{text}` is not known"),
                format!("put the format before it, `FORMAT:{text}`, with one of {}", FORMATS.join(", ")),
            )),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.format)?;
        match &self.path {
            Some(path) => write!(f, ":{}", path.display()),
            None => Ok(()),
        }
    }
}

impl From<&program::Data> for Source {
    fn from(data: &program::Data) -> Source {
        Source {
            format: data.format.to_owned(),
            path: data.path.map(|path| Path::new(path).to_owned()),
            target: data.target.map(str::to_owned),
        }
    }
}

/// The data set of `text`, or else that of the model's text.
pub(crate) fn source(program: &Program, text: Option<&str>) -> Result<Source, Error> {
    Source::choose(text, program.defaults.data.as_ref().map(Source::from))
}

/// The optimiser's hyperparameters, some of them replaced.
fn hyperparameters(program: &Program, overrides: &[(String, f32)]) -> Result<BTreeMap<String, f32>, Error> {
    let known = program.optimizer.hyperparameters;
    let mut values: BTreeMap<String, f32> =
        known.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    for (name, value) in overrides {
        match values.get_mut(name) {
            Some(_) if !value.is_finite() || *value < 0.0 => {
                return Err(Error::settings(
                    format!("hyperparameter `{name}` is {value}, expected a finite number of at least 0"),
                    format!("leave `{name}` out to take the model's value"),
                ));
            }
            Some(old) => *old = *value,
            None => {
                return Err(Error::UnknownName {
                    kind: "hyperparameter",
                    name: name.clone(),
                    known: known.iter().map(|(name, _)| *name).collect(),
                });
            }
        }
    }
    Ok(values)
}

/// An error if a setting is given again with another value.
fn differs<T: PartialEq + fmt::Display>(what: &str, old: &T, new: Option<&T>) -> Result<(), Error> {
    match new {
        Some(new) if new != old => Err(Error::settings(
            format!("the run to resume has {what} {old}, but {new} is asked for"),
            format!("leave {what} out to go on with {old}, or start a new run without `--resume`"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mnist() -> Source {
        Source { format: "mnist".into(), path: Some("old".into()), target: None }
    }

    #[test]
    fn a_path_takes_the_format_of_the_model() {
        assert_eq!(Source::parse("new", Some(mnist())).unwrap().to_string(), "mnist:new");
    }

    #[test]
    fn a_format_may_be_given_with_the_path() {
        assert_eq!(Source::parse("cifar10:c:/x", Some(mnist())).unwrap().to_string(), "cifar10:c:/x");
        assert_eq!(Source::parse("digits", Some(mnist())).unwrap().to_string(), "digits");
        assert_eq!(Source::parse("table.csv", Some(mnist())).unwrap().to_string(), "csv:table.csv");
    }

    #[test]
    fn a_path_without_a_format_is_refused() {
        let error = Source::parse("folder", None).unwrap_err();
        assert!(error.to_string().contains("`folder`"), "{error}");
        assert!(error.help().unwrap().contains("FORMAT:folder"));
    }

    #[test]
    fn the_target_column_stays_with_the_format() {
        let table = Source { format: "csv".into(), path: None, target: Some("price".into()) };
        let parsed = Source::parse("other.csv", Some(table.clone())).unwrap();
        assert_eq!(parsed.target.as_deref(), Some("price"));
        assert_eq!(Source::parse("mnist:x", Some(table)).unwrap().target, None);
    }
}
