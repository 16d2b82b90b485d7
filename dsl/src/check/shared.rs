//! `shared`: sub-networks whose uses have the same weights.
//!
//! The body is walked at each use, with the shapes of that use, but with the names and settings
//! of its declaration. All uses must learn tensors of the same shapes.

use super::chain::Chain;
use super::report::names;
use super::report::structure as report;
use super::scope::Mark;
use super::settings::With;
use super::symbols::is_word;
use super::walk::Walker;
use crate::ast::{Body, Ident, Word};
use crate::diagnostic::{Label, Span};
use crate::model::{Sequence, StepKind};
use crate::parameters::parameters;

/// A declared sub-network.
#[derive(Clone)]
pub(super) struct Shared<'a> {
    name: &'a Ident,
    body: &'a Body,
    /// Full path, under which its parameters are known.
    path: String,
    /// Where the names of values end that it may use.
    names: Mark,
    /// Where the sub-networks end that it may use.
    before: Mark,
    with: With,
}

/// The first use of a sub-network.
pub(super) struct FirstUse {
    path: String,
    span: Span,
    learnt: Vec<(String, Vec<usize>)>,
}

impl<'a> Shared<'a> {
    /// Its name.
    pub(super) fn name(&self) -> &'a str {
        &self.name.value
    }
}

impl<'a> Walker<'a> {
    /// `shared name { … }`
    pub(super) fn declare_shared(&mut self, name: &'a Ident, body: &'a Body, chain: &mut Chain) {
        if is_word(name) {
            self.sink.report(names::taken_by_word("sub-network", name));
        }
        if let Some(first) = self.symbols.find(name).and_then(|first| first.name()) {
            self.sink.report(names::defined_twice("name", name, first));
        }
        if let Some(first) = self.shared.visible().iter().find(|known| known.name.value == name.value) {
            self.sink.report(names::defined_twice("sub-network", name, first.name));
        }
        let own = chain.reserve(&name.value);
        let path = self.path.iter().map(String::as_str).chain([own.as_str()]).collect::<Vec<_>>().join(".");
        let (names, before) = (self.scope.mark(), self.shared.mark());
        let shared = Shared { name, body, path, names, before, with: self.with };
        self.with_declaration(&shared, |walker| walker.untaken(body));
        self.shared.push(shared);
    }

    /// The sub-network of this name.
    pub(super) fn find_shared(&self, name: &str) -> Option<Shared<'a>> {
        self.shared.visible().iter().rev().find(|known| known.name.value == name).cloned()
    }

    /// A use of a sub-network.
    pub(super) fn use_shared(&mut self, word: &'a Word, shared: &Shared<'a>, chain: &mut Chain) {
        self.scope.mark_used(shared.name);
        if let Some(surplus) = word.positional.first().or(word.named.first().map(|(_, expr)| expr)) {
            self.sink.report(report::shared_arguments(word, surplus.span, shared.name.span));
        }
        let name = chain.name(&word.name.value);
        let input = chain.shape.clone();
        let message = format!("in this use of `{}`", word.name.value);
        self.context.push(Label { span: word.name.span, message });
        let walked = self.with_declaration(shared, |walker| walker.body(shared.body, input.clone()));
        self.context.pop();
        let output = walked.output.clone();
        let body = walked.sequence(&input);
        if let Some(body) = &body {
            self.compare_uses(word.name.span, shared, body);
        }
        let kind = body.map(|body| StepKind::Shared { path: shared.path.clone(), body });
        chain.push(name, word.name.value.clone(), word.name.span, output, kind);
    }

    /// Acts as if at the place of a declaration.
    fn with_declaration<T>(&mut self, shared: &Shared<'a>, act: impl FnOnce(&mut Self) -> T) -> T {
        let names = self.scope.recede(shared.names);
        let others = self.shared.recede(shared.before);
        let taps = self.taps.named.mark();
        self.taps.named.isolate();
        let with = std::mem::replace(&mut self.with, shared.with);
        let path = std::mem::replace(&mut self.path, vec![shared.path.clone()]);
        self.taps.roots.push((shared.body, false));
        let result = act(self);
        self.taps.roots.pop();
        (self.with, self.path) = (with, path);
        self.taps.named.restore(taps);
        self.shared.advance(others);
        self.scope.advance(names);
        result
    }

    fn compare_uses(&mut self, span: Span, shared: &Shared, body: &Sequence) {
        let mut learnt = Vec::new();
        collect(body, "", &mut learnt);
        let Some(first) = self.first_uses.iter().find(|first| first.path == shared.path) else {
            self.first_uses.push(FirstUse { path: shared.path.clone(), span, learnt });
            return;
        };
        let other = |index: usize| first.learnt.get(index) != learnt.get(index);
        let Some(index) = (0..learnt.len().max(first.learnt.len())).find(|index| other(*index)) else {
            return;
        };
        let difference = report::Difference {
            name: &shared.name.value,
            first: (first.span, first.learnt.get(index)),
            second: (span, learnt.get(index)),
        };
        let report = report::shared_differs(&difference);
        self.report_here(report);
    }
}

/// What the layers of a sequence learn, in order, each with its path.
fn collect(sequence: &Sequence, path: &str, learnt: &mut Vec<(String, Vec<usize>)>) {
    for step in &sequence.steps {
        let path = format!("{path}{}", step.name);
        match &step.kind {
            StepKind::Layer(layer) => {
                let tensors = parameters(layer, &step.input, &step.output).into_iter();
                learnt.extend(tensors.map(|one| (format!("{path}.{}", one.name), one.shape)));
            }
            StepKind::Scope(body) | StepKind::Shared { body, .. } => {
                collect(body, &format!("{path}."), learnt)
            }
            StepKind::From(_) => {}
            StepKind::Join { branches, .. } => {
                for (name, branch) in branches {
                    collect(branch, &format!("{path}.{name}."), learnt);
                }
            }
        }
    }
}
