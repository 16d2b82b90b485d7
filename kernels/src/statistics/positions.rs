//! Statistics over the channels of each position, for layer normalisation.

use crate::cpu::Vectorised;
use crate::elementwise::sum;
use crate::emitted::{Extent, Pass, Slot};

/// Elements of a task.
const TASK: usize = 1 << 14;

/// Mean and variance over the channels of each sample and position.
pub fn position_statistics(p: &Pass, extent: Extent, x: Slot, mean: Slot, variance: Slot) {
    let (isa, channels) = (p.pool().isa(), extent.channels);
    let count = TASK.div_ceil(channels);
    p.call([x], [mean, variance], |[x], outputs| {
        p.pool().for_each_piece(outputs, [count; 2], |task, [mean, variance]| {
            let x = &x[task * count * channels..][..mean.len() * channels];
            isa.run(Rows { channels, x, mean, variance });
        });
    });
}

struct Rows<'a> {
    channels: usize,
    x: &'a [f32],
    mean: &'a mut [f32],
    variance: &'a mut [f32],
}

impl Vectorised for Rows<'_> {
    type Output = ();

    /// The second visit of a row, while it is in the cache, is about the rounded mean; what is left
    /// of the first power there corrects both results.
    #[inline(always)]
    fn run(self) {
        let scale = 1.0 / self.channels as f32;
        let results = self.mean.iter_mut().zip(self.variance);
        for (row, (mean, variance)) in self.x.chunks_exact(self.channels).zip(results) {
            let centre = sum(row, |x| x) * scale;
            let offset = sum(row, |x| x - centre) * scale;
            let squares = sum(row, |x| (x - centre) * (x - centre)) * scale;
            *mean = centre + offset;
            // Rounding may take a variance of nothing below zero; a NaN passes.
            let spread = squares - offset * offset;
            *variance = if spread < 0.0 { 0.0 } else { spread };
        }
    }
}
