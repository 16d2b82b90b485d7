//! Tensors put side by side along the channels, and cut apart.

#[cfg(test)]
mod tests;

use crate::emitted::{Pass, Slot};

/// Positions of a task.
const TASK: usize = 1 << 10;

/// y = the parts side by side along the channels; each part comes with its channels.
pub fn concat_channels<const N: usize>(p: &Pass, parts: [(Slot, usize); N], y: Slot) {
    let channels = parts.map(|part| part.1);
    let total: usize = channels.iter().sum();
    p.call(parts.map(|part| part.0), [y], |parts, [y]| {
        p.pool().for_each_piece([y], [TASK * total], |task, [y]| {
            for (position, y) in y.chunks_exact_mut(total).enumerate() {
                let position = task * TASK + position;
                let mut rest = y;
                for (part, channels) in parts.iter().zip(channels) {
                    let own = rest.split_off_mut(..channels).unwrap_or_default();
                    own.copy_from_slice(&part[position * channels..][..channels]);
                }
            }
        });
    });
}

/// The parts of dy along the channels; each part comes with its channels.
pub fn split_channels<const N: usize>(p: &Pass, dy: Slot, parts: [(Slot, usize); N]) {
    let channels = parts.map(|part| part.1);
    let total: usize = channels.iter().sum();
    p.call([dy], parts.map(|part| part.0), |[dy], parts| {
        p.pool().for_each_piece(parts, channels.map(|channels| TASK * channels), |task, mut parts| {
            let positions = dy.chunks_exact(total).skip(task * TASK).take(TASK);
            for (position, dy) in positions.enumerate() {
                let mut rest = dy;
                for (part, channels) in parts.iter_mut().zip(channels) {
                    let own = rest.split_off(..channels).unwrap_or_default();
                    part[position * channels..][..channels].copy_from_slice(own);
                }
            }
        });
    });
}
