//! Operands that are smaller than the result, spread over a block of it.
//!
//! What a block holds is built by whole runs: the channels of one pixel, doubled until they fill the
//! block's part of a sample, or one number repeated. Where blocks begin and end does not matter: they
//! cross pixels and samples.

use super::random;
use super::source::Source;
use super::unpooled;
use crate::cpu::{Isa, Vectorised};
use crate::emitted::Extent;

/// Fills `to` with the channels over and over.
pub(crate) fn repeat(channels: &[f32], to: &mut [f32]) {
    for part in to.chunks_mut(channels.len().max(1)) {
        part.copy_from_slice(&channels[..part.len()]);
    }
}

/// Where a block lies in the result.
pub(super) struct Place {
    pub(super) extent: Extent,
    /// Its first element.
    pub(super) first: usize,
    pub(super) isa: Isa,
}

impl Place {
    /// The elements of `source` there. Not inlined into the loops around, which are built many times.
    #[inline(never)]
    pub(super) fn fill(&self, source: &Source, to: &mut [f32]) {
        match *source {
            Source::Samples(from) => self.isa.run(Samples { from, place: self, to }),
            Source::Runs(from, run) => self.isa.run(Runs { from, run, first: self.first, to }),
            Source::Unpooled(unpool) => unpooled::fill(self.isa, unpool, self.first, to),
            Source::Random(stream, distribution) => {
                random::fill(self.isa, &stream, distribution, self.first, to);
            }
            Source::Full(_) | Source::Repeated(_) | Source::Constant(_) | Source::Result => {
                unreachable!("these lie in memory as they are")
            }
        }
    }
}

/// The channels of each sample at all its positions.
struct Samples<'a> {
    from: &'a [f32],
    place: &'a Place,
    to: &'a mut [f32],
}

impl Vectorised for Samples<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Place { extent, first, .. } = *self.place;
        let (mut sample, mut within, mut rest) = (first / extent.len(), first % extent.len(), self.to);
        while !rest.is_empty() {
            let count = rest.len().min(extent.len() - within);
            let part = rest.split_off_mut(..count).unwrap_or_default();
            let channels = &self.from[sample * extent.channels..][..extent.channels];
            cycle(channels, within % extent.channels, part);
            (sample, within) = (sample + 1, 0);
        }
    }
}

/// The channels over and over, from `first` on.
#[inline(always)]
fn cycle(channels: &[f32], first: usize, to: &mut [f32]) {
    let (before, after) = channels.split_at(first);
    let head = after.len().min(to.len());
    to[..head].copy_from_slice(&after[..head]);
    let mut filled = channels.len().min(to.len());
    to[head..filled].copy_from_slice(&before[..filled - head]);
    while filled < to.len() {
        let count = filled.min(to.len() - filled);
        let (done, rest) = to.split_at_mut(filled);
        rest[..count].copy_from_slice(&done[..count]);
        filled += count;
    }
}

/// Each number `run` times.
struct Runs<'a> {
    from: &'a [f32],
    run: usize,
    first: usize,
    to: &'a mut [f32],
}

/// Elements that are stored at once.
const LANES: usize = 16;

impl Vectorised for Runs<'_> {
    type Output = ();

    /// A run is filled by whole stores, which may go on into the next: that is filled later.
    #[inline(always)]
    fn run(self) {
        let Runs { from, run, first, to } = self;
        let (mut at, mut end) = (0, run - first % run);
        for &value in &from[first / run..] {
            while at < end {
                if let Some(whole) = to[at..].first_chunk_mut::<LANES>() {
                    // One store; an array that is made first would go through the stack.
                    (0..LANES).for_each(|lane| whole[lane] = value);
                    at += LANES;
                } else {
                    let stop = end.min(to.len());
                    to[at..stop].fill(value);
                    if stop == to.len() {
                        return;
                    }
                    at = stop;
                }
            }
            (at, end) = (end, end + run);
        }
    }
}
