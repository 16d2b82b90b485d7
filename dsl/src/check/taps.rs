//! Named values: `as`, `from`, and what joins read by name.
//!
//! A name is known from its `as` to the end of the braces around it; those of `with` do not count.
//! Whoever reads a name gets a tap, and the step that makes the value carries it. Where no step makes
//! the value, as at the start of a branch, an identity does.

use super::chain::Chain;
use super::report::taps as report;
use super::scope::Stack;
use super::symbols::visit;
use super::walk::Walker;
use crate::ast::{Body, Ident, Port, Statement};
use crate::diagnostic::Span;
use crate::model::{Layer, Sequence, Shape, Step, StepKind, Tap};
use crate::words::nearest;

/// The named values of a network.
#[derive(Default)]
pub(super) struct Taps<'a> {
    /// Those in force.
    pub(super) named: Stack<Named<'a>>,
    /// The present network's outputs, each with the value that has got its name.
    pub(super) outputs: Vec<(&'a Port, Option<Named<'a>>)>,
    /// The body of the present block or network, and whether it is that of `outputs`.
    pub(super) roots: Vec<(&'a Body, bool)>,
    count: usize,
}

/// A value with a name.
#[derive(Clone)]
pub(super) struct Named<'a> {
    /// The name.
    pub(super) name: &'a Ident,
    /// The value.
    pub(super) tap: Tap,
    /// Its shape; none if it is unknown.
    pub(super) shape: Option<Shape>,
    /// How its shape came about.
    pub(super) way: Vec<(String, Shape)>,
}

impl Taps<'_> {
    /// Forgets everything, for another network.
    pub(super) fn restart(&mut self) {
        *self = Taps::default();
    }

    /// Another value.
    pub(super) fn new_tap(&mut self) -> Tap {
        self.count += 1;
        Tap(self.count - 1)
    }
}

impl<'a> Walker<'a> {
    /// `as name`
    pub(super) fn name_value(&mut self, keyword: Span, name: &'a Ident, chain: &mut Chain) {
        let tap = match chain.tap {
            Some(tap) => tap,
            None => self.new_tap(keyword, name, chain),
        };
        let visible = self.taps.named.visible();
        if let Some(first) = visible.iter().rev().find(|known| known.name.value == name.value) {
            self.sink.report(report::twice(name, first.name));
            return;
        }
        let (shape, way) = (chain.shape.clone(), self.trail.recent());
        let named = Named { name, tap, shape, way };
        self.name_output(&named);
        self.taps.named.push(named);
    }

    /// A tap that the last step carries, or an identity if there is none.
    fn new_tap(&mut self, keyword: Span, name: &Ident, chain: &mut Chain) -> Tap {
        // In a body that is never taken there are no values to count.
        let tap = if self.scope.blind > 0 { Tap(usize::MAX) } else { self.taps.new_tap() };
        chain.tap = Some(tap);
        if chain.carry(tap) {
            return tap;
        }
        let (last, shape) = (chain.last, chain.shape.clone());
        let identity = Some(StepKind::Layer(Layer::Identity));
        chain.step("as", format!("as {}", name.value), keyword, shape, identity);
        chain.carry(tap);
        (chain.tap, chain.last) = (Some(tap), last);
        tap
    }

    fn name_output(&mut self, named: &Named<'a>) {
        let is_network = self.taps.roots.last().is_some_and(|(_, is_network)| *is_network);
        if !is_network || self.scope.blind > 0 {
            return;
        }
        let outputs = &mut self.taps.outputs;
        let is_meant = |port: &Port| port.name.as_ref().is_some_and(|name| name.value == named.name.value);
        let Some((_, value)) = outputs.iter_mut().find(|(port, _)| is_meant(port)) else { return };
        match value {
            None => *value = Some(named.clone()),
            Some(first) => self.sink.report(report::twice(named.name, first.name)),
        }
    }

    /// `from name`
    pub(super) fn go_on_from(&mut self, keyword: Span, name: &'a Ident, chain: &mut Chain) {
        let Some(named) = self.read(name) else {
            chain.lose();
            return;
        };
        self.trail.resume(&named.way);
        let text = format!("from {}", name.value);
        chain.step("from", text, keyword, named.shape, Some(StepKind::From(named.tap)));
        chain.tap = Some(named.tap);
        chain.last = Some(name.span);
    }

    /// The value that a name stands for, or a report that there is none.
    pub(super) fn read(&mut self, name: &Ident) -> Option<Named<'a>> {
        let visible = self.taps.named.visible();
        if let Some(named) = visible.iter().rev().find(|known| known.name.value == name.value).cloned() {
            return Some(named);
        }
        let known: Vec<&str> = visible.iter().map(|known| known.name.value.as_str()).collect();
        let elsewhere = self.taps.roots.last().and_then(|(body, _)| {
            let same = namings(body).into_iter().find(|naming| naming.value == name.value);
            same.map(|naming| naming.span)
        });
        let meant = nearest(&name.value, known.iter().copied());
        if elsewhere.is_some() || meant.is_some() || !self.is_damaged() {
            self.sink.report(report::unknown(name, meant, &known, elsewhere));
        }
        None
    }
}

/// A sequence that hands on a named value in place of its input.
pub(super) fn reading(named: &Named, name: &Ident, input: &Option<Shape>) -> Option<Sequence> {
    let (input, output) = (input.clone()?, named.shape.clone()?);
    let step = Step {
        name: "from1".to_owned(),
        text: format!("from {}", name.value),
        span: name.span,
        input: input.clone(),
        output: output.clone(),
        kind: StepKind::From(named.tap),
        tap: None,
        learning_rate: 1.0,
    };
    Some(Sequence { input, output, steps: vec![step] })
}

/// The names that a body and the bodies inside give to values, in the order of the text.
pub(super) fn namings(body: &Body) -> Vec<&Ident> {
    let mut found = Vec::new();
    visit(body, &mut |statement| {
        if let Statement::As { name, .. } = statement {
            found.push(name);
        }
    });
    found
}
