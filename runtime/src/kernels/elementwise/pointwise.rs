//! A function of each element.

use super::source::{BLOCK, Blocks, Function, Source};
use crate::devices::cpu::Vectorised;
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
    let (pool, function) = (p.pool(), Function { isa: p.pool().isa(), channels, random: p.random() });
    p.call([], inputs, outputs, |[], slices, outputs| {
        let mut repeated = function.repeated(pool, &inputs);
        let sources = function.sources(inputs, slices, &mut repeated);
        pool.for_each_piece(outputs, [TASK; O], |task, pieces| {
            function.isa.run(Map { sources: &sources, function, first: task * TASK, outputs: pieces, f });
        });
    });
}

/// The elements from `first` on, as many as the outputs have.
pub(crate) struct Map<'a, const I: usize, const O: usize, F> {
    pub(crate) sources: &'a [Source<'a>; I],
    pub(crate) function: Function,
    pub(crate) first: usize,
    pub(crate) outputs: [&'a mut [f32]; O],
    pub(crate) f: F,
}

impl<const I: usize, const O: usize, F> Vectorised for Map<'_, I, O, F>
where
    F: Fn([f32; I]) -> [f32; O] + Copy,
{
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let mut blocks = Blocks::new(self.sources, self.function.isa, self.function.channels, self.first);
        let mut results = [[0.0; BLOCK]; O];
        let len = self.outputs.first().map_or(0, |output| output.len());
        for start in (0..len).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(len);
            blocks.map(range.len(), &self.outputs[0][range.clone()], self.f, &mut results);
            for (output, result) in self.outputs.iter_mut().zip(&results) {
                write(result, &mut output[range.clone()]);
            }
        }
    }
}

#[inline(always)]
pub(crate) fn write(block: &[f32; BLOCK], to: &mut [f32]) {
    let count = to.len();
    match <&mut [f32; BLOCK]>::try_from(&mut *to) {
        Ok(whole) => *whole = *block,
        Err(_) => to.copy_from_slice(&block[..count]),
    }
}
