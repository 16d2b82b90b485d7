//! A network: its parameters, its signature, its words, and what must hold at its end.

use std::collections::HashSet;

use super::bias::drop_before_norm;
use super::report::{limits, shapes, taps as report};
use super::scope::Present;
use super::taps::Named;
use super::train::Checked;
use super::value::Value;
use super::walk::{Entry, Walked, Walker, last_statement, shape_of, span};
use crate::ast::{ExprKind, Network, Param, Port, Spanned, Statement, Train};
use crate::diagnostic::Span;
use crate::model::{CheckedModel, Input, Layer, Output, Sequence, Shape, Step, StepKind, Tap};

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
        let marks = self.mark();
        let parameters = self.parameters(network, overrides);
        let inputs = self.inputs(network);
        let (walked, named) = self.network_body(network, &inputs);
        let outputs = self.outputs(network, walked.output.as_ref(), named);
        let input = inputs.first().and_then(|(_, shape)| shape.clone());
        let body = walked.sequence(&input).map(|mut body| {
            drop_before_norm(&mut body, &self.written_bias);
            body
        });
        let inputs = network
            .inputs
            .iter()
            .zip(inputs)
            .map(|(port, (tap, shape))| Some(Input { name: port_name(port), shape: shape?, tap }));
        let inputs: Option<Vec<Input>> = inputs.collect();
        self.scope.present = Present::Nowhere;
        let checked = body.as_ref().zip(outputs.as_deref());
        let train = self.train(network, train, checked.map(|(body, outputs)| Checked { body, outputs }));
        self.restore(marks);
        let (body, inputs, outputs) = (body?, inputs?, outputs?);
        let name = network.name.as_ref().map(|name| name.value.clone()).unwrap_or_default();
        Some(CheckedModel {
            name,
            name_span: place(network),
            public: network.public,
            parameters,
            inputs,
            outputs,
            body,
            train,
        })
    }

    /// The inputs' values and shapes; their names are known from here on.
    fn inputs(&mut self, network: &'a Network) -> Vec<(Tap, Option<Shape>)> {
        let mut inputs = Vec::new();
        for port in &network.inputs {
            let (tap, shape) = (self.taps.new_tap(), self.signature_shape(&port.shape));
            if let Some(name) = &port.name {
                let way = shape.iter().map(|shape| (String::new(), shape.clone())).collect();
                self.taps.named.push(Named { name, tap, shape: shape.clone(), way });
            }
            inputs.push((tap, shape));
        }
        inputs
    }

    /// Walks the body from the first input on, and gathers the named outputs.
    fn network_body(
        &mut self,
        network: &'a Network,
        inputs: &[(Tap, Option<Shape>)],
    ) -> (Walked, Vec<Option<Named<'a>>>) {
        let first = inputs.first().cloned();
        let input = first.as_ref().and_then(|(_, shape)| shape.clone());
        self.entry = first.map_or(Entry::Plain, |(tap, _)| Entry::Tap(tap));
        if let Some(input) = &input {
            self.trail.start(input.clone());
        }
        let outer = self.expect_outputs(network);
        let walked = self.body(&network.body, input);
        let named = self.gather_outputs(outer);
        (walked, named)
    }

    /// Another network's body in the place of a word.
    pub(super) fn inner_body(
        &mut self,
        step: &str,
        network: &'a Network,
        input: Option<Shape>,
    ) -> (Option<Sequence>, Option<Shape>) {
        let name = network.inputs.first().and_then(|port| port.name.as_ref());
        self.entry = name.map_or(Entry::Plain, Entry::Name);
        let outer = self.expect_outputs(network);
        let walked = self.nested(step, &network.body, input.clone());
        let named = self.gather_outputs(outer).into_iter().next().flatten();
        let end = walked.output.clone();
        let outputs = self.outputs(network, end.as_ref(), vec![named.clone()]);
        let output = outputs.and_then(|outputs| outputs.into_iter().next()).map(|output| output.shape);
        let body = walked.sequence(&input).map(|body| ending_in(body, named.as_ref()));
        (body, output)
    }

    fn expect_outputs(&mut self, network: &'a Network) -> Vec<(&'a Port, Option<Named<'a>>)> {
        self.taps.roots.push((&network.body, true));
        let outputs = network.outputs.iter().map(|port| (port, None)).collect();
        std::mem::replace(&mut self.taps.outputs, outputs)
    }

    fn gather_outputs(&mut self, outer: Vec<(&'a Port, Option<Named<'a>>)>) -> Vec<Option<Named<'a>>> {
        self.taps.roots.pop();
        let outputs = std::mem::replace(&mut self.taps.outputs, outer);
        outputs.into_iter().map(|(_, named)| named).collect()
    }

    /// The outputs, of which `named` holds the values that have got a name, after a report of what
    /// does not fit the signature.
    fn outputs(
        &mut self,
        network: &'a Network,
        end: Option<&Shape>,
        named: Vec<Option<Named<'a>>>,
    ) -> Option<Vec<Output>> {
        let is_only = network.outputs.len() == 1;
        let mut outputs = Vec::new();
        let mut seen = HashSet::new();
        for (port, named) in network.outputs.iter().zip(named) {
            if !seen.insert(port.name.as_ref().map(|name| &name.value)) {
                return None;
            }
            let shape = self.signature_shape(&port.shape);
            match (&named, &port.name) {
                (Some(named), _) => self.compare_output(network, port, shape.as_ref(), named),
                (None, Some(name)) if !is_only && !self.is_damaged() => {
                    let is_end = shape.as_ref().is_some_and(|shape| end == Some(shape));
                    let place = last_statement(&network.body).filter(|_| is_end).map(statement_end);
                    self.sink.report(report::unnamed_output(name, network, place));
                }
                (None, _) => {
                    if let (Some(expected), Some(found)) = (&shape, end)
                        && is_only
                        && expected != found
                    {
                        self.report_output(network, expected, found);
                    }
                }
            }
            let tap = named.map(|named| named.tap);
            outputs.push(shape.map(|shape| Output { name: port_name(port), shape, tap }));
        }
        outputs.into_iter().collect()
    }

    fn compare_output(&mut self, network: &Network, port: &Port, expected: Option<&Shape>, named: &Named) {
        if let (Some(expected), Some(found)) = (expected, &named.shape)
            && expected != found
        {
            self.trail.resume(&named.way);
            self.report_here(report::output_shape(network, port, expected, found, named.name));
        }
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

    /// A shape of a signature; none after a report that it is not one.
    pub(super) fn signature_shape(&mut self, written: &Spanned<Vec<u64>>) -> Option<Shape> {
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
            end: statement_end(statement),
            features: features(statement),
            parameter: last_parameter(network),
        });
        self.report_here(shapes::output(network, expected, found, last));
    }
}

fn port_name(port: &Port) -> String {
    port.name.as_ref().map(|name| name.value.clone()).unwrap_or_default()
}

/// A sequence that hands on the named value, if there is one, and not its last one.
fn ending_in(mut body: Sequence, named: Option<&Named>) -> Sequence {
    let Some(Named { name, tap, shape: Some(shape), .. }) = named else { return body };
    body.steps.push(Step {
        name: "output".to_owned(),
        text: format!("from {}", name.value),
        span: name.span,
        input: body.output,
        output: shape.clone(),
        kind: StepKind::From(*tap),
        tap: None,
        learning_rate: 1.0,
    });
    body.output = shape.clone();
    body
}

/// Where a statement ends.
fn statement_end(statement: &Statement) -> usize {
    match statement {
        Statement::Word(word) => word.span.end,
        Statement::Assert(shape) => shape.span.end,
        Statement::Let { value, .. } => value.span.end,
        Statement::Repeat { body, .. }
        | Statement::For { body, .. }
        | Statement::Shared { body, .. }
        | Statement::With { body, .. } => body.span.end,
        Statement::If { keyword, arms, otherwise } => {
            let last = otherwise.as_ref().or(arms.last().map(|arm| &arm.body));
            last.map_or(keyword.end, |body| body.span.end)
        }
        Statement::As { name, .. } | Statement::From { name, .. } => name.span.end,
        Statement::JoinNamed { keyword, names } => names.last().map_or(keyword.span, |name| name.span).end,
        Statement::Allow(allow) => allow.lints.last().map_or(allow.keyword, |lint| lint.span).end,
        Statement::Residual { body, shortcut, .. } => shortcut.as_ref().unwrap_or(body).span.end,
        Statement::Join { span, .. } => span.end,
    }
}

/// The parameter that is the last argument of all: it says how many features or channels there are in
/// the end.
fn last_parameter(network: &Network) -> Option<&Param> {
    let last = network.body.statements.iter().rev().find_map(|statement| match statement {
        Statement::Word(word) => word.positional.first(),
        _ => None,
    })?;
    match &last.kind {
        ExprKind::Name(name) => network.params.iter().find(|param| param.name.value == *name),
        _ => None,
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
        StepKind::Scope(inner) | StepKind::Shared { body: inner, .. } => last_step(inner),
        StepKind::Layer(_) | StepKind::Join { .. } | StepKind::From(_) => Some(step),
    })
}
