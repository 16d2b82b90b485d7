//! Two-dimensional convolution (cross-correlation with zero padding) and its gradients.
//!
//! Maps are `[batch, height, width, channels]`, weights `[kh, kw, in, out]`. With stride s and
//! padding p,
//!
//! ```text
//! y[n, i, j, o]   = Σ x[n, s·i + a − p, s·j + b − p, c] · w[a, b, c, o]
//! dx              = the transpose of that map applied to dy
//! dw[a, b, c, o]  = Σ x[n, s·i + a − p, s·j + b − p, c] · dy[n, i, j, o]
//! ```
//!
//! A linear layer is the convolution of a 1x1 map with a 1x1 window. The functions here check the
//! operands and hand the work to the algorithm that [`select`](crate::select) names.

mod backward_weight;
mod correlate;
pub(crate) mod reference;
mod window;

#[cfg(test)]
mod tests;

use crate::devices::cpu::{Isa, Pool};
use crate::emitted::{Operand, Pass, Slot};
use crate::kernels::elementwise::{BlockFunction, Each, Function, Source, map};
use crate::kernels::gemm::Panels;
use crate::select::{Algorithm, Operation, Problem};

/// A convolution: shapes per sample, channels last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Conv2d {
    /// Height, width and channels before.
    pub input: [usize; 3],
    /// Height, width and channels after.
    pub output: [usize; 3],
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Zero rows above and below, zero columns left and right.
    pub pad: [usize; 2],
}

/// A linear layer: y = x·w with w `[in, out]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Linear {
    /// Features before.
    pub inputs: usize,
    /// Features after.
    pub outputs: usize,
}

/// What is applied to each finished piece of a result while it is in the cache: the piece and the
/// index of its first element.
pub(crate) type Finish<'a> = &'a (dyn Fn(&mut [f32], usize) + Sync);

/// y = x ∗ w
pub fn conv2d(p: &Pass, spec: &Conv2d, x: Slot, w: Slot, y: Slot) {
    p.call([x, w], [y], |[x, w], [y]| forward(p.pool(), spec, p.batch(), x, w, y, None));
}

/// y = f(x ∗ w, …): `f` reads `operands`, among them [`Operand::Result`], the convolution.
pub fn conv2d_then<const I: usize, F>(
    p: &Pass,
    spec: &Conv2d,
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
    spec: &Conv2d,
    reads: [Slot; 2],
    y: Slot,
    operands: &[Operand],
    f: &dyn BlockFunction,
) {
    let (pool, channels) = (p.pool(), spec.output[2]);
    let function = Function { isa: pool.isa(), channels, f };
    p.call_slices(reads, operands, &[y], |[x, w], slices, outputs| {
        let mut memory = Source::memory(pool, operands, channels);
        let sources = Source::of(operands, slices, channels, p.random(), &mut memory);
        let finish = |piece: &mut [f32], first| map(&function, &sources, first, &mut [piece]);
        forward(pool, spec, p.batch(), x, w, outputs[0], Some(&finish));
    });
}

/// The gradient of [`conv2d`] with respect to x.
pub fn conv2d_backward_data(p: &Pass, spec: &Conv2d, dy: Slot, w: Slot, dx: Slot) {
    p.call([dy, w], [dx], |[dy, w], [dx]| backward_data(p.pool(), spec, p.batch(), dy, w, dx));
}

/// The gradient of [`conv2d`] with respect to w.
pub fn conv2d_backward_weight(p: &Pass, spec: &Conv2d, x: Slot, dy: Slot, dw: Slot) {
    p.call([x, dy], [dw], |[x, dy], [dw]| backward_weight(p.pool(), spec, p.batch(), x, dy, dw));
}

/// y = x·w
pub fn linear(p: &Pass, spec: &Linear, x: Slot, w: Slot, y: Slot) {
    conv2d(p, &spec.as_conv2d(), x, w, y);
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
    conv2d_then(p, &spec.as_conv2d(), x, w, y, operands, f);
}

/// The gradient of [`linear`] with respect to x.
pub fn linear_backward_data(p: &Pass, spec: &Linear, dy: Slot, w: Slot, dx: Slot) {
    conv2d_backward_data(p, &spec.as_conv2d(), dy, w, dx);
}

/// The gradient of [`linear`] with respect to w.
pub fn linear_backward_weight(p: &Pass, spec: &Linear, x: Slot, dy: Slot, dw: Slot) {
    conv2d_backward_weight(p, &spec.as_conv2d(), x, dy, dw);
}

impl Linear {
    fn as_conv2d(self) -> Conv2d {
        Conv2d {
            input: [1, 1, self.inputs],
            output: [1, 1, self.outputs],
            kernel: [1, 1],
            stride: [1, 1],
            pad: [0, 0],
        }
    }
}

impl Conv2d {
    /// Elements of an input sample.
    pub fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    /// Elements of an output sample.
    pub fn output_len(&self) -> usize {
        self.output.iter().product()
    }

    /// Elements of the weight.
    pub fn weight_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.input[2] * self.output[2]
    }

    /// Multiply-adds per sample, those with padding included.
    pub fn macs(&self) -> usize {
        self.weight_len() * self.output[0] * self.output[1]
    }

    /// Where the matrix `[in, out]` of a tap begins in the weight.
    fn tap(&self, [row, column]: [usize; 2]) -> usize {
        (row * self.kernel[1] + column) * self.input[2] * self.output[2]
    }

    /// The same product for a batch, as one long row where the windows are single elements.
    fn flattened(&self, batch: usize) -> (Conv2d, usize) {
        if self.kernel != [1, 1] || self.stride != [1, 1] || self.pad != [0, 0] {
            return (*self, batch);
        }
        let width = batch * self.input[0] * self.input[1];
        let row = |channels| [1, width, channels];
        (Conv2d { input: row(self.input[2]), output: row(self.output[2]), ..*self }, 1)
    }
}

fn forward(
    pool: &Pool,
    spec: &Conv2d,
    batch: usize,
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    finish: Option<Finish>,
) {
    match choose(pool, Operation::Forward, spec, batch) {
        Algorithm::ImplicitGemm => {
            let (spec, batch) = spec.flattened(batch);
            correlate::forward(pool, &spec, batch, x, w, y, finish);
        }
        Algorithm::Reference => {
            let (inputs, outputs) = (spec.input_len(), spec.output_len());
            pool.for_each_piece([y], [outputs], |sample, [y]| {
                let x = &x[sample * inputs..][..inputs];
                narrow(&reference::forward(spec, 1, x, w), y);
                if let Some(finish) = finish {
                    finish(y, sample * outputs);
                }
            });
        }
    }
}

fn backward_data(pool: &Pool, spec: &Conv2d, batch: usize, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    match choose(pool, Operation::BackwardData, spec, batch) {
        Algorithm::ImplicitGemm => {
            let (spec, batch) = spec.flattened(batch);
            correlate::backward_data(pool, &spec, batch, dy, w, dx);
        }
        Algorithm::Reference => narrow(&reference::backward_data(spec, batch, dy, w), dx),
    }
}

fn backward_weight(pool: &Pool, spec: &Conv2d, batch: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    match choose(pool, Operation::BackwardWeight, spec, batch) {
        Algorithm::ImplicitGemm => {
            let (spec, batch) = spec.flattened(batch);
            backward_weight::backward_weight(pool, &spec, batch, x, dy, dw);
        }
        Algorithm::Reference => narrow(&reference::backward_weight(spec, batch, x, dy), dw),
    }
}

/// Elements of the memory that the threads of an implicit GEMM share: the packed weight (at most, for
/// a strided gradient has fewer taps at a time), or the copies of dw.
pub(crate) fn workspace(operation: Operation, spec: &Conv2d, batch: usize, isa: Isa) -> usize {
    let taps = spec.kernel[0] * spec.kernel[1];
    let ([_, _, inputs], [_, _, outputs]) = (spec.input, spec.output);
    match operation {
        Operation::Forward => Panels::new(isa, taps * inputs, outputs).len(),
        Operation::BackwardData => Panels::new(isa, taps * outputs, inputs).len(),
        Operation::BackwardWeight => {
            let (spec, batch) = spec.flattened(batch);
            backward_weight::copies_len(&spec, batch, isa)
        }
    }
}

fn choose(pool: &Pool, operation: Operation, spec: &Conv2d, batch: usize) -> Algorithm {
    pool.selector().choose(Problem { operation, spec: *spec, batch }, pool.isa())
}

fn narrow(values: &[f64], to: &mut [f32]) {
    for (to, &value) in to.iter_mut().zip(values) {
        *to = value as f32;
    }
}
