//! The files of one check, laid one after the other in one text.
//!
//! A span is a range of bytes of that whole text, so that trees and diagnostics need not say which
//! file they are about. The main text comes first, hence its spans are its own; then come the files
//! that it uses, then the parts of the standard library. Files are named, never opened, here.

use crate::diagnostic::Span;

/// A file that a text uses, as its reader gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What the file is called in messages. One name is one file, however it is written.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// Reads the file that `use "path"` names. It gets the path as it is written and the name of the
/// file in which it is written, to which the path is relative; an error says what failed.
pub type Loader<'a> = &'a dyn Fn(&str, &str) -> Result<Source, String>;

/// The text of all files, and which is which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMap {
    text: String,
    files: Vec<SourceFile>,
}

/// A file of a [`SourceMap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// What it is called in messages.
    pub name: String,
    /// Its place in the whole text.
    pub span: Span,
}

impl SourceMap {
    /// Of a single file.
    pub fn new(name: &str, text: &str) -> SourceMap {
        let mut map = SourceMap::default();
        map.push(name, text);
        map
    }

    /// The whole text, which all spans are about.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The files in order, the main one first.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The index of the file that holds a byte. A place behind the end belongs to the last file.
    pub fn index(&self, byte: usize) -> usize {
        self.files.iter().rposition(|file| file.span.start <= byte).unwrap_or(0)
    }

    /// The file that holds a byte.
    pub fn file(&self, byte: usize) -> Option<&SourceFile> {
        self.files.get(self.index(byte))
    }

    /// Whether a span lies in the main text.
    pub fn is_main(&self, span: Span) -> bool {
        self.index(span.start) == 0
    }

    /// A span as a range of bytes of the file that it begins in.
    pub fn local(&self, span: Span) -> Span {
        let start = self.file(span.start).map_or(0, |file| file.span.start);
        Span::new(span.start.saturating_sub(start), span.end.saturating_sub(start))
    }

    /// The text of a file.
    pub fn text_of(&self, file: &SourceFile) -> &str {
        self.text.get(file.span.range()).unwrap_or_default()
    }

    /// Adds a file behind the others.
    pub(crate) fn push(&mut self, name: &str, text: &str) -> Span {
        // The end of a file is a place, too, and must not be the start of the next one.
        if !self.files.is_empty() {
            self.text.push('\n');
        }
        let start = self.text.len();
        self.text.push_str(text);
        let span = Span::new(start, self.text.len());
        self.files.push(SourceFile { name: name.to_owned(), span });
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_one_file() {
        let mut map = SourceMap::new("a.nn", "abc");
        assert_eq!(map.push("b.nn", "defg"), Span::new(4, 8));
        let name = |byte| map.file(byte).map(|file| file.name.as_str());
        assert_eq!(
            [name(0), name(3), name(4), name(99)].map(Option::unwrap),
            ["a.nn", "a.nn", "b.nn", "b.nn"]
        );
        assert_eq!(map.local(Span::new(5, 7)), Span::new(1, 3));
        assert_eq!(map.text_of(&map.files()[1]), "defg");
        assert!(map.is_main(Span::new(3, 3)) && !map.is_main(Span::new(4, 5)));
    }
}
