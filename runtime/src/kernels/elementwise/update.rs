//! The step of an optimiser: a function of each parameter, its gradient and its states.

use std::iter::once;

use super::function::{BlockFunction, Step};
use super::pointwise::for_each_task;
use super::source::{Function, Source};
use crate::emitted::{Extent, Flat, MAX_OPERANDS, Update};

/// (parameter, states) = f(parameter, gradient, states), element by element.
///
/// # Panics
/// If the update has another number of states: a mistake of the compiler.
pub fn update<const S: usize, F>(u: &Update, f: F)
where
    F: Fn(f32, f32, [f32; S]) -> (f32, [f32; S]) + Copy + Sync,
{
    run(u, S, &Step(f));
}

fn run(u: &Update, states: usize, f: &dyn BlockFunction) {
    assert!(states < MAX_OPERANDS - 1, "room for parameter, gradient and states");
    let extent = Extent { positions: 1, channels: 1 };
    let function = Function { isa: u.pool().isa(), extent, f };
    u.with_flat(states, |Flat { parameters, gradients, states, range }| {
        let mut sources: [Source; MAX_OPERANDS] =
            std::array::from_fn(|index| Source::Result(index.max(1) - 1));
        sources[1] = Source::Full(&gradients[range.clone()]);
        let mut results: [&mut [f32]; MAX_OPERANDS] = std::array::from_fn(|_| Default::default());
        let count = 1 + states.len();
        let tensors = once(&mut **parameters).chain(states.iter_mut().map(|state| &mut **state));
        results.iter_mut().zip(tensors).for_each(|(result, tensor)| *result = &mut tensor[range.clone()]);
        for_each_task(u.pool(), &function, &sources[..1 + count], &mut results[..count]);
    });
}
