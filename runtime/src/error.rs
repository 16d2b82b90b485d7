//! What can go wrong while a network is trained or used, and what to do about it.
//!
//! Every error is one sentence that says what was expected and what was found; [`Error::help`]
//! says what the user can do. Nothing here prints: the command line draws errors at its edge.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::data;
#[cfg(feature = "cuda")]
use crate::devices::cuda::CudaError;

/// A mistake in what the user gave, or a failure of the machine.
#[derive(Debug)]
pub enum Error {
    /// The data set cannot be used.
    Data(data::Error),
    /// A file or folder cannot be read or written.
    File {
        /// What was tried: `read`, `write`, `create`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A checkpoint that is damaged, or that belongs to another network.
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
        /// What to do.
        help: String,
    },
    /// A slice of the wrong length.
    Length {
        /// What the slice holds.
        what: String,
        /// How long it has to be.
        expected: String,
        /// How long it is.
        found: usize,
    },
    /// A name that the network does not have.
    UnknownName {
        /// What is named: `parameter`, `hyperparameter`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
    },
    /// The loss or a gradient is not a number any more.
    NonFinite(NonFinite),
    /// Settings that do not fit together, or not to the network.
    Settings {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
    /// A GPU, its driver or a library.
    #[cfg(feature = "cuda")]
    Cuda(CudaError),
}

/// What a pass over the network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// To learn.
    Training,
    /// To measure.
    Evaluation,
}

/// A loss or a gradient that is NaN or infinite, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// In which kind of pass.
    pub phase: Phase,
    /// The step that failed, from 1; in evaluation the steps of training so far.
    pub step: u64,
    /// The loss; finite if only a gradient is not.
    pub loss: f32,
    /// The first parameter whose gradient holds a NaN or an infinity under a finite loss.
    pub gradient: Option<&'static str>,
    /// The first layer with a NaN or an infinity in its result.
    pub layer: Option<String>,
    /// A parameter that already held one before the step.
    pub parameter: Option<&'static str>,
    /// Whether the inputs held one.
    pub input: bool,
    /// Whether activations are stored in half precision, where numbers beyond 65504 are infinite.
    pub is_half: bool,
}

impl Error {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Error::Data(error) => error.advice().map(str::to_owned),
            Error::File { .. } | Error::Length { .. } => None,
            Error::Checkpoint { help, .. } | Error::Settings { help, .. } => Some(help.clone()),
            Error::UnknownName { kind, known, .. } => Some(format!("the {kind}s are {}", known.join(", "))),
            Error::NonFinite(failure) => Some(failure.help()),
            #[cfg(feature = "cuda")]
            Error::Cuda(error) => Some(error.help().to_owned()),
        }
    }

    /// A failure to `action` the file or folder at `path`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::File { action, path: path.to_owned(), source }
    }

    /// Why nothing runs on a GPU in a program that was built without the feature `cuda`.
    pub fn without_cuda() -> Error {
        Error::settings(
            "this program was built without CUDA",
            "build it with the feature `cuda` of nnc, or of the generated crate; \
             `nnc run --device cuda` does so by itself",
        )
    }

    /// Settings that do not fit.
    pub(crate) fn settings(message: impl Into<String>, help: impl Into<String>) -> Error {
        Error::Settings { message: message.into(), help: help.into() }
    }
}

impl NonFinite {
    fn help(&self) -> String {
        let advice = self.advice();
        if self.is_half {
            return format!(
                "numbers of half precision end at 65504, those of `--precision bf16` do not; else {advice}"
            );
        }
        advice.to_owned()
    }

    fn advice(&self) -> &'static str {
        if self.input {
            "check the data for NaN and infinite values"
        } else if self.loss.is_finite() {
            "look for a function without a derivative where it is used, such as a square root at 0; \
             else try a learning rate ten times lower"
        } else {
            "try a learning rate ten times lower, add `bn` after the convolutions, \
             and check that the data is scaled"
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Data(error) => match error.place() {
                Some(place) => write!(f, "{place}: {}", error.message()),
                None => f.write_str(error.message()),
            },
            Error::File { action, path, source } => {
                write!(f, "cannot {action} `{}`: {source}", path.display())
            }
            Error::Checkpoint { path, message, .. } => write!(f, "checkpoint `{}` {message}", path.display()),
            Error::Length { what, expected, found } => {
                write!(f, "expected {expected} elements of {what}, found {found}")
            }
            Error::UnknownName { kind, name, .. } => write!(f, "the network has no {kind} `{name}`"),
            Error::NonFinite(failure) => failure.fmt(f),
            Error::Settings { message, .. } => f.write_str(message),
            #[cfg(feature = "cuda")]
            Error::Cuda(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.phase {
            Phase::Training if self.loss.is_finite() => {
                let of = self.gradient.map(|parameter| format!(" of `{parameter}`")).unwrap_or_default();
                write!(
                    f,
                    "the gradient{of} is not finite at step {} (the loss is {})",
                    self.step, self.loss
                )?;
            }
            Phase::Training => write!(f, "the loss is {} at step {}", self.loss, self.step)?,
            Phase::Evaluation => {
                write!(f, "the loss in evaluation is {} after {} steps", self.loss, self.step)?;
            }
        }
        if self.input {
            return write!(f, ": the inputs hold a value that is not finite");
        }
        if let Some(parameter) = self.parameter {
            return write!(f, ": parameter `{parameter}` holds a value that is not finite");
        }
        match &self.layer {
            Some(layer) => write!(f, ": the first result that is not finite is that of `{layer}`"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Data(error) => Some(error),
            Error::File { source, .. } => Some(source),
            #[cfg(feature = "cuda")]
            Error::Cuda(error) => Some(error),
            _ => None,
        }
    }
}

impl From<data::Error> for Error {
    fn from(error: data::Error) -> Error {
        Error::Data(error)
    }
}

#[cfg(feature = "cuda")]
impl From<CudaError> for Error {
    fn from(error: CudaError) -> Error {
        Error::Cuda(error)
    }
}
