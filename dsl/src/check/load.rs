//! All files of a check: the text, what it uses, and the parts of the standard library it needs.
//!
//! Every file is parsed in its place: blanks stand before it, so that its spans are those of the
//! whole text. What cannot be read is reported where it is asked for.

use std::collections::HashSet;

use super::report::files;
use super::symbols::words;
use crate::ast::{Body, Item, Module, Use};
use crate::diagnostic::{Diagnostic, Span};
use crate::library::{self, Part};
use crate::sources::{Loader, SourceMap};
use crate::syntax::{Entry, MAX_TEXT, parse};
use crate::words::{Found, find};

/// The most files of one check.
pub(super) const MAX_FILES: usize = 64;

/// All files, parsed.
#[derive(Default)]
pub(super) struct Loaded {
    /// Their text.
    pub(super) sources: SourceMap,
    /// Their items, file by file as in the map.
    pub(super) files: Vec<File>,
    /// Where the standard library begins in the text.
    pub(super) library: usize,
    /// What the parser could not read.
    pub(super) damage: Vec<Span>,
    /// The mistakes that were found.
    pub(super) found: Vec<Diagnostic>,
}

/// A parsed file.
#[derive(Default)]
pub(super) struct File {
    /// Its items.
    pub(super) module: Module,
    /// The files that it uses, by index.
    pub(super) uses: Vec<(Span, usize)>,
}

/// Reads a text and all that it uses.
pub(super) fn load(file: &str, text: &str, entry: Entry, loader: Loader) -> Loaded {
    let mut loaded = Loaded::default();
    loaded.add(file, text, entry);
    loaded.follow(0, &mut vec![0], loader);
    loaded.library = loaded.sources.text().len() + 1;
    loaded.add_library();
    loaded
}

impl Loaded {
    fn add(&mut self, name: &str, text: &str, entry: Entry) -> usize {
        let span = self.sources.push(name, text);
        let blanks = " ".repeat(span.start);
        let (module, found) = parse(&(blanks + text), entry);
        let damage = found.iter().map(|diagnostic| damaged(self.sources.text(), diagnostic.span));
        self.damage.extend(damage);
        self.found.extend(found);
        self.files.push(File { module, uses: Vec::new() });
        self.files.len() - 1
    }

    /// Reads the files that a file uses; `way` leads to it from the main one.
    fn follow(&mut self, index: usize, way: &mut Vec<usize>, loader: Loader) {
        let uses: Vec<Use> = self.files[index].module.items.iter().filter_map(as_use).cloned().collect();
        for one in uses {
            match self.read(index, &one, way, loader) {
                Ok(used) => self.files[index].uses.push((one.path.span, used)),
                Err(diagnostic) => {
                    self.damage.push(one.path.span);
                    self.found.push(*diagnostic);
                }
            }
        }
    }

    fn read(
        &mut self,
        importer: usize,
        one: &Use,
        way: &mut Vec<usize>,
        loader: Loader,
    ) -> Result<usize, Box<Diagnostic>> {
        let name = |index: usize| self.sources.files()[index].name.as_str();
        let source =
            loader(&one.path.value, name(importer)).map_err(|why| files::unreadable(&one.path, &why))?;
        let known = (0..self.files.len()).find(|index| name(*index) == source.name);
        if let Some(start) = known.and_then(|known| way.iter().position(|index| *index == known)) {
            let circle: Vec<&str> = way[start..].iter().map(|index| name(*index)).collect();
            return Err(files::circle(&one.path, &circle).into());
        }
        if let Some(known) = known {
            return Ok(known);
        }
        if self.files.len() >= MAX_FILES || self.sources.text().len() + source.text.len() > MAX_TEXT {
            return Err(files::too_many(&one.path).into());
        }
        let index = self.add(&source.name, &source.text, Entry::File);
        way.push(index);
        self.follow(index, way, loader);
        way.pop();
        Ok(index)
    }

    /// Adds the parts of the library whose blocks are used and not defined otherwise.
    fn add_library(&mut self) {
        let mut defined: HashSet<String> = self.files.iter().flat_map(|file| names(&file.module)).collect();
        let mut added: HashSet<&str> = HashSet::new();
        let mut next = 0;
        while next < self.files.len() {
            let parts = wanted(&self.files[next].module, &defined);
            for part in parts.into_iter().filter(|part| added.insert(part.file)).collect::<Vec<_>>() {
                self.add(part.file, part.text, Entry::File);
            }
            next += 1;
            // Parts of the library see the library alone.
            if self.sources.files().get(next).is_some_and(|file| file.span.start >= self.library) {
                defined.clear();
            }
        }
    }
}

fn as_use(item: &Item) -> Option<&Use> {
    match item {
        Item::Use(one) => Some(one),
        _ => None,
    }
}

/// What a mistake of the parser leaves in doubt: its place, but all that follows if it is a
/// bracket that is never closed.
fn damaged(text: &str, span: Span) -> Span {
    match text.get(span.range()) {
        Some("{" | "[" | "(") => Span::new(span.start, text.len()),
        _ => span,
    }
}

fn names(module: &Module) -> impl Iterator<Item = String> {
    module.items.iter().filter_map(|item| match item {
        Item::Block(block) => Some(block.name.value.clone()),
        Item::Activation(activation) => Some(activation.name.value.clone()),
        Item::Network(network) => network.name.as_ref().map(|name| name.value.clone()),
        Item::Train(_) | Item::Use(_) | Item::Allow(_) => None,
    })
}

fn bodies(module: &Module) -> impl Iterator<Item = &Body> {
    module.items.iter().filter_map(|item| match item {
        Item::Block(block) => Some(&block.body),
        Item::Network(network) => Some(&network.body),
        Item::Activation(_) | Item::Train(_) | Item::Use(_) | Item::Allow(_) => None,
    })
}

fn wanted(module: &Module, defined: &HashSet<String>) -> Vec<&'static Part> {
    let words = bodies(module).flat_map(words).map(|word| word.name.value.as_str());
    let open = words.filter(|name| !defined.contains(*name) && matches!(find(name), Found::Nothing));
    open.filter_map(library::part).collect()
}
