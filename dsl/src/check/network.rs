//! A network: its parameters, its signature, its words, and what must hold at its end.

use super::bias::drop_before_norm;
use super::report::{limits, lints, shapes};
use super::train::Settled;
use super::value::Value;
use super::walk::{Walker, last_statement, shape_of, span};
use crate::ast::{Network, Spanned, Statement, Train};
use crate::diagnostic::Span;
use crate::model::{CheckedModel, Layer, Sequence, Shape, Step, StepKind};

/// Values from outside for a network's parameters; none after a mistake, which has been reported.
pub(super) type Overrides<'o> = &'o [(&'o str, Option<Value>)];

/// Where a network is pointed at as a whole: its name, or its signature if it has none.
pub(super) fn place(network: &Network) -> Span {
    network.name.as_ref().map_or(network.signature_span, |name| name.span)
}

impl<'a> Walker<'a> {
    /// Checks a network; none if any part of it is unknown.
    pub(super) fn network(
        &mut self,
        network: &'a Network,
        train: Option<&'a Train>,
        overrides: Overrides,
    ) -> Option<CheckedModel> {
        self.restart();
        let mark = self.scope.mark();
        let parameters = self.parameters(network, overrides);
        let input = self.signature_shape(&network.input);
        let output = self.signature_shape(&network.output);
        if let Some(input) = &input {
            self.trail.start(input.clone());
        }
        let walked = self.body(&network.body, input.clone());
        if let (Some(expected), Some(found)) = (&output, &walked.output)
            && expected != found
        {
            self.report_output(network, expected, found);
        }
        let body = walked.sequence(&input).map(|mut body| {
            drop_before_norm(&mut body, &self.written_bias);
            body
        });
        let settled = self.train(network, train, body.as_ref());
        self.scope.restore(mark);
        let (body, input, output) = (body?, input?, output?);
        self.lint(&body, &settled);
        let name = network.name.as_ref().map(|name| name.value.clone()).unwrap_or_default();
        Some(CheckedModel {
            name,
            name_span: place(network),
            public: network.public,
            parameters,
            input,
            output,
            body,
            train: settled.train,
        })
    }

    fn parameters(&mut self, network: &'a Network, overrides: Overrides) -> Vec<(String, f64)> {
        let mut parameters = Vec::new();
        for param in &network.params {
            let name = &param.name;
            let set = overrides.iter().find(|(known, _)| *known == name.value);
            let value = match (set, &param.default) {
                (Some((_, value)), _) => *value,
                (None, Some(default)) => self.evaluate(default),
                (None, None) => {
                    self.sink.report(limits::no_value(name));
                    None
                }
            };
            self.scope.declare(name, value);
            parameters.extend(value.map(|value| (name.value.clone(), value.stored())));
        }
        parameters
    }

    fn signature_shape(&mut self, written: &Spanned<Vec<u64>>) -> Option<Shape> {
        match shapes::bad_shape(written) {
            Some(diagnostic) => {
                self.sink.report(diagnostic);
                None
            }
            None => Some(shape_of(written)),
        }
    }

    fn report_output(&mut self, network: &Network, expected: &Shape, found: &Shape) {
        let last = last_statement(&network.body).map(|statement| shapes::Last {
            word: span(statement),
            end: end(statement),
            features: features(statement),
        });
        self.report_here(shapes::output(network, expected, found, last));
    }

    fn lint(&mut self, body: &Sequence, settled: &Settled) {
        if let Some(last) = last_step(body)
            && matches!(last.kind, StepKind::Layer(Layer::Dropout { .. }))
        {
            self.sink.report(lints::last_dropout(last.span));
        }
        let batch = settled.train.batch;
        if let (Some(setting), Some(norm)) = (settled.batch_span, first_norm(body))
            && batch < 16
        {
            self.sink.report(lints::small_batch(setting, batch, norm));
        }
    }
}

/// Where a statement ends.
fn end(statement: &Statement) -> usize {
    match statement {
        Statement::Word(word) => word.span.end,
        Statement::Assert(shape) => shape.span.end,
        Statement::Let { value, .. } => value.span.end,
        Statement::Repeat { body, .. } | Statement::For { body, .. } => body.span.end,
        Statement::Residual { body, shortcut, .. } => shortcut.as_ref().unwrap_or(body).span.end,
        Statement::Join { span, .. } => span.end,
    }
}

fn features(statement: &Statement) -> Option<Span> {
    match statement {
        Statement::Word(word) if word.name.value == "linear" => word.positional.first().map(|expr| expr.span),
        _ => None,
    }
}

/// The step that gives the sequence's output: a layer, or a join of several.
pub(super) fn last_step(sequence: &Sequence) -> Option<&Step> {
    sequence.steps.iter().rev().find_map(|step| match &step.kind {
        StepKind::Layer(Layer::Identity) => None,
        StepKind::Scope(inner) => last_step(inner),
        StepKind::Layer(_) | StepKind::Join { .. } => Some(step),
    })
}

fn first_norm(sequence: &Sequence) -> Option<Span> {
    sequence.steps.iter().find_map(|step| match &step.kind {
        StepKind::Layer(Layer::BatchNorm { .. }) => Some(step.span),
        StepKind::Layer(_) => None,
        StepKind::Scope(inner) => first_norm(inner),
        StepKind::Join { branches, .. } => branches.iter().find_map(|(_, branch)| first_norm(branch)),
    })
}
