//! `with`: settings for all words within, those of used blocks included.

use super::chain::Chain;
use super::expr::{Place, flag, real};
use super::report::structure as report;
use super::walk::Walker;
use crate::ast::{Body, Expr, Ident};
use crate::diagnostic::Span;
use crate::model::{Init, StepKind};
use crate::words::Range;

/// The settings of `with`, in the order of the documentation.
pub(super) const SETTINGS: [&str; 4] = ["lr", "frozen", "init", "bias"];

/// What the `with`s around a word say.
#[derive(Clone, Copy, Debug)]
pub(super) struct With {
    /// Factor on the learning rate: the product of all around.
    lr: f64,
    /// Whether nothing learns.
    frozen: bool,
    /// Initial weights of the words that do not say theirs.
    pub(super) init: Option<Init>,
    /// Whether the words that do not say so have a bias.
    pub(super) bias: Option<bool>,
}

impl With {
    /// Outside of all `with`s.
    pub(super) const NOTHING: With = With { lr: 1.0, frozen: false, init: None, bias: None };

    /// The factor on the learning rate of a step.
    pub(super) fn learning_rate(self) -> f64 {
        if self.frozen { 0.0 } else { self.lr }
    }
}

impl<'a> Walker<'a> {
    /// `with lr=0.1 { body }`
    pub(super) fn with(
        &mut self,
        keyword: Span,
        settings: &'a [(Ident, Expr)],
        body: &'a Body,
        chain: &mut Chain,
    ) {
        let outer = self.with;
        for (index, (name, expr)) in settings.iter().enumerate() {
            match settings[..index].iter().find(|(first, _)| first.value == name.value) {
                Some((first, _)) => self.sink.report(report::setting_twice(name, first)),
                None => self.set(name, expr, outer),
            }
        }
        let end = settings.last().map_or(keyword, |(_, value)| value.span);
        let text = self.text.get(keyword.to(end).range()).unwrap_or("with").to_owned();
        let name = chain.name("with");
        let input = chain.shape.clone();
        let walked = self.open(&name, body, input.clone());
        self.with = outer;
        let output = walked.output.clone();
        let kind = walked.sequence(&input).map(StepKind::Scope);
        chain.push(name, text, keyword, output, kind);
    }

    fn set(&mut self, name: &Ident, expr: &Expr, outer: With) {
        let what = format!("the `{}` of `with`", name.value);
        let advice = format!("leave `{}` out to change nothing", name.value);
        let place = Place { name: &what, advice: &advice, text: self.text };
        match name.value.as_str() {
            "init" => self.with.init = self.init(expr, &place).or(outer.init),
            "lr" => {
                let value = self.evaluate(expr);
                let lr = value.and_then(|value| real(value, expr, Range::at_least(0.0), &place, self.sink));
                self.with.lr = outer.lr * lr.unwrap_or(1.0);
            }
            "frozen" | "bias" => {
                let value = self.evaluate(expr);
                let value = value.and_then(|value| flag(value, expr, &place, self.sink));
                match name.value.as_str() {
                    "frozen" => self.with.frozen = value.unwrap_or(outer.frozen),
                    _ => self.with.bias = value.or(outer.bias),
                }
            }
            _ => self.sink.report(report::unknown_setting(name, &SETTINGS)),
        }
    }
}
