//! The program `nnc`: checks, compiles and trains networks.
//!
//! A thin door: the language and the compiler are pure, so everything that touches files, the
//! terminal, the environment or other processes stands here. One file per command, each with
//! its definition and its `run`. Results go to standard output, all else to standard error. The
//! exit status is 0, 1 for what the user can mend, and 2 for a wrong command line; `nnc run`
//! ends with the status of the program that it has built.

mod ahead;
mod build;
mod cache;
mod cargo;
mod check;
mod command;
mod crate_folder;
mod data;
mod devices;
mod dump;
mod explain;
mod failure;
mod files;
mod fix;
mod fmt;
mod generate;
mod graph;
mod imports;
mod model_file;
mod output;
mod package;
mod run;
mod signature;
mod summary;
mod training;
mod tune;

use std::process::ExitCode;

use failure::Failure;

fn main() -> ExitCode {
    let matches = match command::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Where even that cannot be written, the exit status has to do.
            let _ = error.print();
            return ExitCode::from(error.exit_code().clamp(0, 255) as u8);
        }
    };
    let result = match matches.subcommand() {
        Some(("run", matches)) => run::run(matches),
        Some(("build", matches)) => build::run(matches),
        Some(("tune", matches)) => tune::run(matches),
        Some(("check", matches)) => check::run(matches),
        Some(("fmt", matches)) => fmt::run(matches),
        Some(("summary", matches)) => summary::run(matches),
        Some(("graph", matches)) => graph::run(matches),
        Some(("dump", matches)) => dump::run(matches),
        Some(("devices", matches)) => devices::run(matches),
        Some(("explain", matches)) => explain::run(matches),
        _ => generate::run(&matches),
    };
    result.unwrap_or_else(|failure: Failure| {
        failure.show();
        ExitCode::FAILURE
    })
}
