//! What `tune` has measured, for people and for programs.

use std::io;

use nnc_runtime::Phase;
use nnc_runtime::select::{Problem, TimingCache};
use serde::Serialize;

use crate::output::{complain, say, say_json};
use crate::table::table;

/// A product of a pass, and what its measurement has shown.
pub(super) struct Row<'a> {
    pub(super) phase: Phase,
    /// The path of the layer.
    pub(super) layer: &'a str,
    pub(super) problem: Problem,
    pub(super) candidates: Vec<Timing<'a>>,
    /// What is taken without measurements.
    pub(super) heuristic: &'static str,
    /// The fastest.
    pub(super) best: &'a str,
}

/// A measured candidate.
#[derive(Serialize)]
pub(super) struct Timing<'a> {
    pub(super) algorithm: &'a str,
    pub(super) seconds: f64,
    /// What it takes for itself; not told of GPUs, where candidates share one workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workspace_bytes: Option<usize>,
}

/// A row for programs.
#[derive(Serialize)]
struct Line<'a> {
    pass: &'static str,
    layer: &'a str,
    product: &'static str,
    problem: Problem,
    candidates: &'a [Timing<'a>],
    heuristic: &'static str,
    best: &'a str,
    gain_seconds: f64,
}

/// The sums of a pass.
#[derive(Serialize)]
struct Total {
    pass: &'static str,
    heuristic_seconds: f64,
    best_seconds: f64,
}

const PHASES: [Phase; 2] = [Phase::Training, Phase::Evaluation];

/// For programs: a line of JSON for each row, and one for each pass.
pub(super) fn say_lines(rows: &[Row]) {
    rows.iter().for_each(|row| say_json(&row.line()));
    PHASES.iter().for_each(|phase| say_json(&Total::new(*phase, rows)));
}

/// For people: a table for each pass under a line that says what was measured.
pub(super) fn say_tables(what: &str, rows: &[Row]) {
    say(&format!("{what}; times in ms\n"));
    PHASES.iter().for_each(|phase| say(&text(*phase, rows)));
}

/// Says whether the times were kept, and where.
pub(super) fn say_kept(kept: io::Result<()>) {
    let cache = TimingCache::of_user();
    let place = cache.path().map(|path| format!(" in {}", path.display())).unwrap_or_default();
    match kept {
        Ok(()) => complain(&format!("kept{place} for `--algorithms benchmark`")),
        Err(error) => complain(&format!("warning: the times cannot be kept{place}: {error}")),
    }
}

/// The table of a pass.
fn text(phase: Phase, rows: &[Row]) -> String {
    let head = [pass(phase), "product", "problem", "measured", "heuristic", "best", "gain"];
    let body = rows.iter().filter(|row| row.phase == phase).map(Row::cells);
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
    /// Of what is taken without measurements, and of the fastest.
    fn seconds(&self) -> [f64; 2] {
        let of = |name: &str| self.candidates.iter().find(|timing| timing.algorithm == name);
        [self.heuristic, self.best].map(|name| of(name).map_or(0.0, |timing| timing.seconds))
    }

    fn cells(&self) -> [String; 7] {
        let [heuristic, best] = self.seconds();
        let times = self.candidates.iter();
        let times = times.map(|timing| format!("{} {}", timing.algorithm, milliseconds(timing.seconds)));
        [
            self.layer.to_owned(),
            self.problem.operation.name().to_owned(),
            self.problem.to_string(),
            times.collect::<Vec<_>>().join(", "),
            self.heuristic.to_owned(),
            self.best.to_owned(),
            if heuristic > best { milliseconds(heuristic - best) } else { String::new() },
        ]
    }

    fn line(&self) -> Line<'_> {
        let [heuristic, best] = self.seconds();
        Line {
            pass: pass(self.phase),
            layer: self.layer,
            product: self.problem.operation.name(),
            problem: self.problem,
            candidates: &self.candidates,
            heuristic: self.heuristic,
            best: self.best,
            gain_seconds: heuristic - best,
        }
    }
}

impl Total {
    fn new(phase: Phase, rows: &[Row]) -> Total {
        let of_pass = rows.iter().filter(|row| row.phase == phase);
        let sums = of_pass.map(Row::seconds).fold([0.0; 2], |[a, b], [x, y]| [a + x, b + y]);
        Total { pass: pass(phase), heuristic_seconds: sums[0], best_seconds: sums[1] }
    }
}

fn pass(phase: Phase) -> &'static str {
    match phase {
        Phase::Training => "training",
        Phase::Evaluation => "evaluation",
    }
}

/// With about three digits that count.
fn milliseconds(seconds: f64) -> String {
    let value = seconds * 1e3;
    let decimals = match value {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}
