//! Maximum and mean over windows along up to three axes, and their gradients.
//!
//! The forward passes go by rows of the result, the gradients by whole maps, in which windows may
//! overlap. Where a pixel has many channels they are worked on together ([`wide`]); where it has few,
//! rows of pixels are ([`narrow`]). Squares that lie side by side have code of their own ([`tiles`]). The
//! maximum may be of a function of each element ([`function`]).

mod function;
mod narrow;
mod tiles;
mod wide;

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::cpu;
use crate::emitted::{Pass, Slot};
use crate::gemm::lanes::Lanes;
pub use function::max_pool_of;

/// A pooling: shapes per sample, channels last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// Depth, height, width and channels before.
    pub input: [usize; 4],
    /// Depth, height, width and channels after.
    pub output: [usize; 4],
    /// The windows along each axis.
    pub windows: [Windows; 3],
    /// Whether padding counts in a mean.
    pub count_pad: bool,
}

/// The windows along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Windows {
    /// Window i begins at i · stride − pad. The last ones may reach beyond the padding; a mean that
    /// counts padding counts it up to `pad` beyond the end of the axis, as in PyTorch.
    Sliding {
        /// Elements.
        size: usize,
        /// Distance.
        stride: usize,
        /// Elements before the first and after the last of the axis.
        pad: usize,
    },
    /// Window i of n covers ⌊i · size / n⌋ to ⌈(i + 1) · size / n⌉.
    Adaptive,
}

/// y = the maximum over each window; padding counts as −∞. A NaN in the window is the result.
pub fn max_pool(p: &Pass, spec: &Pool, x: Slot, y: Slot) {
    p.call([x], [y], |[x], [y]| forward(p.pool(), spec, x, y, Maximum));
}

/// The gradient of [`max_pool`]: dy goes to the first maximum of each window.
pub fn max_pool_backward(p: &Pass, spec: &Pool, x: Slot, dy: Slot, dx: Slot) {
    let pool = p.pool();
    p.call([x, dy], [dx], |[x, dy], [dx]| {
        for_each_map(pool, spec, dy, dx, |sample, dy, dx| {
            let x = &x[sample * spec.input_len()..][..spec.input_len()];
            if let Some(side) = tiles::side(spec) {
                return tiles::maximum_backward(pool.isa(), (spec, side), x, dy, dx);
            }
            // A single window a row leaves nothing to do side by side.
            if spec.is_wide() || spec.output[2] == 1 {
                return pool.isa().run(wide::MaximumBackward { spec, x, dy, dx });
            }
            let mut rows = pool.scratch().own(2 * spec.output_row_len());
            pool.isa().run(narrow::MaximumBackward { spec, x, dy, dx, rows: &mut rows });
        });
    });
}

/// y = the mean over each window, of what lies inside the map or with zeros for the padding.
pub fn avg_pool(p: &Pass, spec: &Pool, x: Slot, y: Slot) {
    p.call([x], [y], |[x], [y]| forward(p.pool(), spec, x, y, Mean));
}

/// The gradient of [`avg_pool`].
pub fn avg_pool_backward(p: &Pass, spec: &Pool, dy: Slot, dx: Slot) {
    let pool = p.pool();
    p.call([dy], [dx], |[dy], [dx]| {
        for_each_map(pool, spec, dy, dx, |_, dy, dx| {
            if spec.is_wide() {
                return pool.isa().run(wide::MeanBackward { spec, dy, dx });
            }
            let mut rows = pool.scratch().own(spec.row_len() + spec.output_row_len());
            pool.isa().run(narrow::MeanBackward { spec, dy, dx, rows: &mut rows });
        });
    });
}

/// Elements of the input that a task reads or writes, about.
const TASK: usize = 1 << 14;

/// Channels from which on they fill vectors.
const WIDE: usize = 16;

/// Folds each window to one number.
fn forward(pool: &cpu::Pool, spec: &Pool, x: &[f32], y: &mut [f32], fold: impl Fold) {
    let (inputs, row_len) = (spec.input_len(), spec.output_row_len());
    let side = tiles::side(spec);
    let rows = spec.output[0] * spec.output[1];
    let group = (TASK * rows).div_ceil(inputs);
    let y = cpu::Tiles::new(y);
    pool.for_each_with(
        y.len().div_ceil(group * row_len),
        || pool.scratch().own(if spec.is_wide() { 0 } else { spec.row_len() }),
        |scratch, task| {
            for row in task * group..((task + 1) * group).min(y.len() / row_len) {
                let x = &x[row / rows * inputs..][..inputs];
                // SAFETY: rows have places of their own, and each belongs to one task.
                let y = unsafe { y.slice(row * row_len..(row + 1) * row_len) };
                let row = row % rows;
                if let Some(side) = side {
                    tiles::forward(pool.isa(), (spec, side), row, x, y, fold);
                    continue;
                }
                let window = spec.row(row);
                match spec.is_wide() {
                    true => pool.isa().run(wide::Forward { spec, window, x, y, fold }),
                    false => pool.isa().run(narrow::Forward { spec, window, x, y, fold, scratch }),
                }
            }
        },
    );
}

/// Calls `body` with the number, the dy and the dx of each sample.
fn for_each_map(
    pool: &cpu::Pool,
    spec: &Pool,
    dy: &[f32],
    dx: &mut [f32],
    body: impl Fn(usize, &[f32], &mut [f32]) + Sync,
) {
    let (inputs, outputs) = (spec.input_len(), spec.output_len());
    let group = TASK.div_ceil(inputs);
    pool.for_each_piece([dx], [group * inputs], |task, [dx]| {
        for (sample, dx) in dx.chunks_exact_mut(inputs).enumerate() {
            let sample = task * group + sample;
            body(sample, &dy[sample * outputs..][..outputs], dx);
        }
    });
}

/// What is made of a window.
trait Fold: Copy + Sync {
    /// Of no element.
    const START: f32;
    /// Whether the result is divided by the window's size.
    const IS_MEAN: bool;
    fn step(self, so_far: f32, x: f32) -> f32;
    /// The same in each lane.
    ///
    /// # Safety
    /// As for all methods of [`Lanes`].
    unsafe fn step_lanes<L: Lanes>(self, so_far: L, x: L) -> L;
}

#[derive(Clone, Copy)]
struct Maximum;

#[derive(Clone, Copy)]
struct Mean;

impl Fold for Maximum {
    const START: f32 = f32::NEG_INFINITY;
    const IS_MEAN: bool = false;

    #[inline(always)]
    fn step(self, so_far: f32, x: f32) -> f32 {
        if beats(x, so_far) { x } else { so_far }
    }

    #[inline(always)]
    unsafe fn step_lanes<L: Lanes>(self, so_far: L, x: L) -> L {
        // SAFETY: the caller's promise.
        unsafe { so_far.beaten_by(x, so_far, x).0 }
    }
}

impl Fold for Mean {
    const START: f32 = 0.0;
    const IS_MEAN: bool = true;

    #[inline(always)]
    fn step(self, so_far: f32, x: f32) -> f32 {
        so_far + x
    }

    #[inline(always)]
    unsafe fn step_lanes<L: Lanes>(self, so_far: L, x: L) -> L {
        // SAFETY: the caller's promise.
        unsafe { so_far.add(x) }
    }
}

/// Whether `x` replaces the maximum so far: larger, or the first NaN.
#[inline(always)]
fn beats(x: f32, so_far: f32) -> bool {
    (x > so_far) | (x.is_nan() & !so_far.is_nan())
}

/// The part of the windows of one row of the result that their columns share.
struct RowWindow {
    depth: Range<usize>,
    height: Range<usize>,
    /// The size that counts in a mean.
    count: usize,
}

impl RowWindow {
    /// The rows of the map in it, as numbers from its first row on.
    #[inline(always)]
    fn rows(&self, spec: &Pool) -> Rows {
        let (height, len) = (spec.input[1], self.height.len());
        let depths = if len == 0 { 0 } else { self.depth.len() };
        let row = self.depth.start * height + self.height.start;
        Rows { row, end: if depths == 0 { row } else { row + len }, depths, len, height }
    }
}

/// Rows of a map, from `row` to `end` and again in each depth that is left. A flat map of ranges would
/// cost as much as the work on a pixel.
struct Rows {
    row: usize,
    end: usize,
    depths: usize,
    len: usize,
    height: usize,
}

impl Iterator for Rows {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.row == self.end {
            if self.depths <= 1 {
                return None;
            }
            self.depths -= 1;
            self.row += self.height - self.len;
            self.end = self.row + self.len;
        }
        self.row += 1;
        Some(self.row - 1)
    }
}

impl Pool {
    fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    fn output_len(&self) -> usize {
        self.output.iter().product()
    }

    /// Elements of a row of the map.
    fn row_len(&self) -> usize {
        self.input[2] * self.input[3]
    }

    /// Elements of a row of the result.
    fn output_row_len(&self) -> usize {
        self.output[2] * self.output[3]
    }

    /// The first element of a pixel, in a row counted from the map's first.
    #[inline(always)]
    fn pixel(&self, row: usize, column: usize) -> usize {
        (row * self.input[2] + column) * self.input[3]
    }

    fn is_wide(&self) -> bool {
        self.input[3] >= WIDE
    }

    /// The windows of row `row` of a sample's result, counted from its first.
    fn row(&self, row: usize) -> RowWindow {
        let (depth, height) = (row / self.output[1], row % self.output[1]);
        let count = self.count(0, depth) * self.count(1, height);
        RowWindow { depth: self.inside(0, depth), height: self.inside(1, height), count }
    }

    /// The part of a window that lies inside the map, along one axis.
    #[inline(always)]
    fn inside(&self, axis: usize, output: usize) -> Range<usize> {
        let input = self.input[axis];
        match self.windows[axis] {
            Windows::Sliding { size, stride, pad } => {
                let start = output * stride;
                let end = (start + size).saturating_sub(pad).min(input);
                start.saturating_sub(pad).min(end)..end
            }
            // A division costs as much as the work on a pixel.
            Windows::Adaptive if self.output[axis] == 1 => 0..input,
            Windows::Adaptive => {
                let count = self.output[axis];
                output * input / count..((output + 1) * input).div_ceil(count)
            }
        }
    }

    /// What the windows of some neighbouring outputs cover, along one axis.
    fn span(&self, axis: usize, outputs: Range<usize>) -> Range<usize> {
        let start = self.inside(axis, outputs.start).start;
        start..self.inside(axis, outputs.end - 1).end.max(start)
    }

    /// The size of a window along one axis that counts in a mean.
    #[inline(always)]
    fn count(&self, axis: usize, output: usize) -> usize {
        match self.windows[axis] {
            Windows::Sliding { size, stride, pad } if self.count_pad => {
                let start = output * stride;
                (start + size).min(self.input[axis] + 2 * pad).saturating_sub(start)
            }
            _ => self.inside(axis, output).len(),
        }
    }

    /// The factor of a mean in column `column` of a row. A window without an element has the mean 0.
    #[inline(always)]
    fn factor(&self, window: &RowWindow, column: usize) -> f32 {
        1.0 / (window.count * self.count(2, column)).max(1) as f32
    }
}
