//! The two-dimensional transforms, over vectors of channels.
//!
//! Vectors are gathered in plain loops: the closures of `array::map` are not always inlined, and then run
//! without the caller's instruction set.

#![expect(clippy::needless_range_loop, reason = "indices of a matrix, by rows and by columns")]

use std::marker::PhantomData;
use std::ops::Range;

use super::plane;
use super::scheme::Scheme;
use crate::conv::block::Block;
use crate::cpu::{Isa, Tiles};
use crate::gemm;
use crate::gemm::lanes::{self, Kernel, Lanes};

/// Neighbouring tiles of a batch of maps.
#[derive(Clone)]
pub(super) struct Grid {
    /// Their numbers among all tiles, image by image and row by row.
    pub(super) tiles: Range<usize>,
    /// Tiles of an image along each axis.
    pub(super) across: [usize; 2],
}

impl Grid {
    /// The tiles of a block that has its rows as a whole.
    pub(super) fn of(block: &Block, across: [usize; 2]) -> Grid {
        let [rows, columns] = across;
        let first = (block.images.start * rows + block.outputs[1].start) * columns + block.outputs[2].start;
        Grid { tiles: first..first + block.pixels(), across }
    }

    /// Image, row and column of its tile `index`; of the last if there is none.
    #[inline(always)]
    fn place(&self, index: usize) -> [usize; 3] {
        let tile = (self.tiles.start + index).min(self.tiles.end - 1);
        let [rows, columns] = self.across;
        [tile / columns / rows, tile / columns % rows, tile % columns]
    }
}

/// Some maps of one size.
#[derive(Clone, Copy)]
pub(super) struct Maps<'a> {
    pub(super) values: &'a [f32],
    /// Height and width.
    pub(super) size: [usize; 2],
    pub(super) channels: usize,
    /// Zeros before the first row and column.
    pub(super) pad: [usize; 2],
}

/// Matrices of one shape, one for each number of a tile: a row for each tile (or channel), a column for each
/// channel, in panels of columns and filled up to whole vectors.
#[derive(Clone, Copy)]
pub(super) struct Matrices {
    pub(super) rows: usize,
    /// Columns with their filling.
    pub(super) columns: usize,
    panel: usize,
}

impl Matrices {
    /// Rows that are contiguous.
    pub(super) fn whole(isa: Isa, rows: usize, columns: usize) -> Matrices {
        let columns = columns.next_multiple_of(gemm::lanes(isa));
        Matrices { rows, columns, panel: columns }
    }

    /// Panels of `panel` columns, a whole number of vectors.
    pub(super) fn panels(isa: Isa, rows: usize, columns: usize, panel: usize) -> Matrices {
        Matrices { panel, ..Matrices::whole(isa, rows, columns) }
    }

    /// Elements from one matrix to the next.
    pub(super) fn step(self) -> usize {
        plane(self.rows, self.columns)
    }

    /// The columns where each panel starts.
    #[inline(always)]
    pub(super) fn starts(self) -> impl Iterator<Item = usize> {
        (0..self.columns).step_by(self.panel)
    }

    /// Columns of the panel from column `start` on.
    #[inline(always)]
    pub(super) fn width(self, start: usize) -> usize {
        self.panel.min(self.columns - start)
    }

    /// The first element of a column in the first matrix.
    pub(super) fn column(self, column: usize) -> usize {
        let within = column % self.panel;
        (column - within) * self.rows + within
    }
}

/// A one-dimensional transform.
pub(super) trait Transform<const N: usize, const T: usize> {
    /// The transform of the numbers along one side of a tile.
    ///
    /// # Safety
    /// For code built for the instruction set of `L`.
    unsafe fn apply<L: Lanes>(values: [L; N]) -> [L; T];
}

/// Bᵀ·d
pub(super) struct OfData<S, const M: usize>(PhantomData<S>);

impl<S: Scheme<M, T>, const M: usize, const T: usize> Transform<T, T> for OfData<S, M> {
    #[inline(always)]
    unsafe fn apply<L: Lanes>(values: [L; T]) -> [L; T] {
        // SAFETY: the caller's promise.
        unsafe { S::data(values) }
    }
}

/// A·dy
pub(super) struct OfGradient<S>(PhantomData<S>);

impl<S: Scheme<M, T>, const M: usize, const T: usize> Transform<M, T> for OfGradient<S> {
    #[inline(always)]
    unsafe fn apply<L: Lanes>(values: [L; M]) -> [L; T] {
        // SAFETY: the caller's promise.
        unsafe { S::gradient(values) }
    }
}

/// From maps to numbers: N x N pixels of each tile, M pixels further than those of the one before, become
/// T x T numbers.
pub(super) struct Numbers<'a, F, const M: usize, const N: usize, const T: usize> {
    grid: &'a Grid,
    maps: Maps<'a>,
    channels: Range<usize>,
    zeros: &'a [f32],
    numbers: &'a mut [f32],
    matrices: Matrices,
    transform: PhantomData<F>,
}

impl<'a, F, const M: usize, const N: usize, const T: usize> Numbers<'a, F, M, N, T> {
    /// Some channels of the maps; `zeros` stands for pixels outside them, one for each channel. Running this
    /// writes a row of each matrix for each tile of the grid.
    pub(super) fn new(
        grid: &'a Grid,
        (maps, channels): (Maps<'a>, Range<usize>),
        zeros: &'a [f32],
        (numbers, matrices): (&'a mut [f32], Matrices),
    ) -> Self {
        let image = maps.size[0] * maps.size[1] * maps.channels;
        let images = grid.tiles.end.div_ceil(grid.across[0] * grid.across[1]);
        assert!(images * image <= maps.values.len() && channels.end <= maps.channels.min(zeros.len()));
        assert!(grid.tiles.len() == matrices.rows);
        assert!(T * T * matrices.step() <= numbers.len());
        Numbers { grid, maps, channels, zeros, numbers, matrices, transform: PhantomData }
    }

    /// The pixels that a tile sees.
    #[inline(always)]
    fn pixels(&self, [image, row, column]: [usize; 3]) -> [[*const f32; N]; N] {
        let Maps { values, size: [height, width], channels, pad } = self.maps;
        let image = values.as_ptr().wrapping_add(image * height * width * channels);
        let mut pixels = [[self.zeros.as_ptr(); N]; N];
        for i in 0..N {
            let row = (row * M + i).wrapping_sub(pad[0]);
            let line = image.wrapping_add(row.wrapping_mul(width * channels));
            for j in 0..N {
                let column = (column * M + j).wrapping_sub(pad[1]);
                if row < height && column < width {
                    pixels[i][j] = line.wrapping_add(column * channels);
                }
            }
        }
        pixels
    }

    /// The vectors of channels, each with its first channel, how many it has, and the first element of its
    /// numbers for a tile.
    #[inline(always)]
    fn vectors(&self, row: usize, lanes: usize) -> impl Iterator<Item = [usize; 3]> {
        let (matrices, Range { start: first, end }) = (self.matrices, self.channels.clone());
        matrices.starts().flat_map(move |start| {
            let width = matrices.width(start);
            (0..width).step_by(lanes).map(move |within| {
                let channel = first + start + within;
                [channel, (end - channel).min(lanes), start * matrices.rows + row * width + within]
            })
        })
    }
}

/// Has the pixels of a tile that the one before does not see brought into the first-level cache: they lie on
/// too few neighbouring lines for the processor to foresee the next.
#[inline(always)]
fn prefetch<const M: usize, const N: usize>(pixels: &[[*const f32; N]; N], channel: usize) {
    for i in 0..N {
        for j in N - M..N {
            lanes::prefetch(pixels[i][j].wrapping_add(channel));
        }
    }
}

/// One vector of channels of a tile: its first `count` lanes if only a `PART`.
///
/// # Safety
/// Of each pixel `count` channels can be read from `channel` on, and there is room for T · T vectors,
/// `step` apart.
#[inline(always)]
unsafe fn transform<F, L, const PART: bool, const N: usize, const T: usize>(
    pixels: &[[*const f32; N]; N],
    (channel, count): (usize, usize),
    (to, step): (*mut f32, usize),
) where
    F: Transform<N, T>,
    L: Lanes,
{
    // SAFETY: the caller's promise.
    unsafe {
        let mut half = [[L::splat(0.0); T]; N];
        for i in 0..N {
            let mut row = [L::splat(0.0); N];
            for j in 0..N {
                let pixel = pixels[i][j].add(channel);
                row[j] = if PART { L::load_part(pixel, count) } else { L::load(pixel) };
            }
            half[i] = F::apply(row);
        }
        for j in 0..T {
            let mut column = [L::splat(0.0); N];
            for i in 0..N {
                column[i] = half[i][j];
            }
            for (i, value) in F::apply(column).into_iter().enumerate() {
                value.store(to.add((i * T + j) * step));
            }
        }
    }
}

impl<F: Transform<N, T>, const M: usize, const N: usize, const T: usize> Kernel for Numbers<'_, F, M, N, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let (to, step) = (self.numbers.as_mut_ptr(), self.matrices.step());
        let mut next = self.pixels(self.grid.place(0));
        for row in 0..self.matrices.rows {
            let pixels = std::mem::replace(&mut next, self.pixels(self.grid.place(row + 1)));
            for [channel, count, at] in self.vectors(row, L::COUNT) {
                prefetch::<M, N>(&next, channel);
                // SAFETY: each pixel and the zeros have all channels; `new` has checked the numbers' length.
                unsafe {
                    let to = (to.add(at), step);
                    match count == L::COUNT {
                        true => transform::<F, L, false, N, T>(&pixels, (channel, count), to),
                        false => transform::<F, L, true, N, T>(&pixels, (channel, count), to),
                    }
                }
            }
        }
    }
}

/// From results, contiguous rows of columns for each tile, to maps.
pub(super) struct Results<'a, S, const M: usize, const T: usize> {
    grid: &'a Grid,
    results: (&'a [f32], Matrices),
    to: Tiles<'a>,
    /// Height, width and channels of the maps.
    size: [usize; 3],
    scheme: PhantomData<S>,
}

impl<'a, S, const M: usize, const T: usize> Results<'a, S, M, T> {
    /// The first row of the results is that of the grid's first tile.
    pub(super) fn new(
        grid: &'a Grid,
        results: (&'a [f32], Matrices),
        to: Tiles<'a>,
        size: [usize; 3],
    ) -> Self {
        let (numbers, matrices) = results;
        assert!(T * T * matrices.step() <= numbers.len() && grid.tiles.len() <= matrices.rows);
        let images = grid.tiles.end.div_ceil(grid.across[0] * grid.across[1]);
        assert!(images * size.iter().product::<usize>() <= to.len() && size[2] <= matrices.columns);
        Results { grid, results, to, size, scheme: PhantomData }
    }
}

impl<S: Scheme<M, T>, const M: usize, const T: usize> Kernel for Results<'_, S, M, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let ((results, matrices), [height, width, columns]) = (self.results, self.size);
        let to = self.to.pointer(0..self.to.len());
        for tile in 0..self.grid.tiles.len() {
            let [image, row, column] = self.grid.place(tile);
            let (first, rest) = ([row * M, column * M], [height - row * M, width - column * M]);
            let to = to.wrapping_add(((image * height + first[0]) * width + first[1]) * columns);
            for column in (0..columns).step_by(L::COUNT) {
                let count = (columns - column).min(L::COUNT);
                // SAFETY: `new` has checked the length of the results; each output has all columns, and
                // belongs to this task.
                unsafe {
                    let from = results.as_ptr().add(tile * matrices.columns + column);
                    let mut half = [[L::splat(0.0); T]; M];
                    for j in 0..T {
                        let numbers = load_column::<L, T>(from.add(j * matrices.step()), matrices.step());
                        for (to, value) in half.iter_mut().zip(S::result(numbers)) {
                            to[j] = value;
                        }
                    }
                    for (i, line) in half.into_iter().enumerate() {
                        for (j, value) in S::result(line).into_iter().enumerate() {
                            if i < rest[0] && j < rest[1] {
                                store(value, to.add((i * width + j) * columns + column), count);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// From products, contiguous rows of columns for each channel, to the nine taps of the weight's gradient.
pub(super) struct FilterGradient<'a, S, const M: usize, const T: usize> {
    products: (&'a [f32], Matrices),
    columns: usize,
    to: (Tiles<'a>, usize, [usize; 2]),
    scheme: PhantomData<S>,
}

impl<'a, S, const M: usize, const T: usize> FilterGradient<'a, S, M, T> {
    /// So many columns of the products; they go to `to` from the given element on, in steps from a row and
    /// from a tap to the next.
    pub(super) fn new(
        products: (&'a [f32], Matrices),
        columns: usize,
        to: (Tiles<'a>, usize, [usize; 2]),
    ) -> Self {
        let (numbers, matrices) = products;
        assert!(T * T * matrices.step() <= numbers.len() && columns <= matrices.columns);
        let (whole, first, [row, tap]) = to;
        assert!(first + (matrices.rows - 1) * row + 8 * tap + columns <= whole.len());
        FilterGradient { products, columns, to, scheme: PhantomData }
    }
}

impl<S: Scheme<M, T>, const M: usize, const T: usize> Kernel for FilterGradient<'_, S, M, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let ((numbers, matrices), (whole, first, [row_step, tap])) = (self.products, self.to);
        let to = whole.pointer(0..whole.len());
        for row in 0..matrices.rows {
            for column in (0..self.columns).step_by(L::COUNT) {
                let count = (self.columns - column).min(L::COUNT);
                // SAFETY: `new` has checked the lengths; the results belong to this task.
                unsafe {
                    let from = numbers.as_ptr().add(row * matrices.columns + column);
                    let mut half = [[L::splat(0.0); T]; 3];
                    for j in 0..T {
                        let numbers = load_column::<L, T>(from.add(j * matrices.step()), matrices.step());
                        for (to, value) in half.iter_mut().zip(S::filter_gradient(numbers)) {
                            to[j] = value;
                        }
                    }
                    for (i, line) in half.into_iter().enumerate() {
                        for (j, value) in S::filter_gradient(line).into_iter().enumerate() {
                            let at = first + row * row_step + column + (i * 3 + j) * tap;
                            store(value, to.add(at), count);
                        }
                    }
                }
            }
        }
    }
}

/// A column of T x T numbers that are `step` apart.
///
/// # Safety
/// They must be readable.
#[inline(always)]
unsafe fn load_column<L: Lanes, const T: usize>(from: *const f32, step: usize) -> [L; T] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut column = [L::splat(0.0); T];
        for i in 0..T {
            column[i] = L::load(from.add(i * T * step));
        }
        column
    }
}

/// Writes the first `count` lanes.
///
/// # Safety
/// They must be writable.
#[inline(always)]
unsafe fn store<L: Lanes>(value: L, to: *mut f32, count: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match count == L::COUNT {
            true => value.store(to),
            false => value.store_part(to, count),
        }
    }
}

/// From the nine taps of a panel of weights to its numbers.
pub(super) struct Filter<'a, S, const M: usize, const T: usize> {
    taps: &'a [f32],
    to: &'a mut [f32],
    scheme: PhantomData<S>,
}

impl<'a, S, const M: usize, const T: usize> Filter<'a, S, M, T> {
    pub(super) fn new(taps: &'a [f32], to: &'a mut [f32]) -> Self {
        assert_eq!(to.len(), T * T * plane(taps.len() / 9, 1));
        Filter { taps, to, scheme: PhantomData }
    }
}

impl<S: Scheme<M, T>, const M: usize, const T: usize> Kernel for Filter<'_, S, M, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let (len, numbers) = (self.taps.len() / 9, self.to.as_mut_ptr());
        let plane = plane(len, 1);
        for at in (0..len).step_by(L::COUNT) {
            // SAFETY: each tap and each number has `len` elements, a whole number of vectors.
            unsafe {
                let mut rows = [[L::splat(0.0); T]; 3];
                for i in 0..3 {
                    let mut taps = [L::splat(0.0); 3];
                    for j in 0..3 {
                        taps[j] = L::load(self.taps.as_ptr().add((i * 3 + j) * len + at));
                    }
                    rows[i] = combine::<L, T>(taps, &S::G);
                }
                for j in 0..T {
                    let column = combine::<L, T>([rows[0][j], rows[1][j], rows[2][j]], &S::G);
                    for (i, value) in column.into_iter().enumerate() {
                        value.store(numbers.add((i * T + j) * plane + at));
                    }
                }
            }
        }
    }
}

/// G·g
#[inline(always)]
unsafe fn combine<L: Lanes, const T: usize>(taps: [L; 3], factors: &[[f32; 3]; T]) -> [L; T] {
    // SAFETY: for code built for the instruction set of `L`.
    unsafe {
        let mut sums = [L::splat(0.0); T];
        for i in 0..T {
            for j in 0..3 {
                sums[i] = sums[i].add_product(taps[j], L::splat(factors[i][j]));
            }
        }
        sums
    }
}
