//! Why a command could not do its work.

use std::io;
use std::path::Path;

use crate::output;

/// What ends a command. The exit status is 1: it is the user who can mend it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The diagnostics of a text, which are drawn already.
    Drawn,
    /// Everything else.
    Message {
        /// One sentence: what was expected and what was found.
        message: String,
        /// What the user can do.
        help: Option<String>,
    },
}

impl Failure {
    /// A failure with a sentence.
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure::Message { message: message.into(), help: None }
    }

    /// A failure of the operating system: `cannot write folder/file: permission denied`.
    pub(crate) fn io(what: &str, path: &Path, error: &io::Error) -> Failure {
        Failure::new(format!("cannot {what} `{}`: {}", path.display(), reason(error)))
    }

    /// The same with advice.
    pub(crate) fn help(self, advice: impl Into<String>) -> Failure {
        match self {
            Failure::Drawn => Failure::Drawn,
            Failure::Message { message, .. } => Failure::Message { message, help: Some(advice.into()) },
        }
    }

    /// Tells it on standard error.
    pub(crate) fn show(&self) {
        let Failure::Message { message, help } = self else { return };
        output::complain(&format!("error: {message}"));
        if let Some(help) = help {
            output::complain(&format!("help: {help}"));
        }
    }
}

/// The system's words without the number behind them.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_system_become_part_of_a_sentence() {
        let failure = Failure::io("read", Path::new("a.nn"), &io::Error::from_raw_os_error(2));
        let Failure::Message { message, .. } = failure else { panic!("{failure:?}") };
        assert_eq!(message, "cannot read `a.nn`: no such file or directory");
    }
}
