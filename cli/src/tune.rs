//! `nnc tune MODEL.nn`: generates and builds as `nnc run` does, and lets the program measure itself.

use std::process::{Command as Process, ExitCode};

use clap::{ArgMatches, Command};
use nnc_command::{tune_arguments, tune_command_line, wants_cuda};

use crate::failure::Failure;
use crate::model_file;
use crate::run::start;

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("tune")
        .about("Measure the algorithms of a network's convolutions and matrix products on this machine")
        .args(model_file::model_arguments())
        .next_help_heading("Measuring")
        .args(tune_arguments())
        .after_help(
            "Examples:\n  \
             nnc tune digits.nn                              At the model's batch\n  \
             nnc tune digits.nn --batch 1 --format json      For predictions one by one, for programs\n  \
             nnc tune digits.nn --device cuda                On a GPU\n  \
             nnc run digits.nn --algorithms benchmark        Train with what was measured\n\n\
             The table has the time of each candidate, what `--algorithms heuristic` takes, what was\n\
             the fastest, and the gain. Times are kept in timings.jsonl in $NNC_CACHE_DIR, or else in\n\
             nnc/ in the user's cache folder.",
        )
}

/// Measures. On Unix it does not come back but for a failure.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let file = model_file::load(matches)?;
    start(&file, wants_cuda(matches), |program| {
        let mut process = Process::new(program);
        process.arg("tune").args(tune_command_line(matches));
        process
    })
}
