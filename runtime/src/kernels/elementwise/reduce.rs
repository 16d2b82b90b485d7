//! Sums per channel of a function of each element.
//!
//! The elements are cut into at most [`CHUNKS`] chunks. In a chunk, an array of a whole number of
//! pixels takes the sums in single precision, a block of neighbouring elements at a time whatever
//! the number of channels; its elements, and then the chunks, are added in double precision.

use std::ops::Range;

use super::function::{BLOCK, Block, BlockFunction, Each, Own};
use super::source::{Blocks, Function, Source, with_blocks};
use crate::devices::cpu::{Pool, Tiles, Vectorised};
use crate::emitted::{Operand, Pass, Slot};

/// outputs\[channel\] = Σ f(inputs) over batch and positions. `extent` is a tensor of the summed
/// elements' number; the outputs have `channels` elements.
///
/// # Panics
/// If an operand is smaller than that: a mistake of the compiler.
pub fn reduce_channels<const I: usize, const O: usize, F>(
    p: &Pass,
    channels: usize,
    extent: Slot,
    inputs: [Operand; I],
    outputs: [Slot; O],
    f: F,
) where
    F: Fn([f32; I]) -> [f32; O] + Copy + Sync,
{
    run(p, channels, p.len(extent), &inputs, &outputs, &Each(f));
}

fn run(
    p: &Pass,
    channels: usize,
    elements: usize,
    operands: &[Operand],
    outputs: &[Slot],
    f: &dyn BlockFunction,
) {
    let (pool, function) = (p.pool(), Function { isa: p.pool().isa(), channels, f });
    p.call_slices([], operands, outputs, |[], slices, outputs| {
        let mut memory = Source::memory(pool, operands, channels);
        let sources = Source::of(operands, slices, channels, p.random(), &mut memory);
        let reduction = Reduction::new(channels, elements);
        let mut partial = pool.scratch().double(reduction.chunks() * outputs.len() * channels);
        reduction.for_each_chunk(pool, outputs.len(), &mut partial, |elements, lanes, sums| {
            Sum { function: &function, reduction, sources: &sources, elements }.add_to(lanes);
            reduction.fold(lanes, sums);
        });
        merge(pool, &partial, outputs);
    });
}

/// Adds up the chunks, in order.
fn merge(pool: &Pool, partial: &[f64], outputs: &mut [&mut [f32]]) {
    let channels = outputs.first().map_or(0, |output| output.len());
    let mut total = pool.scratch().double(outputs.len() * channels);
    total.fill(0.0);
    for chunk in partial.chunks_exact(total.len().max(1)) {
        total.iter_mut().zip(chunk).for_each(|(sum, term)| *sum += term);
    }
    for (output, total) in outputs.iter_mut().zip(total.chunks_exact(channels.max(1))) {
        output.iter_mut().zip(total).for_each(|(output, &sum)| *output = sum as f32);
    }
}

/// Chunks at the most: enough for the cores of a large machine, few enough to merge quickly.
const CHUNKS: usize = 64;

/// Elements of a chunk at the least.
const CHUNK: usize = 1 << 15;

/// The longest array of sums, in elements, that is made a whole number of blocks.
const LONGEST: usize = 1 << 12;

/// The shortest: a sum that was just stored is not read again at once.
const SHORTEST: usize = 1 << 10;

/// How the elements of a tensor are cut for a sum.
#[derive(Clone, Copy)]
pub(crate) struct Reduction {
    channels: usize,
    elements: usize,
    period: usize,
    chunk: usize,
}

impl Reduction {
    pub(crate) fn new(channels: usize, elements: usize) -> Reduction {
        let blocks = channels * (BLOCK / common_divisor(channels, BLOCK));
        let period = if blocks <= LONGEST { blocks } else { channels };
        let period = period * SHORTEST.div_ceil(period);
        let chunk = CHUNK.max(elements.div_ceil(CHUNKS)).next_multiple_of(period);
        Reduction { channels, elements, period, chunk }
    }

    pub(crate) fn chunks(&self) -> usize {
        self.elements.div_ceil(self.chunk)
    }

    /// Elements per channel in chunk `index`.
    pub(crate) fn count(&self, index: usize) -> usize {
        self.range(index).len() / self.channels
    }

    /// Calls `body` with the elements of each chunk, an array of `outputs` zeroed periods, and the
    /// place for its sums in `partial`.
    pub(crate) fn for_each_chunk(
        &self,
        pool: &Pool,
        outputs: usize,
        partial: &mut [f64],
        body: impl Fn(Range<usize>, &mut [f32], &mut [f64]) + Sync,
    ) {
        let size = outputs * self.channels;
        let partial = Tiles::new(partial);
        pool.for_each_with(
            self.chunks(),
            || pool.scratch().single(outputs * self.period),
            |lanes, index| {
                lanes.fill(0.0);
                // SAFETY: chunks have places of their own.
                let sums = unsafe { partial.slice(index * size..(index + 1) * size) };
                body(self.range(index), lanes, sums);
            },
        );
    }

    /// The sum per channel of the arrays in `lanes`.
    pub(crate) fn fold(&self, lanes: &[f32], sums: &mut [f64]) {
        sums.fill(0.0);
        for (lanes, sums) in lanes.chunks_exact(self.period).zip(sums.chunks_exact_mut(self.channels)) {
            for pixel in lanes.chunks_exact(self.channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &term)| *sum += f64::from(term));
            }
        }
    }

    fn range(&self, index: usize) -> Range<usize> {
        index * self.chunk..((index + 1) * self.chunk).min(self.elements)
    }
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// A function of `elements`, to be added up.
pub(crate) struct Sum<'a> {
    pub(crate) function: &'a Function<'a>,
    pub(crate) reduction: Reduction,
    pub(crate) sources: &'a [Source<'a>],
    pub(crate) elements: Range<usize>,
}

impl Sum<'_> {
    /// Adds each result to its array in `lanes`, one period after the other.
    pub(crate) fn add_to(self, lanes: &mut [f32]) {
        let Sum { function, reduction: Reduction { period, .. }, sources, elements } = self;
        with_blocks(sources.len(), lanes.len() / period, |own, results| {
            let blocks = Blocks::new(function, sources, elements.start, own);
            function.isa.run(Add { blocks, results, period, elements, lanes });
        });
    }
}

struct Add<'a> {
    blocks: Blocks<'a>,
    results: &'a mut [Own],
    period: usize,
    elements: Range<usize>,
    lanes: &'a mut [f32],
}

impl Vectorised for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Add { mut blocks, results, period, elements, lanes } = self;
        for start in elements.clone().step_by(period) {
            let end = (start + period).min(elements.end);
            for block in (start..end).step_by(BLOCK) {
                let range = block - start..(block + BLOCK).min(end) - start;
                blocks.apply(range.clone(), &[], results);
                for (lanes, Own(result)) in lanes.chunks_exact_mut(period).zip(&*results) {
                    add(result, &mut lanes[range.clone()]);
                }
            }
        }
    }
}

#[inline(always)]
fn add(block: &Block, to: &mut [f32]) {
    let block = block.as_flattened();
    match <&mut [f32; BLOCK]>::try_from(&mut *to) {
        Ok(whole) => (0..BLOCK).for_each(|lane| whole[lane] += block[lane]),
        Err(_) => to.iter_mut().zip(block).for_each(|(sum, term)| *sum += term),
    }
}
