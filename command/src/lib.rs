//! The command line of a generated program: `train`, `eval`, `predict` and `tune`.
//!
//! A generated program is one call of [`main`]. Results go to standard output, errors, warnings
//! and the progress bar to standard error; nothing is coloured, and the bar is drawn on a
//! terminal only. The exit status is 0, 1 for what the user can mend, 2 for a wrong command
//! line and 130 for a run that was interrupted and can be resumed.

mod arguments;
mod device;
mod engine;
mod evaluate;
mod output;
mod predict;
mod saved;
mod terminal;
mod tune;

pub mod table;
pub mod units;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ArgMatches;
use nnc_runtime::Error;
use nnc_runtime::program::Program;
use nnc_runtime::train::{self, Options, Outcome};

pub use arguments::{TrainSettings, train_arguments, train_command_line, tune_arguments, tune_command_line};
pub use device::wants_cuda;

use arguments::command_line;
use output::{complain, say};
use terminal::Terminal;

/// The environment variable that holds the command line of training, for the hint how to resume:
/// set by a program that runs this one, such as `nnc run`.
pub const TRAIN_COMMAND_VARIABLE: &str = "NNC_TRAIN_COMMAND";

/// Exit status of a run that was interrupted: 128 and the number of the signal, as shells have it.
const INTERRUPTED: u8 = 130;

/// Runs the command line of the process on `program`.
pub fn main(program: &'static Program) -> ExitCode {
    let name = invocation(program);
    let short = Path::new(&name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(&name);
    let matches = match arguments::command(short).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Where even that cannot be written, the exit status has to do.
            let _ = error.print();
            return ExitCode::from(error.exit_code().clamp(0, 255) as u8);
        }
    };
    match matches.subcommand() {
        Some(("train", matches)) => train(program, matches),
        Some(("eval", matches)) => exit_code(evaluate::run(program, matches)),
        Some(("tune", matches)) => exit_code(tune::run(program, matches)),
        Some(("predict", matches)) => exit_code(predict::run(program, matches)),
        _ => ExitCode::from(2),
    }
}

/// Trains `program` as matches of [`train_arguments`] say.
pub fn train(program: &'static Program, matches: &ArgMatches) -> ExitCode {
    let TrainSettings { overrides, start } = TrainSettings::new(matches);
    let device = match device::device(program, matches) {
        Ok(device) => device,
        Err(error) => return fail(&error),
    };
    let options = Options { overrides, device, start, interrupt: catch_interrupts() };
    match train::train(program, &options, &mut Terminal::new()) {
        Ok(Outcome::Finished { .. }) => ExitCode::SUCCESS,
        Ok(Outcome::Interrupted { folder }) => {
            let command = train_command(program, matches);
            say(&format!("interrupted; to go on: {command} --resume {}", quoted(&folder)));
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => fail(&error),
    }
}

/// The flag that Ctrl-C sets. A second Ctrl-C ends the process at once.
fn catch_interrupts() -> &'static AtomicBool {
    static INTERRUPT: AtomicBool = AtomicBool::new(false);
    let handler = || {
        if INTERRUPT.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        complain("finishing the step; press Ctrl-C again to quit at once");
    };
    // Without a handler Ctrl-C ends the process, and the run resumes from its last epoch.
    if let Err(error) = ctrlc::set_handler(handler) {
        complain(&format!("warning: Ctrl-C cannot be caught: {error}"));
    }
    &INTERRUPT
}

fn exit_code(result: Result<(), Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    complain(&format!("error: {error}"));
    if let Some(help) = error.help() {
        complain(&format!("help: {help}"));
    }
    ExitCode::FAILURE
}

/// How the user called this program.
fn invocation(program: &Program) -> String {
    std::env::args().next().filter(|name| !name.is_empty()).unwrap_or_else(|| program.name.to_lowercase())
}

/// How the user started the training, with what a checkpoint does not hold but the last bits depend on.
fn train_command(program: &Program, matches: &ArgMatches) -> String {
    let mut line =
        std::env::var(TRAIN_COMMAND_VARIABLE).unwrap_or_else(|_| format!("{} train", invocation(program)));
    for argument in command_line(matches, ["algorithms", "workspace", "device", "precision"]) {
        line.push_str(&format!(" {}", argument.display()));
    }
    line
}

fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    if path.contains(char::is_whitespace) { format!("\"{path}\"") } else { path }
}
