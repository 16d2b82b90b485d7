//! The files that a model uses: `use "path.nn"`, relative to the file in which it stands.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use nnc_dsl::{Entry, Options, Outcome, Source, check_file};

use crate::files::{Unreadable, read_text};
use crate::model_file::ModelText;

/// Checks a text with all that it uses.
pub(crate) fn check(text: &ModelText, options: &Options) -> Outcome {
    let files = Files::with(&text.file);
    check_file(&text.file, &text.text, Entry::File, options, &|path, importer| files.load(path, importer))
}

/// The files of one check. A file has one name, however it is reached, or files that use each other in a
/// circle would never be known for the same.
struct Files {
    names: RefCell<HashMap<PathBuf, String>>,
}

impl Files {
    fn with(main: &str) -> Files {
        let main = fs::canonicalize(main).map(|place| (place, main.to_owned()));
        Files { names: RefCell::new(main.into_iter().collect()) }
    }

    fn load(&self, path: &str, importer: &str) -> Result<Source, String> {
        // A file called `-` is one here, and not standard input.
        let path = tidy(&folder_of(importer).join(Path::new(path)));
        let place = fs::canonicalize(&path).map_err(|error| Unreadable::Io(error).reason())?;
        let text = read_text(&place).map_err(|unreadable| unreadable.reason())?;
        let mut names = self.names.borrow_mut();
        let name = names.entry(place).or_insert_with(|| path.display().to_string());
        Ok(Source { name: name.clone(), text })
    }
}

/// Standard input lies in the current folder.
fn folder_of(file: &str) -> &Path {
    Path::new(file).parent().unwrap_or(Path::new(""))
}

/// Without `.`, which says nothing. A `..` stays: after a link it leads elsewhere than back.
fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_file_they_stand_in() {
        let path = |importer: &str, path: &str| tidy(&folder_of(importer).join(path));
        assert_eq!(path("models/net.nn", "blocks.nn"), Path::new("models/blocks.nn"));
        assert_eq!(path("net.nn", "./parts/a.nn"), Path::new("parts/a.nn"));
        assert_eq!(path("<stdin>", "a.nn"), Path::new("a.nn"));
        assert_eq!(path("models/net.nn", "../a.nn"), Path::new("models/../a.nn"));
    }
}
