//! `tune`: measures the algorithms of a network's products, and keeps the times for `--algorithms benchmark`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

#[cfg(feature = "cuda")]
use super::device::device;
use super::engine::tuning_pool;
use super::output::{complain, say, say_json};
use super::table::table;
use crate::devices::cpu::Pool;
use crate::error::{Error, Phase};
#[cfg(feature = "cuda")]
use crate::model::Device;
use crate::model::{Model, Product};
use crate::program::Program;
use crate::select::{Candidate, Problem, TimingCache, Tuned, tune};

/// What the measurements of a problem take at most, beyond three runs of each candidate. It is longer than
/// that of a run that measures on its way, which should not be felt.
const BUDGET: Duration = Duration::from_millis(200);

/// A product of a pass, and what its measurement has shown.
struct Row<'a> {
    product: &'a Product,
    tuned: &'a Tuned,
}

/// A row for programs.
#[derive(Serialize)]
struct Line<'a> {
    pass: &'static str,
    layer: &'a str,
    product: &'static str,
    problem: Problem,
    candidates: Vec<Timing>,
    heuristic: &'static str,
    best: &'static str,
    gain_seconds: f64,
}

/// A measured algorithm.
#[derive(Serialize)]
struct Timing {
    algorithm: &'static str,
    seconds: f64,
    workspace_bytes: usize,
}

/// The sums of a pass.
#[derive(Serialize)]
struct Total {
    pass: &'static str,
    heuristic_seconds: f64,
    best_seconds: f64,
}

pub(super) fn run(program: &'static Program, matches: &ArgMatches) -> Result<(), Error> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(gpu) = device(program, matches)? {
        return super::tune_gpu::run(program, matches, gpu);
    }
    let pool = tuning_pool(matches, BUDGET)?;
    let batch = matches.get_one("batch").copied().unwrap_or(program.defaults.batch);
    let products = Model::with_threads(program, 0, pool.threads()).products(batch)?;
    let tuned = measure(&pool, &products);
    let rows: Vec<Row> =
        products.iter().map(|product| Row { product, tuned: &tuned[&product.problem] }).collect();
    match matches.get_one::<String>("format").is_some_and(|format| format == "json") {
        true => say_lines(&rows),
        false => say_tables(program, batch, &pool, &rows),
    }
    keep(&pool, tuned.values());
    Ok(())
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

fn keep<'a>(pool: &Pool, tuned: impl Iterator<Item = &'a Tuned>) {
    let cache = TimingCache::of_user();
    let choices: Vec<_> = tuned.map(|tuned| &tuned.choice).collect();
    let place = cache.path().map(|path| format!(" in {}", path.display())).unwrap_or_default();
    match cache.keep(pool.machine(), &choices) {
        Ok(()) => complain(&format!("kept{place} for `--algorithms benchmark`")),
        Err(error) => complain(&format!("warning: the times cannot be kept{place}: {error}")),
    }
}

fn say_lines(rows: &[Row]) {
    rows.iter().for_each(|row| say_json(&row.line()));
    PHASES.iter().for_each(|phase| say_json(&Total::new(*phase, rows)));
}

fn say_tables(program: &Program, batch: usize, pool: &Pool, rows: &[Row]) {
    let (name, threads, isa) = (program.name, pool.threads(), pool.isa().name());
    say(&format!("{name}, batch {batch}, {threads} threads, {isa}; times in ms\n"));
    for phase in PHASES {
        say(&text(phase, rows));
    }
}

pub(super) const PHASES: [Phase; 2] = [Phase::Training, Phase::Evaluation];

/// The table of a pass.
fn text(phase: Phase, rows: &[Row]) -> String {
    let head = [pass(phase), "product", "problem", "measured", "heuristic", "best", "gain"];
    let body = rows.iter().filter(|row| row.product.phase == phase).map(Row::cells);
    let total = Total::new(phase, rows);
    let [heuristic, best] = [total.heuristic_seconds, total.best_seconds];
    let share = if heuristic > 0.0 { 100.0 * (heuristic - best) / heuristic } else { 0.0 };
    let sums = [
        "total".to_owned(),
        String::new(),
        String::new(),
        String::new(),
        milliseconds(heuristic),
        milliseconds(best),
        format!("{} ({share:.1} %)", milliseconds(heuristic - best)),
    ];
    let all: Vec<_> = [head.map(str::to_owned)].into_iter().chain(body).chain([sums]).collect();
    table(&all, 6)
}

impl Row<'_> {
    fn cells(&self) -> [String; 7] {
        let [heuristic, best] = self.tuned.seconds();
        let times = self
            .candidates()
            .map(|(candidate, seconds)| format!("{} {}", candidate.algorithm.name(), milliseconds(seconds)));
        [
            self.product.layer.clone(),
            self.product.problem.operation.name().to_owned(),
            self.product.problem.to_string(),
            times.collect::<Vec<_>>().join(", "),
            self.tuned.estimated.name().to_owned(),
            self.tuned.choice.algorithm.name().to_owned(),
            if heuristic > best { milliseconds(heuristic - best) } else { String::new() },
        ]
    }

    fn line(&self) -> Line<'_> {
        let timing = |(candidate, seconds): (&Candidate, f64)| Timing {
            algorithm: candidate.algorithm.name(),
            seconds,
            workspace_bytes: candidate.workspace,
        };
        let [heuristic, best] = self.tuned.seconds();
        Line {
            pass: pass(self.product.phase),
            layer: &self.product.layer,
            product: self.product.problem.operation.name(),
            problem: self.product.problem,
            candidates: self.candidates().map(timing).collect(),
            heuristic: self.tuned.estimated.name(),
            best: self.tuned.choice.algorithm.name(),
            gain_seconds: heuristic - best,
        }
    }

    fn candidates(&self) -> impl Iterator<Item = (&Candidate, f64)> {
        self.tuned.choice.candidates.iter().filter_map(|candidate| Some((candidate, candidate.measured?)))
    }
}

impl Total {
    fn new(phase: Phase, rows: &[Row]) -> Total {
        let of_pass = rows.iter().filter(|row| row.product.phase == phase);
        let sums = of_pass.map(|row| row.tuned.seconds()).fold([0.0; 2], |[a, b], [x, y]| [a + x, b + y]);
        Total { pass: pass(phase), heuristic_seconds: sums[0], best_seconds: sums[1] }
    }
}

pub(super) fn pass(phase: Phase) -> &'static str {
    match phase {
        Phase::Training => "training",
        Phase::Evaluation => "evaluation",
    }
}

/// With about three digits that count.
pub(super) fn milliseconds(seconds: f64) -> String {
    let value = seconds * 1e3;
    let decimals = match value {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}
