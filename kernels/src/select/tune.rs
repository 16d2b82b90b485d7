//! Measurements ahead of time, and what they gain.

use super::{Algorithm, Choice, Mode, Operation, Problem, Selector};
use crate::conv::{self, PackedWeights, Weight};
use crate::cpu::{Buffer, Pool};
use crate::emitted::{Region, Slot};

/// What the measurement of a problem has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuned {
    /// The choice by measured times.
    pub choice: Choice,
    /// What [`Mode::Heuristic`] chooses.
    pub estimated: Algorithm,
}

/// Measures every algorithm that the selector of `pool` admits for `problem`, on made-up operands.
pub fn tune(pool: &Pool, problem: Problem) -> Tuned {
    let (reads, write) = operand_lens(&problem);
    let [a, b] = reads.map(made_up);
    let mut result = Buffer::zeroed(write);
    let (selector, machine) = (pool.selector(), pool.machine());
    let packed = PackedWeights::default();
    let weight = match problem.packed {
        true => Weight::new(&b).kept(Slot::new(Region::Parameter, 0, b.len()), &packed),
        false => Weight::new(&b),
    };
    let mut run = |algorithm| conv::product(algorithm, pool, &problem, &a, weight, &mut result);
    let choice = selector.measured(problem, machine, &mut run);
    let heuristic = Selector::new(Mode::Heuristic).with_workspace(selector.workspace);
    Tuned { choice, estimated: heuristic.estimated(problem, machine).algorithm }
}

impl Tuned {
    /// Measured seconds of the choice by estimates, and of the choice by measurements.
    pub fn seconds(&self) -> [f64; 2] {
        [self.estimated, self.choice.algorithm].map(|own| self.choice.measured(own).unwrap_or(0.0))
    }
}

/// Elements of what is read and of what is written.
fn operand_lens(problem: &Problem) -> ([usize; 2], usize) {
    let Problem { operation, ref spec, batch, .. } = *problem;
    let (x, w, y) = (batch * spec.input_len(), spec.weight_len(), batch * spec.output_len());
    match operation {
        Operation::Forward => ([x, w], y),
        Operation::BackwardData => ([y, w], x),
        Operation::BackwardWeight => ([x, y], w),
    }
}

/// Numbers around zero: multiplying zeros may cost another time.
fn made_up(len: usize) -> Buffer {
    let mut buffer = Buffer::zeroed(len);
    for (index, value) in buffer.iter_mut().enumerate() {
        *value = (index % 251) as f32 / 251.0 - 0.5;
    }
    buffer
}
