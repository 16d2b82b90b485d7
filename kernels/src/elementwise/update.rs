//! The step of an optimiser: a function of each parameter, its gradient and its states.
//!
//! The buffers are as large as the network, so a step takes as long as the memory does. Results are written
//! in place: by way of blocks in the cache, as [`pointwise`](super::pointwise()) has them, it was measured to
//! take 1.8 times as long.

use std::iter::once;

use super::pointwise::{Outputs, TASK};
use crate::cpu::Vectorised;
use crate::emitted::{Flat, MAX_OPERANDS, Update};

/// (parameter, states) = f(parameter, gradient, states), element by element.
///
/// # Panics
/// If the update has another number of states: a mistake of the compiler.
pub fn update<const S: usize, F>(u: &Update, f: F)
where
    F: Fn(f32, f32, [f32; S]) -> (f32, [f32; S]) + Copy + Sync,
{
    let isa = u.pool().isa();
    run(u, S, &|gradients, results| {
        let mut results = results.iter_mut().map(std::mem::take);
        let parameters = results.next().unwrap_or_default();
        let states = std::array::from_fn(|_| results.next().unwrap_or_default());
        isa.run(Step { f, parameters, gradients, states });
    });
}

/// A step of neighbouring elements: from their gradients, in the slices of parameters and states.
type StepFunction<'a> = &'a (dyn Fn(&[f32], &mut [&mut [f32]]) + Sync);

fn run(u: &Update, states: usize, f: StepFunction) {
    assert!(states < MAX_OPERANDS, "room for parameters and states");
    u.with_flat(states, |Flat { parameters, gradients, states, range }| {
        let mut results: [&mut [f32]; MAX_OPERANDS] = std::array::from_fn(|_| Default::default());
        let count = 1 + states.len();
        let tensors = once(&mut **parameters).chain(states.iter_mut().map(|state| &mut **state));
        results.iter_mut().zip(tensors).for_each(|(result, tensor)| *result = &mut tensor[range.clone()]);
        let (gradients, results) = (&gradients[range.clone()], Outputs::new(&mut results[..count]));
        u.pool().for_each(gradients.len().div_ceil(TASK), |task| {
            let own = task * TASK..((task + 1) * TASK).min(gradients.len());
            // SAFETY: tasks have ranges of their own.
            unsafe { results.with(own.clone(), |pieces| f(&gradients[own], pieces)) };
        });
    });
}

struct Step<'a, const S: usize, F> {
    f: F,
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    states: [&'a mut [f32]; S],
}

impl<const S: usize, F> Vectorised for Step<'_, S, F>
where
    F: Fn(f32, f32, [f32; S]) -> (f32, [f32; S]),
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Step { f, parameters, gradients, states } = self;
        let len = parameters.len();
        assert!(gradients.len() == len && states.iter().all(|state| state.len() == len));
        let mut own = [0.0; S];
        for index in 0..len {
            for state in 0..S {
                own[state] = states[state][index];
            }
            let (parameter, new) = f(parameters[index], gradients[index], own);
            parameters[index] = parameter;
            for state in 0..S {
                states[state][index] = new[state];
            }
        }
    }
}
