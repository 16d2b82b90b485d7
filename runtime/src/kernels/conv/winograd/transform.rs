//! The two-dimensional transforms, over vectors of channels.
//!
//! Vectors are gathered in plain loops: the closures of `array::map` are not always inlined, and then run
//! without the caller's instruction set.

#![expect(clippy::needless_range_loop, reason = "indices of a matrix, by rows and by columns")]

use std::marker::PhantomData;

use super::plane;
use super::scheme::Scheme;
use crate::devices::cpu::Tiles;
use crate::kernels::conv::block::Block;
use crate::kernels::gemm::lanes::starts;
use crate::kernels::gemm::lanes::{Kernel, Lanes};

/// Where the tiles of a block lie in the maps before and after.
#[derive(Clone, Copy)]
pub(super) struct Grid<'a> {
    pub(super) block: &'a Block,
    /// Height and width before and after.
    pub(super) from: [usize; 2],
    pub(super) to: [usize; 2],
    pub(super) pad: [usize; 2],
}

impl Grid<'_> {
    /// Image, row and column of each tile, in order.
    fn tiles(&self) -> impl Iterator<Item = [usize; 3]> {
        let width = self.block.width();
        self.block.rows().flat_map(move |[image, _, row, column]| {
            (column..column + width).map(move |column| [image, row, column])
        })
    }
}

/// From a map to numbers `[number][tile][channel]`.
pub(super) struct Data<'a, S, const M: usize, const T: usize> {
    grid: &'a Grid<'a>,
    map: &'a [f32],
    zeros: &'a [f32],
    channels: usize,
    to: &'a mut [f32],
    scheme: PhantomData<S>,
}

impl<'a, S, const M: usize, const T: usize> Data<'a, S, M, T> {
    /// `zeros` stands for pixels outside the map: one for each channel.
    pub(super) fn new(
        grid: &'a Grid,
        map: &'a [f32],
        zeros: &'a [f32],
        channels: usize,
        to: &'a mut [f32],
    ) -> Self {
        assert!(zeros.len() == channels && to.len() == T * T * plane(grid.block.pixels(), channels));
        Data { grid, map, zeros, channels, to, scheme: PhantomData }
    }

    /// The pixels that a tile sees.
    #[inline(always)]
    fn pixels(&self, [image, row, column]: [usize; 3]) -> [[*const f32; T]; T] {
        let [height, width] = self.grid.from;
        let inside = |tile: usize, at: usize, axis: usize| {
            (tile * M + at).checked_sub(self.grid.pad[axis]).filter(|&at| at < self.grid.from[axis])
        };
        std::array::from_fn(|i| {
            let line = inside(row, i, 0).map(|row| (image * height + row) * width);
            std::array::from_fn(|j| match (line, inside(column, j, 1)) {
                (Some(line), Some(column)) => {
                    self.map[(line + column) * self.channels..][..self.channels].as_ptr()
                }
                _ => self.zeros.as_ptr(),
            })
        })
    }
}

impl<S: Scheme<M, T>, const M: usize, const T: usize> Kernel for Data<'_, S, M, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let (plane, to) = (plane(self.grid.block.pixels(), self.channels), self.to.as_mut_ptr());
        for (tile, place) in self.grid.tiles().enumerate() {
            let pixels = self.pixels(place);
            for channel in starts(self.channels, L::COUNT) {
                // SAFETY: each pixel has all channels; `new` has checked the length of the numbers.
                unsafe {
                    let mut half = [[L::splat(0.0); T]; T];
                    for (to, from) in half.iter_mut().zip(&pixels) {
                        let mut row = [L::splat(0.0); T];
                        for j in 0..T {
                            row[j] = L::load(from[j].add(channel));
                        }
                        *to = S::data(row);
                    }
                    for j in 0..T {
                        let mut column = [L::splat(0.0); T];
                        for i in 0..T {
                            column[i] = half[i][j];
                        }
                        for (i, value) in S::data(column).into_iter().enumerate() {
                            let at = (i * T + j) * plane + tile * self.channels + channel;
                            value.store(to.add(at));
                        }
                    }
                }
            }
        }
    }
}

/// From results `[number][tile][column]` to a map.
pub(super) struct Results<'a, S, const M: usize, const T: usize> {
    grid: &'a Grid<'a>,
    results: &'a [f32],
    columns: usize,
    to: Tiles<'a>,
    scheme: PhantomData<S>,
}

impl<'a, S, const M: usize, const T: usize> Results<'a, S, M, T> {
    pub(super) fn new(grid: &'a Grid, results: &'a [f32], columns: usize, to: Tiles<'a>) -> Self {
        assert_eq!(results.len(), T * T * plane(grid.block.pixels(), columns));
        Results { grid, results, columns, to, scheme: PhantomData }
    }

    /// The outputs of a tile; none beyond the map's edge.
    #[inline(always)]
    fn pixels(&self, [image, row, column]: [usize; 3]) -> [[Option<*mut f32>; M]; M] {
        let [height, width] = self.grid.to;
        std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let (row, column) = (row * M + i, column * M + j);
                let at = ((image * height + row) * width + column) * self.columns;
                (row < height && column < width).then(|| self.to.pointer(at..at + self.columns))
            })
        })
    }
}

impl<S: Scheme<M, T>, const M: usize, const T: usize> Kernel for Results<'_, S, M, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let plane = plane(self.grid.block.pixels(), self.columns);
        for (tile, place) in self.grid.tiles().enumerate() {
            let pixels = self.pixels(place);
            for channel in starts(self.columns, L::COUNT) {
                // SAFETY: `new` has checked the length of the results; each output has all columns, and
                // belongs to this task.
                unsafe {
                    let mut half = [[L::splat(0.0); T]; M];
                    for j in 0..T {
                        let mut column = [L::splat(0.0); T];
                        for i in 0..T {
                            let at = (i * T + j) * plane + tile * self.columns + channel;
                            column[i] = L::load(self.results.as_ptr().add(at));
                        }
                        for (to, value) in half.iter_mut().zip(S::result(column)) {
                            to[j] = value;
                        }
                    }
                    for (row, pixels) in half.into_iter().zip(&pixels) {
                        for (value, pixel) in S::result(row).into_iter().zip(pixels) {
                            if let Some(pixel) = pixel {
                                value.store(pixel.add(channel));
                            }
                        }
                    }
                }
            }
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
