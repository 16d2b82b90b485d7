//! Writing to the two outputs, and what a terminal may be shown.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::Instant;

use clap::{Arg, ArgMatches};
use nnc_dsl::render::ColorChoice;

use crate::failure::Failure;

/// Writes a result to standard output. A reader who has had enough (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error.
pub(crate) fn complain(line: &str) {
    show(&format!("{line}\n"));
}

/// Writes text to standard error at once. If that cannot be written, there is nobody to tell.
pub(crate) fn show(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Does what takes a while, and tells on standard error how long it took, or that it failed.
pub(crate) fn timed<T, E>(what: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let label = format!("{what} … ");
    let start = Instant::now();
    if is_watched() {
        show(&label);
    }
    let result = work();
    let label = if is_watched() { "" } else { &label };
    match result {
        Ok(_) => complain(&format!("{label}{:.1} s", start.elapsed().as_secs_f64())),
        Err(_) => complain(&format!("{label}failed")),
    }
    result
}

/// Whether somebody watches standard error.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Whether diagnostics on standard error have colours: on a terminal that knows them, unless
/// `NO_COLOR` (no-color.org) is set.
pub(crate) fn color() -> ColorChoice {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let unable = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    if is_watched() && !unwanted && !unable { ColorChoice::Ansi } else { ColorChoice::Never }
}

/// `--format human|json`.
pub(crate) fn format_argument() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["human", "json"])
        .default_value("human")
        .help("Output for people or for programs")
}

/// Whether `--format json` was given.
pub(crate) fn is_json(matches: &ArgMatches) -> bool {
    matches.get_one::<String>("format").is_some_and(|format| format == "json")
}
