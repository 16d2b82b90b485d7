//! A function of each element.

use super::function::{BLOCK, Block, BlockFunction, Each, Own};
use super::source::{Blocks, Function, Source, with_blocks};
use crate::devices::cpu::{Pool, Tiles, Vectorised};
use crate::emitted::{Operand, Pass, Slot};

/// Elements of a task: some microseconds of work, a few hundred KiB of operands.
const TASK: usize = 1 << 15;

/// outputs = f(inputs), element by element; the last dimension has `channels` elements. All
/// outputs and [`Operand::Full`] inputs have one extent.
///
/// # Panics
/// If the extents differ: a mistake of the compiler.
pub fn pointwise<const I: usize, const O: usize, F>(
    p: &Pass,
    channels: usize,
    inputs: [Operand; I],
    outputs: [Slot; O],
    f: F,
) where
    F: Fn([f32; I]) -> [f32; O] + Copy + Sync,
{
    run(p, channels, &inputs, &outputs, &Each(f));
}

fn run(p: &Pass, channels: usize, operands: &[Operand], outputs: &[Slot], f: &dyn BlockFunction) {
    let function = Function { isa: p.pool().isa(), channels, f };
    p.call_slices([], operands, outputs, |[], slices, outputs| {
        let mut memory = Source::memory(p.pool(), operands, channels);
        let sources = Source::of(operands, slices, channels, p.random(), &mut memory);
        for_each_task(p.pool(), &function, &sources, outputs);
    });
}

/// Fills the outputs, on all threads.
pub(crate) fn for_each_task(
    pool: &Pool,
    function: &Function,
    sources: &[Source],
    outputs: &mut [&mut [f32]],
) {
    let len = outputs.first().map_or(0, |output| output.len());
    assert!(outputs.iter().all(|output| output.len() == len), "outputs of several extents");
    let outputs: Vec<Tiles> = outputs.iter_mut().map(|output| Tiles::new(output)).collect();
    pool.for_each(len.div_ceil(TASK), |task| {
        let range = task * TASK..((task + 1) * TASK).min(len);
        // SAFETY: tasks have ranges of their own, and the outputs are separate slices.
        let pieces = outputs.iter().map(|output| unsafe { output.slice(range.clone()) });
        map(function, sources, range.start, &mut pieces.collect::<Vec<_>>());
    });
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
