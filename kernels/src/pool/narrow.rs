//! Windows whose pixels have few channels, down to one.
//!
//! The vectors run along the rows: a mean or a maximum is taken over whole rows of the map first, then
//! over the columns of the one row that is left, for all windows of a row together.

use std::ops::Range;

use super::{Fold, Pool, RowWindow, Windows, beats};
use crate::cpu::Vectorised;

/// One row of the result; `scratch` has room for a row of the map.
pub(super) struct Forward<'a, F> {
    pub(super) spec: &'a Pool,
    pub(super) window: RowWindow,
    pub(super) x: &'a [f32],
    pub(super) y: &'a mut [f32],
    pub(super) fold: F,
    pub(super) scratch: &'a mut [f32],
}

impl<F: Fold> Vectorised for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Forward { spec, window, x, y, fold, scratch } = self;
        let row = fold_rows(spec, &window, x, fold, scratch);
        y.fill(F::START);
        for step in steps(spec) {
            for (from, to) in step.runs(spec) {
                y[to].iter_mut().zip(&row[from]).for_each(|(y, &x)| *y = fold.step(*y, x));
            }
        }
        if F::IS_MEAN {
            scale(spec, &window, y);
        }
    }
}

/// The rows of a window as one.
#[inline(always)]
fn fold_rows<'a, F: Fold>(
    spec: &Pool,
    window: &RowWindow,
    x: &'a [f32],
    fold: F,
    scratch: &'a mut [f32],
) -> &'a [f32] {
    let row = |row: usize| &x[row * spec.row_len()..][..spec.row_len()];
    if window.depth.len() * window.height.len() == 1 {
        return row(window.depth.start * spec.input[1] + window.height.start);
    }
    scratch.fill(F::START);
    for number in window.rows(spec) {
        scratch.iter_mut().zip(row(number)).for_each(|(so_far, &x)| *so_far = fold.step(*so_far, x));
    }
    scratch
}

/// Divides each column of a row of means by the size of its window.
#[inline(always)]
fn scale(spec: &Pool, window: &RowWindow, row: &mut [f32]) {
    for (column, pixel) in row.chunks_exact_mut(spec.input[3]).enumerate() {
        let factor = spec.factor(window, column);
        pixel.iter_mut().for_each(|element| *element *= factor);
    }
}

/// Columns of the map that meet columns of the result: the first of the ones and of the others, their
/// distance in the map, and how many there are.
struct Step {
    from: usize,
    to: usize,
    stride: usize,
    count: usize,
}

impl Step {
    /// Neighbouring elements in a row of the map and in one of the result.
    #[inline(always)]
    fn runs(self, spec: &Pool) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + use<> {
        let channels = spec.input[3];
        let (count, pixels) = if self.stride == 1 { (1, self.count) } else { (self.count, 1) };
        let range = move |pixel: usize| pixel * channels..(pixel + pixels) * channels;
        (0..count).map(move |index| (range(self.from + index * self.stride), range(self.to + index)))
    }
}

/// Steps after which each window has met all of its columns, in order.
#[inline(always)]
fn steps(spec: &Pool) -> impl Iterator<Item = Step> + '_ {
    let (width, count) = (spec.input[2], spec.output[2]);
    let turns = match spec.windows[2] {
        Windows::Sliding { size, .. } => size,
        Windows::Adaptive if count == 1 => width,
        Windows::Adaptive => count * (width / count + 2),
    };
    (0..turns).filter_map(move |turn| match spec.windows[2] {
        Windows::Sliding { stride, pad, .. } => {
            let to = pad.saturating_sub(turn).div_ceil(stride);
            let end = (width + pad).saturating_sub(turn).div_ceil(stride).min(count);
            let from = to * stride + turn;
            (to < end).then(|| Step { from: from - pad, to, stride, count: end - to })
        }
        Windows::Adaptive if count == 1 => Some(Step { from: turn, to: 0, stride: 1, count: 1 }),
        Windows::Adaptive => {
            let to = turn % count;
            let from = spec.inside(2, to).nth(turn / count)?;
            Some(Step { from, to, stride: 1, count: 1 })
        }
    })
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
        find_row(self.spec, &self.window, self.x, self.y, self.place);
    }
}

/// The maxima of a row of windows and the taps that hold them first. Taps are numbered in single
/// precision, exact below 2²⁴.
#[inline(always)]
fn find_row(spec: &Pool, window: &RowWindow, x: &[f32], maximum: &mut [f32], first: &mut [f32]) {
    maximum.fill(f32::NEG_INFINITY);
    first.fill(NONE);
    let mut tap = 0.0;
    for row in window.rows(spec) {
        let x = &x[row * spec.row_len()..][..spec.row_len()];
        for step in steps(spec) {
            for (from, to) in step.runs(spec) {
                find(&x[from], tap, &mut maximum[to.clone()], &mut first[to]);
            }
            tap += 1.0;
        }
    }
}

/// A sample's gradient of the maximum; `rows` has room for two rows of the result.
pub(super) struct MaximumBackward<'a> {
    pub(super) spec: &'a Pool,
    pub(super) x: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) dx: &'a mut [f32],
    pub(super) rows: &'a mut [f32],
}

impl Vectorised for MaximumBackward<'_> {
    type Output = ();

    /// The taps of all windows of a row are visited twice: to find which one holds each window's first
    /// maximum, and to give that one its dy.
    #[inline(always)]
    fn run(self) {
        let MaximumBackward { spec, x, dy, dx, rows } = self;
        let (maximum, first) = rows.split_at_mut(spec.output_row_len());
        dx.fill(0.0);
        for (row, dy) in dy.chunks_exact(spec.output_row_len()).enumerate() {
            let window = spec.row(row);
            find_row(spec, &window, x, maximum, first);
            let mut tap = 0.0;
            for row in window.rows(spec) {
                let dx = &mut dx[row * spec.row_len()..][..spec.row_len()];
                for step in steps(spec) {
                    for (from, to) in step.runs(spec) {
                        give(&dy[to.clone()], tap, &first[to], &mut dx[from]);
                    }
                    tap += 1.0;
                }
            }
        }
    }
}

/// The number of no tap.
const NONE: f32 = -1.0;

/// Lets `tap` replace the maxima that it beats, and those that there are not yet.
#[inline(always)]
fn find(x: &[f32], tap: f32, maximum: &mut [f32], first: &mut [f32]) {
    for ((&x, maximum), first) in x.iter().zip(maximum).zip(first) {
        let better = beats(x, *maximum) | (*first == NONE);
        *maximum = if better { x } else { *maximum };
        *first = if better { tap } else { *first };
    }
}

/// Adds dy where `tap` holds the first maximum.
#[inline(always)]
fn give(dy: &[f32], tap: f32, first: &[f32], dx: &mut [f32]) {
    for ((&dy, &first), dx) in dy.iter().zip(first).zip(dx) {
        *dx += if first == tap { dy } else { 0.0 };
    }
}

/// A sample's gradient of the mean; `rows` has room for a row of the map and one of the result.
pub(super) struct MeanBackward<'a> {
    pub(super) spec: &'a Pool,
    pub(super) dy: &'a [f32],
    pub(super) dx: &'a mut [f32],
    pub(super) rows: &'a mut [f32],
}

impl Vectorised for MeanBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let MeanBackward { spec, dy, dx, rows } = self;
        let (spread, scaled) = rows.split_at_mut(spec.row_len());
        dx.fill(0.0);
        for (row, dy) in dy.chunks_exact(spec.output_row_len()).enumerate() {
            let window = spec.row(row);
            scaled.copy_from_slice(dy);
            scale(spec, &window, scaled);
            spread.fill(0.0);
            for step in steps(spec) {
                for (from, to) in step.runs(spec) {
                    spread[from].iter_mut().zip(&scaled[to]).for_each(|(sum, &dy)| *sum += dy);
                }
            }
            for row in window.rows(spec) {
                let dx = &mut dx[row * spec.row_len()..][..spec.row_len()];
                dx.iter_mut().zip(&*spread).for_each(|(dx, &dy)| *dx += dy);
            }
        }
    }
}
