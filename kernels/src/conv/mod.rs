//! Convolution (cross-correlation with zero padding) over up to three axes, and its gradients.
//!
//! Maps are `[batch, depth, height, width, channels]`, weights `[kd, kh, kw, in/groups, out]`. Along one
//! axis, with stride s, dilation d and padding p, in one group of channels:
//!
//! ```text
//! y[n, i, o]   = Σ x[n, s·i + d·a − p, c] · w[a, c, o]
//! dx           = the transpose of that map applied to dy
//! dw[a, c, o]  = Σ x[n, s·i + d·a − p, c] · dy[n, i, o]
//! ```
//!
//! A linear layer is the convolution of a map of one pixel with a window of one. The functions here check
//! the operands and hand the work to the algorithm that [`select`](crate::select) names; each has a file.

mod axis;
mod backward_weight;
mod block;
mod correlate;
mod depthwise;
pub(crate) mod joined;
mod packed;
pub(crate) mod reference;
mod shape;
mod spread;
mod strip;
mod window;
pub(crate) mod winograd;

#[cfg(test)]
mod tests;

use crate::cpu::{Isa, Pool};
use crate::elementwise::{BlockFunction, Each, Function, map, with_sources};
use crate::emitted::{Extent, Operand, Pass, Slot};
use crate::select::{Algorithm, Operation, Problem};
pub(crate) use correlate::LONG_ROW;
pub use packed::PackedWeights;
pub(crate) use packed::Weight;
pub use shape::{Conv, Linear};
use winograd::Size;

/// What is applied to each finished piece of a result while it is in the cache: the piece and the
/// index of its first element.
pub(crate) type Finish<'a> = &'a (dyn Fn(&mut [f32], usize) + Sync);

/// y = x ∗ w
pub fn conv(p: &Pass, spec: &Conv, x: Slot, w: Slot, y: Slot) {
    p.product(Operation::Forward, spec, Some(w));
    let (slot, pool) = (w, p.pool());
    p.call([x, w], [y], |[x, w], [y]| forward(pool, spec, p.batch(), x, p.weight(slot, w), y, None));
}

/// y = f(x ∗ w, …): `f` reads `operands`, among them [`Operand::Result`], the convolution.
pub fn conv_then<const I: usize, F>(
    p: &Pass,
    spec: &Conv,
    x: Slot,
    w: Slot,
    y: Slot,
    operands: [Operand; I],
    f: F,
) where
    F: Fn([f32; I]) -> [f32; 1] + Copy + Sync,
{
    forward_then(p, spec, [x, w], y, &operands, &Each(f));
}

fn forward_then(
    p: &Pass,
    spec: &Conv,
    reads: [Slot; 2],
    y: Slot,
    operands: &[Operand],
    f: &dyn BlockFunction,
) {
    p.product(Operation::Forward, spec, Some(reads[1]));
    let pool = p.pool();
    let [depth, height, width, channels] = spec.output;
    let extent = Extent { positions: depth * height * width, channels };
    let function = Function { isa: pool.isa(), extent, f };
    p.call_slices(reads, operands, &[y], |[x, w], slices, outputs| {
        with_sources(p, extent, outputs[0].len(), operands, slices, |sources| {
            let finish = |piece: &mut [f32], first| map(&function, sources, first, &mut [piece]);
            forward(pool, spec, p.batch(), x, p.weight(reads[1], w), outputs[0], Some(&finish));
        });
    });
}

/// The gradient of [`conv`] with respect to x.
pub fn conv_backward_data(p: &Pass, spec: &Conv, dy: Slot, w: Slot, dx: Slot) {
    p.product(Operation::BackwardData, spec, Some(w));
    let (slot, pool) = (w, p.pool());
    p.call([dy, w], [dx], |[dy, w], [dx]| backward_data(pool, spec, p.batch(), dy, p.weight(slot, w), dx));
}

/// The gradient of [`conv`] with respect to w.
pub fn conv_backward_weight(p: &Pass, spec: &Conv, x: Slot, dy: Slot, dw: Slot) {
    p.product(Operation::BackwardWeight, spec, None);
    p.call([x, dy], [dw], |[x, dy], [dw]| backward_weight(p.pool(), spec, p.batch(), x, dy, dw));
}

/// y = x·w
pub fn linear(p: &Pass, spec: &Linear, x: Slot, w: Slot, y: Slot) {
    conv(p, &spec.as_conv(), x, w, y);
}

/// y = f(x·w, …): `f` reads `operands`, among them [`Operand::Result`], the product.
pub fn linear_then<const I: usize, F>(
    p: &Pass,
    spec: &Linear,
    x: Slot,
    w: Slot,
    y: Slot,
    operands: [Operand; I],
    f: F,
) where
    F: Fn([f32; I]) -> [f32; 1] + Copy + Sync,
{
    conv_then(p, &spec.as_conv(), x, w, y, operands, f);
}

/// The gradient of [`linear`] with respect to x.
pub fn linear_backward_data(p: &Pass, spec: &Linear, dy: Slot, w: Slot, dx: Slot) {
    conv_backward_data(p, &spec.as_conv(), dy, w, dx);
}

/// The gradient of [`linear`] with respect to w.
pub fn linear_backward_weight(p: &Pass, spec: &Linear, x: Slot, dy: Slot, dw: Slot) {
    conv_backward_weight(p, &spec.as_conv(), x, dy, dw);
}

fn forward(
    pool: &Pool,
    spec: &Conv,
    batch: usize,
    x: &[f32],
    w: Weight,
    y: &mut [f32],
    finish: Option<Finish>,
) {
    let problem = Problem { operation: Operation::Forward, spec: *spec, batch, packed: w.is_kept() };
    let algorithm = choose(pool, &problem, Some(w), &mut |algorithm| {
        forward_by(algorithm, pool, spec, batch, x, w, y, None);
    });
    forward_by(algorithm, pool, spec, batch, x, w, y, finish);
}

#[expect(clippy::too_many_arguments, reason = "those of `forward`, and the algorithm")]
fn forward_by(
    algorithm: Algorithm,
    pool: &Pool,
    spec: &Conv,
    batch: usize,
    x: &[f32],
    w: Weight,
    y: &mut [f32],
    finish: Option<Finish>,
) {
    match algorithm {
        Algorithm::ImplicitGemm => {
            let (spec, batch) = spec.flattened(batch);
            correlate::forward(pool, &spec, batch, x, w, y, finish);
        }
        Algorithm::Joined => joined::forward(pool, spec, batch, x, w.values, y, finish),
        Algorithm::Depthwise => depthwise::forward(pool, spec, batch, x, w.values, y, finish),
        Algorithm::Spread => spread::forward(pool, spec, batch, x, w, y, finish),
        Algorithm::Winograd2 => winograd::forward(pool, Size::Two, spec, batch, x, w, y, finish),
        Algorithm::Winograd4 => winograd::forward(pool, Size::Four, spec, batch, x, w, y, finish),
        Algorithm::Reference => {
            let (inputs, outputs) = (spec.input_len(), spec.output_len());
            pool.for_each_piece([y], [outputs], |sample, [y]| {
                let x = &x[sample * inputs..][..inputs];
                narrow(&reference::forward(spec, 1, x, w.values), y);
                if let Some(finish) = finish {
                    finish(y, sample * outputs);
                }
            });
        }
    }
}

fn backward_data(pool: &Pool, spec: &Conv, batch: usize, dy: &[f32], w: Weight, dx: &mut [f32]) {
    let problem = Problem { operation: Operation::BackwardData, spec: *spec, batch, packed: w.is_kept() };
    let algorithm = choose(pool, &problem, Some(w), &mut |algorithm| {
        backward_data_by(algorithm, pool, spec, batch, dy, w, dx);
    });
    backward_data_by(algorithm, pool, spec, batch, dy, w, dx);
}

fn backward_data_by(
    algorithm: Algorithm,
    pool: &Pool,
    spec: &Conv,
    batch: usize,
    dy: &[f32],
    w: Weight,
    dx: &mut [f32],
) {
    match algorithm {
        Algorithm::ImplicitGemm => {
            let (spec, batch) = spec.flattened(batch);
            correlate::backward_data(pool, &spec, batch, dy, w, dx);
        }
        Algorithm::Joined => joined::backward_data(pool, spec, batch, dy, w.values, dx),
        Algorithm::Depthwise => depthwise::backward_data(pool, spec, batch, dy, w.values, dx),
        Algorithm::Spread => spread::backward_data(pool, spec, batch, dy, w, dx),
        Algorithm::Winograd2 => winograd::backward_data(pool, Size::Two, spec, batch, dy, w, dx),
        Algorithm::Winograd4 => winograd::backward_data(pool, Size::Four, spec, batch, dy, w, dx),
        Algorithm::Reference => narrow(&reference::backward_data(spec, batch, dy, w.values), dx),
    }
}

fn backward_weight(pool: &Pool, spec: &Conv, batch: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let problem = Problem { operation: Operation::BackwardWeight, spec: *spec, batch, packed: false };
    let algorithm = choose(pool, &problem, None, &mut |algorithm| {
        backward_weight_by(algorithm, pool, spec, batch, x, dy, dw);
    });
    backward_weight_by(algorithm, pool, spec, batch, x, dy, dw);
}

fn backward_weight_by(
    algorithm: Algorithm,
    pool: &Pool,
    spec: &Conv,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    match algorithm {
        Algorithm::ImplicitGemm => {
            let (spec, batch) = spec.flattened(batch);
            backward_weight::backward_weight(pool, &spec, batch, x, dy, dw);
        }
        Algorithm::Joined => joined::backward_weight(pool, spec, batch, x, dy, dw),
        Algorithm::Depthwise => depthwise::backward_weight(pool, spec, batch, x, dy, dw),
        Algorithm::Spread => spread::backward_weight(pool, spec, batch, x, dy, dw),
        Algorithm::Winograd2 => winograd::backward_weight(pool, Size::Two, spec, batch, x, dy, dw),
        Algorithm::Winograd4 => winograd::backward_weight(pool, Size::Four, spec, batch, x, dy, dw),
        Algorithm::Reference => narrow(&reference::backward_weight(spec, batch, x, dy), dw),
    }
}

/// Bytes of scratch memory that the threads of an algorithm share: a packed weight, copies of dw, or a
/// result in double precision.
pub(crate) fn workspace(algorithm: Algorithm, problem: &Problem, isa: Isa) -> usize {
    let Problem { operation, ref spec, batch, .. } = *problem;
    let channels = correlated(problem);
    let single = |len: usize| len * size_of::<f32>();
    match (algorithm, channels) {
        (Algorithm::Joined, _) => {
            let rest = workspace(Algorithm::ImplicitGemm, &joined::joined(problem, isa), isa);
            single(joined::weights_len(problem, isa)) + rest
        }
        (Algorithm::ImplicitGemm, Some(_)) => single(correlate::packed_len(problem, isa)),
        (Algorithm::Winograd2, Some(channels)) => single(winograd::packed_len(isa, Size::Two, channels)),
        (Algorithm::Winograd4, Some(channels)) => single(winograd::packed_len(isa, Size::Four, channels)),
        (Algorithm::ImplicitGemm, None) => {
            let (spec, batch) = spec.flattened(batch);
            single(backward_weight::copies_len(&spec, batch, isa))
        }
        (Algorithm::Winograd2, None) => single(winograd::copies_len(Size::Two, spec, batch)),
        (Algorithm::Winograd4, None) => single(winograd::copies_len(Size::Four, spec, batch)),
        (Algorithm::Depthwise, Some(_)) => 0,
        (Algorithm::Depthwise, None) => single(depthwise::copies_len(spec, batch)),
        (Algorithm::Spread, _) => single(spread::workspace(spec, batch, isa, channels)),
        (Algorithm::Reference, _) => size_of::<f64>() * reference_len(operation, spec, batch),
    }
}

/// Bytes of scratch memory that each thread of an algorithm works on by itself.
pub(crate) fn thread_workspace(algorithm: Algorithm, problem: &Problem, isa: Isa) -> usize {
    let Problem { ref spec, batch, .. } = *problem;
    let channels = correlated(problem);
    let len = match (algorithm, channels) {
        (Algorithm::Joined, _) => {
            return thread_workspace(Algorithm::ImplicitGemm, &joined::joined(problem, isa), isa);
        }
        (Algorithm::ImplicitGemm, Some(_)) => correlate::thread_len(problem, isa),
        (Algorithm::ImplicitGemm, None) => {
            let (spec, batch) = spec.flattened(batch);
            backward_weight::thread_len(&spec, batch, isa)
        }
        (Algorithm::Depthwise, None) => depthwise::thread_len(spec, isa),
        (Algorithm::Spread, _) => spread::thread_len(spec, batch, isa, channels),
        (Algorithm::Winograd2, _) => winograd::thread_len(isa, Size::Two, problem),
        (Algorithm::Winograd4, _) => winograd::thread_len(isa, Size::Four, problem),
        (Algorithm::Depthwise, Some(_)) | (Algorithm::Reference, _) => 0,
    };
    len * size_of::<f32>()
}

/// The channels before and after, if a map is correlated with a weight.
fn correlated(problem: &Problem) -> Option<[usize; 2]> {
    let Problem { operation, ref spec, .. } = *problem;
    match operation {
        Operation::Forward => Some([spec.input[3], spec.output[3]]),
        Operation::BackwardData => Some([spec.output[3], spec.input[3]]),
        Operation::BackwardWeight => None,
    }
}

/// Elements of what the reference computes at a time.
fn reference_len(operation: Operation, spec: &Conv, batch: usize) -> usize {
    match operation {
        Operation::Forward => spec.output_len(),
        Operation::BackwardData => batch * spec.input_len(),
        Operation::BackwardWeight => spec.weight_len(),
    }
}

/// The algorithm for `problem`. If it has to be measured, `run` computes it by one again and again.
/// What the others have taken for that is given back.
fn choose(
    pool: &Pool,
    problem: &Problem,
    weight: Option<Weight>,
    run: &mut dyn FnMut(Algorithm),
) -> Algorithm {
    let mut is_measured = false;
    let algorithm = pool.selector().choose(problem, pool.machine(), &mut |algorithm| {
        is_measured = true;
        run(algorithm);
    });
    if is_measured {
        pool.scratch().clear();
        weight.iter().for_each(|weight| weight.keep_only(algorithm));
    }
    algorithm
}

/// Computes `problem` by `algorithm` from the data or the result's gradient, and the weight or, where its
/// gradient is computed, the result's gradient.
pub(crate) fn product(
    algorithm: Algorithm,
    pool: &Pool,
    problem: &Problem,
    a: &[f32],
    b: Weight,
    write: &mut [f32],
) {
    let Problem { operation, ref spec, batch, .. } = *problem;
    match operation {
        Operation::Forward => forward_by(algorithm, pool, spec, batch, a, b, write, None),
        Operation::BackwardData => backward_data_by(algorithm, pool, spec, batch, a, b, write),
        Operation::BackwardWeight => backward_weight_by(algorithm, pool, spec, batch, a, b.values, write),
    }
}

fn narrow(values: &[f64], to: &mut [f32]) {
    for (to, &value) in to.iter_mut().zip(values) {
        *to = value as f32;
    }
}
