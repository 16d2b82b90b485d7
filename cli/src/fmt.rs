//! `nnc fmt FILES`: the canonical layout of texts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::failure::Failure;
use crate::{files, model_file, output};

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("fmt")
        .about("Lay out the text of model files")
        .arg(
            Arg::new("files")
                .value_name("MODEL.nn")
                .required(true)
                .num_args(1..)
                .value_parser(value_parser!(PathBuf))
                .help("The files; `-` lays out standard input to standard output"),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Change nothing; list the files that would change, with exit status 1"),
        )
        .after_help(
            "Comments and the author's line breaks between statements stay; spaces, indentation and long\n\
             lines are laid out. A file that cannot be read as a model is left alone.\n\n\
             Examples:\n  \
             nnc fmt models/*.nn\n  \
             nnc fmt --check models/*.nn    In a test\n  \
             nnc fmt - < model.nn           In an editor",
        )
}

/// Lays out all files, also after one with mistakes.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let is_check = matches.get_flag("check");
    let mut is_good = true;
    for path in matches.get_many::<PathBuf>("files").into_iter().flatten() {
        match lay_out(path, is_check) {
            Ok(is_done) => is_good &= is_done,
            Err(failure) => {
                failure.show();
                is_good = false;
            }
        }
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lays out a file. False if it should be and only a look was asked for.
fn lay_out(path: &Path, is_check: bool) -> Result<bool, Failure> {
    let text = model_file::read(path)?;
    let laid_out = nnc_dsl::format(&text.text).map_err(|diagnostics| {
        model_file::draw_text(&diagnostics, &text);
        Failure::new(format!("`{}` is left as it is, because it cannot be read", text.file))
    })?;
    let is_same = laid_out == text.text;
    if is_check {
        if !is_same {
            output::print(&format!("{}\n", text.file))?;
        }
        return Ok(is_same);
    }
    if path == Path::new("-") {
        output::print(&laid_out)?;
    } else if !is_same {
        files::write(path, laid_out.as_bytes())?;
        output::print(&format!("laid out {}\n", text.file))?;
    }
    Ok(true)
}
