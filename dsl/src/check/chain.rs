//! A sequence under construction: the present value, and the steps that led to it with their names.

use std::collections::{HashMap, HashSet};

use crate::diagnostic::Span;
use crate::model::{Shape, Step, StepKind, Tap};

/// A sequence that grows statement by statement.
pub(super) struct Chain {
    /// The shape so far; none if it is unknown.
    pub(super) shape: Option<Shape>,
    /// The last word.
    pub(super) last: Option<Span>,
    /// The present value, where it has a tap.
    pub(super) tap: Option<Tap>,
    /// What has been kept so far.
    pub(super) steps: Vec<Step>,
    /// Whether the last step made the present value.
    is_made: bool,
    numbers: HashMap<String, usize>,
    taken: HashSet<String>,
    learning_rate: f64,
}

impl Chain {
    /// Begins with a value of this shape, for steps whose own parameters learn so fast.
    pub(super) fn new(shape: Option<Shape>, learning_rate: f64) -> Chain {
        let (steps, numbers, taken) = Default::default();
        Chain { shape, last: None, tap: None, steps, is_made: false, numbers, taken, learning_rate }
    }

    /// The name of the next step that begins so: `conv1`, `conv2`, …
    pub(super) fn name(&mut self, stem: &str) -> String {
        let number = self.numbers.entry(stem.to_owned()).or_default();
        loop {
            *number += 1;
            let name = format!("{stem}{number}");
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    /// A name that no step has, this one if it is free.
    pub(super) fn reserve(&mut self, name: &str) -> String {
        let mut name = name.to_owned();
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    /// Takes a step from the present shape to `output`. It is kept if everything about it is known.
    pub(super) fn step(
        &mut self,
        stem: &str,
        text: String,
        span: Span,
        output: Option<Shape>,
        kind: Option<StepKind>,
    ) {
        let name = self.name(stem);
        self.push(name, text, span, output, kind);
    }

    /// The same for a step whose name is known already.
    pub(super) fn push(
        &mut self,
        name: String,
        text: String,
        span: Span,
        output: Option<Shape>,
        kind: Option<StepKind>,
    ) {
        let input = std::mem::replace(&mut self.shape, output.clone());
        (self.last, self.tap, self.is_made) = (Some(span), None, false);
        if let (Some(input), Some(output), Some(kind)) = (input, output, kind) {
            let (tap, learning_rate) = (None, self.learning_rate);
            self.steps.push(Step { name, text, span, input, output, kind, tap, learning_rate });
            self.is_made = true;
        }
    }

    /// Has the last step carry a tap; false if no step has made the present value.
    pub(super) fn carry(&mut self, tap: Tap) -> bool {
        // Of an unknown value nothing is kept, so nothing has to carry it.
        let last = self.steps.last_mut().filter(|_| self.is_made);
        let is_carried = last.is_some() || self.shape.is_none();
        if let Some(last) = last {
            last.tap = Some(tap);
        }
        is_carried
    }

    /// From here on the shape is unknown.
    pub(super) fn lose(&mut self) {
        (self.shape, self.tap, self.is_made) = (None, None, false);
    }
}
