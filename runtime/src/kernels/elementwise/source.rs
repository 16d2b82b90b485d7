//! Operands, a block at a time.

use std::cell::RefCell;
use std::ops::Range;

use super::function::{BLOCK, Block, BlockFunction, Own, ZERO};
use crate::devices::cpu::{Isa, Lease, Pool, Vectorised};
use crate::emitted::{Operand, RandomKey};
use crate::random::{Purpose, Stream};

/// The most operands that a function has. The compiler fuses up to half as many.
const MAX_OPERANDS: usize = 32;

/// A function and what the loops around it need to know beside operands and results.
#[derive(Clone, Copy)]
pub(crate) struct Function<'a> {
    /// The instruction set of a pool, so one that the processor has.
    pub(crate) isa: Isa,
    pub(crate) channels: usize,
    pub(crate) f: &'a dyn BlockFunction,
}

/// Where the blocks of an operand come from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// As long as the result.
    Full(&'a [f32]),
    /// The channels over and over, a block more than once through, so that a block may start at
    /// any of them.
    Repeated(&'a [f32]),
    /// The same block everywhere.
    Constant(&'a [f32]),
    /// Random numbers.
    Uniform(Stream),
    /// What the result of this number held before.
    Result(usize),
}

impl<'a> Source<'a> {
    /// The sources of `operands`, whose tensors are `slices`. `memory` keeps their channels and
    /// values.
    pub(crate) fn of(
        operands: &[Operand],
        slices: &[&'a [f32]],
        channels: usize,
        random: RandomKey,
        memory: &'a mut [f32],
    ) -> Vec<Source<'a>> {
        let mut rest = memory;
        let source = |(operand, &slice): (&Operand, &&'a [f32])| {
            let own = rest.split_off_mut(..own_len(operand, channels)).unwrap_or_default();
            match *operand {
                Operand::Full(_) => Source::Full(slice),
                Operand::Channel(_) => {
                    repeat(slice, own);
                    Source::Repeated(own)
                }
                Operand::Value(value) => {
                    own.fill(value);
                    Source::Constant(own)
                }
                Operand::Uniform(id) => {
                    Source::Uniform(Stream::new(random.seed, Purpose::Dropout, id, random.step))
                }
                Operand::Result => Source::Result(0),
            }
        };
        operands.iter().zip(slices).map(source).collect()
    }

    /// Memory for [`Source::of`].
    pub(crate) fn memory<'p>(pool: &'p Pool, operands: &[Operand], channels: usize) -> Lease<'p, f32> {
        pool.scratch().single(operands.iter().map(|operand| own_len(operand, channels)).sum())
    }
}

/// Elements that an operand needs beside its tensor.
fn own_len(operand: &Operand, channels: usize) -> usize {
    match operand {
        Operand::Channel(_) => channels + BLOCK,
        Operand::Value(_) => BLOCK,
        Operand::Full(_) | Operand::Uniform(_) | Operand::Result => 0,
    }
}

/// Fills `to` with the channels over and over.
pub(crate) fn repeat(channels: &[f32], to: &mut [f32]) {
    for part in to.chunks_mut(channels.len().max(1)) {
        part.copy_from_slice(&channels[..part.len()]);
    }
}

thread_local! {
    /// Blocks of this thread, kept between calls: one may work on no more than a pixel's channels.
    static KEPT: RefCell<Vec<Own>> = const { RefCell::new(Vec::new()) };
}

/// Lends `body` blocks for operands and for results. They hold what earlier calls have left.
pub(crate) fn with_blocks<T>(
    operands: usize,
    results: usize,
    body: impl FnOnce(&mut [Own], &mut [Own]) -> T,
) -> T {
    KEPT.with_borrow_mut(|kept| {
        if kept.len() < operands + results {
            kept.resize(operands + results, Own::ZERO);
        }
        let (own, rest) = kept.split_at_mut(operands);
        body(own, &mut rest[..results])
    })
}

/// A function of one block after the other.
pub(crate) struct Blocks<'a> {
    function: &'a Function<'a>,
    sources: &'a [Source<'a>],
    /// The next element, and its channel.
    at: usize,
    channel: usize,
    /// Blocks that do not lie in a tensor as they are.
    own: &'a mut [Own],
}

impl<'a> Blocks<'a> {
    /// Blocks from element `first` on; `own` has a block for each source.
    pub(crate) fn new(
        function: &'a Function<'a>,
        sources: &'a [Source<'a>],
        first: usize,
        own: &'a mut [Own],
    ) -> Self {
        assert!(sources.len() <= MAX_OPERANDS, "a function has at most {MAX_OPERANDS} operands");
        Blocks { function, sources, at: first, channel: first % function.channels, own }
    }

    /// The function of the next elements, as many as `range` has, which is their place in `held`:
    /// what the results hold so far. Past the last element the function works on what an earlier
    /// block has left, and the caller ignores it.
    #[inline(always)]
    pub(crate) fn apply(&mut self, range: Range<usize>, held: &[&mut [f32]], results: &mut [Own]) {
        let count = range.len();
        let mut values: [&Block; MAX_OPERANDS] = [&ZERO; MAX_OPERANDS];
        for ((value, source), Own(own)) in values.iter_mut().zip(self.sources).zip(self.own.iter_mut()) {
            *value = match source {
                Source::Full(slice) => view(&slice[self.at..self.at + count], own),
                Source::Repeated(slice) => view(&slice[self.channel..self.channel + BLOCK], own),
                Source::Constant(block) => view(block, own),
                Source::Uniform(stream) => {
                    self.function.isa.run(Uniform { stream, first: self.at, to: own });
                    own
                }
                Source::Result(index) => view(&held[*index][range.clone()], own),
            };
        }
        let Function { isa, channels, f } = *self.function;
        // SAFETY: a pool never has an instruction set that its processor lacks.
        unsafe { f.apply(isa, count, &values[..self.sources.len()], results) };
        self.at += count;
        self.channel = (self.channel + count) % channels;
    }
}

/// A whole block where it lies, a part of one copied into `own`.
#[inline(always)]
fn view<'a>(from: &'a [f32], own: &'a mut Block) -> &'a Block {
    match from.as_chunks().0.try_into() {
        Ok(whole) => whole,
        Err(_) => {
            own.as_flattened_mut()[..from.len()].copy_from_slice(from);
            own
        }
    }
}

/// The numbers of a stream for the elements from `first` on.
struct Uniform<'a> {
    stream: &'a Stream,
    first: usize,
    to: &'a mut Block,
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
        self.to.as_flattened_mut().copy_from_slice(&words.as_flattened()[self.first % 4..][..BLOCK]);
    }
}
