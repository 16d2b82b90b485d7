//! `nnc run MODEL.nn`: generates into the cache, builds, and becomes the program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, ExitCode};

use clap::{ArgMatches, Command};
use nnc_codegen::compile;
use nnc_command::{TRAIN_COMMAND_VARIABLE, TrainSettings, train_arguments, train_command_line, wants_cuda};
use nnc_dsl::CheckedModel;

use crate::ahead::Wanted;
use crate::cache::{Cache, unique_name};
use crate::crate_folder::write_crate;
use crate::failure::Failure;
use crate::model_file::ModelFile;
use crate::{cargo, data, model_file, package};

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("run")
        .about("Train a network: check, compile, build and start it")
        .args(model_file::model_arguments())
        .next_help_heading("Training")
        .args(train_arguments())
        .after_help(
            "Examples:\n  \
             nnc run digits.nn                               As the model says\n  \
             nnc run digits.nn --set width=64 --epochs 5     With other settings\n  \
             nnc run mnist.nn --data path/to/mnist           With the data somewhere else\n  \
             nnc run digits.nn --optimizer sgd --lr 0.1      With another optimiser\n  \
             nnc run digits.nn --device cuda --precision bf16  On a GPU\n  \
             nnc run digits.nn --resume                      Go on with an interrupted run\n\n\
             Programs are kept in $NNC_CACHE_DIR, or else nnc/ in the user's cache folder.",
        )
}

/// Trains. On Unix it does not come back but for a failure.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let file = model_file::load(matches)?;
    let settings = TrainSettings::new(matches);
    check_hyperparameters(&file.model, &settings)?;
    data::check(&file.model, &settings)?;
    start(&file, wants_cuda(matches), |program| {
        let mut process = Process::new(program);
        process.arg("train").args(train_command_line(matches));
        process.env(TRAIN_COMMAND_VARIABLE, command_line(matches));
        process
    })
}

/// Builds the program of a network and becomes the process that `command` makes of it.
pub(crate) fn start(
    file: &ModelFile,
    cuda: bool,
    command: impl FnOnce(&Path) -> Process,
) -> Result<ExitCode, Failure> {
    let program = build(file, cuda, &Wanted::NOTHING)?;
    become_process(&mut command(&program)).map_err(|error| Failure::io("start", &program, &error))
}

/// Generates the crate into the cache and builds it there, for GPUs too if `cuda` says so.
pub(crate) fn build(file: &ModelFile, cuda: bool, ahead: &Wanted) -> Result<PathBuf, Failure> {
    let cache = Cache::open()?;
    let compiled = compile(&file.model);
    let archives = ahead.compile(&file.model, &compiled)?;
    let name = package::package_name(&file.model.name);
    let mut unique = unique_name(&name, &package::package_files(file, &compiled, &name, ahead));
    if cuda {
        unique.push_str("-cuda");
    }
    let folder = cache.crate_folder(&unique);
    write_crate(&folder, &package::package_files(file, &compiled, &unique, ahead), &archives)?;
    let features = if cuda { &["cuda"][..] } else { &[] };
    cargo::build(&name, &folder, &cache.build_folder(), features)
}

/// Finds wrong names before the build, not after it.
fn check_hyperparameters(model: &CheckedModel, settings: &TrainSettings) -> Result<(), Failure> {
    let kind = model.train.optimizer.kind;
    let known: Vec<&str> = kind.hyperparameters().iter().map(|(name, _)| *name).collect();
    let mut names = settings.overrides.hyperparameters.iter().map(|(name, _)| name);
    match names.find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let message = format!("the optimiser `{}` has no hyperparameter `{name}`", kind.name());
            Err(Failure::new(message).help(format!("it has {}", known.join(", "))))
        }
    }
}

/// The command without what a resumed run knows by itself, for the hint how to go on.
fn command_line(matches: &ArgMatches) -> OsString {
    let called = std::env::args().next().unwrap_or_else(|| "nnc".to_owned());
    let mut line = format!("{called} run {}", quoted(&model_file::model_path(matches).display().to_string()));
    for argument in model_file::settings_line(matches) {
        line.push_str(&format!(" {}", quoted(&argument)));
    }
    line.into()
}

fn quoted(argument: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "-_=./+:,@%".contains(char);
    match argument.chars().all(is_plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

/// Replaces this process, so that signals and the exit status are the program's.
#[cfg(unix)]
fn become_process(process: &mut Process) -> std::io::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(process.exec())
}

/// Runs the program and hands on its exit status.
#[cfg(not(unix))]
fn become_process(process: &mut Process) -> std::io::Result<ExitCode> {
    let status = process.status()?;
    Ok(ExitCode::from(status.code().map_or(1, |code| code.clamp(0, 255) as u8)))
}
