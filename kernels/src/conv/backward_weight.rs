//! The gradient of the weight by implicit GEMM: windows, transposed, times dy.
//!
//! Rows of C are the elements of a window, the sum runs over the output pixels. The batch is cut
//! into a fixed number of chunks, each summed by one task into its own copy of dw; the copies
//! are then added in order. A small batch of single pixels, as linear layers have it, is not cut: there
//! each task has some rows of C. Each group of channels is a product of its own.

use std::ops::Range;

use super::Conv;
use super::axis::Axis;
use super::block::{AIM, Block, Cut, MAX_PIXELS};
use super::window::{Patch, Windows};
use crate::cpu::{Isa, Pool, Tiles, parts, total};
use crate::gemm::{self, Panels, Source, SpacedTile, Walk};

/// Tasks that are enough for the cores of a large machine.
const ENOUGH_TASKS: usize = 32;

/// Elements of all copies of dw together, beyond which fewer are made: 64 MiB.
const MAX_COPIES: usize = 16 << 20;

/// With no more blocks than these, each task takes all of them, for a part of the window.
const FEW_BLOCKS: usize = 4;

/// Elements of a part of a window, about: each part packs dy once more.
const PART: usize = 64;

/// Elements of a block's part of a panel, about, where that makes it larger than [`AIM`]: half of the
/// first-level cache. The more pixels a block has, the less often dw is read and written.
const PANEL: usize = 1 << 12;

/// Outputs of a block at most, hence its lines.
const MAX_LINES: usize = 2 * MAX_PIXELS;

/// dw from x and dy.
pub(super) fn backward_weight(pool: &Pool, spec: &Conv, batch: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (windows, cut) = (windows(spec), cut(spec, batch));
    let Shares { chunks, parts } = Shares::new(spec, cut, pool.isa());
    let job = Job { spec, windows, cut, parts, isa: pool.isa(), x, dy };
    sum_copies(pool, chunks, dw, |count, copies| job.sum(pool, count, copies));
}

/// Elements of the copies of dw, 0 if there is none beside dw itself.
pub(super) fn copies_len(spec: &Conv, batch: usize, isa: Isa) -> usize {
    let Shares { chunks, .. } = Shares::new(spec, cut(spec, batch), isa);
    if chunks == 1 { 0 } else { chunks * spec.weight_len() }
}

/// Elements that each thread works on.
pub(super) fn thread_len(spec: &Conv, batch: usize, isa: Isa) -> usize {
    total(&own_lens(&windows(spec), cut(spec, batch), spec.group_inputs(), isa))
}

/// Elements of the patch of a block, and of a panel of dy.
fn own_lens(windows: &Windows, cut: Cut, channels: usize, isa: Isa) -> [usize; 2] {
    [windows.scratch_len(cut, channels), MAX_LINES * gemm::panel_width(isa)]
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

fn windows(spec: &Conv) -> Windows {
    Windows { axes: [0, 1, 2].map(|axis| Axis::of(spec, axis)), channels: spec.input[3] }
}

fn cut(spec: &Conv, batch: usize) -> Cut {
    let [planes, rows, columns, _] = spec.output;
    let aim = (PANEL / spec.group_outputs().max(1)).clamp(AIM, MAX_LINES);
    Cut::aiming_at(aim, batch, [planes, rows, columns])
}

/// Into what the work on a panel is cut.
struct Shares {
    /// Chunks of blocks.
    chunks: usize,
    /// Parts of a window.
    parts: usize,
}

impl Shares {
    fn new(spec: &Conv, cut: Cut, isa: Isa) -> Shares {
        let panels = spec.groups * Panels::new(isa, 0, spec.group_outputs()).count();
        let enough = ENOUGH_TASKS.div_ceil(panels.max(1));
        // Parts cost nothing where windows are single pixels, which are read in place; copies of dw do.
        match spec.is_pointwise() && cut.count() <= FEW_BLOCKS {
            true => Shares { chunks: 1, parts: enough.min(spec.group_inputs().div_ceil(PART)) },
            false => Shares { chunks: affordable_copies(spec, enough.min(cut.count())), parts: 1 },
        }
    }
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
    /// Parts of a window.
    parts: usize,
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
        let lens = own_lens(&self.windows, self.cut, channels, self.isa);
        let scratch = || pool.scratch().own(total(&lens));
        pool.for_each_with(chunks * self.parts * own, scratch, |memory, task| {
            let [patch, packed] = parts(memory, lens);
            let (chunk, part) = (task / own / self.parts, task / own % self.parts);
            let (group, panel) = (task % own / panels, task % panels);
            let to = Target { whole: copies, start: chunk * self.spec.weight_len(), group, panel, part };
            let chunk_blocks = chunk * blocks / chunks..(chunk + 1) * blocks / chunks;
            for index in chunk_blocks.clone() {
                let block = self.cut.block(index);
                let dy = self.dy(&block, to, packed);
                let inputs = group * channels..(group + 1) * channels;
                let patch = self.windows.patch(self.x, &block, inputs, patch);
                self.add(&block, &patch, dy, to, index > chunk_blocks.start);
            }
        });
    }

    /// The pixels of `block` in dy as a panel of B, and elements from one row of it to the next: as they lie,
    /// where that is whole vectors, else packed.
    fn dy<'b>(&'b self, block: &Block, to: Target, packed: &'b mut [f32]) -> (&'b [f32], usize) {
        let [planes, rows, columns, channels] = self.spec.output;
        let [plane, row, column] = [0, 1, 2].map(|axis| block.outputs[axis].start);
        let first = ((block.images.start * planes + plane) * rows + row) * columns + column;
        let values = &self.dy[first * channels..][..block.pixels() * channels];
        let panels = self.panels(block.pixels());
        let own = panels.columns(to.panel);
        if self.spec.groups == 1 && panels.are_whole() && gemm::is_aligned(values) {
            return (&values[own.start..], channels);
        }
        let width = panels.width(to.panel);
        let packed = &mut packed[..block.pixels() * width];
        let values = &values[to.group * self.spec.group_outputs()..];
        let source = Source { values, row_step: channels, column_step: 1 };
        gemm::pack_panel(self.isa, source, own, width, packed);
        (packed, width)
    }

    /// Adds the products of one block's windows and one panel of dy.
    fn add(&self, block: &Block, patch: &Patch, (dy, b_step): (&[f32], usize), to: Target, accumulate: bool) {
        let columns = self.panels(block.pixels()).columns(to.panel);
        let mut lines = [0; MAX_LINES];
        let lines = list_lines(block, patch, &mut lines);
        let [_, _, column] = block.outputs.clone();
        let (_, [_, _, step]) = patch.steps();
        let walk = Walk { runs: lines, len: column.len(), step };
        let reach = lines.iter().max().map_or(0, |last| last + (walk.len - 1) * step);
        let channels = self.spec.group_inputs();
        let (runs, len) = patch.runs(channels);
        let own = to.part * len / self.parts..(to.part + 1) * len / self.parts;
        for run in 0..runs {
            let start = patch.run(run, channels) + own.start;
            let tile = SpacedTile {
                a: patch.values[start..][..reach + own.len()].as_ptr(),
                a_step: 1,
                walk,
                b: dy.as_ptr(),
                b_step,
                c: to.rows(self.spec, run * len + own.start, own.len(), &columns),
                c_step: self.spec.output[3],
                rows: own.len(),
                columns: columns.len(),
                accumulate,
            };
            // SAFETY: the slices have checked the reach of A and C; `dy` has a row of the panel's width for
            // each pixel of the block, which are what the walk visits. Each copy belongs to one chunk, each
            // panel of it to one task.
            unsafe { gemm::multiply_spaced(self.isa, &tile) };
        }
    }
}

/// Where the rows of a block's outputs start in its patch.
fn list_lines<'a>(block: &Block, patch: &Patch, lines: &'a mut [usize; MAX_LINES]) -> &'a [usize] {
    let mut count = 0;
    for (line, row) in lines.iter_mut().zip(block.rows()) {
        *line = patch.start(block.relative(row));
        count += 1;
    }
    &lines[..count]
}

/// A part of one panel of a group, in one copy of dw among several.
#[derive(Clone, Copy)]
struct Target<'a> {
    whole: Tiles<'a>,
    start: usize,
    group: usize,
    panel: usize,
    part: usize,
}

impl Target<'_> {
    /// The part of some window elements' rows in dw, from `element` on.
    fn rows(self, spec: &Conv, element: usize, count: usize, columns: &Range<usize>) -> *mut f32 {
        let row = |element: usize| self.start + element * spec.output[3] + self.group * spec.group_outputs();
        self.whole.pointer(row(element) + columns.start..row(element + count - 1) + columns.end)
    }
}
