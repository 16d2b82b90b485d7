//! Softmax and cross-entropy over the last dimension.
//!
//! The maximum is subtracted before the exponential, so that no finite logits overflow. Sums over
//! a row go in eight lanes, in an order that depends on its length alone.

#[cfg(test)]
mod tests;

use crate::devices::cpu::{Pool, Vectorised};
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

/// loss = log Σ exp(logits) − logits\[label\], one per sample. A label that is no class has NaN.
pub fn cross_entropy(p: &Pass, classes: usize, logits: Slot, loss: Slot) {
    p.call([logits], [loss], |[logits], [loss]| {
        let rows = logits.chunks_exact(classes).zip(p.labels());
        for ((logits, &label), loss) in rows.zip(loss) {
            let maximum = maximum(logits);
            let sum = sum(logits, |logit| math::exp(logit - maximum));
            let chosen = logits.get(label as usize).copied().unwrap_or(f32::NAN);
            *loss = math::log(sum) - (chosen - maximum);
        }
    });
}

/// The gradient of the batch's mean [`cross_entropy`]: (softmax − one-hot) / batch.
pub fn cross_entropy_backward(p: &Pass, classes: usize, logits: Slot, dlogits: Slot) {
    let (isa, labels) = (p.pool().isa(), p.labels());
    let scale = 1.0 / p.batch() as f32;
    p.call([logits], [dlogits], |[logits], [dlogits]| {
        for_each_rows(p.pool(), classes, dlogits, |first, dlogits| {
            let logits = &logits[first * classes..][..dlogits.len()];
            isa.run(Softmax { channels: classes, x: logits, y: &mut *dlogits });
            for (row, &label) in dlogits.chunks_exact_mut(classes).zip(&labels[first..]) {
                match row.get_mut(label as usize) {
                    Some(element) => *element -= 1.0,
                    None => row.fill(f32::NAN),
                }
                row.iter_mut().for_each(|element| *element *= scale);
            }
        });
    });
}

/// Calls `body` with the first row of each task, and its rows.
fn for_each_rows(pool: &Pool, channels: usize, rows: &mut [f32], body: impl Fn(usize, &mut [f32]) + Sync) {
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
        let rows = self.x.chunks_exact(self.channels).zip(self.y.chunks_exact_mut(self.channels));
        for (x, y) in rows {
            let maximum = maximum(x);
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = math::exp(x - maximum));
            let scale = 1.0 / sum(y, |y| y);
            y.iter_mut().for_each(|y| *y *= scale);
        }
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

const LANES: usize = 8;

#[inline(always)]
fn maximum(row: &[f32]) -> f32 {
    row.iter().fold(f32::NEG_INFINITY, |maximum, &x| math::max(maximum, x))
}

#[inline(always)]
fn sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for block in whole {
        (0..LANES).for_each(|lane| lanes[lane] += f(block[lane]));
    }
    rest.iter().zip(&mut lanes).for_each(|(&x, lane)| *lane += f(x));
    lanes.iter().sum()
}
