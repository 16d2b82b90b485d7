//! The argument of the emitted optimiser step.

use std::cell::RefCell;
use std::ops::Range;

use crate::cpu::{Buffer, Pool};

/// One step of an optimiser over elements that learn alike.
pub struct Update<'a> {
    pool: &'a Pool,
    flat: RefCell<Flat<'a>>,
    hyperparameters: &'a [f32],
    decay: f32,
    step: u64,
}

/// The flat buffers, and the elements of them that a step works on.
pub struct Flat<'a> {
    /// The learnt values.
    pub parameters: &'a mut [f32],
    /// Their gradients.
    pub gradients: &'a [f32],
    /// The optimiser's states, in its own order.
    pub states: &'a mut [Buffer],
    /// Which elements.
    pub range: Range<usize>,
}

impl<'a> Update<'a> {
    /// Step number `step`, from 1 on, of the elements of `flat`, whose weight decay is `decay`.
    pub fn new(pool: &'a Pool, flat: Flat<'a>, hyperparameters: &'a [f32], decay: f32, step: u64) -> Self {
        Update { pool, flat: RefCell::new(flat), hyperparameters, decay, step }
    }

    /// The value of the optimiser's `index`-th hyperparameter; the learning rate is that of these elements.
    pub fn hyperparameter(&self, index: usize) -> f32 {
        self.hyperparameters[index]
    }

    /// The weight decay of these elements.
    pub fn decay(&self) -> f32 {
        self.decay
    }

    /// The number of this step, from 1 on.
    pub fn step(&self) -> f32 {
        self.step as f32
    }

    pub(crate) fn pool(&self) -> &'a Pool {
        self.pool
    }

    /// Calls `body` with the elements, which have `states` states.
    pub(crate) fn with_flat(&self, states: usize, body: impl FnOnce(&mut Flat)) {
        let flat = &mut *self.flat.borrow_mut();
        assert_eq!(flat.states.len(), states, "the optimiser has another number of states");
        body(flat);
    }
}
