//! The arguments of a generated program, shared with `nnc run`.
//!
//! A generated program and `nnc run` take the same training arguments: the latter reads them
//! before it builds anything, then hands them on by [`train_command_line`].

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{RangedU64ValueParser, ValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use nnc_runtime::train::{Overrides, Start};

use crate::device::{DEVICE, device_arguments};
use crate::engine::{ENGINE, engine_arguments, threads_argument, workspace_argument};

/// The arguments of `train`.
pub fn train_arguments() -> Vec<Arg> {
    let [threads, algorithms, workspace] = engine_arguments();
    let [device, precision] = device_arguments();
    vec![
        data_argument(),
        positive("epochs", "Passes over the training part"),
        positive("batch", "Samples per step"),
        Arg::new("seed")
            .long("seed")
            .value_name("N")
            .value_parser(value_parser!(u64))
            .help("Seed of everything random; the same seed gives the same bits"),
        Arg::new("lr")
            .long("lr")
            .value_name("X")
            .allow_negative_numbers(true)
            .value_parser(ValueParser::new(number))
            .help("Learning rate, short for `--hyper lr=X`"),
        Arg::new("hyper")
            .long("hyper")
            .value_name("NAME=X")
            .action(ArgAction::Append)
            .value_parser(ValueParser::new(assignment))
            .help("Any hyperparameter of the optimiser; may be repeated"),
        threads,
        algorithms,
        workspace,
        device,
        precision,
        Arg::new("run")
            .long("run")
            .value_name("DIR")
            .value_parser(value_parser!(PathBuf))
            .conflicts_with("resume")
            .help("Folder for checkpoints and log [default: the next free runs/NAME-N]"),
        Arg::new("resume")
            .long("resume")
            .value_name("DIR")
            .num_args(0..=1)
            .value_parser(value_parser!(PathBuf))
            .help("Go on with an interrupted run [default: the latest in runs/]"),
    ]
}

/// The settings that the arguments of `train` give.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainSettings {
    /// Changes to the model's `train` section.
    pub overrides: Overrides,
    /// Where the run begins.
    pub start: Start,
}

impl TrainSettings {
    /// Reads the settings from matches of [`train_arguments`].
    pub fn new(matches: &ArgMatches) -> TrainSettings {
        let folder = |name| matches.get_one::<PathBuf>(name).cloned();
        let start = match matches.contains_id("resume") {
            true => Start::Resume(folder("resume")),
            false => Start::New(folder("run")),
        };
        TrainSettings { overrides: overrides(matches), start }
    }
}

/// The arguments of `tune`.
pub fn tune_arguments() -> Vec<Arg> {
    let batch = positive("batch", "Samples at a time [default: the model's]");
    let [device, precision] = device_arguments();
    let device = device.default_value("cpu").hide_default_value(false);
    vec![
        batch,
        threads_argument(),
        workspace_argument(),
        device.help("cpu, cuda, or cuda:N for GPU number N"),
        precision,
        format_argument(),
    ]
}

/// The command line that gives the same matches of [`train_arguments`] again.
pub fn train_command_line(matches: &ArgMatches) -> Vec<OsString> {
    let own = ["data", "epochs", "batch", "seed", "lr", "hyper", "run", "resume"];
    command_line(matches, own.into_iter().chain(ENGINE).chain(DEVICE))
}

/// The command line that gives the same matches of [`tune_arguments`] again.
pub fn tune_command_line(matches: &ArgMatches) -> Vec<OsString> {
    command_line(matches, ["batch", "threads", "workspace", "format"].into_iter().chain(DEVICE))
}

/// What was given for the arguments with these names.
pub(crate) fn command_line<'a>(
    matches: &ArgMatches,
    names: impl IntoIterator<Item = &'a str>,
) -> Vec<OsString> {
    let mut line = Vec::new();
    let given = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
    for name in names.into_iter().filter(given) {
        let Some(occurrences) = matches.get_raw_occurrences(name) else { continue };
        for values in occurrences {
            line.push(format!("--{name}").into());
            line.extend(values.map(OsString::from));
        }
    }
    line
}

/// The whole command line of a program that is called as `name`.
pub(crate) fn command(name: &str) -> Command {
    Command::new("network")
        .bin_name(name)
        .display_name(name)
        .about("Trains, evaluates and applies a compiled network")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(examples(
            name,
            &[
                ("train", "Train as the model says, into runs/"),
                ("train --epochs 5 --seed 1", "The same with other settings"),
                ("eval", "Measure the best checkpoint of the latest run"),
                ("predict image.png", "The classes of an image"),
            ],
        ))
        .subcommand(train_command(name))
        .subcommand(evaluate_command(name))
        .subcommand(predict_command(name))
        .subcommand(tune_command(name))
}

fn train_command(name: &str) -> Command {
    Command::new("train")
        .about("Train the network; the best checkpoint is tested at the end")
        .args(train_arguments())
        .after_help(examples(
            name,
            &[
                ("train --data mnist:path/to/folder", "Another data set than the model's"),
                ("train --lr 0.1 --hyper momentum=0.95", "Other hyperparameters"),
                ("train --resume", "Go on where the latest run was interrupted"),
            ],
        ))
}

fn evaluate_command(name: &str) -> Command {
    Command::new("eval")
        .about("Measure a checkpoint on a part of the data set")
        .args([checkpoint_argument(), data_argument()])
        .arg(
            Arg::new("part")
                .long("part")
                .value_name("PART")
                .value_parser(["train", "validation", "test"])
                .default_value("test")
                .help("Which part of the data set"),
        )
        .arg(positive("batch", "Samples at a time"))
        .args(engine_arguments())
        .args(device_arguments())
        .arg(format_argument())
        .after_help(examples(
            name,
            &[
                ("eval --checkpoint runs/NAME-1/best.safetensors", "A certain checkpoint"),
                ("eval --part validation --format json", "For other programs"),
            ],
        ))
}

fn predict_command(name: &str) -> Command {
    Command::new("predict")
        .about("Apply the network to images, to rows of CSV files, or to test samples")
        .arg(
            Arg::new("files")
                .value_name("FILE")
                .num_args(0..)
                .value_parser(value_parser!(PathBuf))
                .help("Images (PNG, JPEG) or CSV files of features; test samples if none is given"),
        )
        .args([checkpoint_argument(), data_argument()])
        .arg(positive("count", "Test samples to show when no file is given [default: 10]"))
        .arg(positive("top", "Classes to show for each sample [default: 3]"))
        .args(engine_arguments())
        .args(device_arguments())
        .arg(format_argument())
        .after_help(examples(
            name,
            &[
                ("predict a.png b.png --top 1", "The most likely class of each image"),
                ("predict table.csv --format json", "One JSON object a row"),
                ("predict --count 5", "The first five test samples"),
            ],
        ))
}

fn tune_command(name: &str) -> Command {
    Command::new("tune")
        .about("Measure the algorithms of the network's convolutions and matrix products on this machine")
        .args(tune_arguments())
        .after_help(examples(
            name,
            &[
                ("tune", "At the model's batch"),
                ("tune --batch 1", "For predictions one by one"),
                ("train --algorithms benchmark", "Train with what was measured"),
            ],
        ))
}

fn data_argument() -> Arg {
    Arg::new("data")
        .long("data")
        .value_name("PATH")
        .help("Data set: a path in the model's format, FORMAT:PATH (digits, mnist, cifar10, images, csv), or `digits`")
}

fn checkpoint_argument() -> Arg {
    Arg::new("checkpoint")
        .long("checkpoint")
        .short('c')
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Checkpoint, or the folder of a run [default: the best of the latest run]")
}

fn format_argument() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["text", "json"])
        .default_value("text")
        .help("Output for people, or one JSON object a line")
}

fn positive(name: &'static str, help: &'static str) -> Arg {
    let parser = RangedU64ValueParser::<usize>::new().range(1..);
    Arg::new(name).long(name).value_name("N").value_parser(parser).help(help)
}

fn overrides(matches: &ArgMatches) -> Overrides {
    let assignments = matches.get_many::<(String, f32)>("hyper").into_iter().flatten().cloned();
    let lr = matches.get_one::<f32>("lr").map(|value| ("lr".to_owned(), *value));
    Overrides {
        data: matches.get_one("data").cloned(),
        batch: matches.get_one("batch").copied(),
        epochs: matches.get_one("epochs").copied(),
        seed: matches.get_one("seed").copied(),
        hyperparameters: assignments.chain(lr).collect(),
    }
}

fn number(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("expected a number of at least 0, such as 0.05 or 1e-3".into()),
    }
}

fn assignment(text: &str) -> Result<(String, f32), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=X, such as momentum=0.9")?;
    Ok((name.trim().to_owned(), number(value.trim())?))
}

fn examples(name: &str, rows: &[(&str, &str)]) -> String {
    let width = rows.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    let mut text = String::from("Examples:");
    for (line, explanation) in rows {
        text.push_str(&format!("\n  {name} {line:width$}  {explanation}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(line: &[&str]) -> ArgMatches {
        Command::new("train").no_binary_name(true).args(train_arguments()).try_get_matches_from(line).unwrap()
    }

    #[test]
    fn definitions_are_consistent() {
        command("digits").debug_assert();
    }

    #[test]
    fn settings_hold_what_is_given() {
        let line = ["--epochs", "3", "--lr", "0.5", "--hyper", "rho=0.8", "--resume", "runs/a-1"];
        let settings = TrainSettings::new(&train(&line));
        let hyperparameters = vec![("rho".to_owned(), 0.8), ("lr".to_owned(), 0.5)];
        let overrides = Overrides { epochs: Some(3), hyperparameters, ..Overrides::default() };
        let start = Start::Resume(Some("runs/a-1".into()));
        assert_eq!(settings, TrainSettings { overrides, start });
    }

    #[test]
    fn resume_needs_no_folder() {
        assert_eq!(TrainSettings::new(&train(&["--resume"])).start, Start::Resume(None));
        assert_eq!(TrainSettings::new(&train(&[])).start, Start::New(None));
    }

    #[test]
    fn command_lines_survive_there_and_back() {
        let line = ["--data", "digits", "--hyper", "rho=1", "--hyper", "eps=2", "--seed", "9", "--resume"];
        let matches = train(&line);
        let again = train_command_line(&matches);
        let again: Vec<&str> = again.iter().map(|text| text.to_str().unwrap()).collect();
        assert_eq!(TrainSettings::new(&train(&again)), TrainSettings::new(&matches));
    }

    #[test]
    fn wrong_values_are_refused() {
        for line in
            [["--epochs", "0"], ["--lr", "nan"], ["--lr", "-1"], ["--hyper", "momentum"], ["--batch", "-1"]]
        {
            let command = Command::new("train").no_binary_name(true).args(train_arguments());
            assert!(command.try_get_matches_from(line).is_err(), "{line:?}");
        }
    }
}
