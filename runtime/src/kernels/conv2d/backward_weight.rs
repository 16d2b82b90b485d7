//! The gradient of the weight: windows, transposed, times dy.
//!
//! Rows of C are the elements of a window, the sum runs over the output pixels. The batch is cut
//! into a fixed number of chunks, each summed by one task into its own copy of dw; the copies
//! are then added in order.

use std::ops::Range;

use super::Conv2d;
use super::window::{Block, Cut, MAX_PIXELS, Patch, Windows};
use crate::devices::cpu::{Isa, Pool, Tiles};
use crate::kernels::gemm::{self, Panels, ROWS, Source, Tile, Walk};

/// Tasks that are enough for the cores of a large machine.
const ENOUGH_TASKS: usize = 32;

/// Elements of all copies of dw together, beyond which fewer are made: 64 MiB.
const MAX_COPIES: usize = 16 << 20;

/// dw from x and dy.
pub(super) fn backward_weight(
    pool: &Pool,
    spec: &Conv2d,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    let windows = Windows::of(spec);
    let cut = Cut::new(batch, [spec.output[0], spec.output[1]]);
    let job = Job { spec, windows, cut, isa: pool.isa(), x, dy };
    let chunks = chunks(spec, cut, pool.isa());
    if chunks == 1 {
        job.sum(pool, 1, Tiles::new(dw));
    } else {
        let mut copies = pool.scratch().single(chunks * dw.len());
        job.sum(pool, chunks, Tiles::new(&mut copies));
        merge(pool, &copies, dw);
    }
}

/// Elements of the copies of dw, 0 if there is none beside dw itself.
pub(super) fn copies_len(spec: &Conv2d, batch: usize, isa: Isa) -> usize {
    let chunks = chunks(spec, Cut::new(batch, [spec.output[0], spec.output[1]]), isa);
    if chunks == 1 { 0 } else { chunks * spec.weight_len() }
}

/// Into how many chunks the blocks of `cut` are gathered.
fn chunks(spec: &Conv2d, cut: Cut, isa: Isa) -> usize {
    let panels = Panels::new(isa, 0, spec.output[2]).count();
    let affordable = MAX_COPIES / spec.weight_len().max(1);
    ENOUGH_TASKS.div_ceil(panels).min(affordable).min(cut.count()).max(1)
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
    spec: &'a Conv2d,
    windows: Windows,
    cut: Cut,
    isa: Isa,
    x: &'a [f32],
    dy: &'a [f32],
}

impl Job<'_> {
    /// The panels of dy; `rows` is the number of pixels, which differs between blocks.
    fn panels(&self, rows: usize) -> Panels {
        Panels::new(self.isa, rows, self.spec.output[2])
    }

    /// The sum over each chunk, into its own copy in `copies`.
    fn sum(&self, pool: &Pool, chunks: usize, copies: Tiles) {
        let panels = self.panels(0).count();
        let blocks = self.cut.count();
        let scratch = || {
            let dy = pool.scratch().single(MAX_PIXELS * gemm::panel_width(self.isa));
            (self.windows.scratch(pool, self.cut), dy)
        };
        pool.for_each_with(chunks * panels, scratch, |(patch, packed), task| {
            let (chunk, panel) = (task / panels, task % panels);
            let chunk_blocks = chunk * blocks / chunks..(chunk + 1) * blocks / chunks;
            for index in chunk_blocks.clone() {
                let block = self.cut.block(index);
                let dy = self.pack(&block, panel, packed);
                let patch = self.windows.patch(self.x, &block, patch);
                let to = Target { whole: copies, start: chunk * self.spec.weight_len() };
                self.add(&block, &patch, dy, panel, to, index > chunk_blocks.start);
            }
        });
    }

    /// The pixels of `block` in dy, as one panel of B.
    fn pack<'b>(&self, block: &Block, panel: usize, packed: &'b mut [f32]) -> &'b [f32] {
        let [rows, columns, channels] = self.spec.output;
        let first = (block.images.start * rows + block.rows.start) * columns + block.columns.start;
        let values = &self.dy[first * channels..][..block.pixels() * channels];
        let panels = self.panels(block.pixels());
        let packed = &mut packed[..block.pixels() * panels.width(panel)];
        let source = Source { values, row_step: channels, column_step: 1 };
        gemm::pack_panel(source, panels.columns(panel), panels.width(panel), packed);
        packed
    }

    /// Adds the products of one block's windows and one panel of dy.
    fn add(&self, block: &Block, patch: &Patch, dy: &[f32], panel: usize, to: Target, accumulate: bool) {
        let panels = self.panels(block.pixels());
        let [vertical, horizontal] = self.windows.axes;
        let walk = Walk {
            outer: (block.images.len(), patch.image_step),
            inner: (block.rows.len(), vertical.stride * patch.row_step),
            len: block.columns.len(),
            step: horizontal.stride * self.windows.channels,
        };
        let row_len = self.windows.row_len();
        let last = [block.images.len() - 1, block.rows.len() - 1, block.columns.len() - 1];
        let reach = patch.start(&self.windows, last);
        for tap in 0..vertical.taps {
            for first in (0..row_len).step_by(ROWS) {
                let count = ROWS.min(row_len - first);
                let element: [usize; ROWS] = std::array::from_fn(|row| first + row.min(count - 1));
                let a = element
                    .map(|element| patch.values[tap * patch.row_step + element..][..reach + 1].as_ptr());
                let c = element.map(|element| to.row(tap * row_len + element, panels, panel));
                let columns = panels.columns(panel).len();
                let tile = Tile { a, walk, b: dy.as_ptr(), c, rows: count, columns, accumulate };
                // SAFETY: the slices have checked the reach of A and C; `dy` has a row of the
                // panel's width for each pixel of the block, which are what the walk visits. Each
                // copy belongs to one chunk, each panel of it to one task.
                unsafe { gemm::multiply(self.isa, panels.width(panel), &tile) };
            }
        }
    }
}

/// One copy of dw among several.
#[derive(Clone, Copy)]
struct Target<'a> {
    whole: Tiles<'a>,
    start: usize,
}

impl Target<'_> {
    fn row(self, element: usize, panels: Panels, panel: usize) -> *mut f32 {
        let Range { start, end } = panels.columns(panel);
        let row = self.start + element * panels.columns;
        self.whole.pointer(row + start..row + end)
    }
}
