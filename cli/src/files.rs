//! Reading texts and writing files.
//!
//! One convention: a file appears as a whole or not at all, so that whoever reads it at the same time, or a
//! computer that stops, never sees a half of it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process;

use nnc_dsl::syntax::MAX_TEXT;

use crate::failure::{Failure, reason};

/// Why a text cannot be read.
pub(crate) enum Unreadable {
    /// The operating system says so.
    Io(io::Error),
    /// It is a folder.
    Folder,
    /// No model is as long.
    TooLong,
    /// A byte of this line is no UTF-8.
    NotText(usize),
}

impl Unreadable {
    /// The end of a sentence that begins with "cannot be read: ".
    pub(crate) fn reason(&self) -> String {
        match self {
            Unreadable::Io(error) => reason(error),
            Unreadable::Folder => "it is a folder".to_owned(),
            Unreadable::TooLong => format!("it is longer than {MAX_TEXT} bytes, which no model is"),
            Unreadable::NotText(line) => format!("it is not UTF-8 text: line {line} has a wrong byte"),
        }
    }
}

/// The text of a file, or of standard input for `-`.
pub(crate) fn read_text(path: &Path) -> Result<String, Unreadable> {
    let bytes = read_bytes(path)?;
    if bytes.len() > MAX_TEXT {
        return Err(Unreadable::TooLong);
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Unreadable::NotText(1 + valid.iter().filter(|byte| **byte == b'\n').count())
    })
}

/// Writes a file under a temporary name and renames it. What is not a regular file, such as a device, is
/// written as it is.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // The file that a link leads to is meant, not the link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(&target).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return fs::write(&target, bytes).map_err(|error| Failure::io("write", path, &error));
    }
    let temporary = temporary_name(&target);
    let written = fs::write(&temporary, bytes)
        .and_then(|()| old.map_or(Ok(()), |old| fs::set_permissions(&temporary, old.permissions())))
        .and_then(|()| fs::rename(&temporary, &target));
    written.map_err(|error| {
        // What is left of it is of no use; the error before is the one to tell.
        let _ = fs::remove_file(&temporary);
        Failure::io("write", path, &error)
    })
}

/// Copies a file with its permissions, under a temporary name that is then changed.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let temporary = temporary_name(to);
    let copied = fs::copy(from, &temporary).and_then(|_| fs::rename(&temporary, to));
    copied.map_err(|error| {
        // What is left of it is of no use; the error before is the one to tell.
        let _ = fs::remove_file(&temporary);
        Failure::io("write", to, &error)
    })
}

/// A name in the same folder that no other process takes.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", process::id()))
}

/// At most one byte more than a text may have, so that a device or a data set is never read whole.
fn read_bytes(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    let limit = MAX_TEXT as u64 + 1;
    let result = match path == Path::new("-") {
        true => io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false if path.is_dir() => return Err(Unreadable::Folder),
        false => File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    result.map(|_| bytes).map_err(Unreadable::Io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_end_a_sentence() {
        let missing = Unreadable::Io(io::Error::from_raw_os_error(2));
        assert_eq!(missing.reason(), "no such file or directory");
        assert_eq!(Unreadable::NotText(3).reason(), "it is not UTF-8 text: line 3 has a wrong byte");
    }
}
