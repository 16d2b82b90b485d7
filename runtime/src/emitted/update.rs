//! The argument of the emitted optimiser step.

use std::cell::RefCell;

use crate::devices::cpu::{Buffer, Pool};

/// One step of an optimiser over the flat buffers.
pub struct Update<'a> {
    pool: &'a Pool,
    flat: RefCell<Flat<'a>>,
    hyperparameters: &'a [f32],
    decay: Decay,
    step: u64,
}

/// The flat buffers; parameters, gradients and every state have one length.
struct Flat<'a> {
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    states: &'a mut [Buffer],
}

/// Weight decay, and the elements from 0 on that take it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decay {
    /// The hyperparameter `weight_decay`.
    pub weight: f32,
    /// How many elements at the start are weights.
    pub len: usize,
}

impl<'a> Update<'a> {
    /// Step number `step`, from 1 on, of `parameters` along `gradients`.
    ///
    /// # Panics
    /// If the buffers differ in length.
    pub fn new(
        pool: &'a Pool,
        parameters: &'a mut [f32],
        gradients: &'a [f32],
        states: &'a mut [Buffer],
        hyperparameters: &'a [f32],
        decay: Decay,
        step: u64,
    ) -> Self {
        assert_eq!(parameters.len(), gradients.len(), "a gradient for each parameter");
        assert!(states.iter().all(|state| state.len() == parameters.len()), "a state for each parameter");
        let flat = RefCell::new(Flat { parameters, gradients, states });
        Update { pool, flat, hyperparameters, decay, step }
    }

    /// The value of the optimiser's `index`-th hyperparameter.
    pub fn hyperparameter(&self, index: usize) -> f32 {
        self.hyperparameters[index]
    }

    /// The number of this step, from 1 on.
    pub fn step(&self) -> f32 {
        self.step as f32
    }

    pub(crate) fn decay(&self) -> Decay {
        self.decay
    }

    pub(crate) fn pool(&self) -> &'a Pool {
        self.pool
    }

    /// Calls `body` with the parameters, the gradients and the states, of which there are `states`.
    pub(crate) fn with_flat(&self, states: usize, body: impl FnOnce(&mut [f32], &[f32], &mut [Buffer])) {
        let flat = &mut *self.flat.borrow_mut();
        assert_eq!(flat.states.len(), states, "the optimiser has another number of states");
        body(flat.parameters, flat.gradients, flat.states);
    }
}
