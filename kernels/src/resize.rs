//! Maps of another size, and the gradients.
//!
//! The source of output i along an axis is that of PyTorch with `align_corners=False`, downscaling
//! included: ⌊i · in / out⌋ for the nearest, (i + ½) · in / out − ½ between its two neighbours for the
//! linear one. Rows are mixed first, then columns; gradients go the same way back.

#[cfg(test)]
mod tests;

use crate::cpu::Vectorised;
use crate::emitted::{Pass, Slot};

/// A resizing: shapes per sample, channels last, with the same channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resize {
    /// Depth, height, width and channels before.
    pub input: [usize; 4],
    /// Depth, height, width and channels after.
    pub output: [usize; 4],
    /// How.
    pub interpolation: Interpolation,
}

/// What lies between the elements of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The nearest element.
    Nearest,
    /// The mean of the two nearest, by distance, along each axis.
    Linear,
}

/// Elements of the output that a task writes, about.
const TASK: usize = 1 << 14;

/// y = x in another size.
pub fn resize(p: &Pass, spec: &Resize, x: Slot, y: Slot) {
    let (pool, inputs) = (p.pool(), spec.input_len());
    let rows = spec.output[0] * spec.output[1];
    let group = TASK.div_ceil(spec.output_row_len());
    let mut table = pool.scratch().single(2 * spec.output[2]);
    let columns = Columns::new(spec, &mut table);
    p.call([x], [y], |[x], [y]| {
        pool.for_each_piece([y], [group * spec.output_row_len()], |task, [y]| {
            let mut mixed = pool.scratch().own(spec.row_len());
            for (row, y) in y.chunks_exact_mut(spec.output_row_len()).enumerate() {
                let row = task * group + row;
                let x = &x[row / rows * inputs..][..inputs];
                pool.isa().run(Forward { spec, columns, row: row % rows, x, y, mixed: &mut mixed });
            }
        });
    });
}

/// The gradient of [`resize`].
pub fn resize_backward(p: &Pass, spec: &Resize, dy: Slot, dx: Slot) {
    let (pool, inputs, outputs) = (p.pool(), spec.input_len(), spec.output.iter().product::<usize>());
    let mut table = pool.scratch().single(2 * spec.output[2]);
    let columns = Columns::new(spec, &mut table);
    p.call([dy], [dx], |[dy], [dx]| {
        pool.for_each_piece([dx], [inputs], |sample, [dx]| {
            let mut mixed = pool.scratch().own(spec.row_len());
            let dy = &dy[sample * outputs..][..outputs];
            pool.isa().run(Backward { spec, columns, dy, dx, mixed: &mut mixed });
        });
    });
}

/// The elements of an axis that an output is made of: `low` and the one after it, or `low` alone.
#[derive(Clone, Copy)]
struct Taps {
    low: usize,
    /// The share of the one after `low`.
    share: f32,
}

impl Taps {
    /// Place and share of each; the second only if it has one.
    #[inline(always)]
    fn each(self) -> impl Iterator<Item = (usize, f32)> + Clone {
        let second = (self.share > 0.0).then_some((self.low + 1, self.share));
        [(self.low, 1.0 - self.share)].into_iter().chain(second)
    }
}

/// The taps of each column of the output, worked out once: pairs of place and share. A place is a
/// whole number, exact in single precision below 2²⁴.
#[derive(Clone, Copy)]
struct Columns<'a>(&'a [f32]);

impl<'a> Columns<'a> {
    fn new(spec: &Resize, table: &'a mut [f32]) -> Columns<'a> {
        for (column, pair) in table.as_chunks_mut().0.iter_mut().enumerate() {
            let Taps { low, share } = spec.taps(2, column);
            *pair = [low as f32, share];
        }
        Columns(table)
    }

    #[inline(always)]
    fn taps(self) -> impl Iterator<Item = Taps> + use<'a> {
        self.0.as_chunks().0.iter().map(|&[low, share]| Taps { low: low as usize, share })
    }
}

impl Resize {
    fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    fn row_len(&self) -> usize {
        self.input[2] * self.input[3]
    }

    fn output_row_len(&self) -> usize {
        self.output[2] * self.output[3]
    }

    #[inline(always)]
    fn taps(&self, axis: usize, output: usize) -> Taps {
        let (before, after) = (self.input[axis], self.output[axis]);
        match self.interpolation {
            _ if before == after => Taps { low: output, share: 0.0 },
            Interpolation::Nearest => {
                // In single precision as PyTorch has it, whose rounding is part of the meaning.
                let scale = before as f32 / after as f32;
                Taps { low: ((output as f32 * scale) as usize).min(before - 1), share: 0.0 }
            }
            Interpolation::Linear => {
                let scale = before as f64 / after as f64;
                let place = ((output as f64 + 0.5) * scale - 0.5).max(0.0);
                let low = (place as usize).min(before - 1);
                let share = if low + 1 < before { place - low as f64 } else { 0.0 };
                Taps { low, share: share as f32 }
            }
        }
    }

    /// The rows of the map that row `row` of a sample's output is made of, and their shares.
    #[inline(always)]
    fn rows(&self, row: usize) -> impl Iterator<Item = (usize, f32)> + use<> {
        let (depth, height) = (self.taps(0, row / self.output[1]), self.taps(1, row % self.output[1]));
        let count = self.input[1];
        depth.each().flat_map(move |(depth, first)| {
            height.each().map(move |(row, second)| (depth * count + row, first * second))
        })
    }
}

/// One row of the output.
struct Forward<'a> {
    spec: &'a Resize,
    columns: Columns<'a>,
    row: usize,
    x: &'a [f32],
    y: &'a mut [f32],
    /// Room for a row of the map.
    mixed: &'a mut [f32],
}

impl Vectorised for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Forward { spec, columns, row, x, y, mixed } = self;
        let (channels, len) = (spec.input[3], spec.row_len());
        for (index, (row, share)) in spec.rows(row).enumerate() {
            let x = &x[row * len..][..len];
            match index {
                0 => mixed.iter_mut().zip(x).for_each(|(mixed, &x)| *mixed = share * x),
                _ => mixed.iter_mut().zip(x).for_each(|(mixed, &x)| *mixed += share * x),
            }
        }
        for (y, Taps { low, share }) in y.chunks_exact_mut(channels).zip(columns.taps()) {
            let first = &mixed[low * channels..][..channels];
            if share > 0.0 {
                let second = &mixed[(low + 1) * channels..][..channels];
                let both = y.iter_mut().zip(first).zip(second);
                both.for_each(|((y, &a), &b)| *y = (1.0 - share) * a + share * b);
            } else {
                y.copy_from_slice(first);
            }
        }
    }
}

/// The gradient of one sample.
struct Backward<'a> {
    spec: &'a Resize,
    columns: Columns<'a>,
    dy: &'a [f32],
    dx: &'a mut [f32],
    /// Room for a row of the map.
    mixed: &'a mut [f32],
}

impl Vectorised for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Backward { spec, columns, dy, dx, mixed } = self;
        let (channels, len) = (spec.input[3], spec.row_len());
        dx.fill(0.0);
        for (row, dy) in dy.chunks_exact(spec.output_row_len()).enumerate() {
            mixed.fill(0.0);
            for (dy, Taps { low, share }) in dy.chunks_exact(channels).zip(columns.taps()) {
                let first = mixed[low * channels..].iter_mut().zip(dy);
                first.for_each(|(mixed, &dy)| *mixed += (1.0 - share) * dy);
                if share > 0.0 {
                    let second = mixed[(low + 1) * channels..].iter_mut().zip(dy);
                    second.for_each(|(mixed, &dy)| *mixed += share * dy);
                }
            }
            for (row, share) in spec.rows(row) {
                let dx = dx[row * len..].iter_mut().zip(&*mixed);
                dx.for_each(|(dx, &mixed)| *dx += share * mixed);
            }
        }
    }
}
