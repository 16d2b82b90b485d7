//! Words that the text or the library defines: blocks, networks, activations and shared sub-networks.
//!
//! A use is walked anew with the shape and the arguments of its place. Words that nothing defines
//! are here, too, with what was probably meant.

use super::bind::bind;
use super::chain::Chain;
use super::expr::{Place, real};
use super::report::arguments::{self, Signature};
use super::report::{names, structure as report};
use super::scope::Present;
use super::sink::Use;
use super::symbols::{Definition, reads};
use super::value::Value;
use super::walk::{Walked, Walker};
use crate::ast::{Activation, Block, Body, Expr, Ident, Network, Param, Word};
use crate::diagnostic::{Label, Span};
use crate::library;
use crate::model::{Layer, Shape, StepKind};
use crate::words::{Found, Range, find, nearest, scalar, suggest};

impl<'a> Walker<'a> {
    /// Walks a use of a defined name; says whether the word is one.
    pub(super) fn defined(&mut self, word: &'a Word, chain: &mut Chain) -> bool {
        if let Some(shared) = self.find_shared(&word.name.value) {
            self.use_shared(word, &shared, chain);
            return true;
        }
        let found = self.symbols.find(&word.name);
        if let Some(definition) = found {
            self.definition(word, definition, chain);
        }
        found.is_some()
    }

    fn definition(&mut self, word: &'a Word, definition: Definition<'a>, chain: &mut Chain) {
        match definition {
            Definition::Block(block) => self.block(word, block, chain),
            Definition::Network(network) => self.inner_network(word, network, chain),
            Definition::Activation(activation) => self.activation(word, activation, chain),
        }
    }

    /// A word that nothing defines.
    pub(super) fn unknown(&mut self, word: &'a Word, chain: &mut Chain) {
        let own: Vec<&str> = self.names();
        let meant = self.meant.get(&word.name.span).cloned();
        let meant = meant.unwrap_or_else(|| {
            let meant = meant_word(&word.name.value, &own);
            self.meant.insert(word.name.span, meant.clone());
            meant
        });
        // A block that could not be read is not unknown; a slip from a known word is one anyway.
        if meant.is_some() || !self.is_damaged() {
            self.sink.report(names::unknown_word(&word.name, meant.as_deref(), &own));
        }
        self.evaluate_all(word);
        self.guess(|walker| walker.go_on_with(word, meant.as_deref(), chain));
    }

    /// The names that the text defines as words, those of the innermost braces first; without what is
    /// being walked, as nothing can use itself.
    fn names(&self) -> Vec<&'a str> {
        let shared = self.shared.visible().iter().rev().map(|shared| shared.name());
        let is_around = |definition: &Definition<'a>| {
            let body = definition.body();
            self.taps.roots.iter().any(|(root, _)| body.is_some_and(|body| std::ptr::eq(body, *root)))
        };
        let others = self.symbols.definitions().into_iter().filter(|definition| !is_around(definition));
        shared.chain(others.filter_map(Definition::name).map(|name| name.value.as_str())).collect()
    }

    fn go_on_with(&mut self, word: &'a Word, meant: Option<&str>, chain: &mut Chain) {
        let Some(meant) = meant else { return chain.lose() };
        let name = Ident { value: meant.to_owned(), span: word.name.span };
        if let Some(shared) = self.find_shared(meant) {
            return self.use_shared(word, &shared, chain);
        }
        match (self.symbols.find(&name), find(meant)) {
            (Some(definition), _) => self.definition(word, definition, chain),
            (None, Found::Word(row, window)) => self.layer(word, row, window, chain),
            _ => chain.lose(),
        }
    }

    /// Goes on as if something else had been written; that it may not fit either is no news.
    pub(super) fn guess(&mut self, act: impl FnOnce(&mut Self)) {
        self.sink.mute();
        act(self);
        self.sink.unmute();
    }

    /// Finds the mistakes in arguments whose places are unknown.
    pub(super) fn evaluate_all(&mut self, word: &Word) {
        for expr in word.positional.iter().chain(word.named.iter().map(|(_, expr)| expr)) {
            self.evaluate(expr);
        }
    }

    fn block(&mut self, word: &'a Word, block: &'a Block, chain: &mut Chain) {
        let signature = signature(&block.name, &block.params);
        let values = self.values(word, &signature);
        if self.symbols.is_circular(Definition::Block(block)) {
            return chain.lose();
        }
        let text = written(&block.name.value, &values);
        let name = chain.name(&block.name.value);
        let input = chain.shape.clone();
        let walked = self.isolated(word, block.name.span, input.is_some(), |walker| {
            walker.declare_all(word, &block.params, &values, &signature);
            walker.root(&name, &block.body, input.clone())
        });
        let output = walked.output.clone();
        let kind = walked.sequence(&input).map(StepKind::Scope);
        chain.push(name, text, word.name.span, output, kind);
    }

    /// Another network in the place of a word.
    fn inner_network(&mut self, word: &'a Word, network: &'a Network, chain: &mut Chain) {
        let Some(name) = &network.name else { return chain.lose() };
        let signature = signature(name, &network.params);
        let values = self.values(word, &signature);
        if self.symbols.is_circular(Definition::Network(network)) {
            return chain.lose();
        }
        let ([input], [_]) = (&network.inputs[..], &network.outputs[..]) else {
            self.sink.report(report::many_ports(word, network));
            return chain.lose();
        };
        let reads = self.signature_shape(&input.shape);
        if let (Some(reads), Some(gets)) = (&reads, &chain.shape)
            && reads != gets
        {
            let report = report::network_input(word, reads, gets, input.shape.span);
            self.report_here(report);
        }
        let text = written(&name.value, &values);
        let step = chain.name(&name.value);
        let gets = chain.shape.clone();
        let (body, output) = self.isolated(word, name.span, gets.is_some(), |walker| {
            walker.scope.present = Present::Nowhere;
            walker.declare_all(word, &network.params, &values, &signature);
            walker.inner_body(&step, network, reads.clone())
        });
        let kind = body.filter(|_| reads == gets).map(StepKind::Scope);
        chain.push(step, text, word.name.span, output, kind);
    }

    /// A function of the text's own.
    fn activation(&mut self, word: &'a Word, activation: &'a Activation, chain: &mut Chain) {
        let Some((element, params)) = activation.params.split_first() else { return };
        let signature = signature(&activation.name, params);
        let given = self.values(word, &signature);
        let mut values = Vec::new();
        for (param, (expr, value)) in params.iter().zip(given) {
            let value = match (expr, &param.default) {
                (Some(expr), _) => value.map(|value| (value, expr)),
                (None, Some(default)) => self.evaluate(default).map(|value| (value, default)),
                (None, None) => {
                    self.missing(word, param, &signature);
                    None
                }
            };
            let name = format!("the `{}` of `{}`", param.name.value, activation.name.value);
            let place = Place { name: &name, advice: "", text: self.text };
            let number = value.and_then(|(value, expr)| real(value, expr, Range::ANY, &place, self.sink));
            values.extend(number.map(|number| (param.name.value.as_str(), number)));
        }
        // A formula that has no meaning has been reported at its definition.
        let formula = scalar(&activation.value, &element.name.value, &values).ok();
        let kind =
            formula.filter(|_| values.len() == params.len()).map(|f| StepKind::Layer(Layer::Activation(f)));
        let shown: String =
            values.iter().zip(params).map(|((name, value), _)| format!(" {name}={value}")).collect();
        let text = if word.positional.is_empty() && word.named.is_empty() { String::new() } else { shown };
        let shape = chain.shape.clone();
        chain.step(
            &activation.name.value,
            format!("{}{text}", activation.name.value),
            word.name.span,
            shape,
            kind,
        );
    }

    /// The values of a word's arguments, each with its expression where the text has one.
    fn values<'w>(
        &mut self,
        word: &'w Word,
        signature: &Signature,
    ) -> Vec<(Option<&'w Expr>, Option<Value>)> {
        let bound = bind(word, signature, self.sink);
        bound.into_iter().map(|expr| (expr, expr.and_then(|expr| self.evaluate(expr)))).collect()
    }

    /// Acts without the names around the word, which a message can point at.
    fn isolated<T>(
        &mut self,
        word: &Word,
        definition: Span,
        is_known: bool,
        act: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let marks = self.mark();
        self.isolate();
        let met = self.sink.enter(Use { word: word.span, definition });
        let message = format!("in this use of `{}`", word.name.value);
        self.context.push(Label { span: word.name.span, message });
        let result = act(self);
        self.context.pop();
        self.sink.leave(met, is_known);
        self.restore(marks);
        result
    }

    fn declare_all(
        &mut self,
        word: &Word,
        params: &'a [Param],
        values: &[(Option<&Expr>, Option<Value>)],
        signature: &Signature,
    ) {
        for (param, (expr, value)) in params.iter().zip(values) {
            let value = match (expr, &param.default) {
                (Some(_), _) => *value,
                (None, Some(default)) => self.evaluate(default),
                (None, None) => {
                    self.missing(word, param, signature);
                    None
                }
            };
            self.scope.declare(&param.name, value);
        }
    }

    fn missing(&mut self, word: &Word, param: &Param, signature: &Signature) {
        self.sink.report(arguments::missing(word, &format!("`{}`", param.name.value), signature));
    }

    /// Walks a body that sees only its own names, for the place of a block.
    pub(super) fn root(&mut self, name: &str, body: &'a Body, input: Option<Shape>) -> Walked {
        self.taps.roots.push((body, false));
        let walked = self.nested(name, body, input);
        self.taps.roots.pop();
        walked
    }

    /// Walks a definition that no network uses, for the mistakes that do not depend on a use.
    pub(super) fn unused(&mut self, definition: Definition<'a>) {
        let (Some(body), false) = (definition.body(), self.symbols.is_circular(definition)) else { return };
        let marks = self.mark();
        self.isolate();
        if let Definition::Block(block) = definition {
            for param in &block.params {
                self.scope.declare(&param.name, None);
            }
        }
        self.scope.present = Present::Unknown;
        self.root("", body, None);
        self.restore(marks);
    }

    /// Checks the formula of an activation.
    pub(super) fn check_activation(&mut self, activation: &'a Activation) {
        let Some((element, params)) = activation.params.split_first() else {
            self.sink.report(report::no_element(activation));
            return;
        };
        if let Some(default) = &element.default {
            self.sink.report(report::element_with_default(&element.name, default.span));
        }
        for param in activation.params.iter().filter(|param| reads(&activation.value, &param.name.value)) {
            self.scope.mark_used(&param.name);
        }
        let values: Vec<(&str, f64)> = params.iter().map(|param| (param.name.value.as_str(), 1.0)).collect();
        if let Err(error) = scalar(&activation.value, &element.name.value, &values) {
            let names = activation.params.iter().map(|param| param.name.value.as_str());
            self.sink.report(report::formula(activation, &error, &names.collect::<Vec<_>>()));
        }
    }
}

/// The word that somebody meant who wrote an unknown one, in a text that defines `own`.
fn meant_word(written: &str, own: &[&str]) -> Option<String> {
    // A slip of a letter or two is near to some block of the library in any case.
    let library = || nearest(written, library::names().filter(|_| written.len() > 3)).map(str::to_owned);
    let own = nearest(written, own.iter().copied()).map(str::to_owned);
    own.or_else(|| suggest(written)).or_else(library)
}

fn signature<'a>(name: &'a Ident, params: &'a [Param]) -> Signature<'a> {
    let positional = params.iter().map(|param| param.name.value.as_str()).collect();
    Signature { positional, named: vec![], definition: Some(name.span) }
}

fn written(name: &str, values: &[(Option<&Expr>, Option<Value>)]) -> String {
    let given = values.iter().filter(|(expr, _)| expr.is_some()).filter_map(|(_, value)| *value);
    given.fold(name.to_owned(), |text, value| format!("{text} {value}"))
}
