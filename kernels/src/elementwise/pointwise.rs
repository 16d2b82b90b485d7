//! A function of each element.

use std::ops::Range;

use super::function::{BLOCK, Block, BlockFunction, Each, Own};
use super::source::{Blocks, Function, Source, with_blocks, with_sources};
use crate::cpu::{Pool, Tiles, Vectorised};
use crate::emitted::{Extent, MAX_OPERANDS, Operand, Pass, Slot};

/// Elements of a task: a microsecond or two of work, so that the threads' shares are about equal.
pub(super) const TASK: usize = 1 << 13;

/// outputs = f(inputs), element by element. All outputs and [`Operand::Full`] inputs have the
/// same elements, counted by `extent`.
///
/// # Panics
/// If the extents differ: a mistake of the compiler.
pub fn pointwise<const I: usize, const O: usize, F>(
    p: &Pass,
    extent: Extent,
    inputs: [Operand; I],
    outputs: [Slot; O],
    f: F,
) where
    F: Fn([f32; I]) -> [f32; O] + Copy + Sync,
{
    run(p, extent, &inputs, &outputs, &Each(f));
}

fn run(p: &Pass, extent: Extent, operands: &[Operand], outputs: &[Slot], f: &dyn BlockFunction) {
    let function = Function { isa: p.pool().isa(), extent, f };
    p.call_slices([], operands, outputs, |[], slices, outputs| {
        let elements = outputs.first().map_or(0, |output| output.len());
        with_sources(p, extent, elements, operands, slices, |sources| {
            for_each_task(p.pool(), &function, sources, outputs);
        });
    });
}

/// Fills the outputs, on all threads.
pub(crate) fn for_each_task(
    pool: &Pool,
    function: &Function,
    sources: &[Source],
    outputs: &mut [&mut [f32]],
) {
    let outputs = Outputs::new(outputs);
    pool.for_each(outputs.len().div_ceil(TASK), |task| {
        let range = task * TASK..((task + 1) * TASK).min(outputs.len());
        // SAFETY: tasks have ranges of their own.
        unsafe { outputs.with(range.clone(), |pieces| map(function, sources, range.start, pieces)) };
    });
}

/// Results of one extent, which several tasks fill at once, each its own elements.
pub(super) struct Outputs<'a> {
    tiles: [Tiles<'a>; MAX_OPERANDS],
    count: usize,
}

impl<'a> Outputs<'a> {
    /// # Panics
    /// If they differ in length.
    pub(super) fn new(outputs: &'a mut [&mut [f32]]) -> Self {
        let (count, len) = (outputs.len(), outputs.first().map_or(0, |output| output.len()));
        assert!(count <= MAX_OPERANDS, "a function has at most {MAX_OPERANDS} results");
        assert!(outputs.iter().all(|output| output.len() == len), "outputs of several extents");
        let mut outputs = outputs.iter_mut();
        let mut next = || Tiles::new(outputs.next().map_or(&mut [], |output| &mut **output));
        Outputs { tiles: std::array::from_fn(|_| next()), count }
    }

    /// Elements of each.
    pub(super) fn len(&self) -> usize {
        self.tiles[0].len()
    }

    /// Lends `body` the elements of `range` in each.
    ///
    /// # Safety
    /// Meanwhile no other part that overlaps it may be in use.
    pub(super) unsafe fn with<T>(&self, range: Range<usize>, body: impl FnOnce(&mut [&mut [f32]]) -> T) -> T {
        let mut pieces: [&mut [f32]; MAX_OPERANDS] = std::array::from_fn(|_| Default::default());
        for (piece, tiles) in pieces.iter_mut().zip(&self.tiles[..self.count]) {
            // SAFETY: the outputs are separate slices; the caller vouches for the rest.
            *piece = unsafe { tiles.slice(range.clone()) };
        }
        body(&mut pieces[..self.count])
    }
}

/// Fills the outputs, which begin at element `first`.
pub(crate) fn map(function: &Function, sources: &[Source], first: usize, outputs: &mut [&mut [f32]]) {
    with_blocks(sources.len(), outputs.len(), |own, results| {
        function.isa.run(Map { blocks: Blocks::new(function, sources, first, own), results, outputs });
    });
}

struct Map<'a, 'o> {
    blocks: Blocks<'a>,
    results: &'a mut [Own],
    outputs: &'a mut [&'o mut [f32]],
}

impl Vectorised for Map<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Map { mut blocks, results, outputs } = self;
        let len = outputs.first().map_or(0, |output| output.len());
        for start in (0..len).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(len);
            blocks.apply(range.clone(), outputs, results);
            for (output, Own(result)) in outputs.iter_mut().zip(&*results) {
                write(result, &mut output[range.clone()]);
            }
        }
    }
}

/// Copies a block; the length of most is known when this is compiled.
#[inline(always)]
fn write(block: &Block, to: &mut [f32]) {
    let (block, count) = (block.as_flattened(), to.len());
    if count == BLOCK {
        to.copy_from_slice(block);
    } else {
        to.copy_from_slice(&block[..count]);
    }
}
