//! A choice, and the reasons for it.

use std::fmt;

use super::{Algorithm, Problem};

/// One line of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What was asked for.
    pub problem: Problem,
    /// What was chosen.
    pub algorithm: Algorithm,
    /// On what grounds.
    pub basis: Basis,
    /// What could have been, best first.
    pub candidates: Vec<Candidate>,
}

/// What a choice rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Estimated times, or that nothing else was admitted.
    Estimated,
    /// Times that were just measured.
    Measured,
    /// Times that were measured in another run.
    Remembered,
}

/// An algorithm that supports a problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Which.
    pub algorithm: Algorithm,
    /// Estimated seconds on one core.
    pub estimate: f64,
    /// Measured seconds on all threads.
    pub measured: Option<f64>,
    /// Bytes of scratch memory that the threads share.
    pub workspace: usize,
    /// Whether mode and workspace admit it.
    pub is_open: bool,
}

/// A lead of less than this share is noise: the estimate decides, so that runs agree more often.
const NOISE: f64 = 0.03;

impl Choice {
    /// The open candidate with the least estimate.
    pub(super) fn by_estimate(problem: Problem, mut candidates: Vec<Candidate>) -> Choice {
        sort(&mut candidates, |candidate| candidate.estimate);
        let best = candidates.iter().find(|candidate| candidate.is_open);
        let algorithm = best.map_or(Algorithm::Reference, |candidate| candidate.algorithm);
        Choice { problem, algorithm, basis: Basis::Estimated, candidates }
    }

    /// The open candidate with the least measured time.
    pub(super) fn by_measurement(problem: Problem, candidates: Vec<Candidate>, basis: Basis) -> Choice {
        let Choice { algorithm: estimated, mut candidates, .. } = Choice::by_estimate(problem, candidates);
        let time: fn(&Candidate) -> f64 = |candidate| candidate.measured.unwrap_or(f64::INFINITY);
        sort(&mut candidates, time);
        let best = candidates.iter().find(|candidate| candidate.is_open);
        let limit = best.map_or(0.0, time) / (1.0 - NOISE);
        let agrees =
            candidates.iter().any(|candidate| candidate.algorithm == estimated && time(candidate) <= limit);
        let algorithm = match best {
            Some(best) if !agrees => best.algorithm,
            _ => estimated,
        };
        Choice { problem, algorithm, basis, candidates }
    }

    /// The candidates that mode and workspace admit, best first.
    pub fn open(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(|candidate| candidate.is_open)
    }

    /// Measured seconds of `algorithm`.
    pub fn measured(&self, algorithm: Algorithm) -> Option<f64> {
        self.candidates.iter().find(|candidate| candidate.algorithm == algorithm)?.measured
    }
}

/// Puts the candidates of which a number is the least first.
fn sort(candidates: &mut [Candidate], number: fn(&Candidate) -> f64) {
    candidates.sort_by(|a, b| number(a).total_cmp(&number(b)));
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Problem { spec, batch, .. } = self;
        let [depth, height, width, channels] = spec.input;
        let [kd, kh, kw] = spec.kernel;
        match (spec.input[..3].iter().product::<usize>(), spec.taps()) {
            (1, 1) => write!(f, "{batch}x{channels}")?,
            _ if depth == 1 && kd == 1 => write!(f, "{batch}x{height}x{width}x{channels} * {kh}x{kw}")?,
            _ => write!(f, "{batch}x{depth}x{height}x{width}x{channels} * {kd}x{kh}x{kw}")?,
        }
        write!(f, " to {}", spec.output[3])?;
        if spec.stride != [1; 3] {
            write!(f, " stride {}", spec.stride[2])?;
        }
        if spec.groups > 1 {
            write!(f, " in {} groups", spec.groups)?;
        }
        Ok(())
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}: {}", self.problem.operation.name(), self.problem, self.algorithm.name())?;
        for Candidate { algorithm, estimate, measured, workspace, .. } in &self.candidates {
            let (time, kind) = measured.map_or((*estimate, "estimated"), |time| (time, "measured"));
            write!(f, ", {} {:.1} µs {kind} {workspace} bytes", algorithm.name(), time * 1e6)?;
        }
        Ok(())
    }
}
