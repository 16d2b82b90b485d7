//! `nnc dump MODEL.nn --stage STAGE`: any stage of the compiler as text.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use nnc_codegen::compile;
use nnc_codegen::graph::Mode;
use nnc_dsl::syntax::{parse, print};
use nnc_dsl::{Diagnostic, Entry};

use crate::failure::Failure;
use crate::model_file::{self, ModelFile};
use crate::{output, package};

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("dump")
        .about("Show what the compiler makes of a network, stage by stage")
        .args(model_file::model_arguments())
        .arg(
            Arg::new("stage")
                .long("stage")
                .value_name("STAGE")
                .required(true)
                .value_parser(["ast", "checked", "graph", "plan", "rust"])
                .help("Which stage"),
        )
        .arg(
            Arg::new("mode")
                .long("mode")
                .value_name("MODE")
                .value_parser(["training", "evaluation"])
                .default_value("training")
                .help("Which pass, for `graph` and `plan`"),
        )
        .after_help(
            "Stages:\n  \
             ast      The syntax tree, written as the text that means the same\n  \
             checked  Every word with its name and shape, and the settings of the training\n  \
             graph    The dataflow graph before any optimisation, with gradients in training\n  \
             plan     The fused kernels in order, with their places in memory\n  \
             rust     The source files of the crate",
        )
}

/// Prints the stage.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let stage = matches.get_one::<String>("stage").map_or("", String::as_str);
    let text = match stage {
        // The tree can be shown of texts that have other mistakes.
        "ast" => tree(matches)?,
        _ => later_stage(stage, &model_file::load(matches)?, mode(matches)),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn mode(matches: &ArgMatches) -> Mode {
    match matches.get_one::<String>("mode").map(String::as_str) {
        Some("evaluation") => Mode::Evaluation,
        _ => Mode::Training,
    }
}

fn tree(matches: &ArgMatches) -> Result<String, Failure> {
    let text = model_file::read(model_file::model_path(matches))?;
    let (module, diagnostics) = parse(&text.text, Entry::File);
    model_file::draw(&diagnostics, &text);
    if diagnostics.iter().any(Diagnostic::is_error) { Err(Failure::Drawn) } else { Ok(print(&module)) }
}

fn later_stage(stage: &str, file: &ModelFile, mode: Mode) -> String {
    match stage {
        "checked" => file.model.to_string(),
        "graph" => nnc_codegen::graph(&file.model, mode).to_string(),
        "plan" => {
            let compiled = compile(&file.model);
            match mode {
                Mode::Training => compiled.training.to_string(),
                Mode::Evaluation => compiled.evaluation.to_string(),
            }
        }
        _ => sources(file),
    }
}

/// The Rust files one after the other, each under its path.
fn sources(file: &ModelFile) -> String {
    let files = package::package_files(file, &compile(&file.model));
    let sources = files.into_iter().filter(|file| file.path.ends_with(".rs"));
    let sources: Vec<String> =
        sources.map(|file| format!("// ==== {} ====\n\n{}", file.path, file.text)).collect();
    sources.join("\n")
}
