//! Means and variances, for batch, group, instance and layer normalisation (Ioffe & Szegedy 2015,
//! Wu & He 2018, Ba et al. 2016).
//!
//! Each chunk of a tensor is visited twice while it is in the cache, for its mean and for the sum
//! of squares about that; the chunks are merged by the formula of Chan, Golub & LeVeque 1979 in
//! double precision. No large numbers cancel, and memory is read once. All variances are biased.

mod positions;

#[cfg(test)]
mod tests;

pub use positions::position_statistics;

use crate::cpu::Pool;
use crate::elementwise::{BLOCK, Each, Function, Reduction, Source, Sum, repeat};
use crate::emitted::{Extent, Pass, Slot};

/// Mean and variance of each channel over batch and positions.
pub fn channel_statistics(p: &Pass, extent: Extent, x: Slot, mean: Slot, variance: Slot) {
    p.call([x], [mean, variance], |[x], outputs| {
        let reduction = Reduction::whole(extent.channels, x.len());
        statistics(p.pool(), extent, extent.channels, reduction, x, outputs);
    });
}

/// Mean and variance over the positions of each sample and the channels of each of `groups` groups,
/// written to each channel of the group.
///
/// # Panics
/// If the groups do not divide the channels: a mistake of the compiler.
pub fn group_statistics(p: &Pass, extent: Extent, groups: usize, x: Slot, mean: Slot, variance: Slot) {
    assert!(extent.channels.is_multiple_of(groups), "groups of equal size");
    p.call([x], [mean, variance], |[x], outputs| {
        let reduction = Reduction::samples(extent, x.len());
        statistics(p.pool(), extent, groups, reduction, x, outputs);
    });
}

/// Moves the running statistics towards those of a batch:
/// running += momentum · (batch − running), with the unbiased variance, as PyTorch does.
///
/// With a single element per channel there is no variance, and a NaN or an infinity would stay
/// for ever: in both cases the running statistics remain as they are.
#[expect(clippy::too_many_arguments, reason = "four tensors and what they mean")]
pub fn running_statistics(
    p: &Pass,
    channels: usize,
    positions: usize,
    momentum: f32,
    mean: Slot,
    variance: Slot,
    running_mean: Slot,
    running_variance: Slot,
) {
    let count = (p.batch() * positions) as f32;
    p.call([mean, variance], [running_mean, running_variance], |[mean, variance], running| {
        let [running_mean, running_variance] = running;
        let finite = mean.iter().chain(variance).all(|value| value.is_finite());
        if count < 2.0 || !finite {
            return;
        }
        let unbias = count / (count - 1.0);
        for channel in 0..channels {
            running_mean[channel] += momentum * (mean[channel] - running_mean[channel]);
            running_variance[channel] += momentum * (unbias * variance[channel] - running_variance[channel]);
        }
    });
}

/// The statistics of each part of a reduction, group by group.
fn statistics(
    pool: &Pool,
    extent: Extent,
    groups: usize,
    reduction: Reduction,
    x: &[f32],
    outputs: [&mut [f32]; 2],
) {
    let (channels, size) = (extent.channels, extent.channels / groups);
    let mut moments = pool.scratch().double(reduction.chunks() * 2 * channels);
    chunk_moments(pool, extent, reduction, x, &mut moments);
    pool.for_each_piece(outputs, [channels; 2], |part, [mean, variance]| {
        for group in 0..groups {
            let own = group * size..(group + 1) * size;
            let chunks = part * reduction.chunks_per_part()..(part + 1) * reduction.chunks_per_part();
            let sets = chunks.flat_map(|chunk| {
                let moments = &moments[chunk * 2 * channels..][..2 * channels];
                let count = reduction.count(chunk) as f64;
                own.clone().map(move |channel| (count, moments[channel], moments[channel + channels]))
            });
            let (count, centre, squares) = sets.fold((0.0, 0.0, 0.0), merge);
            mean[own.clone()].fill(centre as f32);
            variance[own.clone()].fill((squares / count) as f32);
        }
    });
}

/// For each chunk, the mean of each channel, then the sum of squares about it.
fn chunk_moments(pool: &Pool, extent: Extent, reduction: Reduction, x: &[f32], moments: &mut [f64]) {
    let (isa, channels) = (pool.isa(), extent.channels);
    let itself = Function { isa, extent, f: &Each(|x: [f32; 1]| x) };
    let square = Function { isa, extent, f: &Each(|[x, mean]: [f32; 2]| [(x - mean) * (x - mean)]) };
    reduction.for_each_chunk(pool, 2, moments, |elements, lanes, moments| {
        let count = (elements.len() / channels) as f64;
        let (first, second) = lanes.split_at_mut(lanes.len() / 2);
        let (means, squares) = moments.split_at_mut(channels);
        let sources = [Source::Full(x)];
        Sum { function: &itself, reduction, sources: &sources, elements: elements.clone() }.add_to(first);
        reduction.fold(first, means);
        means.iter_mut().for_each(|mean| *mean /= count);

        let mut centre = pool.scratch().own(channels);
        centre.iter_mut().zip(&*means).for_each(|(centre, &mean)| *centre = mean as f32);
        let mut repeated = pool.scratch().own(channels + BLOCK);
        repeat(&centre, &mut repeated);
        let sources = [Source::Full(x), Source::Repeated(&repeated)];
        Sum { function: &square, reduction, sources: &sources, elements }.add_to(second);
        reduction.fold(second, squares);
        // The squares were taken about the rounded mean.
        for ((square, &mean), &centre) in squares.iter_mut().zip(&*means).zip(&*centre) {
            let offset = mean - f64::from(centre);
            *square -= count * offset * offset;
        }
    });
}

/// (count, mean, sum of squares about the mean) of two sets together.
fn merge(a: (f64, f64, f64), b: (f64, f64, f64)) -> (f64, f64, f64) {
    let count = a.0 + b.0;
    let delta = b.1 - a.1;
    (count, a.1 + delta * b.0 / count, a.2 + b.2 + delta * delta * a.0 * b.0 / count)
}
