//! Operands, a block at a time.

use crate::devices::cpu::{Isa, Lease, Pool, Vectorised};
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
    isa: Isa,
    channels: usize,
    /// The next element, and its channel.
    at: usize,
    channel: usize,
    /// Blocks that do not lie in a tensor as they are.
    own: [[f32; BLOCK]; I],
}

impl<'a, const I: usize> Blocks<'a, I> {
    /// Blocks from element `first` on.
    #[inline(always)]
    pub(crate) fn new(sources: &'a [Source<'a>; I], isa: Isa, channels: usize, first: usize) -> Self {
        let mut own = [[0.0; BLOCK]; I];
        for (own, source) in own.iter_mut().zip(sources) {
            if let Source::Value(value) = source {
                own.fill(*value);
            }
        }
        Blocks { sources, isa, channels, at: first, channel: first % channels, own }
    }

    /// `f` of each of the next `count` elements; `result` is what the result holds there. Past the
    /// last element `f` works on what an earlier block has left, and the caller ignores it.
    #[inline(always)]
    pub(crate) fn map<const O: usize, F>(
        &mut self,
        count: usize,
        result: &[f32],
        f: F,
        results: &mut [[f32; BLOCK]; O],
    ) where
        F: Fn([f32; I]) -> [f32; O] + Copy,
    {
        let mut own = self.own.iter_mut().zip(self.sources);
        let values: [&[f32; BLOCK]; I] = std::array::from_fn(|_| match own.next() {
            Some((own, Source::Full(slice))) => view(&slice[self.at..self.at + count], own),
            Some((own, Source::Repeated(slice))) => view(&slice[self.channel..self.channel + count], own),
            Some((own, Source::Value(_))) => own,
            Some((own, Source::Uniform(stream))) => {
                fill_uniform(self.isa, stream, self.at, own);
                own
            }
            Some((own, Source::Result)) => view(result, own),
            None => &[0.0; BLOCK],
        });
        for lane in 0..BLOCK {
            let result = f(std::array::from_fn(|operand| values[operand][lane]));
            for output in 0..O {
                results[output][lane] = result[output];
            }
        }
        self.at += count;
        self.channel = (self.channel + count) % self.channels;
    }
}

/// A whole block where it lies, a part of one copied into `own`.
#[inline(always)]
fn view<'a>(from: &'a [f32], own: &'a mut [f32; BLOCK]) -> &'a [f32; BLOCK] {
    match from.try_into() {
        Ok(whole) => whole,
        Err(_) => {
            own[..from.len()].copy_from_slice(from);
            own
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

/// The numbers of `stream` for the elements from `first` on. Not inlined: it would be built into
/// each loop of the emitted code.
#[inline(never)]
fn fill_uniform(isa: Isa, stream: &Stream, first: usize, to: &mut [f32; BLOCK]) {
    isa.run(Uniform { stream, first, to });
}

struct Uniform<'a> {
    stream: &'a Stream,
    first: usize,
    to: &'a mut [f32; BLOCK],
}

impl Vectorised for Uniform<'_> {
    type Output = ();

    /// Four elements share a Philox block.
    #[inline(always)]
    fn run(self) {
        let mut words = [[0.0f32; 4]; BLOCK / 4 + 1];
        for (index, words) in words.iter_mut().enumerate() {
            *words = self.stream.uniform_block((self.first / 4 + index) as u32);
        }
        self.to.copy_from_slice(&words.as_flattened()[self.first % 4..][..BLOCK]);
    }
}
