//! Model files: reading one, checking it, drawing what is wrong with it.
//!
//! Every command that needs a checked model takes the same arguments and comes through
//! [`load`]. A file named `-` is standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use nnc_dsl::model::{CheckedModel, Layer, Loss, Optimizer, OptimizerKind, Sequence, StepKind};
use nnc_dsl::render::render;
use nnc_dsl::syntax::MAX_TEXT;
use nnc_dsl::{Diagnostic, Entry, Options, check};

use crate::failure::Failure;
use crate::output;

/// A text with the name under which diagnostics show it.
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

/// The arguments of every command that takes one network.
pub(crate) fn model_arguments() -> Vec<Arg> {
    let mut arguments = vec![model_argument()];
    arguments.extend(check_arguments());
    arguments.push(
        choice("optimizer", OptimizerKind::ALL.map(OptimizerKind::name))
            .help("Optimiser instead of the model's, with its default hyperparameters"),
    );
    arguments.push(choice("loss", LOSSES.map(|(name, _)| name)).help("Loss instead of the model's"));
    arguments
}

/// The arguments that decide what is checked.
pub(crate) fn check_arguments() -> [Arg; 2] {
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
    ]
}

/// The settings of [`check_arguments`].
pub(crate) fn check_options(matches: &ArgMatches) -> Options {
    Options {
        set: matches.get_many("set").into_iter().flatten().cloned().collect(),
        network: matches.get_one("network").cloned(),
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
    let all = set.chain(network).chain(choices);
    all.flat_map(|(name, value)| [format!("--{name}"), value]).collect()
}

/// Reads and checks the network that the matches of [`model_arguments`] name. Diagnostics are drawn
/// on standard error.
pub(crate) fn load(matches: &ArgMatches) -> Result<ModelFile, Failure> {
    let text = read(model_path(matches))?;
    let outcome = check(&text.text, Entry::File, &check_options(matches));
    draw(&outcome.diagnostics, &text);
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
    let bytes = read_bytes(path)?;
    if bytes.len() > MAX_TEXT {
        let message = format!("`{file}` is longer than {MAX_TEXT} bytes, which no model is");
        return Err(Failure::new(message).help("give the file with the words of the network, not its data"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(ModelText { file, text }),
        Err(error) => {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            let message = format!("`{file}` is not UTF-8 text: line {line} has a wrong byte");
            Err(Failure::new(message).help("save the file as UTF-8; a model is plain text"))
        }
    }
}

/// Draws diagnostics on standard error.
pub(crate) fn draw(diagnostics: &[Diagnostic], text: &ModelText) {
    output::show(&render(diagnostics, &text.file, &text.text, output::color()));
}

const LOSSES: [(&str, Loss); 2] = [("cross_entropy", Loss::CrossEntropy), ("mse", Loss::MeanSquaredError)];

fn model_argument() -> Arg {
    Arg::new("model")
        .value_name("MODEL.nn")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The file with the network; `-` reads standard input")
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

/// At most one byte more than a text may have, so that a device or a data set is never read whole.
fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = MAX_TEXT as u64 + 1;
    let result = match path == Path::new("-") {
        true => io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false if path.is_dir() => {
            let message = format!("`{}` is a folder, expected a model file", path.display());
            return Err(Failure::new(message).help("name a file in it, such as `model.nn`"));
        }
        false => File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    match result {
        Ok(_) => Ok(bytes),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::io("read", path, error);
    let with_ending = path.with_added_extension("nn");
    let is_word = path.components().count() == 1 && path.extension().is_none();
    if with_ending.is_file() {
        failure.help(format!("there is `{}`", with_ending.display()))
    } else if is_word {
        failure
            .help("if a command was meant, there are run, check, summary, dump and explain: see `nnc --help`")
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

/// Puts `--optimizer` and `--loss` in the place of what the text says.
fn override_training(model: &mut CheckedModel, matches: &ArgMatches) -> Result<(), Failure> {
    let optimizer = matches.get_one::<String>("optimizer");
    let kind = optimizer.and_then(|name| OptimizerKind::ALL.into_iter().find(|kind| kind.name() == name));
    if let Some(kind) = kind.filter(|kind| *kind != model.train.optimizer.kind) {
        let values = kind.hyperparameters().iter().map(|(_, value)| *value).collect();
        model.train.optimizer = Optimizer { kind, values };
    }
    let loss = matches.get_one::<String>("loss");
    let Some(loss) = loss.and_then(|name| LOSSES.into_iter().find(|(known, _)| known == name)) else {
        return Ok(());
    };
    model.train.loss = loss.1;
    if loss.1 == Loss::CrossEntropy { takes_classes(model) } else { Ok(()) }
}

/// What the language asks of a network whose `train` section says `loss cross_entropy`.
fn takes_classes(model: &CheckedModel) -> Result<(), Failure> {
    let output = &model.output;
    if output.0.len() != 1 || output.len() < 2 {
        let message = format!(
            "the loss `cross_entropy` needs a vector of at least 2 classes, but `{}` ends in {output}",
            model.name
        );
        return Err(Failure::new(message).help("end the network in such a vector, or use `--loss mse`"));
    }
    if last_layer(&model.body) == Some(&Layer::Softmax) {
        let message =
            format!("`{}` ends with `softmax`, which the loss `cross_entropy` contains", model.name);
        return Err(Failure::new(message).help("delete the word `softmax`"));
    }
    Ok(())
}

fn last_layer(sequence: &Sequence) -> Option<&Layer> {
    match &sequence.steps.last()?.kind {
        StepKind::Layer(layer) => Some(layer),
        StepKind::Scope(body) => last_layer(body),
        StepKind::Join { .. } => None,
    }
}
