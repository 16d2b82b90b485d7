//! Winograd's algorithm for dense 3x3 windows without strides or gaps, F(2x2, 3x3) and F(4x4, 3x3).
//!
//! The outputs are cut into tiles of M x M. The pixels that a tile sees are transformed into T x T numbers per
//! channel (T = M + 2), the weights too; then the convolution is T·T matrix products, tiles by channels, of
//! which each output needs 2.25 or 4 times fewer multiply-adds than the formula; their results are
//! transformed back. It wins where the channels are many enough to pay for the transforms, see
//! [`select`](crate::select). The gradient of the input is such a convolution too, with the window turned;
//! that of the weight has a file of its own.
//!
//! Errors relative to the largest result, for random numbers in (−1, 1) and up to 512 channels: below 3e-6
//! for F(2x2, 3x3), below 3e-5 for F(4x4, 3x3); a test holds them to it.

mod gradient;
mod scheme;
mod transform;

pub(super) use self::gradient::{backward_weight, copies_len};
use std::ptr;

use self::scheme::{Four, Scheme, Two};
use self::transform::{Filter, Grid, Maps, Matrices, Numbers, OfData, Results};
use super::block::{Block, Cut, MAX_PIXELS};
use super::packed::{Form, Weight};
use super::{Conv, Finish};
use crate::cpu::{Isa, Pool, Tiles, parts, total};
use crate::gemm::{self, LISTED, Panels, ROWS, Source, Tile, Walk, lanes};
use crate::select::{Algorithm, Operation, Problem};

/// Outputs along a side of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// F(2x2, 3x3).
    Two,
    /// F(4x4, 3x3).
    Four,
}

impl Size {
    /// Outputs along a side of a tile.
    pub(crate) fn outputs(self) -> usize {
        match self {
            Size::Two => 2,
            Size::Four => 4,
        }
    }

    /// Numbers of a transformed tile.
    fn numbers(self) -> usize {
        (self.outputs() + 2).pow(2)
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Size::Two => Algorithm::Winograd2,
            Size::Four => Algorithm::Winograd4,
        }
    }
}

/// Whether a convolution and its gradients can be computed so.
pub(crate) fn supports(spec: &Conv, size: Size) -> bool {
    let columns = spec.input[2].max(spec.output[2]).div_ceil(size.outputs());
    spec.kernel == [1, 3, 3]
        && spec.stride == [1; 3]
        && spec.dilation == [1; 3]
        && spec.groups == 1
        && spec.pad[0] == 0
        && spec.pad[1..].iter().all(|&pad| pad <= 2)
        && spec.input[0] == spec.output[0]
        && columns <= MAX_PIXELS
}

/// y = finish(x ∗ w)
#[expect(clippy::too_many_arguments, reason = "a convolution's operands, and which of the two schemes")]
pub(super) fn forward(
    pool: &Pool,
    size: Size,
    spec: &Conv,
    batch: usize,
    x: &[f32],
    w: Weight,
    y: &mut [f32],
    finish: Option<Finish>,
) {
    let form = Form::new(size.algorithm(), Operation::Forward, spec);
    let weights = Weights { weight: w, form, turned: false, steps: [spec.output[3], 1] };
    let job = Job::new(pool.isa(), spec, [spec.input, spec.output], [spec.pad[1], spec.pad[2]], batch);
    job.run_as(pool, size, x, &weights, y, finish);
}

/// dx from dy and w.
pub(super) fn backward_data(
    pool: &Pool,
    size: Size,
    spec: &Conv,
    batch: usize,
    dy: &[f32],
    w: Weight,
    dx: &mut [f32],
) {
    let form = Form::new(size.algorithm(), Operation::BackwardData, spec);
    let weights = Weights { weight: w, form, turned: true, steps: [1, spec.output[3]] };
    let pad = [2 - spec.pad[1], 2 - spec.pad[2]];
    let job = Job::new(pool.isa(), spec, [spec.output, spec.input], pad, batch);
    job.run_as(pool, size, dy, &weights, dx, None);
}

/// Elements of the transformed weight.
pub(super) fn packed_len(isa: Isa, size: Size, [from, to]: [usize; 2]) -> usize {
    packed_panel_len(isa, size.numbers(), from) * Panels::new(isa, from, to).count()
}

/// Elements that each thread works on.
pub(super) fn thread_len(isa: Isa, size: Size, problem: &Problem) -> usize {
    let Problem { operation, ref spec, batch, .. } = *problem;
    let (from, to) = match operation {
        Operation::BackwardWeight => return gradient::thread_len(isa, size, spec, batch),
        Operation::Forward => (spec.input, spec.output),
        Operation::BackwardData => (spec.output, spec.input),
    };
    let job = Job::new(isa, spec, [from, to], [0; 2], batch);
    // The weight is packed before the rest is done.
    total(&job.own_lens(job.cut(size.outputs()), size.numbers())).max(job.taps_len())
}

/// Elements from a panel of transformed weights to the next.
fn packed_panel_len(isa: Isa, numbers: usize, channels: usize) -> usize {
    numbers * plane(channels, gemm::panel_width(isa))
}

/// The weight before the transform: a matrix of channels × columns for each of nine taps.
struct Weights<'a> {
    weight: Weight<'a>,
    form: Form,
    turned: bool,
    /// Elements from a row, and from a column, to the next.
    steps: [usize; 2],
}

/// Elements from one number of all `rows` (tiles, or channels of a panel) to the next: an odd count of cache
/// lines, or the numbers that are made together would compete for the same places in the caches.
fn plane(rows: usize, columns: usize) -> usize {
    const LINE: usize = 16;
    ((rows * columns).div_ceil(LINE) | 1) * LINE
}

/// Some maps of one size, and others that are computed from them.
struct Job {
    isa: Isa,
    /// Maps.
    images: usize,
    /// Height and width before and after.
    from: [usize; 2],
    to: [usize; 2],
    pad: [usize; 2],
    channels: usize,
    columns: usize,
}

impl Job {
    fn new(isa: Isa, spec: &Conv, [from, to]: [[usize; 4]; 2], pad: [usize; 2], batch: usize) -> Job {
        Job {
            isa,
            images: batch * spec.input[0],
            from: [from[1], from[2]],
            to: [to[1], to[2]],
            pad,
            channels: from[3],
            columns: to[3],
        }
    }

    fn run_as(
        &self,
        pool: &Pool,
        size: Size,
        map: &[f32],
        weights: &Weights,
        to: &mut [f32],
        finish: Option<Finish>,
    ) {
        match size {
            Size::Two => self.run::<Two, 2, 4>(pool, map, weights, to, finish),
            Size::Four => self.run::<Four, 4, 6>(pool, map, weights, to, finish),
        }
    }

    fn run<S: Scheme<M, T>, const M: usize, const T: usize>(
        &self,
        pool: &Pool,
        map: &[f32],
        weights: &Weights,
        to: &mut [f32],
        finish: Option<Finish>,
    ) {
        let panels = Panels::new(self.isa, self.channels, self.columns);
        let packed_len = packed_panel_len(self.isa, T * T, self.channels) * panels.count();
        let pack = |packed: &mut [f32]| self.pack::<S, M, T>(pool, weights, panels, packed);
        let packed = weights.weight.packed(pool, weights.form, packed_len, pack);
        let tiles = self.to.map(|size| size.div_ceil(M));
        let cut = self.cut(M);
        let lens = self.own_lens(cut, T * T);
        let scratch = || {
            let mut own = pool.scratch().own(total(&lens));
            let [.., zeros] = parts(&mut own, lens);
            zeros.fill(0.0);
            own
        };
        let maps = Maps { values: map, size: self.from, channels: self.channels, pad: self.pad };
        let to = Tiles::new(to);
        let [height, width] = self.to;
        pool.for_each_with(cut.count(), scratch, |own, task| {
            let [data, results, zeros] = parts(own, lens);
            let block = cut.block(task);
            let grid = Grid::of(&block, tiles);
            let [from, products] = self.matrices(grid.tiles.len());
            let channels = (maps, 0..self.channels);
            let transform = Numbers::<OfData<S, M>, M, T, T>::new(&grid, channels, zeros, (data, from));
            // SAFETY: a pool never has an instruction set that its processor lacks.
            unsafe { lanes::run_widest(self.isa, transform) };
            self.multiply(pool, panels, T * T, &packed, (data, from), (results, products));
            let size = [height, width, self.columns];
            let transform = Results::<S, M, T>::new(&grid, (results, products), to, size);
            // SAFETY: as above; a block's outputs belong to one task.
            unsafe { lanes::run_widest(self.isa, transform) };
            if let Some(finish) = finish {
                let range = self.place(&block, M);
                // SAFETY: the block's outputs are consecutive and belong to this task.
                finish(unsafe { to.slice(range.clone()) }, range.start);
            }
        });
    }

    /// Blocks of tiles with so many outputs along a side.
    fn cut(&self, side: usize) -> Cut {
        let tiles = self.to.map(|size| size.div_ceil(side));
        let aim = self.tiles_at_once((side + 2) * (side + 2), self.images * tiles[0] * tiles[1]);
        Cut::aiming_at(aim, self.images, [1, tiles[0], tiles[1]])
    }

    /// Elements of the numbers of a block's tiles, of their products, and of zeros for pixels outside the map.
    fn own_lens(&self, cut: Cut, numbers: usize) -> [usize; 3] {
        let [images, _, rows, columns] = cut.size();
        let matrices = self.matrices(images * rows * columns);
        let [data, results] = matrices.map(|matrices| numbers * matrices.step());
        [data, results, self.channels]
    }

    /// Elements of a panel of the weight.
    fn taps_len(&self) -> usize {
        9 * self.channels * gemm::panel_width(self.isa)
    }

    /// The numbers of so many tiles, and the products.
    fn matrices(&self, tiles: usize) -> [Matrices; 2] {
        [self.channels, self.columns].map(|columns| Matrices::whole(self.isa, tiles, columns))
    }

    /// Tiles of a task: their numbers should stay in the second-level cache, unless the weights do not
    /// either; then there should be about half as many numbers as weights. Where there are few tiles, there
    /// should be enough tasks for the threads to have about equal shares.
    fn tiles_at_once(&self, numbers: usize, tiles: usize) -> usize {
        const ELEMENTS: usize = 160 * 1024;
        const ENOUGH_TASKS: usize = 8;
        let elements = ELEMENTS.max(numbers * self.channels * self.columns / 2);
        let fitting = elements / (numbers * (self.channels + self.columns));
        fitting.min(tiles / ENOUGH_TASKS).clamp(2 * ROWS, MAX_PIXELS)
    }

    /// The outputs of a block of tiles.
    fn place(&self, block: &Block, side: usize) -> std::ops::Range<usize> {
        let ([height, width], rows) = (self.to, &block.outputs[1]);
        let at =
            |image: usize, row: usize| (image * height + (row * side).min(height)) * width * self.columns;
        at(block.images.start, rows.start)..at(block.images.end - 1, rows.end)
    }

    /// The transformed weights, panel by panel as `[number][channel][column]`.
    fn pack<S: Scheme<M, T>, const M: usize, const T: usize>(
        &self,
        pool: &Pool,
        weights: &Weights,
        panels: Panels,
        packed: &mut [f32],
    ) {
        let packed = Tiles::new(packed);
        let scratch = || pool.scratch().own(self.taps_len());
        pool.for_each_with(panels.count(), scratch, |taps, index| {
            let width = panels.width(index);
            let len = self.channels * width;
            for (tap, part) in taps.chunks_exact_mut(len).enumerate().take(9) {
                let tap = if weights.turned { 8 - tap } else { tap };
                let source = Source {
                    values: &weights.weight.values[tap * self.channels * self.columns..],
                    row_step: weights.steps[0],
                    column_step: weights.steps[1],
                };
                gemm::pack_panel(self.isa, source, panels.columns(index), width, part);
            }
            let start = index * packed_panel_len(self.isa, T * T, self.channels);
            let end = start + T * T * plane(self.channels, width);
            // SAFETY: each panel is packed by one task.
            let panel = unsafe { packed.slice(start..end) };
            let kernel = Filter::<S, M, T>::new(&taps[..9 * len], panel);
            // SAFETY: a pool never has an instruction set that its processor lacks; a panel is a whole
            // number of vectors.
            unsafe { lanes::run_widest(self.isa, kernel) };
        });
    }

    /// The products of all numbers: a row of results for each row of data. If there is but one block of
    /// tiles, all threads share its numbers.
    fn multiply(
        &self,
        pool: &Pool,
        panels: Panels,
        numbers: usize,
        packed: &[f32],
        (data, from): (&[f32], Matrices),
        (results, to): (&mut [f32], Matrices),
    ) {
        let results = Tiles::new(results);
        pool.for_each(numbers, |number| {
            let data = &data[number * from.step()..][..from.rows * from.columns];
            for panel in 0..panels.count() {
                let (first, width) = (panels.columns(panel).start, panels.width(panel));
                let start = panel * packed_panel_len(self.isa, numbers, self.channels)
                    + number * plane(self.channels, width);
                let b = packed[start..][..self.channels * width].as_ptr();
                for tile in (0..from.rows).step_by(LISTED) {
                    let count = LISTED.min(from.rows - tile);
                    let (mut a, mut c) = ([ptr::null(); LISTED], [ptr::null_mut(); LISTED]);
                    let (a, c) = (&mut a[..count], &mut c[..count]);
                    for (row, (a, c)) in a.iter_mut().zip(&mut *c).enumerate() {
                        let at = tile + row;
                        *a = data[at * from.columns..][..self.channels].as_ptr();
                        let at = number * to.step() + at * to.columns + first;
                        *c = results.pointer(at..at + width);
                    }
                    let walk = Walk { runs: &[0], len: self.channels, step: 1 };
                    let (columns, b_step) = (width, width);
                    let tile = Tile { a, walk, b, b_step, c, columns, accumulate: false };
                    // SAFETY: the slices have checked the reach of A, B and C, a number's C is one task's.
                    unsafe { gemm::multiply(self.isa, width, &tile) };
                }
            }
        });
    }
}
