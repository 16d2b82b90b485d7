//! Sums over batch and positions, and over the positions and channels of a sample's groups.

use super::function::{BlockFunction, Each};
use super::pointwise::Outputs;
use super::reduce::{Reduction, Sum};
use super::source::{Function, with_sources};
use crate::cpu::Pool;
use crate::emitted::{Extent, Operand, Pass, Slot};

/// outputs\[channel\] = Σ f(inputs) over batch and positions. `whole` is a tensor of the summed
/// elements' number; the outputs have an element per channel.
///
/// # Panics
/// If an operand is smaller than that: a mistake of the compiler.
pub fn reduce_channels<const I: usize, const O: usize, F>(
    p: &Pass,
    extent: Extent,
    whole: Slot,
    inputs: [Operand; I],
    outputs: [Slot; O],
    f: F,
) where
    F: Fn([f32; I]) -> [f32; O] + Copy + Sync,
{
    let reduction = Reduction::whole(extent.channels, p.len(whole));
    Sums { extent, elements: p.len(whole), reduction, groups: extent.channels }.run(
        p,
        &inputs,
        &outputs,
        &Each(f),
    );
}

/// outputs\[sample, channel\] = Σ f(inputs) over the positions of the sample and the channels of the
/// channel's group, of which there are `groups`. `whole` is as for [`reduce_channels`].
///
/// # Panics
/// If an operand is smaller than that, or the groups do not divide the channels: a mistake of the
/// compiler.
pub fn reduce_groups<const I: usize, const O: usize, F>(
    p: &Pass,
    extent: Extent,
    groups: usize,
    whole: Slot,
    inputs: [Operand; I],
    outputs: [Slot; O],
    f: F,
) where
    F: Fn([f32; I]) -> [f32; O] + Copy + Sync,
{
    let reduction = Reduction::samples(extent, p.len(whole));
    Sums { extent, elements: p.len(whole), reduction, groups }.run(p, &inputs, &outputs, &Each(f));
}

/// Sums of the parts of a reduction: one number per group of channels, written to each of its
/// channels.
struct Sums {
    extent: Extent,
    elements: usize,
    reduction: Reduction,
    groups: usize,
}

impl Sums {
    fn run(&self, p: &Pass, operands: &[Operand], outputs: &[Slot], f: &dyn BlockFunction) {
        let (pool, function) = (p.pool(), Function { isa: p.pool().isa(), extent: self.extent, f });
        assert!(self.extent.channels.is_multiple_of(self.groups), "groups of equal size");
        p.call_slices([], operands, outputs, |[], slices, outputs| {
            let size = self.reduction.chunks() * outputs.len() * self.extent.channels;
            let mut partial = pool.scratch().double(size);
            with_sources(p, self.extent, self.elements, operands, slices, |sources| {
                let reduction = self.reduction;
                reduction.for_each_chunk(pool, outputs.len(), &mut partial, |elements, lanes, sums| {
                    Sum { function: &function, reduction, sources, elements }.add_to(lanes);
                    reduction.fold(lanes, sums);
                });
            });
            self.merge(pool, &partial, outputs);
        });
    }

    /// Adds up the chunks of each part, in order.
    fn merge(&self, pool: &Pool, partial: &[f64], outputs: &mut [&mut [f32]]) {
        let (channels, count) = (self.extent.channels, outputs.len());
        let outputs = Outputs::new(outputs);
        let part_len = self.reduction.chunks_per_part() * count * channels;
        pool.for_each(outputs.len() / channels, |part| {
            let partial = &partial[part * part_len..][..part_len];
            let range = part * channels..(part + 1) * channels;
            // SAFETY: parts have ranges of their own.
            unsafe { outputs.with(range, |outputs| self.merge_part(partial, outputs)) };
        });
    }

    /// Adds up the chunks of one part, in which the results take turns.
    fn merge_part(&self, partial: &[f64], outputs: &mut [&mut [f32]]) {
        let count = outputs.len();
        for (index, output) in outputs.iter_mut().enumerate() {
            self.add(partial.chunks_exact(self.extent.channels).skip(index).step_by(count), output);
        }
    }

    /// The sum of one part's chunks, some groups at a time.
    fn add<'a>(&self, chunks: impl Iterator<Item = &'a [f64]> + Clone, output: &mut [f32]) {
        const GROUPS: usize = 64;
        let size = output.len() / self.groups;
        for (block, output) in output.chunks_mut(GROUPS * size).enumerate() {
            let mut sums = [0.0; GROUPS];
            for chunk in chunks.clone() {
                let terms = &chunk[block * GROUPS * size..][..output.len()];
                match size {
                    1 => sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term),
                    _ => sums
                        .iter_mut()
                        .zip(terms.chunks_exact(size))
                        .for_each(|(sum, terms)| terms.iter().for_each(|term| *sum += term)),
                }
            }
            output.chunks_exact_mut(size).zip(sums).for_each(|(output, sum)| output.fill(sum as f32));
        }
    }
}
