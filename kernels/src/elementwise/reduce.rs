//! Sums per channel of a function of each element.
//!
//! A tensor is summed as a whole or in parts, such as its samples. A part is cut into at most
//! [`CHUNKS`] chunks. In a chunk, an array of a whole number of pixels takes the sums in single
//! precision, a block of neighbouring elements at a time whatever the number of channels; its
//! elements are added in double precision, and so are the chunks, by who asked for them.

use std::ops::Range;

use super::function::{BLOCK, Block, Own};
use super::source::{Blocks, Function, Source, with_blocks};
use crate::cpu::{Pool, Tiles, Vectorised};
use crate::emitted::Extent;

/// Chunks of a part at the most: enough for the cores of a large machine, few enough to merge quickly.
const CHUNKS: usize = 64;

/// Elements of a chunk at the least, unless its part has fewer.
const CHUNK: usize = 1 << 14;

/// The longest array of sums, in elements, that is made a whole number of blocks.
const LONGEST: usize = 1 << 12;

/// The shortest: a sum that was just stored is not read again at once.
const SHORTEST: usize = 1 << 10;

/// How the elements of a tensor are cut for sums.
#[derive(Clone, Copy)]
pub(crate) struct Reduction {
    channels: usize,
    /// Elements of a part, and how many parts there are.
    len: usize,
    parts: usize,
    period: usize,
    chunk: usize,
}

impl Reduction {
    /// All `elements` together.
    pub(crate) fn whole(channels: usize, elements: usize) -> Reduction {
        Reduction::new(channels, elements, 1)
    }

    /// Each sample by itself.
    pub(crate) fn samples(extent: Extent, elements: usize) -> Reduction {
        Reduction::new(extent.channels, extent.len(), elements.div_ceil(extent.len()))
    }

    fn new(channels: usize, len: usize, parts: usize) -> Reduction {
        let blocks = channels * (BLOCK / common_divisor(channels, BLOCK));
        let period = if blocks <= LONGEST { blocks } else { channels };
        let period = (period * SHORTEST.div_ceil(period)).min(len.max(channels));
        let chunk = CHUNK.max(len.div_ceil(CHUNKS)).next_multiple_of(period);
        Reduction { channels, len, parts, period, chunk }
    }

    /// Chunks of all parts, one part after the other.
    pub(crate) fn chunks(&self) -> usize {
        self.parts * self.chunks_per_part()
    }

    /// Chunks of a part.
    pub(crate) fn chunks_per_part(&self) -> usize {
        self.len.div_ceil(self.chunk)
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
            || pool.scratch().own(outputs * self.period),
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
        let (part, chunk) = (index / self.chunks_per_part(), index % self.chunks_per_part());
        let start = part * self.len + chunk * self.chunk;
        start..(start + self.chunk).min((part + 1) * self.len)
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
