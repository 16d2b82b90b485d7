//! Operands, a block at a time.

use crate::devices::cpu::{Isa, Lease, Pool};
use crate::emitted::{Operand, RandomKey};
use crate::random::{Purpose, Stream};

/// Elements that are worked on at once: some vectors of any instruction set, small enough for
/// several arrays to stay in the first-level cache.
pub(crate) const BLOCK: usize = 128;

/// What the loops need to know beside operands and results.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub(crate) isa: Isa,
    pub(crate) channels: usize,
    pub(crate) random: RandomKey,
}

/// Where the blocks of an operand come from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// As long as the result.
    Full(&'a [f32]),
    /// The channels over and over, a block more than once through, so that a block may start at
    /// any of them.
    Repeated(&'a [f32]),
    /// The same number everywhere.
    Value(f32),
    /// Random numbers.
    Uniform(Stream),
    /// What the results held before.
    Result,
}

impl Function {
    /// The sources of `operands`, whose tensors are `slices`. `repeated` keeps their channels.
    pub(crate) fn sources<'a, const I: usize>(
        &self,
        operands: [Operand; I],
        slices: [&'a [f32]; I],
        repeated: &'a mut [f32],
    ) -> [Source<'a>; I] {
        let mut rest = repeated;
        let mut sources = [Source::Result; I];
        for (index, source) in sources.iter_mut().enumerate() {
            *source = match operands[index] {
                Operand::Full(_) => Source::Full(slices[index]),
                Operand::Channel(_) => {
                    let own = rest.split_off_mut(..self.channels + BLOCK).unwrap_or_default();
                    repeat(slices[index], own);
                    Source::Repeated(own)
                }
                Operand::Value(value) => Source::Value(value),
                Operand::Uniform(stream) => Source::Uniform(self.stream(stream)),
                Operand::Result => Source::Result,
            };
        }
        sources
    }

    /// Memory for [`Function::sources`].
    pub(crate) fn repeated<'p>(&self, pool: &'p Pool, operands: &[Operand]) -> Lease<'p, f32> {
        let channel = |operand: &&Operand| matches!(operand, Operand::Channel(_));
        pool.scratch().single(operands.iter().filter(channel).count() * (self.channels + BLOCK))
    }

    fn stream(&self, id: u32) -> Stream {
        Stream::new(self.random.seed, Purpose::Dropout, id, self.random.step)
    }
}

/// Fills `to` with the channels over and over.
pub(crate) fn repeat(channels: &[f32], to: &mut [f32]) {
    for part in to.chunks_mut(channels.len().max(1)) {
        part.copy_from_slice(&channels[..part.len()]);
    }
}

/// The blocks of `I` operands in their turn.
pub(crate) struct Blocks<'a, const I: usize> {
    sources: &'a [Source<'a>; I],
    channels: usize,
    /// The next element, and its channel.
    at: usize,
    channel: usize,
    values: [[f32; BLOCK]; I],
}

impl<'a, const I: usize> Blocks<'a, I> {
    /// Blocks from element `first` on.
    #[inline(always)]
    pub(crate) fn new(sources: &'a [Source<'a>; I], channels: usize, first: usize) -> Self {
        let mut values = [[0.0; BLOCK]; I];
        for (values, source) in values.iter_mut().zip(sources) {
            if let Source::Value(value) = source {
                values.fill(*value);
            }
        }
        Blocks { sources, channels, at: first, channel: first % channels, values }
    }

    /// Brings in the next `count` elements; `result` is what the result holds there.
    #[inline(always)]
    pub(crate) fn advance(&mut self, count: usize, result: &[f32]) {
        for (values, source) in self.values.iter_mut().zip(self.sources) {
            match source {
                Source::Full(slice) => copy(&slice[self.at..self.at + count], values),
                Source::Repeated(slice) => copy(&slice[self.channel..self.channel + count], values),
                Source::Value(_) => {}
                Source::Uniform(stream) => uniform(stream, self.at, values),
                Source::Result => copy(result, values),
            }
        }
        self.at += count;
        self.channel = (self.channel + count) % self.channels;
    }

    /// `f` of each element of the block. Past the last element it works on what a block before
    /// has left there, and the caller ignores it.
    #[inline(always)]
    pub(crate) fn map<const O: usize, F>(&self, f: F, results: &mut [[f32; BLOCK]; O])
    where
        F: Fn([f32; I]) -> [f32; O],
    {
        for lane in 0..BLOCK {
            let result = f(std::array::from_fn(|operand| self.values[operand][lane]));
            for output in 0..O {
                results[output][lane] = result[output];
            }
        }
    }
}

/// Copies a block; the length of most is known when this is compiled.
#[inline(always)]
pub(crate) fn copy(from: &[f32], to: &mut [f32; BLOCK]) {
    match <&[f32; BLOCK]>::try_from(from) {
        Ok(whole) => *to = *whole,
        Err(_) => to[..from.len()].copy_from_slice(from),
    }
}

/// The numbers of `stream` for the elements from `first` on. Four elements share a Philox block.
#[inline(always)]
fn uniform(stream: &Stream, first: usize, to: &mut [f32; BLOCK]) {
    let mut words = [[0.0f32; 4]; BLOCK / 4 + 1];
    for (index, words) in words.iter_mut().enumerate() {
        *words = stream.uniform_block((first / 4 + index) as u32);
    }
    to.copy_from_slice(&words.as_flattened()[first % 4..][..BLOCK]);
}
