//! The two-dimensional transforms, over vectors of channels.
//!
//! Vectors are gathered in plain loops: the closures of `array::map` are not always inlined, and then run
//! without the caller's instruction set.

#![expect(clippy::needless_range_loop, reason = "indices of a matrix, by rows and by columns")]

use std::marker::PhantomData;
use std::ops::Range;

use super::plane;
use super::scheme::Scheme;
use crate::devices::cpu::{Isa, Tiles};
use crate::kernels::conv::block::Block;
use crate::kernels::gemm;
use crate::kernels::gemm::lanes::{Kernel, Lanes};

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

    /// Image, row and column of each tile, in order.
    #[inline(always)]
    fn places(&self) -> impl Iterator<Item = [usize; 3]> + use<> {
        let [rows, columns] = self.across;
        self.tiles.clone().map(move |tile| [tile / columns / rows, tile / columns % rows, tile % columns])
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

/// From maps to numbers: N x N pixels of each tile become T x T numbers.
pub(super) struct Numbers<'a, F, const N: usize, const T: usize> {
    grid: &'a Grid,
    /// Pixels from a tile to the next.
    side: usize,
    maps: Maps<'a>,
    zeros: &'a [f32],
    to: (Tiles<'a>, Matrices, usize),
    transform: PhantomData<F>,
}

impl<'a, F, const N: usize, const T: usize> Numbers<'a, F, N, T> {
    /// `zeros` stands for pixels outside the map: one for each channel. The tiles' rows in `to` begin at
    /// the given one; running this writes them.
    pub(super) fn new(
        grid: &'a Grid,
        side: usize,
        maps: Maps<'a>,
        zeros: &'a [f32],
        to: (Tiles<'a>, Matrices, usize),
    ) -> Self {
        let image = maps.size[0] * maps.size[1] * maps.channels;
        let images = grid.tiles.end.div_ceil(grid.across[0] * grid.across[1]);
        assert!(images * image <= maps.values.len() && maps.channels <= zeros.len());
        let (numbers, matrices, first) = to;
        assert!(maps.channels <= matrices.columns && first + grid.tiles.len() <= matrices.rows);
        assert!(T * T * matrices.step() <= numbers.len());
        Numbers { grid, side, maps, zeros, to, transform: PhantomData }
    }

    /// The pixels that a tile sees.
    #[inline(always)]
    fn pixels(&self, [image, row, column]: [usize; 3]) -> [[*const f32; N]; N] {
        let Maps { values, size: [height, width], channels, pad } = self.maps;
        let rows: [usize; N] = std::array::from_fn(|at| (row * self.side + at).wrapping_sub(pad[0]));
        let columns: [usize; N] = std::array::from_fn(|at| (column * self.side + at).wrapping_sub(pad[1]));
        let image = values.as_ptr().wrapping_add(image * height * width * channels);
        std::array::from_fn(|i| {
            let line = image.wrapping_add(rows[i].wrapping_mul(width * channels));
            std::array::from_fn(|j| match rows[i] < height && columns[j] < width {
                true => line.wrapping_add(columns[j] * channels),
                false => self.zeros.as_ptr(),
            })
        })
    }

    /// One vector of channels of a tile.
    ///
    /// # Safety
    /// Of each pixel `count` channels can be read from `channel` on, and there is room for T · T vectors,
    /// `step` apart.
    #[inline(always)]
    unsafe fn tile<L: Lanes>(
        pixels: &[[*const f32; N]; N],
        (channel, count): (usize, usize),
        (to, step): (*mut f32, usize),
    ) where
        F: Transform<N, T>,
    {
        // SAFETY: the caller's promise.
        unsafe {
            let mut half = [[L::splat(0.0); T]; N];
            for i in 0..N {
                let mut row = [L::splat(0.0); N];
                for j in 0..N {
                    let pixel = pixels[i][j].add(channel);
                    row[j] = if count == L::COUNT { L::load(pixel) } else { L::load_part(pixel, count) };
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
}

impl<F: Transform<N, T>, const N: usize, const T: usize> Kernel for Numbers<'_, F, N, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let (numbers, matrices, first) = self.to;
        let (to, step) = (numbers.pointer(0..numbers.len()), matrices.step());
        for (row, place) in self.grid.places().enumerate() {
            let pixels = self.pixels(place);
            for start in matrices.starts() {
                let width = matrices.width(start);
                for within in (0..width).step_by(L::COUNT) {
                    let channel = start + within;
                    let at = start * matrices.rows + (first + row) * width + within;
                    let count = (self.maps.channels - channel).min(L::COUNT);
                    // SAFETY: each pixel and the zeros have all channels; `new` has checked the numbers'
                    // length, and the rows are the caller's own.
                    unsafe { Self::tile::<L>(&pixels, (channel, count), (to.add(at), step)) };
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
        assert!(size[2] <= matrices.columns);
        Results { grid, results, to, size, scheme: PhantomData }
    }

    /// The outputs of a tile; none beyond the map's edge.
    #[inline(always)]
    fn pixels(&self, [image, row, column]: [usize; 3]) -> [[Option<*mut f32>; M]; M] {
        let [height, width, columns] = self.size;
        std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let (row, column) = (row * M + i, column * M + j);
                let at = ((image * height + row) * width + column) * columns;
                (row < height && column < width).then(|| self.to.pointer(at..at + columns))
            })
        })
    }
}

impl<S: Scheme<M, T>, const M: usize, const T: usize> Kernel for Results<'_, S, M, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let ((results, matrices), columns) = (self.results, self.size[2]);
        for (row, place) in self.grid.places().enumerate() {
            let pixels = self.pixels(place);
            for column in (0..columns).step_by(L::COUNT) {
                let count = (columns - column).min(L::COUNT);
                // SAFETY: `new` has checked the length of the results; each output has all columns, and
                // belongs to this task.
                unsafe {
                    let from = results.as_ptr().add(row * matrices.columns + column);
                    let mut half = [[L::splat(0.0); T]; M];
                    for j in 0..T {
                        let numbers = load_column::<L, T>(from.add(j * matrices.step()), matrices.step());
                        for (to, value) in half.iter_mut().zip(S::result(numbers)) {
                            to[j] = value;
                        }
                    }
                    for (row, pixels) in half.into_iter().zip(&pixels) {
                        for (value, pixel) in S::result(row).into_iter().zip(pixels) {
                            if let Some(pixel) = pixel {
                                store(value, pixel.add(column), count);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// From products, a row of columns for each channel, to the nine taps of the weight's gradient.
pub(super) struct FilterGradient<'a, S, const M: usize, const T: usize> {
    products: (&'a [f32], Matrices),
    rows: Range<usize>,
    /// First element of the first row in the first tap, elements from a row and from a tap to the next.
    to: (Tiles<'a>, usize, [usize; 2]),
    scheme: PhantomData<S>,
}

impl<'a, S, const M: usize, const T: usize> FilterGradient<'a, S, M, T> {
    /// Some rows of the products; they go to `to` from the given element on, where a row has as many
    /// elements as the first step and a tap as many as the second.
    pub(super) fn new(
        products: (&'a [f32], Matrices),
        rows: Range<usize>,
        to: (Tiles<'a>, usize, [usize; 2]),
    ) -> Self {
        let (numbers, matrices) = products;
        assert!(T * T * matrices.step() <= numbers.len() && rows.end <= matrices.rows);
        let (whole, first, [row, tap]) = to;
        assert!(row <= matrices.columns && first + rows.len() * row + 8 * tap <= whole.len());
        FilterGradient { products, rows, to, scheme: PhantomData }
    }
}

impl<S: Scheme<M, T>, const M: usize, const T: usize> Kernel for FilterGradient<'_, S, M, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let ((numbers, matrices), (whole, first, [columns, tap])) = (self.products, self.to);
        let to = whole.pointer(0..whole.len());
        for (index, row) in self.rows.enumerate() {
            for column in (0..columns).step_by(L::COUNT) {
                let count = (columns - column).min(L::COUNT);
                // SAFETY: `new` has checked the lengths; the rows belong to this task.
                unsafe {
                    let from = numbers.as_ptr().add(row * matrices.columns + column);
                    let mut half = [[L::splat(0.0); T]; 3];
                    for j in 0..T {
                        let numbers = load_column::<L, T>(from.add(j * matrices.step()), matrices.step());
                        for (to, value) in half.iter_mut().zip(S::filter_gradient(numbers)) {
                            to[j] = value;
                        }
                    }
                    for (i, row) in half.into_iter().enumerate() {
                        for (j, value) in S::filter_gradient(row).into_iter().enumerate() {
                            let at = first + index * columns + column + (i * 3 + j) * tap;
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
