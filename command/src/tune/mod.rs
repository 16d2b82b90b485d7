//! `tune`: measures the algorithms of a network's products, and keeps the times for `--algorithms benchmark`.

#[cfg(feature = "cuda")]
mod gpu;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressStyle};
use nnc_runtime::devices::cpu::Pool;
use nnc_runtime::program::Program;
use nnc_runtime::select::{Candidate, Problem, TimingCache, Tuned, tune};
use nnc_runtime::{Error, Model, Product};

use crate::device;
use crate::engine::tuning_pool;
use report::{Row, Timing, say_kept, say_lines, say_tables};

/// What the measurements of a problem take at most, beyond three runs of each candidate. It is longer than
/// that of a run that measures on its way, which should not be felt.
const BUDGET: Duration = Duration::from_millis(200);

pub(super) fn run(program: &'static Program, matches: &ArgMatches) -> Result<(), Error> {
    match device::gpu(program, matches) {
        #[cfg(feature = "cuda")]
        Some(gpu) => gpu::run(program, matches, gpu),
        #[cfg(not(feature = "cuda"))]
        Some(_) => Err(Error::without_cuda()),
        None => on_processor(program, matches),
    }
}

fn on_processor(program: &'static Program, matches: &ArgMatches) -> Result<(), Error> {
    let pool = tuning_pool(matches, BUDGET)?;
    let batch = batch(program, matches);
    let products = Model::with_threads(program, 0, pool.threads()).products(batch)?;
    let tuned = measure(&pool, &products);
    let rows: Vec<Row> = products.iter().map(|product| row(product, &tuned[&product.problem])).collect();
    let (name, threads, isa) = (program.name, pool.threads(), pool.isa().name());
    say_rows(matches, &format!("{name}, batch {batch}, {threads} threads, {isa}"), &rows);
    let choices: Vec<_> = tuned.values().map(|tuned| &tuned.choice).collect();
    say_kept(TimingCache::of_user().keep(pool.machine(), &choices));
    Ok(())
}

/// Samples of a batch: as the command line or else the program says.
fn batch(program: &Program, matches: &ArgMatches) -> usize {
    matches.get_one("batch").copied().unwrap_or(program.defaults.batch)
}

/// In the format that the command line asks for; `what` says what was measured.
fn say_rows(matches: &ArgMatches, what: &str, rows: &[Row]) {
    match matches.get_one::<String>("format").is_some_and(|format| format == "json") {
        true => say_lines(rows),
        false => say_tables(what, rows),
    }
}

/// Each problem once, however many layers have it.
fn measure(pool: &Pool, products: &[Product]) -> BTreeMap<Problem, Tuned> {
    let problems: BTreeSet<Problem> = products.iter().map(|product| product.problem).collect();
    let steps = problems.len() as u64;
    let bar = if stderr().is_terminal() { ProgressBar::new(steps) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("measuring [{bar:16}] {pos}/{len}  {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    let measured = problems.into_iter().map(|problem| {
        bar.set_message(problem.to_string());
        let tuned = tune(pool, problem);
        bar.inc(1);
        (problem, tuned)
    });
    let tuned = measured.collect();
    bar.finish_and_clear();
    tuned
}

fn row<'a>(product: &'a Product, tuned: &Tuned) -> Row<'a> {
    let timing = |candidate: &Candidate| {
        let (algorithm, workspace_bytes) = (candidate.algorithm.name(), Some(candidate.workspace));
        Some(Timing { algorithm, seconds: candidate.measured?, workspace_bytes })
    };
    Row {
        phase: product.phase,
        layer: &product.layer,
        problem: product.problem,
        candidates: tuned.choice.candidates.iter().filter_map(timing).collect(),
        heuristic: tuned.estimated.name(),
        best: tuned.choice.algorithm.name(),
    }
}
