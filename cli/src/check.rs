//! `nnc check FILES`: looks for mistakes and does nothing else.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use nnc_dsl::json::to_json;
use nnc_dsl::{Entry, Options, Outcome, Severity, check};

use crate::failure::Failure;
use crate::model_file::{self, ModelText};
use crate::output;

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("check")
        .about("Find all mistakes of model files")
        .arg(
            Arg::new("files")
                .value_name("MODEL.nn")
                .required(true)
                .num_args(1..)
                .value_parser(value_parser!(PathBuf))
                .help("The files; `-` reads standard input"),
        )
        .args(model_file::check_arguments())
        .arg(output::format_argument())
        .after_help(
            "Examples:\n  \
             nnc check digits.nn\n  \
             nnc check models/*.nn --format json\n\n\
             With `--format json` each finding is one object on one line of standard output; spans\n\
             are bytes, lines and columns count from 1, columns in characters, ends are exclusive.\n\
             The exit status is 1 if there are errors; warnings alone leave it 0.",
        )
}

/// Checks all files, also after one with mistakes.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let options = model_file::check_options(matches);
    let is_json = output::is_json(matches);
    let mut counts = Counts::default();
    for path in matches.get_many::<PathBuf>("files").into_iter().flatten() {
        match model_file::read(path) {
            Err(failure) => {
                failure.show();
                counts.errors += 1;
            }
            Ok(text) => counts.add(&check_text(&text, &options, is_json)?),
        }
    }
    conclude(&counts, is_json)
}

fn check_text(text: &ModelText, options: &Options, is_json: bool) -> Result<Outcome, Failure> {
    let outcome = check(&text.text, Entry::File, options);
    if is_json {
        let lines = outcome.diagnostics.iter();
        let lines = lines.map(|diagnostic| to_json(diagnostic, &text.file, &text.text) + "\n");
        output::print(&lines.collect::<String>())?;
    } else {
        model_file::draw(&outcome.diagnostics, text);
    }
    Ok(outcome)
}

/// What was found in all files.
#[derive(Default)]
struct Counts {
    networks: usize,
    errors: usize,
    warnings: usize,
}

impl Counts {
    fn add(&mut self, outcome: &Outcome) {
        let of = |severity| outcome.diagnostics.iter().filter(|found| found.severity == severity).count();
        self.networks += outcome.models.len();
        self.errors += of(Severity::Error);
        self.warnings += of(Severity::Warning);
    }

    fn warnings(&self) -> String {
        if self.warnings == 0 { String::new() } else { format!(", {}", plural(self.warnings, "warning")) }
    }
}

fn conclude(counts: &Counts, is_json: bool) -> Result<ExitCode, Failure> {
    if counts.errors > 0 {
        if !is_json {
            output::complain(&format!("found {}{}", plural(counts.errors, "error"), counts.warnings()));
        }
        return Ok(ExitCode::FAILURE);
    }
    if !is_json {
        output::print(&format!("checked {}{}\n", plural(counts.networks, "network"), counts.warnings()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
