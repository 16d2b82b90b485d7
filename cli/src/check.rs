//! `nnc check FILES`: looks for mistakes, and mends those that it is told to.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use nnc_dsl::json::line;
use nnc_dsl::{Options, Outcome, Severity};

use crate::failure::Failure;
use crate::fix::{Applied, mend, save};
use crate::model_file::ModelText;
use crate::{imports, model_file, output};

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
        .arg(
            Arg::new("fix")
                .long("fix")
                .action(ArgAction::SetTrue)
                .help("Apply the edits that mend a mistake as it was meant, and write the files"),
        )
        .args(model_file::check_arguments())
        .arg(output::format_argument())
        .after_help(
            "Examples:\n  \
             nnc check digits.nn\n  \
             nnc check digits.nn --fix\n  \
             nnc check digits.nn -W pedantic -A small-batch\n  \
             nnc check models/*.nn -D all --format json\n\n\
             Lints and their groups (correctness, suspicious, style, pedantic) are listed by\n\
             `nnc explain`; `all` means them all, and the last of -W, -A and -D that means a lint counts.\n\
             In a model, `allow(NAME)` does the same from its place to the end of the braces.\n\n\
             With `--fix` only the named files change, not those that they use.\n\n\
             With `--format json` each finding is one object on one line of standard output; spans\n\
             are bytes, lines and columns count from 1, columns in characters, ends are exclusive.\n\
             With `--fix`, those that were mended come first and have the field \"fixed\": true.\n\
             The exit status is 1 if there are errors; warnings alone leave it 0.",
        )
}

/// Checks all files, also after one with mistakes.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let options = model_file::check_options(matches);
    let (is_json, is_fixing) = (output::is_json(matches), matches.get_flag("fix"));
    let mut counts = Counts::default();
    for path in matches.get_many::<PathBuf>("files").into_iter().flatten() {
        let outcome = match is_fixing {
            true => fix_path(path, &options, is_json, &mut counts),
            false => model_file::read(path).map(|text| imports::check(&text, &options)),
        };
        match outcome {
            Ok(outcome) => {
                tell(&outcome, is_json)?;
                counts.add(&outcome);
            }
            Err(failure) => {
                failure.show();
                counts.errors += 1;
            }
        }
    }
    conclude(&counts, is_json)
}

fn fix_path(path: &Path, options: &Options, is_json: bool, counts: &mut Counts) -> Result<Outcome, Failure> {
    if path == Path::new("-") {
        let failure = Failure::new("standard input cannot be changed, which `--fix` is for");
        return Err(failure.help("name a file, or check without `--fix`"));
    }
    let fixed = mend(model_file::read(path)?, options);
    save(path, &fixed)?;
    counts.fixed += fixed.applied.len();
    let lines = fixed.applied.iter().map(|applied| fixed_line(applied, &fixed.text, is_json));
    output::print(&lines.collect::<String>())?;
    Ok(fixed.outcome)
}

fn fixed_line(applied: &Applied, text: &ModelText, is_json: bool) -> String {
    let Applied { diagnostic, message, place: (line, column), json } = applied;
    match json.strip_prefix('{').filter(|_| is_json) {
        Some(fields) => format!("{{\"fixed\":true,{fields}\n"),
        None => {
            let (file, code, about) = (&text.file, diagnostic.code, &diagnostic.message);
            format!("{file}:{line}:{column}: fixed {code}, {about}: {message}\n")
        }
    }
}

fn tell(outcome: &Outcome, is_json: bool) -> Result<(), Failure> {
    if is_json {
        let lines = outcome.diagnostics.iter().map(|found| line(found, &outcome.sources) + "\n");
        return output::print(&lines.collect::<String>());
    }
    model_file::draw(outcome);
    Ok(())
}

/// What was found in all files.
#[derive(Default)]
struct Counts {
    networks: usize,
    errors: usize,
    warnings: usize,
    fixed: usize,
}

impl Counts {
    fn add(&mut self, outcome: &Outcome) {
        let of = |severity| outcome.diagnostics.iter().filter(|found| found.severity == severity).count();
        self.networks += outcome.models.len();
        self.errors += of(Severity::Error);
        self.warnings += of(Severity::Warning);
    }

    /// The rest of the last line.
    fn others(&self) -> String {
        let warnings = (self.warnings > 0).then(|| format!(", {}", plural(self.warnings, "warning")));
        let fixed = (self.fixed > 0).then(|| format!(", fixed {}", plural(self.fixed, "mistake")));
        [warnings, fixed].into_iter().flatten().collect()
    }
}

fn conclude(counts: &Counts, is_json: bool) -> Result<ExitCode, Failure> {
    if counts.errors > 0 {
        if !is_json {
            output::complain(&format!("found {}{}", plural(counts.errors, "error"), counts.others()));
        }
        return Ok(ExitCode::FAILURE);
    }
    if !is_json {
        output::print(&format!("checked {}{}\n", plural(counts.networks, "network"), counts.others()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
