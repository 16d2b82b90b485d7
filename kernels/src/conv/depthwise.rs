//! Depthwise convolution: each output channel sees one input channel, its own.
//!
//! Maps are read in place, a row of outputs at a time, all channels of it: taps outside the map are left
//! out of the sums of border pixels. There are as few products as there are loads, so this is about as
//! fast as memory. It wins wherever each group is one channel; several outputs per channel are
//! [`spread`](super::spread)'s.

use std::ops::Range;

use super::axis::{Axis, Line, backward_lines};
use super::backward_weight::{affordable_copies, sum_copies};
use super::strip::{self, Row, Term};
use super::{Conv, Finish};
use crate::cpu::{Isa, Pool, Tiles};
use crate::gemm::lanes;

/// Elements of the result that a task aims at: they stay in the first-level cache until they are
/// finished.
const AIM: usize = 4096;

/// Copies of dw at most: tasks that are enough for the cores of a large machine.
const ENOUGH_TASKS: usize = 32;

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
    let lines = [0, 1, 2].map(|axis| Line::forward(spec, axis));
    Job { isa: pool.isa(), lines, kernel: spec.kernel, channels: spec.input[3], map: x, w }.run(
        pool,
        batch,
        Tiles::new(y),
        finish,
    );
}

/// dx from dy and w.
pub(super) fn backward_data(pool: &Pool, spec: &Conv, batch: usize, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    let (dx, channels) = (Tiles::new(dx), spec.input[3]);
    for lines in backward_lines(spec) {
        let job = Job { isa: pool.isa(), lines, kernel: spec.kernel, channels, map: dy, w };
        job.run(pool, batch, dx, None);
    }
}

/// A correlation of a map with weights.
struct Job<'a> {
    isa: Isa,
    lines: [Line; 3],
    /// The weight's taps along each axis.
    kernel: [usize; 3],
    channels: usize,
    map: &'a [f32],
    w: &'a [f32],
}

impl Job<'_> {
    fn run(&self, pool: &Pool, batch: usize, to: Tiles, finish: Option<Finish>) {
        let [planes, rows, columns] = self.lines.map(|line| line.axis.count);
        let rows_per_task = (AIM / (columns * self.channels).max(1)).clamp(1, rows.max(1));
        let tasks_per_plane = rows.div_ceil(rows_per_task);
        pool.for_each(batch * planes * tasks_per_plane, |task| {
            let (index, first) = (task / tasks_per_plane, task % tasks_per_plane * rows_per_task);
            let (image, plane) = (index / planes, index % planes);
            let rows = first..(first + rows_per_task).min(rows);
            for row in rows.clone() {
                self.row(image, [plane, row], to);
            }
            if let Some(finish) = finish {
                let range =
                    self.place(image, [plane, rows.start], 0)..self.place(image, [plane, rows.end], 0);
                // SAFETY: the rows belong to this task.
                finish(unsafe { to.slice(range.clone()) }, range.start);
            }
        });
    }

    /// One row of outputs: the columns whose windows stay inside together, the others one by one.
    fn row(&self, image: usize, at: [usize; 2], to: Tiles) {
        let columns = self.lines[2].axis;
        let interior = columns.interior();
        for column in (0..interior.start).chain(interior.end..columns.count) {
            self.columns(image, at, column..column + 1, to);
        }
        self.columns(image, at, interior, to);
    }

    /// Outputs of a row that see the same taps.
    fn columns(&self, image: usize, at: [usize; 2], columns: Range<usize>, to: Tiles) {
        if columns.is_empty() {
            return;
        }
        let [planes, rows, line] = self.lines;
        let axes = self.lines.map(|line| line.axis);
        let len = axes.iter().map(|axis| axis.size).product::<usize>() * self.channels;
        strip::with_terms(|terms| {
            let [_, kernel_rows, kernel_columns] = self.kernel;
            for_each_tap(axes, [at[0], at[1], columns.start], |place, x| {
                let tap = planes.tap(place[0]) * kernel_rows + rows.tap(place[1]);
                let tap = tap * kernel_columns + line.tap(place[2]);
                terms.push(Term { x: x * self.channels, w: tap * self.channels });
            });
            let row = Row {
                x: &self.map[image * len..][..len],
                x_step: line.axis.stride * self.channels,
                count: columns.len(),
                channels: self.channels,
                terms,
            };
            let place = (to, self.place(image, at, columns.start), line.to.step * self.channels);
            // SAFETY: each row belongs to one task.
            unsafe { strip::correlate(self.isa, row, self.w, place) };
        });
    }

    /// First element of an output in the destination.
    fn place(&self, image: usize, [plane, row]: [usize; 2], column: usize) -> usize {
        let [planes, rows, columns] = self.lines.map(|line| line.to);
        let row = (image * planes.size + planes.at(plane)) * rows.size + rows.at(row);
        (row * columns.size + columns.at(column)) * self.channels
    }
}

/// Calls `each` with the taps of an output that lie inside the map, and the pixels that they see.
fn for_each_tap(axes: [Axis; 3], output: [usize; 3], mut each: impl FnMut([usize; 3], usize)) {
    let [planes, rows, columns] = [0, 1, 2].map(|axis| axes[axis].inside(output[axis]));
    let at = |axis: usize, tap: usize| {
        (axes[axis].first(output[axis]) + (tap * axes[axis].dilation) as isize) as usize
    };
    for plane in planes {
        for row in rows.clone() {
            for column in columns.clone() {
                let line = at(0, plane) * axes[1].size + at(1, row);
                each([plane, row, column], line * axes[2].size + at(2, column));
            }
        }
    }
}

/// dw from x and dy.
pub(super) fn backward_weight(pool: &Pool, spec: &Conv, batch: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let rows = batch * spec.output[0] * spec.output[1];
    sum_copies(pool, chunks(spec, batch), dw, |chunks, copies| {
        let gradient = Gradient { isa: pool.isa(), spec, x, dy };
        let lanes = lanes::narrowed(pool.isa(), spec.output[3]);
        let sums = || pool.scratch().own(sums_len(spec, lanes));
        pool.for_each_with(chunks, sums, |sums, chunk| {
            sums.fill(0.0);
            for row in chunk * rows / chunks..(chunk + 1) * rows / chunks {
                gradient.add_row(row, sums);
            }
            let len = spec.weight_len();
            // SAFETY: each copy belongs to one task.
            let copy = unsafe { copies.slice(chunk * len..(chunk + 1) * len) };
            gather(sums, spec.taps(), lanes, copy);
        });
    });
}

/// Elements of the sums of a chunk.
fn sums_len(spec: &Conv, lanes: usize) -> usize {
    spec.taps() * spec.output[3].next_multiple_of(lanes)
}

/// Elements that each thread works on where it computes dw; none elsewhere.
pub(super) fn thread_len(spec: &Conv, isa: Isa) -> usize {
    sums_len(spec, lanes::narrowed(isa, spec.output[3]))
}

/// Elements of the copies of dw, 0 if there is none beside dw itself.
pub(super) fn copies_len(spec: &Conv, batch: usize) -> usize {
    let chunks = chunks(spec, batch);
    if chunks == 1 { 0 } else { chunks * spec.weight_len() }
}

fn chunks(spec: &Conv, batch: usize) -> usize {
    affordable_copies(spec, ENOUGH_TASKS.min(batch * spec.output[0] * spec.output[1]))
}

struct Gradient<'a> {
    isa: Isa,
    spec: &'a Conv,
    x: &'a [f32],
    dy: &'a [f32],
}

impl Gradient<'_> {
    /// Adds the products of one row of dy.
    fn add_row(&self, index: usize, sums: &mut [f32]) {
        let [planes, rows, columns, _] = self.spec.output;
        let (image, at) = (index / (planes * rows), [index / rows % planes, index % rows]);
        let interior = Axis::of(self.spec, 2).interior();
        for column in (0..interior.start).chain(interior.end..columns) {
            self.add(image, at, column..column + 1, sums);
        }
        self.add(image, at, interior, sums);
    }

    fn add(&self, image: usize, at: [usize; 2], columns: Range<usize>, sums: &mut [f32]) {
        if columns.is_empty() {
            return;
        }
        let [planes, rows, width, channels] = self.spec.output;
        let axes = [0, 1, 2].map(|axis| Axis::of(self.spec, axis));
        let [_, kernel_rows, kernel_columns] = self.spec.kernel;
        strip::with_terms(|terms| {
            for_each_tap(axes, [at[0], at[1], columns.start], |[plane, row, column], x| {
                let w = (plane * kernel_rows + row) * kernel_columns + column;
                terms.push(Term { x: x * channels, w });
            });
            let len = self.spec.input_len();
            let row = Row {
                x: &self.x[image * len..][..len],
                x_step: self.spec.stride[2] * channels,
                count: columns.len(),
                channels,
                terms,
            };
            let first = ((image * planes + at[0]) * rows + at[1]) * width + columns.start;
            let dy = &self.dy[first * channels..];
            strip::accumulate(self.isa, row, (dy, channels), (sums, self.spec.taps()));
        });
    }
}

/// Brings sums `[vector][tap][lane]` into the order `[tap][channel]`.
pub(super) fn gather(sums: &[f32], taps: usize, lanes: usize, to: &mut [f32]) {
    let channels = to.len() / taps;
    for (vector, start) in lanes::starts(channels, lanes).enumerate() {
        for tap in 0..taps {
            let from = &sums[(vector * taps + tap) * lanes..][..lanes];
            to[tap * channels + start..][..lanes].copy_from_slice(from);
        }
    }
}
