//! The choice among algorithms.
//!
//! Every convolution and matrix product has several algorithms that compute it. This is the one
//! place that decides; a decision depends on the problem and the instruction set alone, is made
//! once and is remembered, so that a report can tell what was chosen and why.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::devices::cpu::Isa;
use crate::kernels::conv2d::{self, Conv2d};

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// The result.
    Forward,
    /// The gradient of the data.
    BackwardData,
    /// The gradient of the weight.
    BackwardWeight,
}

/// What an algorithm is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Which product.
    pub operation: Operation,
    /// Its shapes.
    pub spec: Conv2d,
    /// Samples.
    pub batch: usize,
}

/// A way to compute a convolution or a matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Blocks of windows, read in place, times packed panels of the weight.
    ImplicitGemm,
    /// The formula as it stands, in double precision.
    Reference,
}

/// How algorithms are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The least estimated time.
    #[default]
    Heuristic,
    /// This one wherever it is supported.
    Always(Algorithm),
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What was asked for.
    pub problem: Problem,
    /// What was chosen.
    pub algorithm: Algorithm,
    /// What could have been, best first.
    pub candidates: Vec<Candidate>,
}

/// An algorithm that supports a problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Which.
    pub algorithm: Algorithm,
    /// Estimated seconds on one core.
    pub seconds: f64,
    /// Bytes of scratch memory that the threads share.
    pub workspace: usize,
}

/// Chooses, and remembers.
#[derive(Default)]
pub struct Selector {
    mode: Mode,
    choices: Mutex<BTreeMap<Problem, Choice>>,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 2] = [Algorithm::ImplicitGemm, Algorithm::Reference];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::ImplicitGemm => "implicit-gemm",
            Algorithm::Reference => "reference",
        }
    }

    /// Whether it can serve `problem`.
    pub fn supports(self, _problem: &Problem) -> bool {
        match self {
            Algorithm::ImplicitGemm | Algorithm::Reference => true,
        }
    }

    /// Bytes of scratch memory that it needs, beside a few pages per thread.
    pub fn workspace(self, problem: &Problem, isa: Isa) -> usize {
        let Problem { operation, spec, batch } = problem;
        match (self, operation) {
            (Algorithm::ImplicitGemm, _) => {
                size_of::<f32>() * conv2d::workspace(*operation, spec, *batch, isa)
            }
            (Algorithm::Reference, Operation::Forward) => size_of::<f64>() * spec.output_len(),
            (Algorithm::Reference, Operation::BackwardData) => size_of::<f64>() * batch * spec.input_len(),
            (Algorithm::Reference, Operation::BackwardWeight) => size_of::<f64>() * spec.weight_len(),
        }
    }

    /// Estimated seconds on one core. The rates are round numbers from measurements on a 2.6 GHz
    /// Zen 4 core; only their ratios matter.
    pub fn cost(self, problem: &Problem, isa: Isa) -> f64 {
        let macs = (problem.spec.macs() * problem.batch) as f64;
        let (start, rate) = match (self, isa) {
            (Algorithm::ImplicitGemm, Isa::Portable) => (1e-6, 6e9),
            (Algorithm::ImplicitGemm, Isa::Avx2) => (1e-6, 35e9),
            (Algorithm::ImplicitGemm, Isa::Avx512) => (1e-6, 40e9),
            (Algorithm::Reference, _) => (1e-6, 0.3e9),
        };
        start + macs / rate
    }
}

impl Selector {
    /// A selector that chooses by `mode`.
    pub fn new(mode: Mode) -> Selector {
        Selector { mode, choices: Mutex::default() }
    }

    /// The algorithm for `problem`.
    pub fn choose(&self, problem: Problem, isa: Isa) -> Algorithm {
        self.choices().entry(problem).or_insert_with(|| self.decide(problem, isa)).algorithm
    }

    /// What was chosen so far.
    pub fn report(&self) -> Vec<Choice> {
        self.choices().values().cloned().collect()
    }

    fn decide(&self, problem: Problem, isa: Isa) -> Choice {
        let candidate = |algorithm: Algorithm| Candidate {
            algorithm,
            seconds: algorithm.cost(&problem, isa),
            workspace: algorithm.workspace(&problem, isa),
        };
        let supported = Algorithm::ALL.into_iter().filter(|algorithm| algorithm.supports(&problem));
        let mut candidates: Vec<Candidate> = supported.map(candidate).collect();
        candidates.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let cheapest = candidates.first().map_or(Algorithm::Reference, |candidate| candidate.algorithm);
        let algorithm = match self.mode {
            Mode::Always(algorithm) if algorithm.supports(&problem) => algorithm,
            Mode::Heuristic | Mode::Always(_) => cheapest,
        };
        Choice { problem, algorithm, candidates }
    }

    fn choices(&self) -> MutexGuard<'_, BTreeMap<Problem, Choice>> {
        self.choices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Problem { operation, spec, batch } = &self.problem;
        let [height, width, channels] = spec.input;
        let [kh, kw] = spec.kernel;
        write!(
            f,
            "{operation:?} {batch}x{height}x{width}x{channels} window {kh}x{kw} to {}",
            spec.output[2]
        )?;
        write!(f, ": {}", self.algorithm.name())?;
        for Candidate { algorithm, seconds, workspace } in &self.candidates {
            write!(f, ", {} {:.1} µs {workspace} bytes", algorithm.name(), seconds * 1e6)?;
        }
        Ok(())
    }
}
