//! Softmax over the last dimension, and the logarithm of its sum.
//!
//! The maximum is subtracted before the exponential, so that no finite logits overflow.

#[cfg(test)]
mod tests;

use crate::cpu::{Pool, Vectorised};
use crate::elementwise::sum;
use crate::emitted::{Pass, Slot, math};

/// Elements of a task.
const TASK: usize = 1 << 14;

/// y = exp(x) / Σ exp(x) over the channels.
pub fn softmax(p: &Pass, channels: usize, x: Slot, y: Slot) {
    let isa = p.pool().isa();
    p.call([x], [y], |[x], [y]| {
        for_each_rows(p.pool(), channels, y, |first, y| {
            let x = &x[first * channels..][..y.len()];
            isa.run(Softmax { channels, x, y });
        });
    });
}

/// dx = y · (dy − Σ y·dy) over the channels.
pub fn softmax_backward(p: &Pass, channels: usize, y: Slot, dy: Slot, dx: Slot) {
    let isa = p.pool().isa();
    p.call([y, dy], [dx], |[y, dy], [dx]| {
        for_each_rows(p.pool(), channels, dx, |first, dx| {
            let at = first * channels..first * channels + dx.len();
            isa.run(SoftmaxBackward { channels, y: &y[at.clone()], dy: &dy[at], dx });
        });
    });
}

/// y = log Σ exp(x) over the channels, one number per position.
pub fn log_sum_exp(p: &Pass, channels: usize, x: Slot, y: Slot) {
    let (isa, count) = (p.pool().isa(), TASK.div_ceil(channels));
    p.call([x], [y], |[x], [y]| {
        p.pool().for_each_piece([y], [count], |task, [y]| {
            let x = &x[task * count * channels..][..y.len() * channels];
            isa.run(LogSumExp { channels, x, y });
        });
    });
}

/// Calls `body` with the first row of each task, and its rows.
pub(crate) fn for_each_rows(
    pool: &Pool,
    channels: usize,
    rows: &mut [f32],
    body: impl Fn(usize, &mut [f32]) + Sync,
) {
    let count = TASK.div_ceil(channels);
    pool.for_each_piece([rows], [count * channels], |task, [rows]| body(task * count, rows));
}

struct Softmax<'a> {
    channels: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Vectorised for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        rows(self.channels, self.x, self.y);
    }
}

/// The softmax of each row. The exponentials of all of them are one loop, as those of a short row do not fill a
/// vector.
#[inline(always)]
pub(crate) fn rows(channels: usize, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)) {
        let maximum = maximum(x);
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = x - maximum);
    }
    y.iter_mut().for_each(|y| *y = math::exp(*y));
    for y in y.chunks_exact_mut(channels) {
        let scale = 1.0 / sum(y, |y| y);
        y.iter_mut().for_each(|y| *y *= scale);
    }
}

struct SoftmaxBackward<'a> {
    channels: usize,
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Vectorised for SoftmaxBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.y.chunks_exact(self.channels).zip(self.dy.chunks_exact(self.channels));
        for ((y, dy), dx) in rows.zip(self.dx.chunks_exact_mut(self.channels)) {
            dx.iter_mut().zip(y).zip(dy).for_each(|((dx, &y), &dy)| *dx = y * dy);
            let dot = sum(dx, |term| term);
            dx.iter_mut().zip(y).zip(dy).for_each(|((dx, &y), &dy)| *dx = y * (dy - dot));
        }
    }
}

struct LogSumExp<'a> {
    channels: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Vectorised for LogSumExp<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut y = self.y.iter_mut();
        for_each_log_sum(self.channels, self.x, |_, maximum, log_sum| {
            y.next().into_iter().for_each(|y| *y = maximum + log_sum);
        });
    }
}

/// Calls `body` with each row of `x`, its maximum and log Σ exp(x − maximum).
#[inline(always)]
pub(crate) fn for_each_log_sum(channels: usize, x: &[f32], mut body: impl FnMut(&[f32], f32, f32)) {
    if channels < LANES {
        return for_each_short_log_sum(channels, x, body);
    }
    for row in x.chunks_exact(channels) {
        let maximum = maximum(row);
        body(row, maximum, math::log(sum(row, |x| math::exp(x - maximum))));
    }
}

/// The same for rows that do not fill a vector: the exponentials of many are one loop.
#[inline(always)]
fn for_each_short_log_sum(channels: usize, x: &[f32], mut body: impl FnMut(&[f32], f32, f32)) {
    const TERMS: usize = 256;
    let (mut terms, mut maxima) = ([0.0; TERMS], [0.0; TERMS]);
    for x in x.chunks(TERMS / channels * channels) {
        let terms = &mut terms[..x.len()];
        let rows = x.chunks_exact(channels).zip(terms.chunks_exact_mut(channels));
        for ((row, terms), highest) in rows.zip(&mut maxima) {
            *highest = maximum(row);
            terms.iter_mut().zip(row).for_each(|(term, &x)| *term = x - *highest);
        }
        terms.iter_mut().for_each(|term| *term = math::exp(*term));
        for ((row, terms), &maximum) in
            x.chunks_exact(channels).zip(terms.chunks_exact(channels)).zip(&maxima)
        {
            body(row, maximum, math::log(sum(terms, |term| term)));
        }
    }
}

/// The largest element of a row; NaN if there is one.
#[inline(always)]
pub(crate) fn maximum(row: &[f32]) -> f32 {
    let among = |start: f32, row: &[f32]| row.iter().fold(start, |maximum, &x| math::max(maximum, x));
    let (whole, rest) = row.as_chunks::<LANES>();
    let rest = among(f32::NEG_INFINITY, rest);
    let Some((&first, others)) = whole.split_first() else { return rest };
    let mut lanes = first;
    for block in others {
        (0..LANES).for_each(|lane| lanes[lane] = math::max(lanes[lane], block[lane]));
    }
    among(rest, &lanes)
}

/// Candidates for the maximum side by side.
const LANES: usize = 16;
