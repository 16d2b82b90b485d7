//! From syntax tree to checked model: names, values, shapes and the `train` section.
//!
//! ```text
//! load ▶ Symbols::gather ▶ Walker::network, for each network ▶ lints
//! ```
//!
//! One convention: whatever finds a mistake reports it and goes on with a best guess, or with
//! `None`, which silences all that would only repeat the mistake. The text's mistakes are found
//! here and in the parser; after this room a model has none. What a layer computes is not known.

mod bias;
mod bind;
mod chain;
mod conditional;
mod expr;
mod join;
mod load;
mod loss;
mod network;
mod report;
mod scope;
mod settings;
mod shared;
mod sink;
mod symbols;
mod taps;
mod trail;
mod train;
mod uses;
mod value;
mod walk;
mod word;

use crate::ast::{Ident, Network, Train};
use crate::diagnostic::{Diagnostic, Span};
use crate::lints::{self, Level};
use crate::model::CheckedModel;
use crate::sources::{Loader, SourceMap};
use crate::syntax::{Entry, parse_formula};
use load::{Loaded, load};
use report::limits;
use report::train as train_report;
use scope::Scope;
use sink::Sink;
use symbols::{Definition, Symbols, declarations};
use value::Value;
use walk::Walker;

/// What stands outside of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Values for network parameters, as names with the text of an expression: `("width", "2*32")`.
    pub set: Vec<(String, String)>,
    /// The only network to check; all of them if none is named.
    pub network: Option<String>,
    /// Levels of lints, by the names of lints and groups or `all`; the last one that means a lint counts.
    pub levels: Vec<(String, Level)>,
    /// Bytes of the device's memory; [`lints::MEMORY`] if unknown.
    pub memory: Option<u64>,
}

/// What a text has come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The networks in the order of the text; none at all if anything is wrong.
    pub models: Vec<CheckedModel>,
    /// All errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that all spans are about: the text itself, what it uses, and the parts of the standard
    /// library that it needs.
    pub sources: SourceMap,
}

/// Reads and checks a text that has no file, and so can use none.
pub fn check(text: &str, entry: Entry, options: &Options) -> Outcome {
    let nothing = |_: &str, _: &str| Err("a text without a file has no others beside it".to_owned());
    check_file("", text, entry, options, &nothing)
}

/// Reads and checks the text of a file, with the files that it uses.
pub fn check_file(file: &str, text: &str, entry: Entry, options: &Options, loader: Loader) -> Outcome {
    let mut loaded = load(file, text, entry, loader);
    let mut sink = Sink::new(std::mem::take(&mut loaded.found), loaded.library);
    let models = check_loaded(&loaded, options, &mut sink);
    let models = if sink.has_errors() { Vec::new() } else { models };
    Outcome { models, diagnostics: sink.finish(), sources: loaded.sources }
}

fn check_loaded(loaded: &Loaded, options: &Options, sink: &mut Sink) -> Vec<CheckedModel> {
    let (text, damage) = (loaded.sources.text(), &loaded.damage[..]);
    let symbols = Symbols::gather(loaded, sink);
    let networks = selected(&symbols, damage, options, sink);
    check_sections(&symbols, damage, sink);
    let overrides = overrides(&networks, options, sink);
    check_lint_names(loaded, &networks, options, sink);
    let mut walker = Walker::new(text, &symbols, damage, sink);
    for definition in symbols.definitions() {
        if let Definition::Activation(activation) = definition {
            walker.check_activation(activation);
        }
    }
    let mut models = Vec::new();
    for network in networks {
        let section = section(&symbols, network);
        let model = walker.network(network, section, &overrides);
        models.extend(model.map(|model| (model, section)));
    }
    let main = loaded.sources.files().first().map(|file| file.span).unwrap_or_default();
    let unused = symbols.unused(main);
    for definition in &unused {
        walker.unused(*definition);
    }
    if !walker.sink.has_errors() {
        lint(loaded, &unused, &models, &mut walker, options);
    }
    models.into_iter().map(|(model, _)| model).collect()
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

/// Reports names of lints that there are not, in the text and in the options.
fn check_lint_names(loaded: &Loaded, networks: &[&Network], options: &Options, sink: &mut Sink) {
    let written = loaded.files.iter().flat_map(|file| lints::unknown_names(&file.module));
    let place = networks.first().map(|network| network::place(network)).unwrap_or_default();
    written.chain(lints::unknown_levels(&options.levels, place)).for_each(|error| sink.report(error));
}

fn lint(
    loaded: &Loaded,
    unused: &[Definition],
    models: &[(CheckedModel, Option<&Train>)],
    walker: &mut Walker,
    options: &Options,
) {
    let mut text = lints::Text {
        files: loaded
            .sources
            .files()
            .iter()
            .map(|file| file.span)
            .zip(loaded.files.iter().map(|file| &file.module))
            .collect(),
        unused_definitions: unused.iter().filter_map(|one| Some((one.what(), one.name()?))).collect(),
        unused_values: Vec::new(),
        unused_files: walker.symbols.unused_files(loaded),
    };
    text.files.retain(|(span, _)| span.start < loaded.library);
    // Names in networks that were not asked for have not been looked at.
    let main = loaded.files.first().filter(|_| options.network.is_none());
    for (what, name) in main.map(|main| declarations(&main.module)).unwrap_or_default() {
        match what {
            _ if name.value.starts_with('_') || walker.scope.was_used(name) => {}
            Some(what) => text.unused_definitions.push((what, name)),
            None => text.unused_values.push(name),
        }
    }
    let models: Vec<_> = models.iter().map(|(model, section)| (model, *section)).collect();
    let found = lints::run(&text, &models, &options.levels, options.memory);
    // What the library does is not for its user to mend.
    let own = found.into_iter().filter(|finding| finding.span.start < loaded.library);
    own.for_each(|finding| walker.sink.report(finding));
}
