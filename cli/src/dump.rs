//! `nnc dump MODEL.nn --stage STAGE`: any stage of the compiler as text.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use nnc_codegen::graph::Mode;
use nnc_codegen::{compile, cuda};
use nnc_dsl::syntax::{parse, print};
use nnc_dsl::{Diagnostic, Entry};

use crate::ahead::Wanted;
use crate::failure::Failure;
use crate::{model_file, output, package};

/// A stage, with what it shows.
struct Stage {
    name: &'static str,
    doc: &'static str,
    text: fn(&ArgMatches) -> Result<String, Failure>,
}

const STAGES: [Stage; 6] = [
    Stage { name: "ast", doc: "The syntax tree, written as the text that means the same", text: tree },
    Stage {
        name: "checked",
        doc: "Every word with its name and shape, and the settings of the training",
        text: |matches| Ok(model_file::load(matches)?.model.to_string()),
    },
    Stage {
        name: "graph",
        doc: "The dataflow graph before any optimisation, with gradients in training",
        text: |matches| Ok(nnc_codegen::graph(&model_file::load(matches)?.model, mode(matches)).to_string()),
    },
    Stage { name: "plan", doc: "The fused kernels in order, with their places in memory", text: plan },
    Stage { name: "cuda", doc: "The CUDA kernels, and their launches in order", text: kernels },
    Stage { name: "rust", doc: "The source files of the crate", text: sources },
];

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
                .value_parser(STAGES.map(|stage| stage.name))
                .help("Which stage"),
        )
        .arg(
            Arg::new("mode")
                .long("mode")
                .value_name("MODE")
                .value_parser(["training", "evaluation"])
                .default_value("training")
                .help("Which pass, for `graph`, `plan` and `cuda`"),
        )
        .after_help(stages_help())
}

/// Prints the stage.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let name = matches.get_one::<String>("stage");
    // The command line lets no other name through.
    let stage = STAGES.iter().find(|stage| name.is_some_and(|name| name == stage.name));
    if let Some(stage) = stage {
        output::print(&(stage.text)(matches)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn stages_help() -> String {
    let rows = STAGES.map(|stage| format!("\n  {:7}  {}", stage.name, stage.doc));
    format!("Stages:{}", rows.concat())
}

fn mode(matches: &ArgMatches) -> Mode {
    match matches.get_one::<String>("mode").map(String::as_str) {
        Some("evaluation") => Mode::Evaluation,
        _ => Mode::Training,
    }
}

/// The tree can be shown of a text whose mistakes are all of later stages.
fn tree(matches: &ArgMatches) -> Result<String, Failure> {
    let text = model_file::read(model_file::model_path(matches))?;
    let (module, diagnostics) = parse(&text.text, Entry::File);
    model_file::draw_text(&diagnostics, &text);
    if diagnostics.iter().any(Diagnostic::is_error) { Err(Failure::Drawn) } else { Ok(print(&module)) }
}

fn plan(matches: &ArgMatches) -> Result<String, Failure> {
    let compiled = compile(&model_file::load(matches)?.model);
    Ok(match mode(matches) {
        Mode::Training => compiled.training.to_string(),
        Mode::Evaluation => compiled.evaluation.to_string(),
    })
}

fn kernels(matches: &ArgMatches) -> Result<String, Failure> {
    let model = model_file::load(matches)?.model;
    Ok(cuda::emit(&model, &compile(&model)).text(mode(matches)))
}

/// The Rust files one after the other, each under its path.
fn sources(matches: &ArgMatches) -> Result<String, Failure> {
    let file = model_file::load(matches)?;
    let package = package::package_name(&file.model.name);
    let files = package::package_files(&file, &compile(&file.model), &package, &Wanted::NOTHING);
    let sources = files.into_iter().filter(|file| file.path.ends_with(".rs"));
    let sources: Vec<String> =
        sources.map(|file| format!("// ==== {} ====\n\n{}", file.path, file.text)).collect();
    Ok(sources.join("\n"))
}
