//! What can be wrong with data.

use std::fmt;
use std::io;
use std::path::Path;

/// A mistake in a data set, or between a data set and a network.
///
/// Displayed as `place: message`, and a second line `help: ...` where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    place: Option<String>,
    message: String,
    help: Option<String>,
}

impl Error {
    /// What was expected and what was found, as a sentence that stands alone.
    pub fn new(message: impl Into<String>) -> Error {
        Error { place: None, message: message.into(), help: None }
    }

    /// The same, in the file or folder `path`.
    pub fn at(path: &Path, message: impl Into<String>) -> Error {
        Error::new(message).placed(path.display().to_string())
    }

    /// The same, on a line of the file `path`, counted from 1.
    pub fn at_line(path: &Path, line: u64, message: impl Into<String>) -> Error {
        Error::new(message).placed(format!("{}:{line}", path.display()))
    }

    /// The file or folder `path` could not be read.
    pub fn unreadable(path: &Path, error: &io::Error) -> Error {
        Error::at(path, format!("cannot be read: {error}"))
    }

    /// What the user can do.
    pub fn help(mut self, help: impl Into<String>) -> Error {
        self.help = Some(help.into());
        self
    }

    /// Where it is: a file, and a line or byte in it.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// What is wrong, without place and help.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the user can do, if there is advice.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    fn placed(mut self, place: String) -> Error {
        self.place = Some(place);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
