//! Windows that lie side by side: each pixel of the map is in one of them, or in none at the end.
//!
//! They are by far the most frequent. A vector of a window's channels stays in a register, and each pixel
//! of a gradient is written once.

use super::{Fold, Pool, Windows};
use crate::cpu::Isa;
use crate::gemm::lanes::{self, Kernel, Lanes, starts};

/// The side of such windows, if there is code for it: whole squares, on channels that fill vectors.
pub(super) fn side(spec: &Pool) -> Option<usize> {
    let tiles = |axis: usize, side: usize| {
        spec.windows[axis] == Windows::Sliding { size: side, stride: side, pad: 0 }
            && spec.output[axis] * side <= spec.input[axis]
    };
    let fits = |side: &usize| tiles(0, 1) && tiles(1, *side) && tiles(2, *side);
    [2, 3].into_iter().find(fits).filter(|_| spec.input[3] >= 8)
}

/// Folds the windows of row `row` of a sample's result, whose sides are `side`.
pub(super) fn forward(
    isa: Isa,
    (spec, side): (&Pool, usize),
    row: usize,
    x: &[f32],
    y: &mut [f32],
    fold: impl Fold,
) {
    assert!(row < spec.output[0] * spec.output[1] && covers(spec, side));
    assert!(x.len() == spec.input_len() && y.len() == spec.output_row_len());
    let kernel = Forward { spec, side, row, x: x.as_ptr(), y: y.as_mut_ptr(), fold };
    // SAFETY: the row lies in the map, with all of its windows, and the result has its length; a pool
    // never has an instruction set that its processor lacks.
    unsafe { lanes::run(isa, spec.input[3], kernel) }
}

/// The maxima in the windows of row `row` of a sample's result, whose sides are `side`, and the taps that
/// hold them first.
pub(super) fn maximum_place(
    isa: Isa,
    (spec, side): (&Pool, usize),
    row: usize,
    x: &[f32],
    y: &mut [f32],
    place: &mut [f32],
) {
    assert!(row < spec.output[0] * spec.output[1] && covers(spec, side));
    assert!(x.len() == spec.input_len() && y.len() == spec.output_row_len() && place.len() == y.len());
    let kernel =
        MaximumPlace { spec, side, row, x: x.as_ptr(), y: y.as_mut_ptr(), place: place.as_mut_ptr() };
    // SAFETY: the row lies in the map, with all of its windows, and both results have its length; a pool
    // never has an instruction set that its processor lacks.
    unsafe { lanes::run(isa, spec.input[3], kernel) }
}

/// A sample's gradient of the maximum over windows whose sides are `side`.
pub(super) fn maximum_backward(
    isa: Isa,
    (spec, side): (&Pool, usize),
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    assert!(x.len() == spec.input_len() && dx.len() == x.len() && dy.len() == spec.output_len());
    assert!(covers(spec, side));
    if spec.output[0] < spec.input[0] || (1..3).any(|axis| spec.output[axis] * side < spec.input[axis]) {
        dx.fill(0.0);
    }
    let kernel = MaximumBackward { spec, side, x: x.as_ptr(), dy: dy.as_ptr(), dx: dx.as_mut_ptr() };
    // SAFETY: all windows lie in the map, and all slices have its or the result's length; a pool never has
    // an instruction set that its processor lacks.
    unsafe { lanes::run(isa, spec.input[3], kernel) }
}

/// Whether all windows lie in the map.
fn covers(spec: &Pool, side: usize) -> bool {
    let ([planes, rows, columns, channels], input) = (spec.output, spec.input);
    planes <= input[0] && rows * side <= input[1] && columns * side <= input[2] && channels == input[3]
}

struct Forward<'a, F> {
    spec: &'a Pool,
    side: usize,
    row: usize,
    x: *const f32,
    y: *mut f32,
    fold: F,
}

impl<F: Fold> Kernel for Forward<'_, F> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: `forward` has checked the reach of the windows.
        unsafe { if self.side == 2 { self.fold::<L, 2>() } else { self.fold::<L, 3>() } }
    }
}

impl<F: Fold> Forward<'_, F> {
    #[inline(always)]
    unsafe fn fold<L: Lanes, const SIDE: usize>(self) {
        let Forward { spec, row, x, y, fold, .. } = self;
        for column in 0..spec.output[2] {
            for channel in starts(spec.input[3], L::COUNT) {
                let x = x.wrapping_add(window::<SIDE>(spec, row, column) + channel);
                // SAFETY: as in `run`.
                unsafe {
                    let mut result = L::load(x);
                    for tap in 1..SIDE * SIDE {
                        result = fold.step_lanes(result, L::load(x.wrapping_add(offset::<SIDE>(spec, tap))));
                    }
                    if F::IS_MEAN {
                        let factor = L::splat(1.0 / (SIDE * SIDE) as f32);
                        result = L::splat(0.0).add_product(result, factor);
                    }
                    result.store(y.wrapping_add(column * spec.input[3] + channel));
                }
            }
        }
    }
}

struct MaximumPlace<'a> {
    spec: &'a Pool,
    side: usize,
    row: usize,
    x: *const f32,
    y: *mut f32,
    place: *mut f32,
}

impl Kernel for MaximumPlace<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: `maximum_place` has checked the reach of the windows.
        unsafe { if self.side == 2 { self.find::<L, 2>() } else { self.find::<L, 3>() } }
    }
}

impl MaximumPlace<'_> {
    #[inline(always)]
    unsafe fn find<L: Lanes, const SIDE: usize>(self) {
        let MaximumPlace { spec, row, x, y, place, .. } = self;
        for column in 0..spec.output[2] {
            for channel in starts(spec.input[3], L::COUNT) {
                let x = x.wrapping_add(window::<SIDE>(spec, row, column) + channel);
                let to = column * spec.input[3] + channel;
                // SAFETY: as in `run`.
                unsafe {
                    let (maximum, first) = first_maximum::<L, SIDE>(spec, x);
                    maximum.store(y.wrapping_add(to));
                    first.store(place.wrapping_add(to));
                }
            }
        }
    }
}

struct MaximumBackward<'a> {
    spec: &'a Pool,
    side: usize,
    x: *const f32,
    dy: *const f32,
    dx: *mut f32,
}

impl Kernel for MaximumBackward<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: `maximum_backward` has checked the reach of the windows.
        unsafe { if self.side == 2 { self.give::<L, 2>() } else { self.give::<L, 3>() } }
    }
}

impl MaximumBackward<'_> {
    #[inline(always)]
    unsafe fn give<L: Lanes, const SIDE: usize>(self) {
        let MaximumBackward { spec, x, dy, dx, .. } = self;
        let [planes, rows, columns, channels] = spec.output;
        for row in 0..planes * rows {
            for column in 0..columns {
                for channel in starts(channels, L::COUNT) {
                    let at = window::<SIDE>(spec, row, column) + channel;
                    let dy = dy.wrapping_add((row * columns + column) * channels + channel);
                    // SAFETY: as in `run`.
                    unsafe {
                        let (_, first) = first_maximum::<L, SIDE>(spec, x.wrapping_add(at));
                        let dy = L::load(dy);
                        for tap in 0..SIDE * SIDE {
                            let share = dy.where_equal(first, L::splat(tap as f32));
                            share.store(dx.wrapping_add(at + offset::<SIDE>(spec, tap)));
                        }
                    }
                }
            }
        }
    }
}

/// The maximum of a window and the number of the first tap that holds it, in each lane.
#[inline(always)]
unsafe fn first_maximum<L: Lanes, const SIDE: usize>(spec: &Pool, x: *const f32) -> (L, L) {
    // SAFETY: the caller has checked the reach of the window.
    unsafe {
        let (mut maximum, mut first) = (L::load(x), L::splat(0.0));
        for tap in 1..SIDE * SIDE {
            let x = L::load(x.wrapping_add(offset::<SIDE>(spec, tap)));
            (maximum, first) = maximum.beaten_by(x, first, L::splat(tap as f32));
        }
        (maximum, first)
    }
}

/// The first element of a window, by its row and column in the result.
#[inline(always)]
fn window<const SIDE: usize>(spec: &Pool, row: usize, column: usize) -> usize {
    let (plane, row) = (row / spec.output[1], row % spec.output[1]);
    spec.pixel(plane * spec.input[1] + row * SIDE, column * SIDE)
}

/// Elements from a window's first tap to another one.
#[inline(always)]
fn offset<const SIDE: usize>(spec: &Pool, tap: usize) -> usize {
    spec.pixel(tap / SIDE, tap % SIDE)
}
