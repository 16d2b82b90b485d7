//! `nnc summary MODEL.nn`: what the network is made of and what it costs.

use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use clap::{Arg, ArgMatches, Command};
use nnc_codegen::compile;
use nnc_codegen::summary::{Cost, Memory, Row, Summary, summary};
use nnc_runtime::command::units::{bytes, thousands};
use serde::Serialize;

use crate::failure::Failure;
use crate::{model_file, output};

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("summary")
        .about("Show shapes, parameters, multiply-adds and memory of a network")
        .args(model_file::model_arguments())
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
             and activations are not counted. Memory is known before anything runs; the data set\n\
             comes on top of it.",
        )
}

/// Prints the table.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let file = model_file::load(matches)?;
    let summary = summary(&file.model, &compile(&file.model));
    let batch = matches.get_one("batch").copied().unwrap_or(file.model.train.batch as u64);
    let text = match output::is_json(matches) {
        true => to_json(&summary, batch).map_err(|error| Failure::new(error.to_string()))? + "\n",
        false => to_text(&summary, batch),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The table for programs. Words that only hold others are left out, so that the counts of all
/// layers add up.
#[derive(Serialize)]
struct Report<'a> {
    network: &'a str,
    input: String,
    output: String,
    parameters: u64,
    macs: u64,
    layers: Vec<LayerReport<'a>>,
    memory: MemoryReport,
}

#[derive(Serialize)]
struct LayerReport<'a> {
    path: &'a str,
    word: &'a str,
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
    training_per_sample: u64,
    training_fixed: u64,
    evaluation_per_sample: u64,
    evaluation_fixed: u64,
}

fn to_json(summary: &Summary, batch: u64) -> serde_json::Result<String> {
    serde_json::to_string(&Report {
        network: &summary.network,
        input: summary.input.to_string(),
        output: summary.output.to_string(),
        parameters: summary.parameters,
        macs: summary.macs,
        layers: summary.rows.iter().filter_map(layer_report).collect(),
        memory: memory_report(&summary.memory, batch),
    })
}

fn layer_report(row: &Row) -> Option<LayerReport<'_>> {
    let Row { path, word, output, cost, .. } = row;
    let Cost { parameters, macs } = (*cost)?;
    Some(LayerReport { path, word, output: output.to_string(), parameters, macs })
}

fn memory_report(memory: &Memory, batch: u64) -> MemoryReport {
    MemoryReport {
        batch,
        training: memory.training_total(batch),
        evaluation: memory.evaluation_total(batch),
        parameters: memory.parameters,
        gradients: memory.gradients,
        optimizer: memory.optimizer,
        states: memory.states,
        prepared: memory.prepared,
        training_per_sample: memory.training.per_sample,
        training_fixed: memory.training.fixed,
        evaluation_per_sample: memory.evaluation.per_sample,
        evaluation_fixed: memory.evaluation.fixed,
    }
}

fn to_text(summary: &Summary, batch: u64) -> String {
    let mut rows = vec![["word", "output", "parameters", "multiply-adds"].map(str::to_owned)];
    rows.push(["input".to_owned(), summary.input.to_string(), String::new(), String::new()]);
    rows.extend(summary.rows.iter().map(|row| {
        let count = |count: Option<u64>| count.filter(|count| *count > 0).map_or(String::new(), thousands);
        let word = format!("{}{}", "  ".repeat(row.depth), row.word);
        let [parameters, macs] = [row.cost.map(|cost| cost.parameters), row.cost.map(|cost| cost.macs)];
        [word, row.output.to_string(), count(parameters), count(macs)]
    }));
    let totals = [summary.parameters, summary.macs].map(thousands);
    let [parameters, macs] = totals;
    rows.push(["total".to_owned(), summary.output.to_string(), parameters, macs]);
    let head = format!("{}: {} -> {}", summary.network, summary.input, summary.output);
    let memory = table(&memory_rows(&summary.memory, batch), 1);
    format!("{head}\n\n{}\n{memory}", table(&rows, 2))
}

/// What each mode takes. Training has all of evaluation, which runs after every epoch.
fn memory_rows(memory: &Memory, batch: u64) -> Vec<[String; 3]> {
    let none = String::new;
    let row = |name: &str, training: u64| [name.to_owned(), bytes(training), none()];
    let both = |name: &str, len: u64| [name.to_owned(), bytes(len), bytes(len)];
    vec![
        [format!("memory at batch {}", thousands(batch)), "training".to_owned(), "evaluation".to_owned()],
        both("parameters", memory.parameters),
        row("gradients", memory.gradients),
        row("states of the optimiser", memory.optimizer),
        both("running statistics", memory.states),
        both("folded parameters", memory.prepared),
        row("values of the training pass", memory.training.bytes(batch)),
        both("values of the evaluation pass", memory.evaluation.bytes(batch)),
        ["total".to_owned(), bytes(memory.training_total(batch)), bytes(memory.evaluation_total(batch))],
    ]
}

/// Aligned columns under a ruled head: the first `left` of them to the left, the others to the right. The
/// last row is ruled off, too.
fn table<const N: usize>(rows: &[[String; N]], left: usize) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * (N - 1));
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        if index == 1 || index + 1 == rows.len() {
            text.push_str(&format!("{rule}\n"));
        }
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if column < left { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let row = |word: &str, count: &str| [word.to_owned(), count.to_owned()];
        let rows = [row("word", "n"), row("conv3", ""), row("total", "12,345")];
        let expected = "\
word        n
-------------
conv3
-------------
total  12,345
";
        assert_eq!(table(&rows, 1), expected);
    }
}
