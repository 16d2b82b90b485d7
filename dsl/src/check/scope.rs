//! Lexical scope: the names that expressions may use, with their values.
//!
//! A name is known from its declaration to the end of the braces around it, and may hide an
//! outer one. A block sees its own parameters and nothing around its use. The sides of the present
//! shape (`channels`, `height`, …) have names wherever nothing else is called so.

use std::collections::HashSet;

use super::value::Value;
use crate::ast::Ident;
use crate::diagnostic::Span;
use crate::model::Shape;

/// Things that come and go with the braces around them.
pub(super) struct Stack<T> {
    items: Vec<T>,
    /// Items before this one belong to the place that uses the present block.
    floor: usize,
}

/// A point to return to.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    len: usize,
    floor: usize,
}

impl<T> Default for Stack<T> {
    fn default() -> Self {
        Stack { items: Vec::new(), floor: 0 }
    }
}

impl<T> Stack<T> {
    /// Where the items end now.
    pub(super) fn mark(&self) -> Mark {
        Mark { len: self.items.len(), floor: self.floor }
    }

    /// Forgets all items since the mark.
    pub(super) fn restore(&mut self, mark: Mark) {
        self.items.truncate(mark.len);
        self.floor = mark.floor;
    }

    /// Hides all items until a mark is restored.
    pub(super) fn isolate(&mut self) {
        self.floor = self.items.len();
    }

    /// Goes back to how it was at a mark; [`Stack::advance`] undoes it with what this gives.
    pub(super) fn recede(&mut self, mark: Mark) -> (Vec<T>, Mark) {
        let present = self.mark();
        self.floor = mark.floor;
        (self.items.split_off(mark.len), present)
    }

    /// Undoes [`Stack::recede`].
    pub(super) fn advance(&mut self, (hidden, present): (Vec<T>, Mark)) {
        self.items.extend(hidden);
        self.floor = present.floor;
    }

    /// Adds an item.
    pub(super) fn push(&mut self, item: T) {
        self.items.push(item);
    }

    /// The items in force, innermost last.
    pub(super) fn visible(&self) -> &[T] {
        &self.items[self.floor..]
    }
}

/// What is known of the value that the present word gets.
#[derive(Clone, Debug, Default)]
pub(super) enum Present {
    /// There is none, as in a network's signature or a `train` section.
    #[default]
    Nowhere,
    /// A mistake has left its shape unknown.
    Unknown,
    /// It has this shape.
    Known(Shape),
}

/// A side of the present shape.
pub(super) enum Side {
    /// No side is ever called so.
    NoName,
    /// The shape is unknown.
    Unknown,
    /// It has so many elements.
    Size(usize),
    /// The present shape, which has no such side.
    Missing(Shape),
}

/// The names in force, and which declarations have been used.
#[derive(Default)]
pub(super) struct Scope<'a> {
    names: Stack<Name<'a>>,
    used: HashSet<Span>,
    is_incomplete: bool,
    /// How many bodies are around that are never taken, in which no name has a value.
    pub(super) blind: usize,
    /// The value that the present word gets.
    pub(super) present: Present,
}

pub(super) struct Name<'a> {
    ident: &'a Ident,
    /// None if a mistake has left it without one.
    value: Option<Value>,
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
        self.names.mark()
    }

    /// Forgets all names since the mark.
    pub(super) fn restore(&mut self, mark: Mark) {
        self.names.restore(mark);
    }

    /// Hides all names until a mark is restored.
    pub(super) fn isolate(&mut self) {
        self.names.isolate();
    }

    /// As it was at a mark; see [`Stack::recede`].
    pub(super) fn recede(&mut self, mark: Mark) -> (Vec<Name<'a>>, Mark) {
        self.names.recede(mark)
    }

    /// Undoes [`Scope::recede`].
    pub(super) fn advance(&mut self, hidden: (Vec<Name<'a>>, Mark)) {
        self.names.advance(hidden);
    }

    /// Declares a name; its value is none if a mistake has left it without one.
    pub(super) fn declare(&mut self, ident: &'a Ident, value: Option<Value>) {
        self.names.push(Name { ident, value });
    }

    /// The value of a name; the outer `None` says that there is no such name.
    pub(super) fn find(&mut self, name: &str) -> Option<Option<Value>> {
        let found = self.names.visible().iter().rev().find(|known| known.ident.value == name)?;
        self.used.insert(found.ident.span);
        Some(found.value.filter(|_| self.blind == 0))
    }

    /// The side of the present shape that has this name.
    pub(super) fn side(&self, name: &str) -> Side {
        let shape = match &self.present {
            _ if !SIDES.iter().any(|sides| sides.contains(&name)) => return Side::NoName,
            Present::Nowhere => return Side::NoName,
            Present::Unknown => return Side::Unknown,
            Present::Known(shape) => shape,
        };
        match self.sides().iter().position(|side| *side == name).and_then(|axis| shape.0.get(axis)) {
            Some(size) => Side::Size(*size),
            None => Side::Missing(shape.clone()),
        }
    }

    /// What the sides of the present shape are called.
    pub(super) fn sides(&self) -> &'static [&'static str] {
        match &self.present {
            Present::Known(shape) => sides(shape),
            Present::Nowhere | Present::Unknown => &[],
        }
    }

    /// The names in force, for suggestions.
    pub(super) fn visible(&self) -> impl Iterator<Item = &'a str> {
        self.names.visible().iter().map(|known| known.ident.value.as_str())
    }

    /// Notes that a declaration has been used.
    pub(super) fn mark_used(&mut self, declaration: &Ident) {
        self.used.insert(declaration.span);
    }

    /// Whether a declaration was ever used.
    pub(super) fn was_used(&self, declaration: &Ident) -> bool {
        self.used.contains(&declaration.span)
    }
}

/// What the sides of a shape are called.
pub(super) fn sides(shape: &Shape) -> &'static [&'static str] {
    let rank = shape.0.len().checked_sub(1);
    rank.and_then(|rank| SIDES.get(rank)).copied().unwrap_or_default()
}

/// The same, by rank.
const SIDES: [&[&str]; 4] = [
    &["features"],
    &["channels", "length"],
    &["channels", "height", "width"],
    &["channels", "depth", "height", "width"],
];
