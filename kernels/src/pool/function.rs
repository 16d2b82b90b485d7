//! The maximum over windows of a function of each element.
//!
//! A band of some rows of the result needs a band of rows of the map. The function fills that, in
//! scratch memory that stays in the cache, and the maxima are taken there: the map itself is never
//! written.

use std::ops::Range;

use super::{Maximum, Pool, RowWindow, TASK, narrow, tiles, wide};
use crate::cpu::{self, Tiles};
use crate::elementwise::{BlockFunction, Each, Function, Source, map, with_sources};
use crate::emitted::{Extent, Operand, Pass, Slot};

/// Elements of the map in a band, about: a part of the first-level cache.
const BAND: usize = 1 << 12;

/// The first output is the maximum over each window of f(inputs), with padding as −∞. If there is a second,
/// it gets the place of the first maximum in its window, counted in the order of memory; the windows
/// then tile the map.
///
/// # Panics
/// If there are not one or two outputs: a mistake of the compiler.
pub fn max_pool_of<const I: usize, const O: usize, F>(
    p: &Pass,
    spec: &Pool,
    inputs: [Operand; I],
    outputs: [Slot; O],
    f: F,
) where
    F: Fn([f32; I]) -> [f32; 1] + Copy + Sync,
{
    run(p, spec, &inputs, &outputs, &Each(f));
}

fn run(p: &Pass, spec: &Pool, operands: &[Operand], outputs: &[Slot], f: &dyn BlockFunction) {
    let [depth, height, width, channels] = spec.input;
    let extent = Extent { positions: depth * height * width, channels };
    let function = Function { isa: p.pool().isa(), extent, f };
    p.call_slices([], operands, outputs, |[], slices, outputs| {
        let (y, place) = match outputs {
            [y] => (Tiles::new(y), None),
            [y, place] => (Tiles::new(y), Some(Tiles::new(place))),
            _ => unreachable!("a maximum, and perhaps its place"),
        };
        let samples = y.len() / spec.output_len();
        with_sources(p, extent, samples * extent.len(), operands, slices, |sources| {
            Bands { spec, function: &function, sources, y, place }.run(p.pool(), samples);
        });
    });
}

struct Bands<'a> {
    spec: &'a Pool,
    function: &'a Function<'a>,
    sources: &'a [Source<'a>],
    y: Tiles<'a>,
    place: Option<Tiles<'a>>,
}

impl Bands<'_> {
    fn run(&self, pool: &cpu::Pool, samples: usize) {
        let [depth, height, ..] = self.spec.output;
        let row = self.spec.input_len().div_ceil(depth * height);
        let rows = (BAND / row).clamp(1, height);
        let (bands, group) = (height.div_ceil(rows), TASK.div_ceil(rows * row));
        let (total, len) = (samples * depth * bands, self.band_len(rows));
        pool.for_each_with(
            total.div_ceil(group),
            || pool.scratch().own(len + self.spec.row_len()),
            |scratch, task| {
                for band in task * group..((task + 1) * group).min(total) {
                    let first = band % bands * rows;
                    self.band(band / bands, first..(first + rows).min(height), scratch);
                }
            },
        );
    }

    /// Elements of the map that any band of so many rows of the result needs.
    fn band_len(&self, rows: usize) -> usize {
        let span = |axis: usize, count: usize| {
            let starts = (0..self.spec.output[axis]).step_by(count);
            let end = |start: usize| (start + count).min(self.spec.output[axis]);
            starts.map(|start| self.spec.span(axis, start..end(start)).len()).max().unwrap_or(0)
        };
        span(0, 1) * span(1, rows) * self.spec.row_len()
    }

    /// Some rows of plane `plane` of the results, counted over all samples.
    fn band(&self, plane: usize, rows: Range<usize>, scratch: &mut [f32]) {
        let [outputs, height, ..] = self.spec.output;
        let (sample, depth) = (plane / outputs, plane % outputs);
        let planes = self.spec.span(0, depth..depth + 1);
        let lines = self.spec.span(1, rows.clone());
        // What is in scratch, as a map of its own.
        let [_, _, width, channels] = self.spec.input;
        let local = Pool { input: [planes.len(), lines.len(), width, channels], ..*self.spec };
        let (x, scratch) = scratch.split_at_mut(local.input_len());
        self.fill(sample, &planes, &lines, x);
        if let Some(side) = tiles::side(self.spec) {
            return self.tiles(&local, side, plane * height + rows.start, rows.len(), x);
        }
        for row in rows {
            let RowWindow { height: window, .. } = self.spec.row(depth * height + row);
            let shifted =
                window.start.max(lines.start) - lines.start..window.end.max(lines.start) - lines.start;
            let window = RowWindow { depth: 0..planes.len(), height: shifted, count: 0 };
            self.row(&local, window, plane * height + row, x, scratch);
        }
    }

    /// The function in some planes and rows of a sample.
    fn fill(&self, sample: usize, planes: &Range<usize>, lines: &Range<usize>, to: &mut [f32]) {
        let [depth, height, ..] = self.spec.input;
        let row_len = self.spec.row_len();
        for (plane, to) in planes.clone().zip(to.chunks_mut((lines.len() * row_len).max(1))) {
            let first = ((sample * depth + plane) * height + lines.start) * row_len;
            map(self.function, self.sources, first, &mut [to]);
        }
    }

    /// `rows` rows of the results from `first` on, counted over all samples, where windows tile `local`.
    fn tiles(&self, local: &Pool, side: usize, first: usize, rows: usize, x: &[f32]) {
        let (isa, len) = (self.function.isa, local.output_row_len());
        let [_, _, columns, channels] = local.output;
        let local = &Pool { output: [1, rows, columns, channels], ..*local };
        for row in 0..rows {
            let range = (first + row) * len..(first + row + 1) * len;
            // SAFETY: rows have places of their own, and each belongs to one task.
            let y = unsafe { self.y.slice(range.clone()) };
            // SAFETY: as above.
            match self.place.as_ref().map(|place| unsafe { place.slice(range) }) {
                Some(place) => tiles::maximum_place(isa, (local, side), row, x, y, place),
                None => tiles::forward(isa, (local, side), row, x, y, Maximum),
            }
        }
    }

    /// Row `row` of the results, counted over all samples.
    fn row(&self, local: &Pool, window: RowWindow, row: usize, x: &[f32], scratch: &mut [f32]) {
        let (isa, len, spec) = (self.function.isa, local.output_row_len(), local);
        let scratch = &mut scratch[..spec.row_len()];
        let range = row * len..(row + 1) * len;
        // SAFETY: rows have places of their own, and each belongs to one task.
        let y = unsafe { self.y.slice(range.clone()) };
        // SAFETY: as above.
        let place = self.place.as_ref().map(|place| unsafe { place.slice(range) });
        match (place, spec.is_wide()) {
            (Some(place), true) => isa.run(wide::MaximumPlace { spec, window, x, y, place }),
            (Some(place), false) => isa.run(narrow::MaximumPlace { spec, window, x, y, place }),
            (None, true) => isa.run(wide::Forward { spec, window, x, y, fold: Maximum }),
            (None, false) => isa.run(narrow::Forward { spec, window, x, y, fold: Maximum, scratch }),
        }
    }
}
