//! Implicit GEMM: the windows of a map, as rows of A, times the packed weights.
//!
//! The same loop serves the forward pass and the gradient of the input. The latter, written out
//! for the inputs of one phase (row and column modulo the stride), is a correlation of dy with
//! every s-th tap of the turned window; its results land on every s-th pixel of dx.

use std::ops::Range;

use super::window::{Axis, Block, Cut, MAX_PIXELS, Windows};
use super::{Conv2d, Finish};
use crate::devices::cpu::{Isa, Pool, Tiles};
use crate::kernels::gemm::{self, Panels, ROWS, Source, Tile, Walk};

/// Terms of the sum between two visits to C: 64 columns of B by so many rows are 64 KiB, which stay
/// in the second-level cache while the block's pixels pass.
const DEPTH: usize = 256;

/// Fewer blocks than this are cut further, by panels of columns.
const ENOUGH_TASKS: usize = 16;

/// y = finish(x ∗ w)
pub(super) fn forward(
    pool: &Pool,
    spec: &Conv2d,
    batch: usize,
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    finish: Option<Finish>,
) {
    let windows = Windows::of(spec);
    let start = |tap: [usize; 2]| spec.tap(tap);
    let weights = Weights { values: w, start: &start, row_step: spec.output[2], column_step: 1 };
    let to = [Place::dense(spec.output[0]), Place::dense(spec.output[1])];
    let correlation = Correlation { windows, to, columns: spec.output[2] };
    correlation.run(pool, batch, x, &weights, Tiles::new(y), finish);
}

/// dx from dy and w.
pub(super) fn backward_data(pool: &Pool, spec: &Conv2d, batch: usize, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    let dx = Tiles::new(dx);
    for phase in 0..spec.stride[0] * spec.stride[1] {
        let rows = Phase::new(spec, 0, phase / spec.stride[1]);
        let columns = Phase::new(spec, 1, phase % spec.stride[1]);
        let windows = Windows { axes: [rows.axis, columns.axis], channels: spec.output[2] };
        let start = |tap: [usize; 2]| spec.tap([rows.tap(tap[0]), columns.tap(tap[1])]);
        let weights = Weights { values: w, start: &start, row_step: 1, column_step: spec.output[2] };
        let correlation = Correlation { windows, to: [rows.to, columns.to], columns: spec.input[2] };
        correlation.run(pool, batch, dy, &weights, dx, None);
    }
}

/// Where the outputs along one axis go: `start + i * step` of `size` pixels.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    step: usize,
    size: usize,
}

impl Place {
    fn dense(size: usize) -> Place {
        Place { start: 0, step: 1, size }
    }
}

/// One axis of a phase of dx. Input i with (i + pad) mod stride = r takes the taps r, r + s, …;
/// with i = s·q + r − pad, tap r + s·t meets output q − t.
struct Phase {
    axis: Axis,
    to: Place,
    residue: usize,
    stride: usize,
}

impl Phase {
    fn new(spec: &Conv2d, axis: usize, residue: usize) -> Phase {
        let (stride, pad, size) = (spec.stride[axis], spec.pad[axis], spec.input[axis]);
        let taps = spec.kernel[axis].saturating_sub(residue).div_ceil(stride);
        let first = pad.saturating_sub(residue).div_ceil(stride);
        let start = stride * first + residue - pad;
        let count = size.saturating_sub(start).div_ceil(stride);
        let pad = taps as isize - 1 - first as isize;
        let axis = Axis { size: spec.output[axis], taps, stride: 1, pad, count };
        Phase { axis, to: Place { start, step: stride, size }, residue, stride }
    }

    /// The tap that the turned window has at `place`.
    fn tap(&self, place: usize) -> usize {
        self.residue + self.stride * (self.axis.taps - 1 - place)
    }
}

/// The B of a correlation, before packing: where each tap's matrix of channels × columns starts.
struct Weights<'a> {
    values: &'a [f32],
    start: &'a (dyn Fn([usize; 2]) -> usize + Sync),
    row_step: usize,
    column_step: usize,
}

impl Weights<'_> {
    fn pack(&self, pool: &Pool, windows: &Windows, panels: Panels, packed: &mut [f32]) {
        let columns = windows.axes[1].taps.max(1);
        pool.for_each_piece([packed], [panels.panel_len().max(1)], |index, [panel]| {
            let width = panels.width(index);
            for (tap, part) in panel.chunks_exact_mut(windows.channels * width).enumerate() {
                let source = Source {
                    values: &self.values[(self.start)([tap / columns, tap % columns])..],
                    row_step: self.row_step,
                    column_step: self.column_step,
                };
                gemm::pack_panel(source, panels.columns(index), width, part);
            }
        });
    }
}

/// A correlation of a map with weights, and where its results go.
struct Correlation {
    windows: Windows,
    to: [Place; 2],
    columns: usize,
}

impl Correlation {
    fn run(
        &self,
        pool: &Pool,
        batch: usize,
        map: &[f32],
        weights: &Weights,
        to: Tiles,
        finish: Option<Finish>,
    ) {
        let [rows, columns] = self.windows.axes;
        let cut = Cut::new(batch, [rows.count, columns.count]);
        let panels = Panels::new(pool.isa(), rows.taps * self.windows.row_len(), self.columns);
        let mut packed = pool.scratch().single(panels.len());
        weights.pack(pool, &self.windows, panels, &mut packed);
        let split = if cut.count() < ENOUGH_TASKS { panels.count() } else { 1 };
        let job = Job { correlation: self, isa: pool.isa(), panels, packed: &packed, to };
        pool.for_each_with(
            cut.count() * split,
            || self.windows.scratch(pool, cut),
            |scratch, task| {
                let block = cut.block(task / split);
                let part = if split == 1 { 0..panels.count() } else { task % split..task % split + 1 };
                job.compute(map, &block, part.clone(), scratch);
                if let Some(finish) = finish {
                    job.finish(&block, part, finish);
                }
            },
        );
    }

    /// First element of an output in the destination.
    fn destination(&self, [image, row, column]: [usize; 3]) -> usize {
        let [vertical, horizontal] = self.to;
        let row = image * vertical.size + vertical.start + row * vertical.step;
        (row * horizontal.size + horizontal.start + column * horizontal.step) * self.columns
    }

    /// The rows of B in groups of about [`DEPTH`]: whole rows of the window, or parts of one.
    fn depths(&self) -> impl Iterator<Item = Depth> + use<> {
        let (taps, row_len) = (self.windows.axes[0].taps, self.windows.row_len());
        let part = row_len.div_ceil(row_len.div_ceil(DEPTH).max(1)).max(1);
        let group = (DEPTH / row_len.max(1)).max(1);
        (0..taps).step_by(group).flat_map(move |tap| {
            (0..row_len).step_by(part).map(move |at| Depth {
                tap,
                at,
                taps: group.min(taps - tap),
                len: part.min(row_len - at),
                first: tap * row_len + at,
            })
        })
    }
}

/// Some rows of B: `len` elements from `at` on in each of `taps` rows of the window.
struct Depth {
    tap: usize,
    at: usize,
    taps: usize,
    len: usize,
    /// The first of them among all rows of B.
    first: usize,
}

struct Job<'a> {
    correlation: &'a Correlation,
    isa: Isa,
    panels: Panels,
    packed: &'a [f32],
    to: Tiles<'a>,
}

impl Job<'_> {
    /// The results of `block` in the columns of some panels.
    fn compute(&self, map: &[f32], block: &Block, panels: Range<usize>, scratch: &mut [f32]) {
        let windows = &self.correlation.windows;
        if windows.axes.iter().any(|axis| axis.taps == 0) {
            return self.clear(block, panels);
        }
        let patch = windows.patch(map, block, scratch);
        let (mut from, mut to) = ([0; MAX_PIXELS], [0; MAX_PIXELS]);
        for (pixel, place @ [image, row, column]) in block.each().enumerate() {
            let inside = [image - block.images.start, row - block.rows.start, column - block.columns.start];
            from[pixel] = patch.start(windows, inside);
            to[pixel] = self.correlation.destination(place);
        }
        let rows = Rows { from: &from[..block.pixels()], to: &to[..block.pixels()], patch: patch.values };
        for depth in self.correlation.depths() {
            let walk = Walk { outer: (1, 0), inner: (depth.taps, patch.row_step), len: depth.len, step: 1 };
            let start = depth.tap * patch.row_step + depth.at;
            for panel in panels.clone() {
                self.multiply(&rows, start, walk, panel, depth.first);
            }
        }
    }

    /// All pixels of a block by one panel, over the rows of B from `first` on.
    fn multiply(&self, rows: &Rows, start: usize, walk: Walk, panel: usize, first: usize) {
        let (columns, width) = (self.panels.columns(panel), self.panels.width(panel));
        let terms = walk.inner.0 * walk.len;
        let b = &self.packed[self.panels.offset(panel) + first * width..][..terms * width];
        let reach = start + (walk.inner.0 - 1) * walk.inner.1 + walk.len;
        for group in (0..rows.from.len()).step_by(ROWS) {
            let count = ROWS.min(rows.from.len() - group);
            // Rows past the last repeat it: they are computed and not stored.
            let pixel: [usize; ROWS] = std::array::from_fn(|row| group + row.min(count - 1));
            let a = pixel.map(|pixel| rows.patch[rows.from[pixel]..][..reach][start..].as_ptr());
            let c = pixel.map(|pixel| {
                let at = rows.to[pixel];
                self.to.pointer(at + columns.start..at + columns.end)
            });
            let tile = Tile {
                a,
                walk,
                b: b.as_ptr(),
                c,
                rows: count,
                columns: columns.len(),
                accumulate: first > 0,
            };
            // SAFETY: the slices above have checked the reach of each row of A, B and C; each pixel
            // belongs to one block, each panel to one task.
            unsafe { gemm::multiply(self.isa, width, &tile) };
        }
    }

    fn clear(&self, block: &Block, panels: Range<usize>) {
        for place in block.each() {
            // SAFETY: each pixel belongs to one block, each panel to one task.
            unsafe { self.part(self.correlation.destination(place), &panels) }.fill(0.0);
        }
    }

    fn finish(&self, block: &Block, panels: Range<usize>, finish: Finish) {
        let columns = self.correlation.columns;
        let places = block.each().map(|place| self.correlation.destination(place));
        if panels.len() == self.panels.count() && self.correlation.to.iter().all(|to| to.step == 1) {
            let start = places.min().unwrap_or(0);
            // SAFETY: the block's results are consecutive and this task's own.
            finish(unsafe { self.to.slice(start..start + block.pixels() * columns) }, start);
        } else {
            for at in places {
                // SAFETY: each pixel belongs to one block, each panel to one task.
                finish(unsafe { self.part(at, &panels) }, at + self.panels.columns(panels.start).start);
            }
        }
    }

    /// The columns of some panels in the pixel at `at`.
    ///
    /// # Safety
    /// As for [`Tiles::slice`].
    #[expect(clippy::mut_from_ref, reason = "as for `Tiles::slice`")]
    unsafe fn part(&self, at: usize, panels: &Range<usize>) -> &mut [f32] {
        let start = self.panels.columns(panels.start).start;
        let end = self.panels.columns(panels.end - 1).end;
        // SAFETY: the caller's promise.
        unsafe { self.to.slice(at + start..at + end) }
    }
}

/// Where the windows of a block start in its patch, and its results in the destination.
struct Rows<'a> {
    from: &'a [usize],
    to: &'a [usize],
    patch: &'a [f32],
}
