//! The files that a network uses: `use "path.nn"`, in a call as in a file.
//!
//! One convention: a file is called by its path from the folder of the package, where the paths in a
//! call begin, too. The place of the call is no better start: rust-analyzer does not tell it.

use std::cell::RefCell;
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Component, Path, PathBuf};

use nnc_dsl::{Source, SourceMap};
use proc_macro2::TokenStream;
use quote::quote;

/// The files of one call.
pub(crate) struct Files {
    /// Where paths begin.
    folder: PathBuf,
    read: RefCell<Vec<Used>>,
}

/// A file that was read.
struct Used {
    /// What it is called.
    name: String,
    /// Its place without links, by which it is known again.
    place: PathBuf,
    /// The path in the main text that leads to it.
    root: String,
}

impl Files {
    /// Of a call whose paths begin in this folder.
    pub(crate) fn new(folder: PathBuf) -> Files {
        Files { folder, read: RefCell::default() }
    }

    /// Of a call with the path of a file, and the text of that file.
    pub(crate) fn with_main(folder: PathBuf, path: &str) -> Result<(Files, String), String> {
        let files = Files::new(folder);
        let text = files.read(Path::new(path), path)?.text;
        Ok((files, text))
    }

    /// What the main file is called; a call has no name.
    pub(crate) fn main(&self) -> String {
        self.read.borrow().first().map_or(String::new(), |main| main.name.clone())
    }

    /// Reads the file that `use "path"` names in the file `importer`; the call itself has no name.
    pub(crate) fn load(&self, path: &str, importer: &str) -> Result<Source, String> {
        let folder = Path::new(importer).parent().unwrap_or(Path::new(""));
        let root = self.root(importer).unwrap_or_else(|| path.to_owned());
        self.read(&folder.join(path), &root)
    }

    /// The path in the main text that leads to a file; none for the main text and the library.
    pub(crate) fn root(&self, name: &str) -> Option<String> {
        self.read.borrow().iter().find(|used| used.name == name).map(|used| used.root.clone())
    }

    /// Makes cargo build again when a file changes.
    pub(crate) fn tracked(&self) -> TokenStream {
        let read = self.read.borrow();
        // A path that is not Unicode cannot be written in a call.
        let paths = read.iter().filter_map(|used| used.place.to_str());
        quote!(#(const _: &[u8] = ::core::include_bytes!(#paths);)*)
    }

    /// The text of a network for its checkpoints: `main`, and behind it the files that it uses.
    pub(crate) fn bundled(&self, main: String, sources: &SourceMap) -> String {
        let used = sources.files().iter().skip(1).filter(|file| self.root(&file.name).is_some());
        used.fold(main, |text, file| {
            format!("{}\n\n// {}\n{}", text.trim_end(), file.name, sources.text_of(file))
        })
    }

    fn read(&self, path: &Path, root: &str) -> Result<Source, String> {
        let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
        let place = fs::canonicalize(self.folder.join(&path)).map_err(|error| reason(&error))?;
        let text = fs::read_to_string(&place).map_err(|error| reason(&error))?;
        let mut read = self.read.borrow_mut();
        if let Some(known) = read.iter().find(|used| used.place == place) {
            return Ok(Source { name: known.name.clone(), text });
        }
        let name = path.display().to_string();
        read.push(Used { name: name.clone(), place, root: root.to_owned() });
        Ok(Source { name, text })
    }
}

/// The folder of the package that is being compiled.
pub(crate) fn package_folder() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_name_and_the_path_that_leads_to_it() {
        let files = Files::new(package_folder());
        let first = files.load("tests/parts/outer.nn", "").unwrap();
        let second = files.load("./inner.nn", &first.name).unwrap();
        let third = files.load("tests/parts/../parts/inner.nn", "").unwrap();
        assert_eq!((second.name.as_str(), &third), ("tests/parts/inner.nn", &second));
        assert_eq!(files.root(&second.name).as_deref(), Some("tests/parts/outer.nn"));
        assert_eq!(files.root(""), None);
        assert_eq!(files.tracked().to_string().matches("include_bytes").count(), 2);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let files = Files::new(package_folder());
        assert_eq!(files.load("no/such.nn", "").unwrap_err(), "no such file");
        assert_eq!(files.load("tests", "").unwrap_err(), "it is a folder");
    }
}
