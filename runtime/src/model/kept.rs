//! Batches of data sets that the device keeps.
//!
//! A GPU makes the batches of a data set that lies in its memory by itself. Which samples they hold, and how they
//! are changed, is the same as a [`Loader`](crate::data::Loader) does it.

use std::sync::Arc;

use super::engine::{Ended, Engine, Settings, Stop};
use super::{Model, StepReport};
use crate::data::{Augment, Dataset, LoaderOptions, Order};
use crate::error::Error;
use crate::random::permutation;

/// A data set that the device of a model keeps.
pub(super) struct Kept {
    /// Held, so that no other data set has its address.
    dataset: Arc<Dataset>,
    augment: Augment,
    /// What the engine calls it; nothing if it has no room.
    index: Option<usize>,
}

/// An epoch of a data set on the device, batch by batch.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    index: usize,
    len: usize,
    batch: usize,
    /// Samples that were begun.
    position: usize,
}

impl Model {
    /// Begins an epoch of `dataset` on the device, to which it is copied the first time. Nothing if the device has no
    /// memory of its own or too little, or if the network has several inputs or targets: then a loader makes the
    /// batches.
    pub fn epoch(&mut self, dataset: &Arc<Dataset>, options: &LoaderOptions) -> Result<Option<Epoch>, Error> {
        let Some(index) = self.keep(dataset, options)? else { return Ok(None) };
        let order = match options.order {
            Order::Shuffled => permutation(options.seed, options.epoch, dataset.len()),
            Order::Sequential => (0..dataset.len() as u32).collect(),
        };
        let position = (options.first_step * options.batch).min(dataset.len());
        self.engine.begin_epoch(index, &order, [options.seed, options.epoch], position)?;
        Ok(Some(Epoch { index, len: dataset.len(), batch: options.batch, position }))
    }

    /// Begins a step on the next batch of an epoch, as [`Model::train_ahead`] does.
    ///
    /// # Panics
    /// If the epoch [is done](Epoch::is_done).
    pub fn train_next(&mut self, epoch: &mut Epoch) -> Result<Option<StepReport>, Error> {
        let size = epoch.next();
        let settings = Settings { seed: self.seed, step: self.step, hyperparameters: &self.hyperparameters };
        let begun = self.engine.begin_training_kept(epoch.index, size, settings);
        self.ended(begun)
    }

    /// Begins to measure the next batch of an epoch, as [`Model::evaluate_ahead`] does.
    ///
    /// # Panics
    /// If the epoch [is done](Epoch::is_done).
    pub fn evaluate_next(&mut self, epoch: &mut Epoch) -> Result<Option<StepReport>, Error> {
        let size = epoch.next();
        let begun = self.engine.begin_measuring_kept(epoch.index, size);
        self.ended(begun)
    }

    /// The engine's name for a data set, which is copied the first time.
    fn keep(&mut self, dataset: &Arc<Dataset>, options: &LoaderOptions) -> Result<Option<usize>, Error> {
        let same = |kept: &&Kept| Arc::ptr_eq(&kept.dataset, dataset) && kept.augment == options.augment;
        if let Some(kept) = self.kept.iter().find(same) {
            return Ok(kept.index);
        }
        let index = self.engine.keep(dataset, options)?;
        self.kept.push(Kept { dataset: Arc::clone(dataset), augment: options.augment, index });
        Ok(index)
    }
}

impl Epoch {
    /// Whether every sample was begun.
    pub fn is_done(&self) -> bool {
        self.position == self.len
    }

    /// Samples of the next batch, which is begun.
    fn next(&mut self) -> usize {
        assert!(!self.is_done(), "the epoch has no more batches");
        let size = self.batch.min(self.len - self.position);
        self.position += size;
        size
    }
}

impl Engine {
    #[cfg_attr(not(feature = "cuda"), expect(unused_variables, reason = "the processor keeps none"))]
    fn keep(&mut self, dataset: &Dataset, options: &LoaderOptions) -> Result<Option<usize>, Error> {
        match self {
            Engine::Cpu(_) => Ok(None),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.keep(dataset, options),
        }
    }

    #[cfg_attr(not(feature = "cuda"), expect(unused_variables, reason = "the processor keeps none"))]
    fn begin_epoch(
        &mut self,
        kept: usize,
        order: &[u32],
        stream: [u64; 2],
        position: usize,
    ) -> Result<(), Error> {
        match self {
            Engine::Cpu(_) => unreachable!("the processor keeps no data set"),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.begin_epoch(kept, order, stream, position),
        }
    }

    #[cfg_attr(not(feature = "cuda"), expect(unused_variables, reason = "the processor keeps none"))]
    fn begin_training_kept(
        &mut self,
        kept: usize,
        size: usize,
        settings: Settings,
    ) -> Result<Option<Ended>, Stop> {
        match self {
            Engine::Cpu(_) => unreachable!("the processor keeps no data set"),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.begin_training_kept(kept, size, settings),
        }
    }

    #[cfg_attr(not(feature = "cuda"), expect(unused_variables, reason = "the processor keeps none"))]
    fn begin_measuring_kept(&mut self, kept: usize, size: usize) -> Result<Option<Ended>, Stop> {
        match self {
            Engine::Cpu(_) => unreachable!("the processor keeps no data set"),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.begin_measuring_kept(kept, size),
        }
    }
}
