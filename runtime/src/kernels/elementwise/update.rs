//! The step of an optimiser: a function of each parameter, its gradient and its states.

use std::ops::Range;

use super::pointwise::write;
use super::source::{BLOCK, copy};
use crate::devices::cpu::{Tiles, Vectorised};
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
    let (pool, decay) = (u.pool(), u.decay());
    u.with_flat(|parameters, gradients, states: [&mut [f32]; S]| {
        let (parameters, states) = (Tiles::new(parameters), states.map(Tiles::new));
        pool.for_each(gradients.len().div_ceil(TASK), |task| {
            for (range, decay) in parts(task, gradients.len(), decay.len, decay.weight) {
                let gradients = &gradients[range.clone()];
                // SAFETY: tasks have ranges of their own, and so do their parts; parameters and
                // states are separate slices.
                let (parameters, states) = unsafe {
                    (
                        parameters.slice(range.clone()),
                        states.each_ref().map(|state| state.slice(range.clone())),
                    )
                };
                pool.isa().run(Step { decay, parameters, gradients, states, f });
            }
        });
    });
}

/// The elements of a task that take weight decay, then those that do not.
fn parts(task: usize, len: usize, decayed: usize, weight: f32) -> [(Range<usize>, f32); 2] {
    let (start, end) = (task * TASK, ((task + 1) * TASK).min(len));
    let middle = decayed.clamp(start, end);
    [(start..middle, weight), (middle..end, 0.0)]
}

struct Step<'a, const S: usize, F> {
    decay: f32,
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    states: [&'a mut [f32]; S],
    f: F,
}

impl<const S: usize, F> Vectorised for Step<'_, S, F>
where
    F: Fn(f32, f32, f32, [f32; S]) -> (f32, [f32; S]),
{
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let mut parameters = [0.0; BLOCK];
        let mut gradients = [0.0; BLOCK];
        let mut states = [[0.0; BLOCK]; S];
        for start in (0..self.gradients.len()).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(self.gradients.len());
            copy(&self.parameters[range.clone()], &mut parameters);
            copy(&self.gradients[range.clone()], &mut gradients);
            for (block, state) in states.iter_mut().zip(&self.states) {
                copy(&state[range.clone()], block);
            }
            for lane in 0..BLOCK {
                let old = std::array::from_fn(|state| states[state][lane]);
                let (parameter, new) = (self.f)(self.decay, parameters[lane], gradients[lane], old);
                parameters[lane] = parameter;
                for state in 0..S {
                    states[state][lane] = new[state];
                }
            }
            write(&parameters, &mut self.parameters[range.clone()]);
            for (block, state) in states.iter().zip(&mut self.states) {
                write(block, &mut state[range.clone()]);
            }
        }
    }
}
