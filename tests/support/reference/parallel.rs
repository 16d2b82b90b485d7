//! Chunks of a result, shared out among the processors.

use std::num::NonZero;
use std::thread;

/// Calls `fill` with each chunk of `data` and its index. Chunks are of one length.
pub(super) fn for_each_chunk(data: &mut [f64], len: usize, fill: impl Fn(usize, &mut [f64]) + Sync) {
    let chunks = data.len() / len;
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = chunks.div_ceil(threads).max(1);
    thread::scope(|scope| {
        for (part, data) in data.chunks_mut(share * len).enumerate() {
            let fill = &fill;
            scope.spawn(move || {
                for (index, chunk) in data.chunks_mut(len).enumerate() {
                    fill(part * share + index, chunk);
                }
            });
        }
    });
}
