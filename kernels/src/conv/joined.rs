//! Neighbouring outputs of a row, joined to one output of more channels.
//!
//! In memory, n neighbouring pixels of o channels are one pixel of n·o channels. So a convolution to few
//! channels is one to many, with an n-th of the outputs in a row, n times the stride, and windows that
//! cover those of all n outputs:
//!
//! ```text
//! joined[.., t, c, i·o + k] = w[.., t − s·i, c, k], zero where w has no such tap
//! ```
//!
//! Vectors of outputs are full then, for the price of the zeros; the rest is left to implicit GEMM. A
//! number that is not finite meets those zeros, and reaches all outputs of a joined one.

use std::ops::Range;

use super::{Conv, Finish, Weight, backward_weight as gradient, correlate};
use crate::cpu::{Isa, Pool};
use crate::gemm;
use crate::select::{Operation, Problem};

/// Channels of a joined output at most: those of the widest panel.
const MAX_CHANNELS: usize = 64;

/// y = finish(x ∗ w)
pub(super) fn forward(
    pool: &Pool,
    spec: &Conv,
    batch: usize,
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    finish: Option<Finish>,
) {
    let join = Join::new(spec, pool.isa());
    let mut weight = pool.scratch().aside(join.joined().weight_len());
    weight.fill(0.0);
    for (joined, own) in join.parts() {
        weight[joined].copy_from_slice(&w[own]);
    }
    correlate::forward(pool, &join.joined(), batch, x, Weight::new(&weight), y, finish);
}

/// dx from dy and w: the convolution of dy with the window turned round.
pub(super) fn backward_data(pool: &Pool, spec: &Conv, batch: usize, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    let mut weight = pool.scratch().aside(w.len());
    let (inputs, outputs) = (spec.input[3], spec.output[3]);
    for (own, turned) in w.chunks_exact(inputs * outputs).rev().zip(weight.chunks_exact_mut(inputs * outputs))
    {
        for (output, turned) in turned.chunks_exact_mut(inputs).enumerate() {
            let column = own[output..].iter().step_by(outputs);
            turned.iter_mut().zip(column).for_each(|(to, &from)| *to = from);
        }
    }
    forward(pool, &turned(spec), batch, dy, &weight, dx, None);
}

/// dw from x and dy: the rows of the joined weight's gradient that are copies of one row, added up.
pub(super) fn backward_weight(pool: &Pool, spec: &Conv, batch: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let join = Join::new(spec, pool.isa());
    let mut sums = pool.scratch().aside(join.joined().weight_len());
    gradient::backward_weight(pool, &join.joined(), batch, x, dy, &mut sums);
    dw.fill(0.0);
    for (joined, own) in join.parts() {
        dw[own].iter_mut().zip(&sums[joined]).for_each(|(sum, &part)| *sum += part);
    }
}

/// Whether outputs can be joined: those of a row lie side by side, and some number of them divides it.
pub(crate) fn supports(problem: &Problem) -> bool {
    let Problem { operation, ref spec, .. } = *problem;
    let is_simple = spec.groups == 1 && spec.dilation[2] == 1;
    match operation {
        Operation::Forward | Operation::BackwardWeight => is_simple && counts(spec).next().is_some(),
        Operation::BackwardData => {
            let fits = |axis: usize| spec.pad[axis] <= (spec.kernel[axis] - 1) * spec.dilation[axis];
            let turns = spec.kernel.iter().all(|&taps| taps > 0) && (0..3).all(fits);
            is_simple && spec.stride == [1; 3] && turns && counts(&turned(spec)).next().is_some()
        }
    }
}

/// What implicit GEMM is left with.
pub(crate) fn joined(problem: &Problem, isa: Isa) -> Problem {
    let (operation, spec) = match problem.operation {
        Operation::BackwardData => (Operation::Forward, turned(&problem.spec)),
        operation => (operation, problem.spec),
    };
    Problem { operation, spec: Join::new(&spec, isa).joined(), batch: problem.batch, packed: false }
}

/// Elements of scratch memory beside that of implicit GEMM.
pub(super) fn weights_len(problem: &Problem, isa: Isa) -> usize {
    let turned = if problem.operation == Operation::BackwardData { problem.spec.weight_len() } else { 0 };
    joined(problem, isa).spec.weight_len() + turned
}

/// The convolution of dy that gives dx, where all strides are 1.
fn turned(spec: &Conv) -> Conv {
    let pad = |axis: usize| ((spec.kernel[axis] - 1) * spec.dilation[axis]).saturating_sub(spec.pad[axis]);
    Conv { input: spec.output, output: spec.input, pad: [0, 1, 2].map(pad), ..*spec }
}

/// How many outputs can be joined.
fn counts(spec: &Conv) -> impl Iterator<Item = usize> {
    let [_, _, width, channels] = spec.output;
    (2..=MAX_CHANNELS / channels.max(1)).filter(move |&count| width > 0 && width.is_multiple_of(count))
}

/// A convolution whose outputs are joined.
struct Join<'a> {
    spec: &'a Conv,
    /// Outputs in a joined one.
    count: usize,
}

impl<'a> Join<'a> {
    /// The number of outputs that leaves the fewest products of vectors.
    fn new(spec: &'a Conv, isa: Isa) -> Join<'a> {
        let lanes = gemm::lanes(isa);
        let products = |join: &Join| {
            let Conv { output, kernel, .. } = join.joined();
            output[2] * output[3].div_ceil(lanes) * kernel[2]
        };
        let joins = counts(spec).map(|count| Join { spec, count });
        joins.min_by_key(products).unwrap_or(Join { spec, count: 1 })
    }

    fn joined(&self) -> Conv {
        let Join { spec, count } = *self;
        let Conv { mut output, mut kernel, mut stride, .. } = *spec;
        output[2] /= count;
        output[3] *= count;
        kernel[2] += (count - 1) * stride[2];
        stride[2] *= count;
        Conv { output, kernel, stride, ..*spec }
    }

    /// Where each row of the weight, the outputs of an input and a tap, lies in the joined weight, for one
    /// joined output after the other; and where it lies itself.
    fn parts(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
        let Join { spec, count } = *self;
        let ([planes, rows, taps], [.., inputs], [.., outputs]) = (spec.kernel, spec.input, spec.output);
        let own_row = taps * inputs;
        let joined_row = self.joined().kernel[2] * inputs;
        (0..count).flat_map(move |index| {
            let shift = index * spec.stride[2] * inputs;
            (0..planes * rows * own_row).map(move |own| {
                let joined = own / own_row * joined_row + shift + own % own_row;
                let start = (joined * count + index) * outputs;
                (start..start + outputs, own * outputs..(own + 1) * outputs)
            })
        })
    }
}
