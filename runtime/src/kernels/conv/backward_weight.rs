//! The gradient of the weight by implicit GEMM: windows, transposed, times dy.
//!
//! Rows of C are the elements of a window, the sum runs over the output pixels. The batch is cut
//! into a fixed number of chunks, each summed by one task into its own copy of dw; the copies
//! are then added in order. Each group of channels is a product of its own.

use std::ops::Range;
use std::ptr;

use super::Conv;
use super::axis::Axis;
use super::block::{Block, Cut, MAX_PIXELS};
use super::window::{Patch, Windows};
use crate::devices::cpu::{Isa, Pool, Tiles};
use crate::kernels::gemm::{self, Panels, ROWS, Source, Tile, Walk};

/// Tasks that are enough for the cores of a large machine.
const ENOUGH_TASKS: usize = 32;

/// Elements of all copies of dw together, beyond which fewer are made: 64 MiB.
const MAX_COPIES: usize = 16 << 20;

/// dw from x and dy.
pub(super) fn backward_weight(pool: &Pool, spec: &Conv, batch: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let windows = Windows { axes: [0, 1, 2].map(|axis| Axis::of(spec, axis)), channels: spec.input[3] };
    let cut = cut(spec, batch);
    let job = Job { spec, windows, cut, isa: pool.isa(), x, dy };
    sum_copies(pool, chunks(spec, cut, pool.isa()), dw, |count, copies| job.sum(pool, count, copies));
}

/// Elements of the copies of dw, 0 if there is none beside dw itself.
pub(super) fn copies_len(spec: &Conv, batch: usize, isa: Isa) -> usize {
    let chunks = chunks(spec, cut(spec, batch), isa);
    if chunks == 1 { 0 } else { chunks * spec.weight_len() }
}

/// Has `sum` fill `count` copies of `dw`, one after the other, and adds them up in order.
pub(super) fn sum_copies(pool: &Pool, count: usize, dw: &mut [f32], sum: impl FnOnce(usize, Tiles)) {
    if count == 1 {
        return sum(1, Tiles::new(dw));
    }
    let mut copies = pool.scratch().single(count * dw.len());
    sum(count, Tiles::new(&mut copies));
    merge(pool, &copies, dw);
}

/// How many copies of dw there are at most, given how many of them would be enough.
pub(super) fn affordable_copies(spec: &Conv, enough: usize) -> usize {
    enough.min(MAX_COPIES / spec.weight_len().max(1)).max(1)
}

fn cut(spec: &Conv, batch: usize) -> Cut {
    let [planes, rows, columns, _] = spec.output;
    Cut::new(batch, [planes, rows, columns])
}

/// Into how many chunks the blocks of `cut` are gathered.
fn chunks(spec: &Conv, cut: Cut, isa: Isa) -> usize {
    let panels = spec.groups * Panels::new(isa, 0, spec.group_outputs()).count();
    affordable_copies(spec, ENOUGH_TASKS.div_ceil(panels.max(1)).min(cut.count()))
}

/// Adds the copies up, in order.
fn merge(pool: &Pool, copies: &[f32], dw: &mut [f32]) {
    const PIECE: usize = 4096;
    let len = dw.len();
    pool.for_each_piece([dw], [PIECE], |index, [piece]| {
        let own = |copy: usize, count: usize| &copies[copy * len + index * PIECE..][..count];
        piece.copy_from_slice(own(0, piece.len()));
        for copy in 1..copies.len() / len {
            let own = own(copy, piece.len());
            piece.iter_mut().zip(own).for_each(|(sum, term)| *sum += term);
        }
    });
}

struct Job<'a> {
    spec: &'a Conv,
    windows: Windows,
    cut: Cut,
    isa: Isa,
    x: &'a [f32],
    dy: &'a [f32],
}

impl Job<'_> {
    /// A group's panels of dy; `rows` is the number of pixels, which differs between blocks.
    fn panels(&self, rows: usize) -> Panels {
        Panels::new(self.isa, rows, self.spec.group_outputs())
    }

    /// The sum over each chunk, into its own copy in `copies`.
    fn sum(&self, pool: &Pool, chunks: usize, copies: Tiles) {
        let panels = self.panels(0).count();
        let own = self.spec.groups * panels;
        let blocks = self.cut.count();
        let channels = self.spec.group_inputs();
        let scratch = || {
            let dy = pool.scratch().single(MAX_PIXELS * gemm::panel_width(self.isa));
            (self.windows.scratch(pool, self.cut, channels), dy)
        };
        pool.for_each_with(chunks * own, scratch, |(patch, packed), task| {
            let (chunk, group, panel) = (task / own, task % own / panels, task % panels);
            let to = Target { whole: copies, start: chunk * self.spec.weight_len(), group, panel };
            let chunk_blocks = chunk * blocks / chunks..(chunk + 1) * blocks / chunks;
            for index in chunk_blocks.clone() {
                let block = self.cut.block(index);
                let dy = self.pack(&block, to, packed);
                let inputs = group * channels..(group + 1) * channels;
                let patch = self.windows.patch(self.x, &block, inputs, patch);
                self.add(&block, &patch, dy, to, index > chunk_blocks.start);
            }
        });
    }

    /// The pixels of `block` in dy, as one panel of B.
    fn pack<'b>(&self, block: &Block, to: Target, packed: &'b mut [f32]) -> &'b [f32] {
        let [planes, rows, columns, channels] = self.spec.output;
        let [plane, row, column] = [0, 1, 2].map(|axis| block.outputs[axis].start);
        let first = ((block.images.start * planes + plane) * rows + row) * columns + column;
        let values = &self.dy[first * channels..][..block.pixels() * channels];
        let panels = self.panels(block.pixels());
        let packed = &mut packed[..block.pixels() * panels.width(to.panel)];
        let values = &values[to.group * self.spec.group_outputs()..];
        let source = Source { values, row_step: channels, column_step: 1 };
        gemm::pack_panel(source, panels.columns(to.panel), panels.width(to.panel), packed);
        packed
    }

    /// Adds the products of one block's windows and one panel of dy.
    fn add(&self, block: &Block, patch: &Patch, dy: &[f32], to: Target, accumulate: bool) {
        let panels = self.panels(block.pixels());
        let (width, columns) = (panels.width(to.panel), panels.columns(to.panel));
        let mut lines = [0; MAX_PIXELS];
        let lines = list_lines(block, patch, &mut lines);
        let [_, _, column] = block.outputs.clone();
        let (_, [_, _, step]) = patch.steps();
        let walk = Walk { runs: lines, len: column.len(), step };
        let reach = lines.iter().max().map_or(0, |last| last + (walk.len - 1) * step);
        let channels = self.spec.group_inputs();
        let (runs, len) = patch.runs(channels);
        let mut starts = (0..runs).flat_map(|run| {
            let start = patch.run(run, channels);
            start..start + len
        });
        for first in (0..runs * len).step_by(ROWS) {
            let count = ROWS.min(runs * len - first);
            let (mut a, mut c, mut start) = ([ptr::null(); ROWS], [ptr::null_mut(); ROWS], 0);
            for (row, (a, c)) in a.iter_mut().zip(&mut c).enumerate() {
                // Rows past the last repeat it: they are computed and not stored.
                start = starts.next().unwrap_or(start);
                *a = patch.values[start..][..reach + 1].as_ptr();
                *c = to.row(self.spec, first + row.min(count - 1), &columns);
            }
            let (b, b_step, columns) = (dy.as_ptr(), width, columns.len());
            let tile = Tile { a, walk, b, b_step, c, rows: count, columns, accumulate };
            // SAFETY: the slices have checked the reach of A and C; `dy` has a row of the panel's width for
            // each pixel of the block, which are what the walk visits. Each copy belongs to one chunk, each
            // panel of it to one task.
            unsafe { gemm::multiply(self.isa, width, &tile) };
        }
    }
}

/// Where the rows of a block's outputs start in its patch.
fn list_lines<'a>(block: &Block, patch: &Patch, lines: &'a mut [usize; MAX_PIXELS]) -> &'a [usize] {
    let mut count = 0;
    for (line, row) in lines.iter_mut().zip(block.rows()) {
        *line = patch.start(block.relative(row));
        count += 1;
    }
    &lines[..count]
}

/// One panel of a group in one copy of dw among several.
#[derive(Clone, Copy)]
struct Target<'a> {
    whole: Tiles<'a>,
    start: usize,
    group: usize,
    panel: usize,
}

impl Target<'_> {
    /// The part of a window element's row in dw.
    fn row(self, spec: &Conv, element: usize, columns: &Range<usize>) -> *mut f32 {
        let row = self.start + element * spec.output[3] + self.group * spec.group_outputs();
        self.whole.pointer(row + columns.start..row + columns.end)
    }
}
