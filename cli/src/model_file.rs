//! Model files: reading one, checking it, drawing what is wrong with it.
//!
//! Every command that needs a checked model takes the same arguments and comes through
//! [`load`]. A file named `-` is standard input.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use nnc_dsl::lints::{self, Group, Level};
use nnc_dsl::model::{CheckedModel, OptimizerKind};
use nnc_dsl::render::{render, render_sources};
use nnc_dsl::words::nearest;
use nnc_dsl::{Diagnostic, Options, Outcome};

use crate::failure::Failure;
use crate::files::{Unreadable, read_text};
use crate::training::{LOSSES, override_training};
use crate::{imports, output};

/// A text with the name under which diagnostics show it.
#[derive(Clone)]
pub(crate) struct ModelText {
    /// The path as the user wrote it; `<stdin>` for standard input.
    pub(crate) file: String,
    /// What the file holds.
    pub(crate) text: String,
}

/// A text and the one network of it that is asked for.
pub(crate) struct ModelFile {
    /// Where the network comes from.
    pub(crate) text: ModelText,
    /// The network.
    pub(crate) model: CheckedModel,
}

/// The arguments of every command that takes one network, and how it is trained.
pub(crate) fn model_arguments() -> Vec<Arg> {
    let mut arguments = network_arguments();
    arguments.push(
        choice("optimizer", OptimizerKind::ALL.map(OptimizerKind::name))
            .help("Optimiser instead of the model's, with its default hyperparameters"),
    );
    arguments.push(choice("loss", LOSSES.map(|(name, _)| name)).help("Loss instead of the model's"));
    arguments
}

/// The arguments of every command that takes one network.
pub(crate) fn network_arguments() -> Vec<Arg> {
    let model = Arg::new("model")
        .value_name("MODEL.nn")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The file with the network; `-` reads standard input");
    [model].into_iter().chain(check_arguments()).collect()
}

/// The arguments that decide what is checked.
pub(crate) fn check_arguments() -> [Arg; 5] {
    let level = |name, short| {
        let level = Arg::new(name).long(name).short(short).value_name("LINT");
        level.action(ArgAction::Append).value_parser(lint_name)
    };
    [
        Arg::new("set")
            .long("set")
            .value_name("NAME=VALUE")
            .action(ArgAction::Append)
            .value_parser(assignment)
            .help("Value of a network parameter, such as width=64; may be repeated"),
        Arg::new("network")
            .long("network")
            .value_name("NAME")
            .help("Which network, where the file has several"),
        level("warn", 'W').help("Warn of what this lint or group of lints finds; may be repeated"),
        level("allow", 'A').help("Be silent about it"),
        level("deny", 'D').help("Take it for an error"),
    ]
}

/// The settings of [`check_arguments`].
pub(crate) fn check_options(matches: &ArgMatches) -> Options {
    Options {
        set: matches.get_many("set").into_iter().flatten().cloned().collect(),
        network: matches.get_one("network").cloned(),
        levels: levels(matches).into_iter().map(|(name, _, level)| (name, level)).collect(),
        ..Options::default()
    }
}

/// What [`load`] was told besides the file, as arguments that tell it again.
pub(crate) fn settings_line(matches: &ArgMatches) -> Vec<String> {
    let options = check_options(matches);
    let set = options.set.iter().map(|(name, value)| ("set", format!("{name}={value}")));
    let network = options.network.map(|name| ("network", name));
    let choices = ["optimizer", "loss"].into_iter();
    let choices = choices.filter_map(|name| Some((name, matches.get_one::<String>(name)?.clone())));
    let levels = levels(matches).into_iter().map(|(lint, argument, _)| (argument, lint));
    let all = set.chain(network).chain(choices).chain(levels);
    all.flat_map(|(name, value)| [format!("--{name}"), value]).collect()
}

/// Reads and checks the network that the matches of [`network_arguments`] name. Diagnostics are drawn
/// on standard error.
pub(crate) fn load(matches: &ArgMatches) -> Result<ModelFile, Failure> {
    let text = read(model_path(matches))?;
    let outcome = imports::check(&text, &check_options(matches));
    draw(&outcome);
    if outcome.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(Failure::Drawn);
    }
    let mut model = single(outcome.models, &text)?;
    override_training(&mut model, matches)?;
    Ok(ModelFile { text, model })
}

/// The model file that the matches name.
pub(crate) fn model_path(matches: &ArgMatches) -> &Path {
    matches.get_one::<PathBuf>("model").map_or(Path::new("-"), PathBuf::as_path)
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<ModelText, Failure> {
    let file = if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() };
    match read_text(path) {
        Ok(text) => Ok(ModelText { file, text }),
        Err(unreadable) => Err(refused(path, &file, &unreadable)),
    }
}

/// Draws what a check has found on standard error.
pub(crate) fn draw(outcome: &Outcome) {
    output::show(&render_sources(&outcome.diagnostics, &outcome.sources, output::color()));
}

/// Draws diagnostics of a text that stands alone.
pub(crate) fn draw_text(diagnostics: &[Diagnostic], text: &ModelText) {
    output::show(&render(diagnostics, &text.file, &text.text, output::color()));
}

/// The levels in the order of the command line: a lint, the argument, and its level.
fn levels(matches: &ArgMatches) -> Vec<(String, &'static str, Level)> {
    let arguments = [("warn", Level::Warn), ("allow", Level::Allow), ("deny", Level::Deny)];
    let mut levels: Vec<_> = arguments
        .into_iter()
        .flat_map(|(argument, level)| {
            let indices = matches.indices_of(argument).into_iter().flatten();
            let names = matches.get_many::<String>(argument).into_iter().flatten();
            indices.zip(names).map(move |(index, name)| (index, (name.clone(), argument, level)))
        })
        .collect();
    levels.sort_by_key(|(index, _)| *index);
    levels.into_iter().map(|(_, level)| level).collect()
}

fn lint_name(name: &str) -> Result<String, String> {
    if lints::is_known(name) {
        return Ok(name.to_owned());
    }
    let groups = Group::ALL.iter().map(|group| group.name());
    match nearest(name, lints::names().chain(groups)) {
        Some(meant) => Err(format!("no lint is called so; did you mean `{meant}`?")),
        None => Err("no lint is called so; `nnc explain` lists them all".to_owned()),
    }
}

fn choice<const N: usize>(name: &'static str, values: [&'static str; N]) -> Arg {
    Arg::new(name).long(name).value_name("NAME").value_parser(values)
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE, such as width=64".into()),
    }
}

fn refused(path: &Path, file: &str, unreadable: &Unreadable) -> Failure {
    let failure = Failure::new(format!("cannot read `{file}`: {}", unreadable.reason()));
    match unreadable {
        Unreadable::Io(_) => advise(failure, path),
        Unreadable::Folder => failure.help("name a model file in it, such as `model.nn`"),
        Unreadable::TooLong => failure.help("give the file with the words of the network, not its data"),
        Unreadable::NotText(_) => failure.help("save the file as UTF-8; a model is plain text"),
    }
}

/// What may have been meant by a file that is not there.
fn advise(failure: Failure, path: &Path) -> Failure {
    let with_ending = path.with_added_extension("nn");
    let is_word = path.components().count() == 1 && path.extension().is_none();
    if with_ending.is_file() {
        failure.help(format!("there is `{}`", with_ending.display()))
    } else if is_word {
        failure.help(
            "if a command was meant, there are run, check, fmt, summary, graph, dump, devices and explain: see `nnc --help`",
        )
    } else {
        failure
    }
}

fn single(models: Vec<CheckedModel>, text: &ModelText) -> Result<CheckedModel, Failure> {
    let names: Vec<String> = models.iter().map(|model| format!("`{}`", model.name)).collect();
    let mut models = models.into_iter();
    match (models.next(), models.next()) {
        (Some(model), None) => Ok(model),
        _ => {
            let message = format!("`{}` has {} networks: {}", text.file, names.len(), names.join(", "));
            Err(Failure::new(message).help("choose one with `--network NAME`"))
        }
    }
}
