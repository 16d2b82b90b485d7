//! The gradient of the weight by Winograd's algorithm.
//!
//! It is Gᵀ[Σ (Bᵀ·x·B) ⊙ (A·dy·Aᵀ)]G, the sum running over all tiles of the batch: a product of matrices for
//! each of the T·T numbers, channels by tiles by columns. The tiles are taken in chunks that stay in the
//! last-level cache: the threads transform a chunk together, then multiply it, each some of the numbers and
//! columns. So each element is summed once, in the order of the tiles, and there are no copies to merge.

use std::ops::Range;

use super::scheme::{Four, Scheme, Two};
use super::transform::{FilterGradient, Grid, Maps, Matrices, Numbers, OfData, OfGradient};
use super::{Conv, Size};
use crate::devices::cpu::{Isa, Pool, Tiles};
use crate::kernels::gemm::{self, ROWS, Tile, Walk, lanes};

/// Elements of a chunk's numbers, unless those of the weight are more: a chunk costs a pass over these.
const CHUNK: usize = 1 << 20;

/// Elements of the products that are kept at a time, where one chunk holds all tiles.
const SLAB: usize = 1 << 20;

/// Tiles between two visits to a product: few enough for 64 columns of them to stay in the second-level
/// cache while all channels pass.
const DEPTH: usize = 256;

/// Pixels times channels that a task transforms, about.
const TASK: usize = 4096;

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
    let job = Job::new(pool.isa(), size, spec, batch);
    let [_, height, width, channels] = spec.input;
    let [_, rows, columns, outputs] = spec.output;
    let x = Maps { values: x, size: [height, width], channels, pad: [spec.pad[1], spec.pad[2]] };
    let dy = Maps { values: dy, size: [rows, columns], channels: outputs, pad: [0; 2] };
    match size {
        Size::Two => job.run::<Two, 2, 4>(pool, [x, dy], dw),
        Size::Four => job.run::<Four, 4, 6>(pool, [x, dy], dw),
    }
}

/// Elements of the numbers and of the products.
pub(in super::super) fn workspace_len(isa: Isa, size: Size, spec: &Conv, batch: usize) -> usize {
    let job = Job::new(isa, size, spec, batch);
    let [x, dy] = job.operands(job.chunk());
    job.numbers * (x.step() + dy.step() + job.products(job.slab()).step())
}

/// A gradient to be computed, and how the work is cut; that depends on sizes alone.
struct Job {
    isa: Isa,
    /// Numbers of a tile.
    numbers: usize,
    /// Tiles of an image along each axis.
    across: [usize; 2],
    /// Tiles of the batch.
    tiles: usize,
    channels: usize,
    columns: usize,
}

impl Job {
    fn new(isa: Isa, size: Size, spec: &Conv, batch: usize) -> Job {
        let [planes, height, width, columns] = spec.output;
        let across = [height, width].map(|axis| axis.div_ceil(size.outputs()));
        Job {
            isa,
            numbers: (size.outputs() + 2) * (size.outputs() + 2),
            across,
            tiles: batch * planes * across[0] * across[1],
            channels: spec.input[3],
            columns,
        }
    }

    /// Chunks of tiles.
    fn chunks(&self) -> usize {
        let elements = CHUNK.max(self.numbers * self.channels * self.columns);
        let most = elements / (self.numbers * (self.channels + self.columns));
        self.tiles.div_ceil(most.max(1))
    }

    /// Tiles of the largest chunk.
    fn chunk(&self) -> usize {
        self.tiles.div_ceil(self.chunks())
    }

    /// Channels whose products are kept together: all, unless they are finished at once.
    fn slab(&self) -> usize {
        let rows = SLAB / (self.numbers * self.columns) / ROWS * ROWS;
        if self.chunks() == 1 { rows.clamp(ROWS, self.channels.max(ROWS)) } else { self.channels }
    }

    /// The numbers of x, whose columns are rows of the product and need not be neighbours, and of dy.
    fn operands(&self, tiles: usize) -> [Matrices; 2] {
        [
            Matrices::panels(self.isa, tiles, self.channels, lanes(self.isa)),
            Matrices::panels(self.isa, tiles, self.columns, gemm::panel_width(self.isa)),
        ]
    }

    /// The products of some channels.
    fn products(&self, channels: usize) -> Matrices {
        Matrices::whole(self.isa, channels, self.columns)
    }

    fn run<S: Scheme<M, T>, const M: usize, const T: usize>(
        &self,
        pool: &Pool,
        maps: [Maps; 2],
        dw: &mut [f32],
    ) {
        let [mut x, mut dy] =
            self.operands(self.chunk()).map(|one| pool.scratch().single(T * T * one.step()));
        let mut products = pool.scratch().single(T * T * self.products(self.slab()).step());
        let mut zeros = pool.scratch().single(self.channels.max(self.columns));
        zeros.fill(0.0);
        let (chunks, dw) = (self.chunks(), Tiles::new(dw));
        for chunk in 0..chunks {
            let tiles = chunk * self.tiles / chunks..(chunk + 1) * self.tiles / chunks;
            let operands = self.operands(tiles.len());
            let to = [Tiles::new(&mut x), Tiles::new(&mut dy)];
            self.transform::<S, M, T>(pool, tiles, maps, &zeros, (to, operands));
            for first in (0..self.channels).step_by(self.slab()) {
                let channels = first..(first + self.slab()).min(self.channels);
                let shape = self.products(channels.len());
                let sums = (Tiles::new(&mut products), shape);
                self.multiply(pool, [&x, &dy], operands, channels.clone(), sums, chunk > 0);
                if chunk + 1 == chunks {
                    self.finish::<S, M, T>(pool, (&products, shape), channels, dw);
                }
            }
        }
    }

    /// The numbers of some tiles.
    fn transform<S: Scheme<M, T>, const M: usize, const T: usize>(
        &self,
        pool: &Pool,
        tiles: Range<usize>,
        [x, dy]: [Maps; 2],
        zeros: &[f32],
        (to, operands): ([Tiles; 2], [Matrices; 2]),
    ) {
        let size = (TASK / (M * M * (self.channels + self.columns))).max(1);
        pool.for_each(tiles.len().div_ceil(size), |task| {
            let first = task * size;
            let own = tiles.start + first..(tiles.start + first + size).min(tiles.end);
            let grid = Grid { tiles: own, across: self.across };
            let to = |index: usize| (to[index], operands[index], first);
            let x = Numbers::<OfData<S, M>, T, T>::new(&grid, M, x, zeros, to(0));
            let dy = Numbers::<OfGradient<S>, M, T>::new(&grid, M, dy, zeros, to(1));
            // SAFETY: a pool never has an instruction set that its processor lacks; each tile belongs to
            // one task.
            unsafe {
                lanes::run(self.isa, usize::MAX, x);
                lanes::run(self.isa, usize::MAX, dy);
            }
        });
    }

    /// The products of some channels; a task is a panel of one number.
    fn multiply(
        &self,
        pool: &Pool,
        [x, dy]: [&[f32]; 2],
        [from, by]: [Matrices; 2],
        channels: Range<usize>,
        (sums, to): (Tiles, Matrices),
        accumulate: bool,
    ) {
        let panels: usize = by.starts().count();
        pool.for_each(self.numbers * panels, |task| {
            let (number, panel) = (task / panels, task % panels);
            let start = panel * gemm::panel_width(self.isa);
            let product = Product {
                isa: self.isa,
                x: (&x[number * from.step()..][..from.rows * from.columns], from),
                dy: &dy[number * by.step() + by.column(start)..][..by.rows * by.width(start)],
                width: by.width(start),
                channels: channels.clone(),
                sums,
                first: number * to.step() + start,
                row: to.columns,
            };
            let depth = by.rows.div_ceil(by.rows.div_ceil(DEPTH));
            for first in (0..by.rows).step_by(depth) {
                product.add(first..(first + depth).min(by.rows), accumulate || first > 0);
            }
        });
    }

    /// The gradient of some channels from their products.
    fn finish<S: Scheme<M, T>, const M: usize, const T: usize>(
        &self,
        pool: &Pool,
        products: (&[f32], Matrices),
        channels: Range<usize>,
        dw: Tiles,
    ) {
        let size = (TASK / (M * M * self.columns)).max(1);
        let steps = [self.columns, self.channels * self.columns];
        pool.for_each(channels.len().div_ceil(size), |task| {
            let rows = task * size..((task + 1) * size).min(channels.len());
            let to = (dw, (channels.start + rows.start) * self.columns, steps);
            let kernel = FilterGradient::<S, M, T>::new(products, rows, to);
            // SAFETY: a pool never has an instruction set that its processor lacks; each channel belongs
            // to one task.
            unsafe { lanes::run(self.isa, usize::MAX, kernel) };
        });
    }
}

/// One panel of a product: the numbers of x, transposed, times those of dy.
struct Product<'a> {
    isa: Isa,
    x: (&'a [f32], Matrices),
    dy: &'a [f32],
    /// Columns of the panel.
    width: usize,
    /// The rows, as columns of x.
    channels: Range<usize>,
    sums: Tiles<'a>,
    /// The first sum, and elements from a row of them to the next.
    first: usize,
    row: usize,
}

impl Product<'_> {
    /// The sums over some tiles.
    fn add(&self, tiles: Range<usize>, accumulate: bool) {
        let (x, from) = self.x;
        let step = lanes(self.isa);
        let walk = Walk { runs: &[0], len: tiles.len(), step };
        let b = self.dy[tiles.start * self.width..tiles.end * self.width].as_ptr();
        for first in (0..self.channels.len()).step_by(ROWS) {
            let rows = ROWS.min(self.channels.len() - first);
            let row: [usize; ROWS] = std::array::from_fn(|row| first + row.min(rows - 1));
            let a = row.map(|row| {
                let at = from.column(self.channels.start + row) + tiles.start * step;
                x[at..][..(walk.len - 1) * step + 1].as_ptr()
            });
            let c = row.map(|row| {
                let at = self.first + row * self.row;
                self.sums.pointer(at..at + self.width)
            });
            let b_step = self.width;
            let tile = Tile { a, walk, b, b_step, c, rows, columns: self.width, accumulate };
            // SAFETY: the slices have checked the reach of A, B and C; each panel of a number belongs to
            // one task.
            unsafe { gemm::multiply(self.isa, self.width, &tile) };
        }
    }
}
