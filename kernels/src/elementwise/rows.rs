//! Sums over the channels of each position.
//!
//! The function's results for some positions lie in the cache until their rows are added up, in
//! [`LANES`] lanes and an order that depends on the number of channels alone.

use std::array::from_fn;

use super::function::{BlockFunction, Each};
use super::pointwise::{Outputs, map};
use super::source::{Function, Source, with_sources};
use crate::cpu::{Pool, Vectorised};
use crate::emitted::{Extent, MAX_OPERANDS, Operand, Pass, Slot};

/// Elements of a task.
const TASK: usize = 1 << 14;

/// Elements whose results are kept at a time.
const TILE: usize = 1 << 11;

/// outputs\[sample, position\] = Σ f(inputs) over the channels. `whole` is a tensor of the summed
/// elements' number.
///
/// # Panics
/// If an operand is smaller than that: a mistake of the compiler.
pub fn reduce_positions<const I: usize, const O: usize, F>(
    p: &Pass,
    extent: Extent,
    whole: Slot,
    inputs: [Operand; I],
    outputs: [Slot; O],
    f: F,
) where
    F: Fn([f32; I]) -> [f32; O] + Copy + Sync,
{
    run(p, extent, p.len(whole), &inputs, &outputs, &Each(f));
}

fn run(
    p: &Pass,
    extent: Extent,
    elements: usize,
    operands: &[Operand],
    outputs: &[Slot],
    f: &dyn BlockFunction,
) {
    let function = Function { isa: p.pool().isa(), extent, f };
    p.call_slices([], operands, outputs, |[], slices, outputs| {
        with_sources(p, extent, elements, operands, slices, |sources| {
            Rows { function, sources }.run(p.pool(), outputs);
        });
    });
}

struct Rows<'a> {
    function: Function<'a>,
    sources: &'a [Source<'a>],
}

impl Rows<'_> {
    fn run(&self, pool: &Pool, outputs: &mut [&mut [f32]]) {
        let (channels, count) = (self.function.extent.channels, outputs.len());
        let (task_len, tile) = (TASK.div_ceil(channels), TILE.div_ceil(channels));
        let outputs = Outputs::new(outputs);
        pool.for_each_with(
            outputs.len().div_ceil(task_len),
            || pool.scratch().own(count * tile * channels),
            |terms, task| {
                let end = ((task + 1) * task_len).min(outputs.len());
                for start in (task * task_len..end).step_by(tile) {
                    let rows = start..(start + tile).min(end);
                    // SAFETY: tasks have rows of their own.
                    unsafe { outputs.with(rows, |outputs| self.sum(start, terms, outputs)) };
                }
            },
        );
    }

    /// The sums of the rows from `first` on; `terms` has room for the function's results.
    fn sum(&self, first: usize, terms: &mut [f32], outputs: &mut [&mut [f32]]) {
        let channels = self.function.extent.channels;
        let len = outputs.first().map_or(0, |output| output.len()) * channels;
        let mut pieces: [&mut [f32]; MAX_OPERANDS] = from_fn(|_| Default::default());
        let terms = terms.chunks_exact_mut(len).zip(&mut pieces[..outputs.len()]);
        terms.for_each(|(terms, piece)| *piece = terms);
        let pieces = &mut pieces[..outputs.len()];
        map(&self.function, self.sources, first * channels, pieces);
        for (sums, terms) in outputs.iter_mut().zip(&*pieces) {
            self.function.isa.run(Add { channels, terms, sums });
        }
    }
}

struct Add<'a> {
    channels: usize,
    terms: &'a [f32],
    sums: &'a mut [f32],
}

impl Vectorised for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.terms.chunks_exact(self.channels);
        self.sums.iter_mut().zip(rows).for_each(|(to, row)| *to = sum(row, |term| term));
    }
}

/// Sums side by side.
const LANES: usize = 16;

/// Σ f(x) over a row.
#[inline(always)]
pub(crate) fn sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    if row.len() < LANES {
        return row.iter().fold(0.0, |sum, &x| sum + f(x));
    }
    let mut lanes = [0.0; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for block in whole {
        (0..LANES).for_each(|lane| lanes[lane] += f(block[lane]));
    }
    rest.iter().zip(&mut lanes).for_each(|(&x, lane)| *lane += f(x));
    let eight: [f32; 8] = from_fn(|lane| lanes[lane] + lanes[lane + 8]);
    let four: [f32; 4] = from_fn(|lane| eight[lane] + eight[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
