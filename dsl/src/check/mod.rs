//! From syntax tree to checked model: names, values, shapes and the `train` section.
//!
//! ```text
//! Symbols::gather ▶ Walker::network, for each network ▶ lints
//! ```
//!
//! One convention: whatever finds a mistake reports it and goes on with a best guess, or with
//! `None`, which silences all that would only repeat the mistake. The text's mistakes are found
//! here and in the parser; after this room a model has none. What a layer computes is not known.

mod bias;
mod bind;
mod expr;
mod join;
mod network;
mod report;
mod scope;
mod sink;
mod symbols;
mod trail;
mod train;
mod value;
mod walk;
mod word;

use crate::ast::{Ident, Module, Network, Train};
use crate::diagnostic::{Diagnostic, Span};
use crate::model::CheckedModel;
use crate::syntax::{Entry, parse, parse_formula};
use report::train as train_report;
use report::{limits, lints};
use scope::Scope;
use sink::Sink;
use symbols::{Symbols, declarations};
use value::Value;
use walk::Walker;

/// What stands outside of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Values for network parameters, as names with the text of an expression: `("width", "2*32")`.
    pub set: Vec<(String, String)>,
    /// The only network to check; all of them if none is named.
    pub network: Option<String>,
}

/// What a text has come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The networks in the order of the text; none at all if anything is wrong.
    pub models: Vec<CheckedModel>,
    /// All errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and checks a text.
pub fn check(text: &str, entry: Entry, options: &Options) -> Outcome {
    let (module, found) = parse(text, entry);
    let damage: Vec<Span> = found.iter().map(|diagnostic| damaged(text, diagnostic.span)).collect();
    let mut sink = Sink::new(found);
    let models = check_module(text, &module, &damage, options, &mut sink);
    let models = if sink.has_errors() { Vec::new() } else { models };
    Outcome { models, diagnostics: sink.finish() }
}

/// What a mistake of the parser leaves in doubt: its place, but all that follows if it is a
/// bracket that is never closed.
fn damaged(text: &str, span: Span) -> Span {
    match text.get(span.range()) {
        Some("{" | "[" | "(") => Span::new(span.start, text.len()),
        _ => span,
    }
}

fn check_module(
    text: &str,
    module: &Module,
    damage: &[Span],
    options: &Options,
    sink: &mut Sink,
) -> Vec<CheckedModel> {
    let symbols = Symbols::gather(module, sink);
    let networks = selected(&symbols, damage, options, sink);
    check_sections(&symbols, damage, sink);
    let overrides = overrides(&networks, options, sink);
    let mut walker = Walker::new(text, &symbols, damage, sink);
    let mut models = Vec::new();
    for network in networks {
        let model = walker.network(network, section(&symbols, network), &overrides);
        models.extend(model);
    }
    let unused = symbols.unused_blocks();
    for block in &unused {
        walker.unused(block);
    }
    if !walker.sink.has_errors() {
        lint_unused(module, &unused, &mut walker, options);
    }
    models
}

/// The networks to check.
fn selected<'a>(
    symbols: &Symbols<'a>,
    damage: &[Span],
    options: &Options,
    sink: &mut Sink,
) -> Vec<&'a Network> {
    let all = &symbols.networks;
    let wanted = |network: &&&Network| {
        options.network.as_ref().is_none_or(|name| network.name.as_ref().is_some_and(|n| n.value == *name))
    };
    let networks: Vec<&Network> = all.iter().filter(wanted).copied().collect();
    match &options.network {
        // A network that could not be read is not missing.
        _ if !networks.is_empty() || !damage.is_empty() => {}
        Some(name) if !all.is_empty() => sink.report(limits::unknown_network(name, all)),
        _ => sink.report(limits::no_network()),
    }
    networks
}

fn section<'a>(symbols: &Symbols<'a>, network: &Network) -> Option<&'a Train> {
    let name = network.name.as_ref()?;
    symbols.trains.iter().find(|train| train.name.value == name.value).copied()
}

/// Reports `train` sections without a network, and second ones.
fn check_sections(symbols: &Symbols, damage: &[Span], sink: &mut Sink) {
    let names: Vec<&str> =
        symbols.networks.iter().filter_map(|n| n.name.as_ref()).map(|name| name.value.as_str()).collect();
    for (index, train) in symbols.trains.iter().enumerate() {
        let first = symbols.trains[..index].iter().find(|first| first.name.value == train.name.value);
        if let Some(first) = first {
            sink.report(train_report::second_section(&train.name, first.name.span));
        } else if !names.contains(&train.name.value.as_str()) && damage.is_empty() {
            sink.report(train_report::unknown_network(&train.name, &names));
        }
    }
}

/// The values set from outside, each for a parameter that some network has.
fn overrides<'o>(
    networks: &[&Network],
    options: &'o Options,
    sink: &mut Sink,
) -> Vec<(&'o str, Option<Value>)> {
    let mut values = Vec::new();
    for (name, text) in &options.set {
        let params = networks.iter().flat_map(|network| &network.params);
        match params.map(|param| &param.name).find(|param| param.value == *name) {
            None => sink.report(limits::unknown_parameter(name, networks)),
            // The last one wins, as on every command line.
            Some(param) => values.insert(0, (name.as_str(), outside_value(param, text, sink))),
        }
    }
    values
}

/// The value of an expression that does not stand in the text, and so has no place of its own.
fn outside_value(param: &Ident, text: &str, sink: &mut Sink) -> Option<Value> {
    let mut inner = Sink::default();
    let parsed = parse_formula(text);
    let value = parsed.as_ref().ok().and_then(|expr| expr::evaluate(expr, &mut Scope::default(), &mut inner));
    if value.is_none() {
        let found = parsed.err().map(|diagnostic| diagnostic.message);
        let reason = found.or_else(|| inner.finish().into_iter().next().map(|diagnostic| diagnostic.message));
        sink.report(limits::bad_setting(param, text, &reason.unwrap_or_default()));
    }
    value
}

fn lint_unused(module: &Module, unused: &[&crate::ast::Block], walker: &mut Walker, options: &Options) {
    for block in unused {
        walker.sink.report(lints::unused_block(block));
    }
    // Names in networks that were not asked for have not been looked at.
    if options.network.is_some() {
        return;
    }
    for name in declarations(module) {
        if !name.value.starts_with('_') && !walker.scope.was_used(name) {
            walker.sink.report(lints::unused_name(name));
        }
    }
}
