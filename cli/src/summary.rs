//! `nnc summary MODEL.nn`: what the network is made of and what it costs.

mod kernels;
mod outline;

use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use clap::{Arg, ArgMatches, Command};
use nnc_codegen::compile;
use nnc_codegen::summary::{Memory, Summary, summary};
use nnc_command::table::table;
use nnc_command::units::{bytes, thousands};
use nnc_dsl::model::{Input, Output};
use serde::Serialize;

use crate::failure::Failure;
use crate::graph::depth_argument;
use crate::signature::{port, signature};
use crate::{model_file, output};
use kernels::KernelMemory;
use outline::{Line, folded, leaves};

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("summary")
        .about("Show shapes, parameters, multiply-adds and memory of a network")
        .args(model_file::model_arguments())
        .arg(depth_argument().help("Show words within so many others; deeper ones are summed [default: all]"))
        .arg(
            Arg::new("batch")
                .long("batch")
                .value_name("N")
                .value_parser(RangedU64ValueParser::<u64>::new().range(1..))
                .help("Samples per step, for the memory [default: the model's]"),
        )
        .arg(output::format_argument())
        .after_help(
            "Multiply-adds are those of convolutions and linear layers for one sample; biases, norms\n\
             and activations are not counted. Memory is known before anything runs; only the data set\n\
             comes on top of it. What the kernels take for packed weights and sums is that of this\n\
             machine's vectors and threads, with the algorithms of `--algorithms heuristic`.\n\n\
             Equal neighbours are shown once: what stands under a word with ×8 is there eight times,\n\
             and counts so for the total. With `--format json` nothing is folded, so that the layers\n\
             add up.",
        )
}

/// Prints the table.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let file = model_file::load(matches)?;
    let compiled = compile(&file.model);
    let summary = summary(&file.model, &compiled);
    let batch = matches.get_one("batch").copied().unwrap_or(file.model.train.batch as u64);
    let depth = matches.get_one("depth").copied().unwrap_or(usize::MAX);
    let kernels = KernelMemory::new(&compiled, batch);
    let text = match output::is_json(matches) {
        true => {
            to_json(&summary, &kernels, batch, depth).map_err(|error| Failure::new(error.to_string()))? + "\n"
        }
        false => to_text(&summary, &kernels, batch, depth),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The table for programs. Words that only hold others are left out, so that the counts of all
/// layers add up.
#[derive(Serialize)]
struct Report<'a> {
    network: &'a str,
    inputs: Vec<PortReport<'a>>,
    outputs: Vec<PortReport<'a>>,
    parameters: u64,
    macs: u64,
    layers: Vec<LayerReport>,
    memory: MemoryReport,
}

#[derive(Serialize)]
struct PortReport<'a> {
    name: &'a str,
    shape: String,
}

#[derive(Serialize)]
struct LayerReport {
    path: String,
    word: String,
    output: String,
    parameters: u64,
    macs: u64,
}

/// Bytes.
#[derive(Serialize)]
struct MemoryReport {
    batch: u64,
    training: u64,
    evaluation: u64,
    parameters: u64,
    gradients: u64,
    optimizer: u64,
    states: u64,
    prepared: u64,
    batch_per_sample: u64,
    training_kernels: u64,
    evaluation_kernels: u64,
    training_per_sample: u64,
    training_fixed: u64,
    evaluation_per_sample: u64,
    evaluation_fixed: u64,
}

fn to_json(
    summary: &Summary,
    kernels: &KernelMemory,
    batch: u64,
    depth: usize,
) -> serde_json::Result<String> {
    let inputs = summary.inputs.iter();
    let inputs = inputs.map(|Input { name, shape, .. }| PortReport { name, shape: shape.to_string() });
    let outputs = summary.outputs.iter();
    let outputs = outputs.map(|Output { name, shape, .. }| PortReport { name, shape: shape.to_string() });
    serde_json::to_string(&Report {
        network: &summary.network,
        inputs: inputs.collect(),
        outputs: outputs.collect(),
        parameters: summary.parameters,
        macs: summary.macs,
        layers: leaves(&summary.rows, depth).into_iter().map(layer_report).collect(),
        memory: memory_report(&summary.memory, kernels, batch),
    })
}

fn layer_report(line: Line) -> LayerReport {
    let Line { path, word, output, cost, .. } = line;
    let cost = cost.unwrap_or_default();
    LayerReport { path, word, output: output.to_string(), parameters: cost.parameters, macs: cost.macs }
}

fn memory_report(memory: &Memory, kernels: &KernelMemory, batch: u64) -> MemoryReport {
    MemoryReport {
        batch,
        training: memory.training_total(batch).saturating_add(kernels.training),
        evaluation: memory.evaluation_total(batch).saturating_add(kernels.evaluation),
        parameters: memory.parameters,
        gradients: memory.gradients,
        optimizer: memory.optimizer,
        states: memory.states,
        prepared: memory.prepared,
        batch_per_sample: memory.batch_per_sample,
        training_kernels: kernels.training,
        evaluation_kernels: kernels.evaluation,
        training_per_sample: memory.training.per_sample,
        training_fixed: memory.training.fixed,
        evaluation_per_sample: memory.evaluation.per_sample,
        evaluation_fixed: memory.evaluation.fixed,
    }
}

fn to_text(summary: &Summary, kernels: &KernelMemory, batch: u64, depth: usize) -> String {
    let mut rows = vec![["word", "output", "parameters", "multiply-adds"].map(str::to_owned)];
    let row = |word: &str, shape: String| [word.to_owned(), shape, String::new(), String::new()];
    rows.extend(summary.inputs.iter().map(|input| match input.name.as_str() {
        "" => row("input", input.shape.to_string()),
        name => row(&format!("input {name}"), input.shape.to_string()),
    }));
    rows.extend(folded(&summary.rows, depth).into_iter().map(|line| {
        let count = |count: Option<u64>| count.filter(|count| *count > 0).map_or(String::new(), thousands);
        let times = if line.times > 1 { format!(" ×{}", line.times) } else { String::new() };
        let word = format!("{}{}{times}", "  ".repeat(line.depth), line.word);
        let [parameters, macs] = [line.cost.map(|cost| cost.parameters), line.cost.map(|cost| cost.macs)];
        [word, line.output.to_string(), count(parameters), count(macs)]
    }));
    let [parameters, macs] = [summary.parameters, summary.macs].map(thousands);
    let outputs: Vec<String> =
        summary.outputs.iter().map(|output| port(&output.name, &output.shape)).collect();
    rows.push(["total".to_owned(), outputs.join(", "), parameters, macs]);
    let head = format!("{}: {}", summary.network, signature(&summary.inputs, &summary.outputs));
    let memory = table(&memory_rows(&summary.memory, kernels, batch), 1);
    format!("{head}\n\n{}\n{memory}", table(&rows, 2))
}

/// What each mode takes. Training has all of evaluation, which runs after every epoch.
fn memory_rows(memory: &Memory, kernels: &KernelMemory, batch: u64) -> Vec<[String; 3]> {
    let none = String::new;
    let row = |name: &str, training: u64| [name.to_owned(), bytes(training), none()];
    let both = |name: &str, len: u64| [name.to_owned(), bytes(len), bytes(len)];
    let total = [
        memory.training_total(batch).saturating_add(kernels.training),
        memory.evaluation_total(batch).saturating_add(kernels.evaluation),
    ];
    let two =
        |name: &str, [training, evaluation]: [u64; 2]| [name.to_owned(), bytes(training), bytes(evaluation)];
    vec![
        [format!("memory at batch {}", thousands(batch)), "training".to_owned(), "evaluation".to_owned()],
        both("parameters", memory.parameters),
        row("gradients", memory.gradients),
        row("states of the optimiser", memory.optimizer),
        both("running statistics", memory.states),
        both("folded parameters", memory.prepared),
        both("the batch", memory.batch(batch)),
        two("values of a pass", [memory.shared().bytes(batch), memory.evaluation.bytes(batch)]),
        two("the kernels' own", [kernels.training, kernels.evaluation]),
        two("total", total),
    ]
}
