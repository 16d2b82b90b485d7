//! `if`: the first body whose condition holds; the others are walked for what is wrong whatever
//! the values.

use super::chain::Chain;
use super::expr::{Place, flag};
use super::walk::Walker;
use crate::ast::{Arm, Body, Expr};
use crate::diagnostic::Span;
use crate::model::StepKind;

/// What the conditions so far have come to.
enum Choice<'a> {
    /// None of them holds.
    Open,
    /// A mistake has left one unknown.
    Unknown,
    /// This body, under this text.
    Taken(&'a Body, String),
}

impl<'a> Walker<'a> {
    /// `if (a) { … } else if (b) { … } else { … }`
    pub(super) fn conditional(
        &mut self,
        keyword: Span,
        arms: &'a [Arm],
        otherwise: Option<&'a Body>,
        chain: &mut Chain,
    ) {
        let mut choice = Choice::Open;
        for arm in arms {
            choice = match choice {
                Choice::Open => self.choose(arm),
                chosen => {
                    self.note_names(&arm.condition);
                    chosen
                }
            };
        }
        if let (Choice::Open, Some(body)) = (&choice, otherwise) {
            choice = Choice::Taken(body, "else".to_owned());
        }
        let taken = match &choice {
            Choice::Taken(body, _) => Some(body.span),
            Choice::Open | Choice::Unknown => None,
        };
        for body in arms.iter().map(|arm| &arm.body).chain(otherwise) {
            if taken != Some(body.span) {
                self.untaken(body);
            }
        }
        match choice {
            Choice::Open => {}
            Choice::Unknown => chain.lose(),
            Choice::Taken(body, text) => {
                let (name, input) = (chain.name("if"), chain.shape.clone());
                let walked = self.nested(&name, body, input.clone());
                let output = walked.output.clone();
                let kind = walked.sequence(&input).map(StepKind::Scope);
                chain.push(name, text, keyword, output, kind);
            }
        }
    }

    fn choose(&mut self, arm: &'a Arm) -> Choice<'a> {
        let condition = &arm.condition;
        let place = Place { name: "the condition of `if`", advice: "", text: self.text };
        let value = self.evaluate(condition);
        match value.and_then(|value| flag(value, condition, &place, self.sink)) {
            None => Choice::Unknown,
            Some(false) => Choice::Open,
            Some(true) => {
                let source = self.text.get(condition.span.range()).unwrap_or_default();
                Choice::Taken(&arm.body, format!("if {source}"))
            }
        }
    }

    /// Notes which names a condition reads that is not asked: it may have no value, and guards against that.
    fn note_names(&mut self, condition: &Expr) {
        self.sink.mute();
        self.evaluate(condition);
        self.sink.unmute();
    }
}
