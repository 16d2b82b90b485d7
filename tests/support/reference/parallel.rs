//! Chunks of a result, shared out among the processors.

use std::num::NonZero;
use std::thread;

/// Below so many elements a thread costs more than it saves; small networks have thousands of calls.
const WORTH_A_THREAD: usize = 512;

/// Calls `fill` with each chunk of `data` and its index. Chunks are of one length.
pub(super) fn for_each_chunk(data: &mut [f64], len: usize, fill: impl Fn(usize, &mut [f64]) + Sync) {
    let chunks = data.len() / len;
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = if data.len() < WORTH_A_THREAD { 1 } else { processors };
    let share = chunks.div_ceil(threads).max(1);
    let work = |part: usize, data: &mut [f64]| {
        for (index, chunk) in data.chunks_mut(len).enumerate() {
            fill(part * share + index, chunk);
        }
    };
    if threads == 1 {
        return work(0, data);
    }
    thread::scope(|scope| {
        for (part, data) in data.chunks_mut(share * len).enumerate() {
            let work = &work;
            scope.spawn(move || work(part, data));
        }
    });
}
