//! The gradient of the weight by Winograd's algorithm.
//!
//! It is Gᵀ[Σ (Bᵀ·x·B) ⊙ (A·dy·Aᵀ)]G, the sum running over all tiles of the batch: a product of matrices for
//! each of the T·T numbers, channels by tiles by columns. A task has a block of channels and columns, whose
//! products stay in its second-level cache while it transforms and adds a few tiles after the other. So the
//! numbers of a map are made once for each block of the other map's channels; sharing them among tasks was
//! measured slower, as the caches of the cores then have to exchange them. Where the blocks are few, the
//! tiles are cut into a fixed number of chunks that are summed into copies of dw, as in the direct algorithm.

use std::ops::Range;
use std::ptr;

use super::scheme::{Four, Scheme, Two};
use super::transform::{FilterGradient, Grid, Maps, Matrices, Numbers, OfData, OfGradient};
use super::{Conv, Size};
use crate::conv::backward_weight::{affordable_copies, sum_copies};
use crate::cpu::{Isa, Pool, Tiles, parts, total};
use crate::gemm::{self, LISTED, Tile, Walk, lanes};

/// Channels and columns of a block, at most.
const BLOCK: usize = 64;

/// Elements of a task's numbers and products: those that a second-level cache of 1 MiB has room for.
const ELEMENTS: usize = 256 * 1024;

/// Tasks that are enough for the cores of a machine, if they cost copies of dw.
const ENOUGH_TASKS: usize = 16;

/// Tiles of a chunk at least, so that its last transform is a small part of the work.
const CHUNK: usize = 128;

/// dw from x and dy.
pub(in super::super) fn backward_weight(
    pool: &Pool,
    size: Size,
    spec: &Conv,
    batch: usize,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    let [_, height, width, channels] = spec.input;
    let x = Maps { values: x, size: [height, width], channels, pad: [spec.pad[1], spec.pad[2]] };
    let [_, height, width, channels] = spec.output;
    let dy = Maps { values: dy, size: [height, width], channels, pad: [0; 2] };
    let job = Job { isa: pool.isa(), x, dy, cut: Cut::new(size, spec, batch) };
    sum_copies(pool, job.cut.chunks, dw, |_, copies| match size {
        Size::Two => job.sum::<Two, 2, 4>(pool, copies),
        Size::Four => job.sum::<Four, 4, 6>(pool, copies),
    });
}

/// Elements of the copies of dw, 0 if there is none beside dw itself.
pub(in super::super) fn copies_len(size: Size, spec: &Conv, batch: usize) -> usize {
    match Cut::new(size, spec, batch).chunks {
        1 => 0,
        chunks => chunks * spec.weight_len(),
    }
}

/// Elements that each thread works on.
pub(super) fn thread_len(isa: Isa, size: Size, spec: &Conv, batch: usize) -> usize {
    total(&own_lens(isa, &Cut::new(size, spec, batch), size.numbers()))
}

/// Elements of the numbers of x, of dy and of the products, and of zeros for pixels outside the maps.
fn own_lens(isa: Isa, cut: &Cut, numbers: usize) -> [usize; 4] {
    let [x, dy, sums] = shapes(isa, cut.group, cut.block).map(|matrices| numbers * matrices.step());
    [x, dy, sums, cut.channels[0].max(cut.channels[1])]
}

/// How the work is cut; depends on sizes alone.
struct Cut {
    /// Tiles of an image along each axis, and of the batch.
    across: [usize; 2],
    tiles: usize,
    /// Into how many chunks the tiles are gathered.
    chunks: usize,
    /// Channels of x and of dy.
    channels: [usize; 2],
    /// Those of a block.
    block: [usize; 2],
    /// Tiles that are transformed at a time.
    group: usize,
}

impl Cut {
    fn new(size: Size, spec: &Conv, batch: usize) -> Cut {
        let [planes, height, width, _] = spec.output;
        let across = [height, width].map(|axis| axis.div_ceil(size.outputs()));
        let tiles = batch * planes * across[0] * across[1];
        let channels = [spec.input[3], spec.output[3]];
        // Evenly, and whole vectors of any kind.
        let block = channels.map(|count| count.div_ceil(count.div_ceil(BLOCK)).next_multiple_of(16));
        let [rows, columns] = block;
        let numbers = size.numbers();
        let group = (ELEMENTS / numbers).saturating_sub(rows * columns) / (rows + columns);
        let blocks = channels[0].div_ceil(rows) * channels[1].div_ceil(columns);
        let chunks = (tiles / CHUNK).min(ENOUGH_TASKS.div_ceil(blocks)).max(1);
        let chunks = affordable_copies(spec, chunks);
        Cut { across, tiles, chunks, channels, block, group: group.clamp(16, 64) }
    }

    /// Blocks along the channels of x and of dy.
    fn blocks(&self) -> [usize; 2] {
        [0, 1].map(|map| self.channels[map].div_ceil(self.block[map]))
    }

    /// The chunk of a task, and the channels of x and of dy that are its block.
    fn task(&self, task: usize) -> (usize, [Range<usize>; 2]) {
        let [rows, columns] = self.blocks();
        let place = [task / columns % rows, task % columns];
        let range = |map: usize| {
            let first = place[map] * self.block[map];
            first..(first + self.block[map]).min(self.channels[map])
        };
        (task / columns / rows, [range(0), range(1)])
    }
}

struct Job<'a> {
    isa: Isa,
    x: Maps<'a>,
    dy: Maps<'a>,
    cut: Cut,
}

impl Job<'_> {
    /// The sum over each chunk, into its own copy in `copies`.
    fn sum<S: Scheme<M, T>, const M: usize, const T: usize>(&self, pool: &Pool, copies: Tiles) {
        let cut = &self.cut;
        let lens = own_lens(self.isa, cut, T * T);
        let scratch = || {
            let mut own = pool.scratch().own(total(&lens));
            let [.., zeros] = parts(&mut own, lens);
            zeros.fill(0.0);
            own
        };
        let blocks: usize = cut.blocks().iter().product();
        pool.for_each_with(cut.chunks * blocks, scratch, |own, task| {
            let [x, dy, sums, zeros] = parts(own, lens);
            let (chunk, channels) = cut.task(task);
            let block = Block { job: self, channels, zeros };
            let tiles = chunk * cut.tiles / cut.chunks..(chunk + 1) * cut.tiles / cut.chunks;
            for first in tiles.clone().step_by(cut.group) {
                let group = first..(first + cut.group).min(tiles.end);
                block.transform::<S, M, T>(group.clone(), [&mut *x, &mut *dy]);
                block.multiply(T * T, group.len(), [x, dy], sums, first > tiles.start);
            }
            block.finish::<S, M, T>(sums, copies, chunk);
        });
    }
}

/// The numbers of x, whose columns are rows of the product and need not be neighbours, those of dy, and the
/// products, for so many tiles and channels of both.
fn shapes(isa: Isa, tiles: usize, [rows, columns]: [usize; 2]) -> [Matrices; 3] {
    [
        Matrices::panels(isa, tiles, rows, lanes(isa)),
        Matrices::panels(isa, tiles, columns, gemm::panel_width(isa)),
        Matrices::whole(isa, rows, columns),
    ]
}

/// The gradient between some channels of x and some of dy.
struct Block<'a> {
    job: &'a Job<'a>,
    channels: [Range<usize>; 2],
    /// For pixels outside the maps.
    zeros: &'a [f32],
}

impl Block<'_> {
    fn shapes(&self, tiles: usize) -> [Matrices; 3] {
        let [rows, columns] = &self.channels;
        shapes(self.job.isa, tiles, [rows.len(), columns.len()])
    }

    /// The numbers of some tiles.
    fn transform<S: Scheme<M, T>, const M: usize, const T: usize>(
        &self,
        tiles: Range<usize>,
        [x, dy]: [&mut [f32]; 2],
    ) {
        let Job { isa, x: of_x, dy: of_dy, ref cut } = *self.job;
        let [x_shape, dy_shape, _] = self.shapes(tiles.len());
        let [rows, columns] = self.channels.clone();
        let grid = Grid { tiles, across: cut.across };
        let x = Numbers::<OfData<S, M>, M, T, T>::new(&grid, (of_x, rows), self.zeros, (x, x_shape));
        let dy = Numbers::<OfGradient<S>, M, M, T>::new(&grid, (of_dy, columns), self.zeros, (dy, dy_shape));
        // SAFETY: a pool never has an instruction set that its processor lacks.
        unsafe {
            lanes::run_widest(isa, x);
            lanes::run_widest(isa, dy);
        }
    }

    /// Adds the products of some tiles to `sums`, or begins these with them.
    fn multiply(
        &self,
        numbers: usize,
        tiles: usize,
        [x, dy]: [&[f32]; 2],
        sums: &mut [f32],
        accumulate: bool,
    ) {
        let [from, by, to] = self.shapes(tiles);
        let sums = Tiles::new(sums);
        let mut channels = [0; BLOCK];
        let count = self.channels[0].len();
        for (channel, to) in channels[..count].iter_mut().enumerate() {
            *to = from.column(channel);
        }
        for number in 0..numbers {
            for start in by.starts() {
                Product {
                    isa: self.job.isa,
                    x: &x[number * from.step()..][..from.rows * from.columns],
                    channels: &channels[..count],
                    tiles,
                    dy: &dy[number * by.step() + start * by.rows..][..by.rows * by.width(start)],
                    width: by.width(start),
                    sums,
                    first: number * to.step() + start,
                    row: to.columns,
                }
                .add(accumulate);
            }
        }
    }

    /// The gradient from its products, into a copy of dw.
    fn finish<S: Scheme<M, T>, const M: usize, const T: usize>(
        &self,
        sums: &[f32],
        copies: Tiles,
        copy: usize,
    ) {
        let [channels, outputs] = self.job.cut.channels;
        let [rows, columns] = &self.channels;
        let [_, _, shape] = self.shapes(0);
        let steps = [outputs, channels * outputs];
        let first = copy * 9 * channels * outputs + rows.start * outputs + columns.start;
        let kernel = FilterGradient::<S, M, T>::new((sums, shape), columns.len(), (copies, first, steps));
        // SAFETY: a pool never has an instruction set that its processor lacks; each block of a copy
        // belongs to one task.
        unsafe { lanes::run_widest(self.job.isa, kernel) };
    }
}

/// One panel of a product: the numbers of x, transposed, times those of dy.
struct Product<'a> {
    isa: Isa,
    x: &'a [f32],
    /// Where each channel's numbers begin in x: the rows of the product.
    channels: &'a [usize],
    tiles: usize,
    dy: &'a [f32],
    /// Columns of the panel.
    width: usize,
    sums: Tiles<'a>,
    /// The first sum, and elements from a row of them to the next.
    first: usize,
    row: usize,
}

impl Product<'_> {
    fn add(&self, accumulate: bool) {
        let step = lanes(self.isa);
        let walk = Walk { runs: &[0], len: self.tiles, step };
        let b = self.dy[..walk.len * self.width].as_ptr();
        for first in (0..self.channels.len()).step_by(LISTED) {
            let rows = LISTED.min(self.channels.len() - first);
            let (mut a, mut c) = ([ptr::null(); LISTED], [ptr::null_mut(); LISTED]);
            let (a, c) = (&mut a[..rows], &mut c[..rows]);
            for (row, (a, c)) in a.iter_mut().zip(&mut *c).enumerate() {
                let channel = first + row;
                *a = self.x[self.channels[channel]..][..(walk.len - 1) * step + 1].as_ptr();
                let at = self.first + channel * self.row;
                *c = self.sums.pointer(at..at + self.width);
            }
            let b_step = self.width;
            let tile = Tile { a, walk, b, b_step, c, columns: self.width, accumulate };
            // SAFETY: the slices have checked the reach of A, B and C, which are one task's.
            unsafe { gemm::multiply(self.isa, self.width, &tile) };
        }
    }
}
