//! Lexical scope: the names that expressions may use, with their values.
//!
//! A name is known from its declaration to the end of the braces around it, and may hide an
//! outer one. A block sees its own parameters and nothing around its use.

use std::collections::HashSet;

use super::value::Value;
use crate::ast::Ident;
use crate::diagnostic::Span;

/// The names in force, and which declarations have been used.
#[derive(Default)]
pub(super) struct Scope<'a> {
    names: Vec<Name<'a>>,
    /// Names before this one belong to the place that uses the present block.
    floor: usize,
    used: HashSet<Span>,
    is_incomplete: bool,
}

struct Name<'a> {
    ident: &'a Ident,
    /// None if a mistake has left it without one.
    value: Option<Value>,
}

/// A point to return to.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    len: usize,
    floor: usize,
}

impl<'a> Scope<'a> {
    /// Without names. It is incomplete if the parser could not read some declarations.
    pub(super) fn new(is_incomplete: bool) -> Scope<'a> {
        Scope { is_incomplete, ..Scope::default() }
    }

    /// Whether there may be names that are not here.
    pub(super) fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    /// Where the names end now.
    pub(super) fn mark(&self) -> Mark {
        Mark { len: self.names.len(), floor: self.floor }
    }

    /// Forgets all names since the mark.
    pub(super) fn restore(&mut self, mark: Mark) {
        self.names.truncate(mark.len);
        self.floor = mark.floor;
    }

    /// Hides all names until a mark is restored.
    pub(super) fn isolate(&mut self) {
        self.floor = self.names.len();
    }

    /// Declares a name; its value is none if a mistake has left it without one.
    pub(super) fn declare(&mut self, ident: &'a Ident, value: Option<Value>) {
        self.names.push(Name { ident, value });
    }

    /// The value of a name; the outer `None` says that there is no such name.
    pub(super) fn find(&mut self, name: &str) -> Option<Option<Value>> {
        let found = self.names[self.floor..].iter().rev().find(|known| known.ident.value == name)?;
        self.used.insert(found.ident.span);
        Some(found.value)
    }

    /// The names in force, for suggestions.
    pub(super) fn visible(&self) -> impl Iterator<Item = &'a str> {
        self.names[self.floor..].iter().map(|known| known.ident.value.as_str())
    }

    /// Whether a declaration was ever used.
    pub(super) fn was_used(&self, declaration: &Ident) -> bool {
        self.used.contains(&declaration.span)
    }
}
