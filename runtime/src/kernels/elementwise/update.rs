//! The step of an optimiser: a function of each parameter, its gradient and its states.

use std::iter::once;
use std::ops::Range;

use super::function::{BLOCK, BlockFunction, Step};
use super::pointwise::map;
use super::source::{Function, Source};
use crate::devices::cpu::Tiles;
use crate::emitted::Update;

/// Elements of a task.
const TASK: usize = 1 << 14;

/// (parameter, states) = f(weight decay, parameter, gradient, states), element by element. The
/// weight decay is 0 past the elements that take it.
///
/// # Panics
/// If the update has another number of states: a mistake of the compiler.
pub fn update<const S: usize, F>(u: &Update, f: F)
where
    F: Fn(f32, f32, f32, [f32; S]) -> (f32, [f32; S]) + Copy + Sync,
{
    run(u, S, &Step(f));
}

fn run(u: &Update, states: usize, f: &dyn BlockFunction) {
    let (pool, decay) = (u.pool(), u.decay());
    let function = Function { isa: pool.isa(), channels: 1, f };
    u.with_flat(states, |parameters, gradients, states| {
        let len = gradients.len();
        let results: Vec<Tiles> =
            once(parameters).chain(states.iter_mut().map(|state| &mut **state)).map(Tiles::new).collect();
        let decays = [[decay.weight; BLOCK], [0.0; BLOCK]];
        let sources = decays.each_ref().map(|decay| sources(decay, gradients, results.len()));
        pool.for_each(len.div_ceil(TASK), |task| {
            for (range, sources) in parts(task, len, decay.len).into_iter().zip(&sources) {
                // SAFETY: tasks have ranges of their own, and so do their parts; parameters and
                // states are separate slices.
                let pieces = results.iter().map(|result| unsafe { result.slice(range.clone()) });
                map(&function, sources, range.start, &mut pieces.collect::<Vec<_>>());
            }
        });
    });
}

/// Weight decay, parameter, gradient, states.
fn sources<'a>(decay: &'a [f32], gradients: &'a [f32], results: usize) -> Vec<Source<'a>> {
    let first = [Source::Constant(decay), Source::Result(0), Source::Full(gradients)];
    first.into_iter().chain((1..results).map(Source::Result)).collect()
}

/// The elements of a task that take weight decay, then those that do not.
fn parts(task: usize, len: usize, decayed: usize) -> [Range<usize>; 2] {
    let (start, end) = (task * TASK, ((task + 1) * TASK).min(len));
    let middle = decayed.clamp(start, end);
    [start..middle, middle..end]
}
