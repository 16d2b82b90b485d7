//! Sums per channel of a function of each element.
//!
//! The elements are cut into at most [`CHUNKS`] chunks. In a chunk, an array of a whole number of
//! pixels takes the sums in single precision, a block of neighbouring elements at a time whatever
//! the number of channels; its elements, and then the chunks, are added in double precision.

use std::ops::Range;

use super::source::{BLOCK, Blocks, Function, Source};
use crate::devices::cpu::{Isa, Pool, Tiles, Vectorised};
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
    let (pool, elements) = (p.pool(), p.len(extent));
    let function = Function { isa: pool.isa(), channels, random: p.random() };
    p.call([], inputs, outputs, |[], slices, outputs| {
        let mut repeated = function.repeated(pool, &inputs);
        let sources = function.sources(inputs, slices, &mut repeated);
        let reduction = Reduction::new(channels, elements);
        let mut partial = pool.scratch().double(reduction.chunks() * O * channels);
        reduction.for_each_chunk(pool, O, &mut partial, |chunk, lanes, sums| {
            function.isa.run(Sum {
                isa: function.isa,
                reduction,
                sources: &sources,
                elements: chunk,
                lanes: &mut *lanes,
                f,
            });
            reduction.fold(lanes, sums);
        });
        merge(pool, &partial, outputs);
    });
}

/// Adds up the chunks, in order.
fn merge<const O: usize>(pool: &Pool, partial: &[f64], outputs: [&mut [f32]; O]) {
    let channels = outputs.first().map_or(0, |output| output.len());
    let mut total = pool.scratch().double(O * channels);
    total.fill(0.0);
    for chunk in partial.chunks_exact((O * channels).max(1)) {
        total.iter_mut().zip(chunk).for_each(|(sum, term)| *sum += term);
    }
    for (output, total) in outputs.into_iter().zip(total.chunks_exact(channels.max(1))) {
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

/// Adds `f` of `elements` to the arrays in `lanes`, one period after the other.
pub(crate) struct Sum<'a, const I: usize, const O: usize, F> {
    pub(crate) isa: Isa,
    pub(crate) reduction: Reduction,
    pub(crate) sources: &'a [Source<'a>; I],
    pub(crate) elements: Range<usize>,
    pub(crate) lanes: &'a mut [f32],
    pub(crate) f: F,
}

impl<const I: usize, const O: usize, F> Vectorised for Sum<'_, I, O, F>
where
    F: Fn([f32; I]) -> [f32; O] + Copy,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Sum { isa, reduction, sources, elements, lanes, f } = self;
        let mut blocks = Blocks::new(sources, isa, reduction.channels, elements.start);
        let mut results = [[0.0; BLOCK]; O];
        for start in elements.clone().step_by(reduction.period) {
            let end = (start + reduction.period).min(elements.end);
            for block in (start..end).step_by(BLOCK) {
                let count = BLOCK.min(end - block);
                blocks.map(count, &[], f, &mut results);
                for (lanes, result) in lanes.chunks_exact_mut(reduction.period).zip(&results) {
                    add(result, &mut lanes[block - start..][..count]);
                }
            }
        }
    }
}

#[inline(always)]
fn add(block: &[f32; BLOCK], to: &mut [f32]) {
    match <&mut [f32; BLOCK]>::try_from(&mut *to) {
        Ok(whole) => (0..BLOCK).for_each(|lane| whole[lane] += block[lane]),
        Err(_) => to.iter_mut().zip(block).for_each(|(sum, term)| *sum += term),
    }
}
