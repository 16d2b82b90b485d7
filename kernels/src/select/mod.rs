//! The choice among algorithms.
//!
//! Every convolution and matrix product has several algorithms that compute it. This is the one
//! place that decides: by estimates, which depend on the problem and the instruction set alone, or by
//! measurements on the threads at hand, which are kept on disk where a [`TimingCache`] is given. A
//! decision is made once and remembered, so that a report can tell what was chosen and why.

mod algorithm;
mod cache;
mod choice;
mod measure;
mod tune;
mod workspace;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

pub use algorithm::{Algorithm, Operation, Problem};
pub use cache::{GpuMachine, GpuProblem, Machine, TimingCache};
pub use choice::{Basis, Candidate, Choice};
use measure::Clock;
pub use tune::{Tuned, tune};
pub use workspace::Workspace;

/// How algorithms are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The least estimated time: the same choice, and so the same bits, in each run. Where it is
    /// Winograd's algorithm, results are off by up to 3e-5 of the largest one.
    #[default]
    Heuristic,
    /// The least measured time. The first call of each problem takes some tens of milliseconds more. Two
    /// runs may measure different things, choose differently and differ in their last bits.
    Benchmark,
    /// The least estimated time among the algorithms that only round, so that results are off by a few
    /// units in the last place and are the same on all machines with the same instruction set.
    Deterministic,
    /// This one wherever it is supported, for tests and comparisons.
    Always(Algorithm),
}

/// Chooses, and remembers.
pub struct Selector {
    mode: Mode,
    workspace: usize,
    budget: Duration,
    clock: Clock,
    cache: Option<TimingCache>,
    /// Looked up in every call, which takes some 20 ns for the problems of a network.
    choices: RwLock<BTreeMap<Problem, Choice>>,
    /// Measurements wait for each other, lest they measure each other.
    measuring: Mutex<()>,
}

/// What the measurements of a problem take by default, beyond a first run of each candidate.
const BUDGET: Duration = Duration::from_millis(30);

impl Mode {
    /// Those that a user chooses among.
    pub const NAMED: [Mode; 3] = [Mode::Heuristic, Mode::Benchmark, Mode::Deterministic];

    /// Its name in settings and reports.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Heuristic => "heuristic",
            Mode::Benchmark => "benchmark",
            Mode::Deterministic => "deterministic",
            Mode::Always(algorithm) => algorithm.name(),
        }
    }

    /// Whether it takes `algorithm` for `problem` at all.
    fn admits(self, algorithm: Algorithm, problem: &Problem) -> bool {
        let is_winograd = matches!(algorithm, Algorithm::Winograd2 | Algorithm::Winograd4);
        match self {
            Mode::Always(only) if only.supports(problem) => algorithm == only,
            // The formula as it stands is for tests.
            _ if algorithm == Algorithm::Reference => false,
            Mode::Deterministic => !is_winograd,
            Mode::Heuristic | Mode::Benchmark | Mode::Always(_) => true,
        }
    }
}

impl Selector {
    /// A selector that chooses by `mode`.
    pub fn new(mode: Mode) -> Selector {
        Selector {
            mode,
            workspace: usize::MAX,
            budget: BUDGET,
            clock: measure::now,
            cache: None,
            choices: RwLock::default(),
            measuring: Mutex::default(),
        }
    }

    /// With algorithms that need more than `bytes` of scratch memory left out. A problem that none
    /// can serve with so little gets the one that needs the least.
    pub fn with_workspace(self, bytes: usize) -> Selector {
        Selector { workspace: bytes, ..self }
    }

    /// With measurements taken from `cache` and kept there, in [`Mode::Benchmark`].
    pub fn with_cache(self, cache: TimingCache) -> Selector {
        Selector { cache: Some(cache), ..self }
    }

    /// With so much time for the measurements of each problem.
    pub fn with_budget(self, budget: Duration) -> Selector {
        Selector { budget, ..self }
    }

    /// How it chooses.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The algorithm for `problem` on `machine`. Where it has to be measured, `run` computes the
    /// problem by an algorithm; its results do not matter.
    pub fn choose(&self, problem: &Problem, machine: Machine, run: &mut dyn FnMut(Algorithm)) -> Algorithm {
        self.known(problem).unwrap_or_else(|| self.decide(*problem, machine, run))
    }

    /// What was chosen so far.
    pub fn report(&self) -> Vec<Choice> {
        self.choices().values().cloned().collect()
    }

    fn known(&self, problem: &Problem) -> Option<Algorithm> {
        self.choices().get(problem).map(|choice| choice.algorithm)
    }

    #[cold]
    fn decide(&self, problem: Problem, machine: Machine, run: &mut dyn FnMut(Algorithm)) -> Algorithm {
        let measuring = self.measuring.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if let Some(algorithm) = self.known(&problem) {
            return algorithm;
        }
        let choice = match self.mode {
            Mode::Benchmark => self.benchmarked(problem, machine, run),
            Mode::Heuristic | Mode::Deterministic | Mode::Always(_) => self.estimated(problem, machine),
        };
        let algorithm = choice.algorithm;
        self.choices.write().unwrap_or_else(PoisonError::into_inner).insert(problem, choice);
        drop(measuring);
        algorithm
    }

    /// The choice by estimates.
    fn estimated(&self, problem: Problem, machine: Machine) -> Choice {
        Choice::by_estimate(problem, self.candidates(&problem, machine))
    }

    /// The choice by measurements, by those of another run where there are any.
    fn benchmarked(&self, problem: Problem, machine: Machine, run: &mut dyn FnMut(Algorithm)) -> Choice {
        let choice = self.estimated(problem, machine);
        if choice.open().count() < 2 {
            return choice;
        }
        if let Some(choice) = self.remembered(problem, machine) {
            return choice;
        }
        let choice = self.measured(problem, machine, run);
        if let Some(cache) = &self.cache {
            // What cannot be kept is measured again by the next run.
            let _ = cache.keep(machine, &[&choice]);
        }
        choice
    }

    /// The choice by what the cache holds, if it knows every candidate.
    fn remembered(&self, problem: Problem, machine: Machine) -> Option<Choice> {
        let mut candidates = self.candidates(&problem, machine);
        let times = self.cache.as_ref()?.times(machine, &problem)?;
        for candidate in candidates.iter_mut().filter(|candidate| candidate.is_open) {
            let time = times.iter().find(|(algorithm, _)| *algorithm == candidate.algorithm);
            candidate.measured = Some(time?.1);
        }
        Some(Choice::by_measurement(problem, candidates, Basis::Remembered))
    }

    /// The choice by new measurements.
    fn measured(&self, problem: Problem, machine: Machine, run: &mut dyn FnMut(Algorithm)) -> Choice {
        let mut candidates = self.candidates(&problem, machine);
        let open = candidates.iter_mut().filter(|candidate| candidate.is_open);
        measure::measure(open.collect(), self.budget, self.clock, run);
        Choice::by_measurement(problem, candidates, Basis::Measured)
    }

    /// The algorithms that support `problem`; open are those that mode and workspace admit.
    fn candidates(&self, problem: &Problem, machine: Machine) -> Vec<Candidate> {
        let candidate = |algorithm: Algorithm| Candidate {
            algorithm,
            estimate: algorithm.cost(problem, machine.isa),
            measured: None,
            workspace: algorithm.workspace(problem, machine.isa),
            is_open: self.mode.admits(algorithm, problem),
        };
        let supported = Algorithm::ALL.into_iter().filter(|algorithm| algorithm.supports(problem));
        let mut candidates: Vec<Candidate> = supported.map(candidate).collect();
        let open = candidates.iter().filter(|candidate| candidate.is_open);
        let least = open.map(|candidate| candidate.workspace).min().unwrap_or(0);
        let cap = self.workspace.max(least);
        candidates.iter_mut().for_each(|candidate| candidate.is_open &= candidate.workspace <= cap);
        candidates
    }

    fn choices(&self) -> RwLockReadGuard<'_, BTreeMap<Problem, Choice>> {
        self.choices.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Selector {
    fn default() -> Selector {
        Selector::new(Mode::default())
    }
}
