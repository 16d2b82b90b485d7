//! Windows whose pixels have enough channels to fill vectors.

use super::{Fold, Pool, RowWindow, beats};
use crate::cpu::Vectorised;

/// One row of the result.
pub(super) struct Forward<'a, F> {
    pub(super) spec: &'a Pool,
    pub(super) window: RowWindow,
    pub(super) x: &'a [f32],
    pub(super) y: &'a mut [f32],
    pub(super) fold: F,
}

impl<F: Fold> Vectorised for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Forward { spec, window, x, y, fold } = self;
        for (column, y) in y.chunks_exact_mut(spec.input[3]).enumerate() {
            y.fill(F::START);
            for row in window.rows(spec) {
                for column in spec.inside(2, column) {
                    let x = &x[spec.pixel(row, column)..][..spec.input[3]];
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = fold.step(*y, x));
                }
            }
            if F::IS_MEAN {
                let factor = spec.factor(&window, column);
                y.iter_mut().for_each(|y| *y *= factor);
            }
        }
    }
}

/// One row of the maximum, and of the taps that hold it first.
pub(super) struct MaximumPlace<'a> {
    pub(super) spec: &'a Pool,
    pub(super) window: RowWindow,
    pub(super) x: &'a [f32],
    pub(super) y: &'a mut [f32],
    pub(super) place: &'a mut [f32],
}

impl Vectorised for MaximumPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let MaximumPlace { spec, window, x, y, place } = self;
        let channels = spec.output[3];
        let pixels = y.chunks_exact_mut(channels).zip(place.chunks_exact_mut(channels));
        for (column, (y, place)) in pixels.enumerate() {
            let (some, few) = y.as_chunks_mut::<16>();
            let (some_places, few_places) = place.as_chunks_mut::<16>();
            let mut at = 0;
            for (y, place) in some.iter_mut().zip(some_places) {
                (*y, *place) = find(spec, &window, column, &x[at..]);
                at += y.len();
            }
            for (y, place) in few.iter_mut().zip(few_places) {
                ([*y], [*place]) = find(spec, &window, column, &x[at..]);
                at += 1;
            }
        }
    }
}

/// The maxima of a window for some channels, which begin with the first of `x`, and the taps that hold
/// them first. Taps are numbered in single precision, exact below 2²⁴.
#[inline(always)]
fn find<const LANES: usize>(
    spec: &Pool,
    window: &RowWindow,
    column: usize,
    x: &[f32],
) -> ([f32; LANES], [f32; LANES]) {
    // The first tap stands even if it is −∞.
    let (mut maximum, mut first, mut tap) = ([f32::NEG_INFINITY; LANES], [0.0; LANES], 0.0);
    for row in window.rows(spec) {
        for column in spec.inside(2, column) {
            let x = &x[spec.pixel(row, column)..][..LANES];
            for lane in 0..LANES {
                let better = beats(x[lane], maximum[lane]);
                maximum[lane] = if better { x[lane] } else { maximum[lane] };
                first[lane] = if better { tap } else { first[lane] };
            }
            tap += 1.0;
        }
    }
    (maximum, first)
}

/// A sample's gradient of the maximum.
pub(super) struct MaximumBackward<'a> {
    pub(super) spec: &'a Pool,
    pub(super) x: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) dx: &'a mut [f32],
}

impl Vectorised for MaximumBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let MaximumBackward { spec, x, dy, dx } = self;
        dx.fill(0.0);
        for (row, dy) in dy.chunks_exact(spec.output_row_len()).enumerate() {
            let window = spec.row(row);
            for (column, dy) in dy.chunks_exact(spec.output[3]).enumerate() {
                let (many, rest) = dy.as_chunks::<32>();
                let (some, few) = rest.as_chunks::<8>();
                let mut at = 0;
                for dy in many {
                    give(spec, &window, column, dy, &x[at..], &mut dx[at..]);
                    at += dy.len();
                }
                for dy in some {
                    give(spec, &window, column, dy, &x[at..], &mut dx[at..]);
                    at += dy.len();
                }
                for &dy in few {
                    give(spec, &window, column, &[dy], &x[at..], &mut dx[at..]);
                    at += 1;
                }
            }
        }
    }
}

/// Adds dy to the first maximum of a window for each of some channels, which begin with the first of
/// `x` and `dx`. A known number of them stays in registers.
#[inline(always)]
fn give<const LANES: usize>(
    spec: &Pool,
    window: &RowWindow,
    column: usize,
    dy: &[f32; LANES],
    x: &[f32],
    dx: &mut [f32],
) {
    let (_, first) = find::<LANES>(spec, window, column, x);
    let mut tap = 0.0;
    for row in window.rows(spec) {
        for column in spec.inside(2, column) {
            let dx = &mut dx[spec.pixel(row, column)..][..LANES];
            for lane in 0..LANES {
                dx[lane] += if first[lane] == tap { dy[lane] } else { 0.0 };
            }
            tap += 1.0;
        }
    }
}

/// A sample's gradient of the mean.
pub(super) struct MeanBackward<'a> {
    pub(super) spec: &'a Pool,
    pub(super) dy: &'a [f32],
    pub(super) dx: &'a mut [f32],
}

impl Vectorised for MeanBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let MeanBackward { spec, dy, dx } = self;
        dx.fill(0.0);
        for (row, dy) in dy.chunks_exact(spec.output_row_len()).enumerate() {
            let window = spec.row(row);
            for (column, dy) in dy.chunks_exact(spec.output[3]).enumerate() {
                let factor = spec.factor(&window, column);
                for row in window.rows(spec) {
                    for column in spec.inside(2, column) {
                        let dx = &mut dx[spec.pixel(row, column)..][..spec.input[3]];
                        dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += factor * dy);
                    }
                }
            }
        }
    }
}
