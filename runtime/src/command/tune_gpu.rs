//! `tune --device cuda`: measures the candidates of a network's products on a GPU.

use clap::ArgMatches;
use serde::Serialize;

use super::output::{complain, say, say_json};
use super::table::table;
use super::tune::{PHASES, milliseconds, pass};
use crate::devices::cuda::Measured;
use crate::error::{Error, Phase};
use crate::model::{Device, Gpu, Model};
use crate::program::Program;
use crate::select::{Mode, Problem, TimingCache};

/// A row for programs.
#[derive(Serialize)]
struct Line<'a> {
    pass: &'static str,
    layer: &'a str,
    product: &'static str,
    problem: Problem,
    candidates: Vec<Timing<'a>>,
    heuristic: &'static str,
    best: &'a str,
    gain_seconds: f64,
}

/// A measured candidate.
#[derive(Serialize)]
struct Timing<'a> {
    algorithm: &'a str,
    seconds: f64,
}

pub(super) fn run(program: &'static Program, matches: &ArgMatches, gpu: Gpu) -> Result<(), Error> {
    let mut model = Model::on(program, 0, &Device::Cuda(Gpu { mode: Mode::Benchmark, ..gpu }))?;
    let batch = matches.get_one("batch").copied().unwrap_or(program.defaults.batch);
    let measured = model.candidates(batch)?;
    if matches.get_one::<String>("format").is_some_and(|format| format == "json") {
        measured.iter().for_each(|measured| say_json(&line(measured)));
    } else {
        say(&format!("{}, batch {batch}, {}; times in ms\n", program.name, model.device()));
        PHASES.iter().for_each(|phase| say(&text(*phase, &measured)));
    }
    let cache = TimingCache::of_user();
    let place = cache.path().map(|path| format!(" in {}", path.display())).unwrap_or_default();
    complain(&format!("kept{place} for `--algorithms benchmark`"));
    Ok(())
}

/// The table of a pass.
fn text(phase: Phase, measured: &[Measured]) -> String {
    let head = [pass(phase), "product", "problem", "measured", "heuristic", "best", "gain"];
    let of_pass = || measured.iter().filter(|measured| measured.phase == phase);
    let [heuristic, best] = of_pass().map(seconds).fold([0.0; 2], |[a, b]: [f64; 2], [x, y]| [a + x, b + y]);
    let sums = [
        "total".to_owned(),
        String::new(),
        String::new(),
        String::new(),
        milliseconds(heuristic),
        milliseconds(best),
        milliseconds(heuristic - best),
    ];
    let all: Vec<_> =
        [head.map(str::to_owned)].into_iter().chain(of_pass().map(cells)).chain([sums]).collect();
    table(&all, 6)
}

fn cells(measured: &Measured) -> [String; 7] {
    let [heuristic, best] = seconds(measured);
    let times = measured.seconds.iter().map(|(name, seconds)| format!("{name} {}", milliseconds(*seconds)));
    [
        measured.layer.to_owned(),
        measured.problem.operation.name().to_owned(),
        measured.problem.to_string(),
        times.collect::<Vec<_>>().join(", "),
        measured.estimated.to_owned(),
        fastest(measured).to_owned(),
        if heuristic > best { milliseconds(heuristic - best) } else { String::new() },
    ]
}

fn line(measured: &Measured) -> Line<'_> {
    let [heuristic, best] = seconds(measured);
    Line {
        pass: pass(measured.phase),
        layer: measured.layer,
        product: measured.problem.operation.name(),
        problem: measured.problem,
        candidates: measured
            .seconds
            .iter()
            .map(|(algorithm, seconds)| Timing { algorithm, seconds: *seconds })
            .collect(),
        heuristic: measured.estimated,
        best: fastest(measured),
        gain_seconds: heuristic - best,
    }
}

fn fastest(measured: &Measured) -> &str {
    measured.seconds.first().map_or(measured.estimated, |(name, _)| name)
}

/// Of what is taken without measurements, and of the fastest.
fn seconds(measured: &Measured) -> [f64; 2] {
    let of =
        |name: &str| measured.seconds.iter().find(|(other, _)| *other == name).map_or(0.0, |(_, time)| *time);
    [of(measured.estimated), of(fastest(measured))]
}
