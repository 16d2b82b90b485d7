//! Operands, a block at a time.

use std::cell::RefCell;
use std::ops::Range;

use super::function::{BLOCK, Block, BlockFunction, Own, ZERO};
use super::unpooled::Unpool;
use super::{random, spread};
use crate::cpu::Isa;
use crate::emitted::{Distribution, Extent, MAX_OPERANDS, Operand, Pass, Per, Random};
use crate::random::{Purpose, Stream};

/// A function and what the loops around it need to know beside operands and results.
#[derive(Clone, Copy)]
pub(crate) struct Function<'a> {
    /// The instruction set of a pool, so one that the processor has.
    pub(crate) isa: Isa,
    /// How the elements that it works on are counted.
    pub(crate) extent: Extent,
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
    /// The channels of each sample, which are those of all its positions.
    Samples(&'a [f32]),
    /// Each number so many times over.
    Runs(&'a [f32], usize),
    /// The same block everywhere.
    Constant(&'a [f32]),
    /// The numbers of windows where their maxima lie.
    Unpooled(Unpool<'a>),
    /// A random number per element.
    Random(Stream, Distribution),
    /// What the first result held before.
    Result,
}

/// Lends `body` the sources of `operands`, whose tensors are `slices`, second ones at the end, for a
/// function of `elements` elements. What they need beside their tensors lies in scratch memory.
pub(crate) fn with_sources<T>(
    p: &Pass,
    extent: Extent,
    elements: usize,
    operands: &[Operand],
    slices: &[&[f32]],
    body: impl FnOnce(&[Source]) -> T,
) -> T {
    assert!(operands.len() <= MAX_OPERANDS, "a function has at most {MAX_OPERANDS} operands");
    let binding = Binding { p, extent, samples: elements.div_ceil(extent.len()) };
    let len = operands.iter().map(|operand| binding.own_len(operand)).sum();
    let mut memory = p.pool().scratch().aside(len);
    let mut rest = &mut *memory;
    let mut sources = [Source::Result; MAX_OPERANDS];
    let (slices, second) = slices.split_at(operands.len());
    let mut second = second.iter();
    for ((source, operand), slice) in sources.iter_mut().zip(operands).zip(slices) {
        let own = rest.split_off_mut(..binding.own_len(operand)).unwrap_or_default();
        let second = operand.second_slot().and_then(|_| second.next()).copied().unwrap_or_default();
        *source = binding.source(operand, [*slice, second], own);
    }
    body(&sources[..operands.len()])
}

/// What operands are bound to.
struct Binding<'p, 'a> {
    p: &'p Pass<'a>,
    extent: Extent,
    samples: usize,
}

impl Binding<'_, '_> {
    /// Elements that an operand needs beside its tensor.
    fn own_len(&self, operand: &Operand) -> usize {
        match operand {
            Operand::Channel(_) => self.extent.channels + BLOCK,
            Operand::Value(_) => BLOCK,
            Operand::Random(Random { per: Per::SampleChannel, .. }) => self.samples * self.extent.channels,
            Operand::Random(Random { per: Per::Sample, .. }) => self.samples,
            Operand::Full(_)
            | Operand::SampleChannel(_)
            | Operand::Position(_)
            | Operand::Unpooled(_)
            | Operand::Random(Random { per: Per::Element, .. })
            | Operand::Result => 0,
        }
    }

    fn source<'a>(
        &self,
        operand: &Operand,
        [slice, second]: [&'a [f32]; 2],
        own: &'a mut [f32],
    ) -> Source<'a> {
        let Extent { positions, channels } = self.extent;
        match *operand {
            Operand::Full(_) => Source::Full(slice),
            Operand::Channel(_) => {
                spread::repeat(slice, own);
                Source::Repeated(own)
            }
            Operand::SampleChannel(_) => self.samples(slice),
            Operand::Position(_) if channels == 1 => Source::Full(slice),
            Operand::Position(_) => Source::Runs(slice, channels),
            Operand::Value(value) => {
                own.fill(value);
                Source::Constant(own)
            }
            Operand::Random(Random { stream, distribution, per }) => {
                let key = self.p.random();
                let stream = Stream::new(key.seed, Purpose::Dropout, stream, key.step);
                random::fill(self.p.pool().isa(), &stream, distribution, 0, own);
                match per {
                    Per::Element => Source::Random(stream, distribution),
                    Per::SampleChannel => self.samples(own),
                    Per::Sample => Source::Runs(own, positions * channels),
                }
            }
            Operand::Unpooled(unpooled) => Source::Unpooled(Unpool::new(&unpooled.pool, slice, second)),
            Operand::Result => Source::Result,
        }
    }

    fn samples<'a>(&self, slice: &'a [f32]) -> Source<'a> {
        if self.extent.positions == 1 { Source::Full(slice) } else { Source::Samples(slice) }
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
        Blocks { function, sources, at: first, channel: first % function.extent.channels, own }
    }

    /// The function of the next elements, as many as `range` has, which is their place in `held`:
    /// what the results hold so far. Past the last element the function works on what an earlier
    /// block has left, and the caller ignores it.
    #[inline(always)]
    pub(crate) fn apply(&mut self, range: Range<usize>, held: &[&mut [f32]], results: &mut [Own]) {
        let count = range.len();
        let Function { isa, extent, f } = *self.function;
        let mut values: [&Block; MAX_OPERANDS] = [&ZERO; MAX_OPERANDS];
        for ((value, source), Own(own)) in values.iter_mut().zip(self.sources).zip(self.own.iter_mut()) {
            *value = match *source {
                Source::Full(slice) => view(&slice[self.at..self.at + count], own),
                Source::Repeated(slice) => view(&slice[self.channel..self.channel + BLOCK], own),
                // A block within a pixel lies in the tensor as it is.
                Source::Samples(slice) if self.channel + count <= extent.channels => {
                    let sample = self.at / extent.len() * extent.channels;
                    view(&slice[sample + self.channel..][..count], own)
                }
                Source::Constant(block) => view(block, own),
                Source::Result => view(&held[0][range.clone()], own),
                Source::Samples(_) | Source::Runs(..) | Source::Unpooled(_) | Source::Random(..) => {
                    let place = spread::Place { extent, first: self.at, isa };
                    place.fill(source, &mut own.as_flattened_mut()[..count]);
                    own
                }
            };
        }
        // SAFETY: a pool never has an instruction set that its processor lacks.
        unsafe { f.apply(isa, count, &values[..self.sources.len()], results) };
        self.at += count;
        self.channel = (self.channel + count) % extent.channels;
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
