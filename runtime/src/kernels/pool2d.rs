//! Maximum and mean over windows, and their gradients.
//!
//! The forward passes go by rows of the result, the gradients by whole maps, in which windows may
//! overlap. The channels of a pixel are worked on together.

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::devices::cpu::{Pool, Vectorised};
use crate::emitted::{Pass, Slot};

/// A pooling: shapes per sample, channels last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// Height, width and channels before.
    pub input: [usize; 3],
    /// Height, width and channels after.
    pub output: [usize; 3],
    /// Height and width of the window.
    pub window: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Rows above and below, columns left and right.
    pub pad: [usize; 2],
}

/// y = the maximum over each window; padding counts as −∞. A NaN in the window is the result.
pub fn max_pool2d(p: &Pass, spec: &Pool2d, x: Slot, y: Slot) {
    let isa = p.pool().isa();
    p.call([x], [y], |[x], [y]| {
        for_each_row(p.pool(), spec, x, y, |window, x, y| isa.run(Maximum { spec, window, x, y }));
    });
}

/// The gradient of [`max_pool2d`]: dy goes to the first maximum of each window.
pub fn max_pool2d_backward(p: &Pass, spec: &Pool2d, x: Slot, dy: Slot, dx: Slot) {
    let isa = p.pool().isa();
    p.call([x, dy], [dx], |[x, dy], [dx]| {
        for_each_map(p.pool(), spec, dy, dx, |sample, dy, dx| {
            let x = &x[sample * spec.input_len()..][..spec.input_len()];
            isa.run(MaximumBackward { spec, x, dy, dx });
        });
    });
}

/// y = the mean over each window; padding counts as zeros, included in the mean.
pub fn avg_pool2d(p: &Pass, spec: &Pool2d, x: Slot, y: Slot) {
    let isa = p.pool().isa();
    p.call([x], [y], |[x], [y]| {
        for_each_row(p.pool(), spec, x, y, |window, x, y| isa.run(Mean { spec, window, x, y }));
    });
}

/// The gradient of [`avg_pool2d`].
pub fn avg_pool2d_backward(p: &Pass, spec: &Pool2d, dy: Slot, dx: Slot) {
    let isa = p.pool().isa();
    p.call([dy], [dx], |[dy], [dx]| {
        for_each_map(p.pool(), spec, dy, dx, |_, dy, dx| isa.run(MeanBackward { spec, dy, dx }));
    });
}

/// Elements of the input that a task reads or writes, about.
const TASK: usize = 1 << 14;

/// Calls `body` with the rows of the input under each row of the output, the sample, and the row.
fn for_each_row(
    pool: &Pool,
    spec: &Pool2d,
    x: &[f32],
    y: &mut [f32],
    body: impl Fn(Range<usize>, &[f32], &mut [f32]) + Sync,
) {
    let inputs = spec.input_len();
    let [rows, columns, channels] = spec.output;
    let group = (TASK * rows).div_ceil(inputs);
    pool.for_each_piece([y], [group * columns * channels], |task, [y]| {
        for (row, y) in y.chunks_exact_mut(columns * channels).enumerate() {
            let row = task * group + row;
            body(spec.inside(0, row % rows), &x[row / rows * inputs..][..inputs], y);
        }
    });
}

/// Calls `body` with the number, the dy and the dx of each sample.
fn for_each_map(
    pool: &Pool,
    spec: &Pool2d,
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

impl Pool2d {
    fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    fn output_len(&self) -> usize {
        self.output.iter().product()
    }

    /// The part of a window that lies inside the map, along one axis.
    #[inline(always)]
    fn inside(&self, axis: usize, output: usize) -> Range<usize> {
        let start = output * self.stride[axis];
        let end = (start + self.window[axis]).saturating_sub(self.pad[axis]).min(self.input[axis]);
        start.saturating_sub(self.pad[axis]).min(end)..end
    }

    /// The elements of a pixel of the input.
    #[inline(always)]
    fn pixel(&self, row: usize, column: usize) -> Range<usize> {
        let [_, width, channels] = self.input;
        let start = (row * width + column) * channels;
        start..start + channels
    }

    fn scale(&self) -> f32 {
        1.0 / (self.window[0] * self.window[1]) as f32
    }
}

struct Maximum<'a> {
    spec: &'a Pool2d,
    window: Range<usize>,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Vectorised for Maximum<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let spec = self.spec;
        for (column, y) in self.y.chunks_exact_mut(spec.output[2]).enumerate() {
            y.fill(f32::NEG_INFINITY);
            for row in self.window.clone() {
                for column in spec.inside(1, column) {
                    let x = &self.x[spec.pixel(row, column)];
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = if beats(x, *y) { x } else { *y });
                }
            }
        }
    }
}

/// Whether `x` replaces the maximum so far: larger, or the first NaN.
#[inline(always)]
fn beats(x: f32, so_far: f32) -> bool {
    (x > so_far) | (x.is_nan() & !so_far.is_nan())
}

struct MaximumBackward<'a> {
    spec: &'a Pool2d,
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Vectorised for MaximumBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (spec, width) = (self.spec, self.spec.output[1]);
        self.dx.fill(0.0);
        for (pixel, dy) in self.dy.chunks_exact(spec.output[2]).enumerate() {
            let (rows, columns) = (spec.inside(0, pixel / width), spec.inside(1, pixel % width));
            let taps = || rows.clone().flat_map(|row| columns.clone().map(move |column| (row, column)));
            for (block, dy) in dy.chunks(LANES).enumerate() {
                let lanes = |(row, column)| spec.pixel(row, column).start + block * LANES;
                let first = first_maximum(self.x, taps().map(lanes), dy.len());
                for (tap, at) in taps().map(lanes).enumerate() {
                    let dx = self.dx[at..][..dy.len()].iter_mut().zip(dy).zip(&first);
                    dx.for_each(|((dx, &dy), &first)| *dx += if first == tap as u32 { dy } else { 0.0 });
                }
            }
        }
    }
}

/// Channels that are worked on together.
const LANES: usize = 32;

/// Which of the `taps` holds the first maximum, for each of `count` channels.
#[inline(always)]
fn first_maximum(x: &[f32], taps: impl Iterator<Item = usize>, count: usize) -> [u32; LANES] {
    // The first tap stands even if it is −∞.
    let (mut maximum, mut first) = ([f32::NEG_INFINITY; LANES], [0; LANES]);
    for (tap, at) in taps.enumerate() {
        for ((maximum, first), &x) in maximum.iter_mut().zip(&mut first).zip(&x[at..][..count]) {
            let better = beats(x, *maximum);
            *maximum = if better { x } else { *maximum };
            *first = if better { tap as u32 } else { *first };
        }
    }
    first
}

struct Mean<'a> {
    spec: &'a Pool2d,
    window: Range<usize>,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Vectorised for Mean<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (spec, scale) = (self.spec, self.spec.scale());
        for (column, y) in self.y.chunks_exact_mut(spec.output[2]).enumerate() {
            y.fill(0.0);
            for row in self.window.clone() {
                for column in spec.inside(1, column) {
                    let x = &self.x[spec.pixel(row, column)];
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
                }
            }
            y.iter_mut().for_each(|y| *y *= scale);
        }
    }
}

struct MeanBackward<'a> {
    spec: &'a Pool2d,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Vectorised for MeanBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (spec, scale, columns) = (self.spec, self.spec.scale(), self.spec.output[1]);
        self.dx.fill(0.0);
        for (pixel, dy) in self.dy.chunks_exact(spec.output[2]).enumerate() {
            for row in spec.inside(0, pixel / columns) {
                for column in spec.inside(1, pixel % columns) {
                    let dx = &mut self.dx[spec.pixel(row, column)];
                    dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += scale * dy);
                }
            }
        }
    }
}
