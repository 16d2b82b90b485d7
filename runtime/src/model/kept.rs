//! Batches of data sets that the device keeps.
//!
//! A GPU makes the batches of a data set that lies in its memory by itself. Which samples they hold, and how they
//! are changed, is the same as a [`Loader`](crate::data::Loader) does it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::batch::check_kept;
use super::engine::{Ended, Engine, Settings, Stop};
use super::{Model, StepReport};
use crate::data::{Dataset, LoaderOptions, Order};
use crate::error::Error;
use nnc_kernels::random::permutation;

/// A data set that the device of a model keeps.
pub(super) struct Kept {
    /// Held, so that no other data set has its address.
    dataset: Arc<Dataset>,
    /// What its batches are made with.
    options: LoaderOptions,
    /// What the engine calls it.
    index: usize,
    /// The number of the epoch that it was last turned to.
    epoch: u64,
}

/// A batch of a data set that the engine keeps.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "the processor keeps none"))]
pub(crate) struct KeptBatch {
    /// What the engine calls the data set.
    pub(crate) dataset: usize,
    /// The place of its first sample in the order of the epoch.
    pub(crate) position: usize,
    /// Samples.
    pub(crate) size: usize,
}

/// An epoch of a data set on the device, batch by batch; over when another one of the same data set begins.
#[derive(Debug)]
pub struct Epoch {
    /// Unlike that of any other epoch of any model.
    number: u64,
    len: usize,
    batch: usize,
    /// Samples that were begun.
    position: usize,
}

impl Model {
    /// Begins an epoch of `dataset` on the device, to which it is copied the first time. Nothing if the device has no
    /// memory of its own or too little, or if the network has several inputs or targets: then a loader makes the
    /// batches.
    ///
    /// # Errors
    /// If the data set does not fit the network, or if batches are under way.
    pub fn epoch(&mut self, dataset: &Arc<Dataset>, options: &LoaderOptions) -> Result<Option<Epoch>, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        self.check_idle("an epoch begins")?;
        let Some(place) = self.keep(dataset, options)? else { return Ok(None) };
        let order = match options.order {
            Order::Shuffled => permutation(options.seed, options.epoch, dataset.len()),
            Order::Sequential => (0..dataset.len() as u32).collect(),
        };
        let position = (options.first_step * options.batch).min(dataset.len());
        let kept = &mut self.kept[place];
        kept.epoch = NEXT.fetch_add(1, Ordering::Relaxed);
        self.engine.begin_epoch(kept.index, &order, [options.seed, options.epoch])?;
        Ok(Some(Epoch { number: kept.epoch, len: dataset.len(), batch: options.batch, position }))
    }

    /// Begins a step on the next batch of an epoch, as [`Model::train_ahead`] does. After an error the same batch is
    /// still the next one.
    ///
    /// # Errors
    /// If the epoch [is done](Epoch::is_done), is another model's, or another one of its data set has begun; and as
    /// for a step.
    pub fn train_next(&mut self, epoch: &mut Epoch) -> Result<Option<StepReport>, Error> {
        let batch = self.next_of(epoch)?;
        let settings = Settings { seed: self.seed, step: self.step, hyperparameters: &self.hyperparameters };
        let begun = self.engine.begin_training_kept(batch, settings);
        epoch.position += if begun.is_ok() { batch.size } else { 0 };
        self.ended(begun)
    }

    /// Begins to measure the next batch of an epoch, as [`Model::evaluate_ahead`] does.
    ///
    /// # Errors
    /// As for [`Model::train_next`].
    pub fn evaluate_next(&mut self, epoch: &mut Epoch) -> Result<Option<StepReport>, Error> {
        let batch = self.next_of(epoch)?;
        let begun = self.engine.begin_measuring_kept(batch);
        epoch.position += if begun.is_ok() { batch.size } else { 0 };
        self.ended(begun)
    }

    /// The next batch, which is not begun yet.
    fn next_of(&self, epoch: &Epoch) -> Result<KeptBatch, Error> {
        let kept = self.kept.iter().find(|kept| kept.epoch == epoch.number);
        let Some(kept) = kept.filter(|_| !epoch.is_done()) else {
            return Err(Error::settings(
                "the epoch is over, or another model's",
                "begin one by `Model::epoch`",
            ));
        };
        let size = epoch.batch.min(epoch.len - epoch.position);
        Ok(KeptBatch { dataset: kept.index, position: epoch.position, size })
    }

    /// The place in the list of a data set that is on the device, to which it is copied the first time.
    fn keep(&mut self, dataset: &Arc<Dataset>, options: &LoaderOptions) -> Result<Option<usize>, Error> {
        let is_known = |kept: &Kept| Arc::ptr_eq(&kept.dataset, dataset) && alike(&kept.options, options);
        if let Some(place) = self.kept.iter().position(is_known) {
            return Ok(Some(place));
        }
        let is_single = self.program.inputs.len() == 1 && self.program.targets.len() == 1;
        if !is_single || !self.engine.keeps() {
            return Ok(None);
        }
        check_kept(self.program, dataset, &options.input)?;
        let Some(index) = self.engine.keep(dataset, options)? else { return Ok(None) };
        let (dataset, options) = (Arc::clone(dataset), options.clone());
        self.kept.push(Kept { dataset, options, index, epoch: u64::MAX });
        Ok(Some(self.kept.len() - 1))
    }
}

/// Whether batches are made of samples in the same way.
fn alike(a: &LoaderOptions, b: &LoaderOptions) -> bool {
    a.augment == b.augment && a.statistics == b.statistics && a.input == b.input
}

impl Epoch {
    /// Whether every sample was begun.
    pub fn is_done(&self) -> bool {
        self.position == self.len
    }
}

impl Engine {
    /// Whether it has memory of its own to keep data sets in.
    fn keeps(&self) -> bool {
        !matches!(self, Engine::Cpu(_))
    }

    #[cfg_attr(not(feature = "cuda"), expect(unused_variables, reason = "the processor keeps none"))]
    fn keep(&mut self, dataset: &Dataset, options: &LoaderOptions) -> Result<Option<usize>, Error> {
        match self {
            Engine::Cpu(_) => Ok(None),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.keep(dataset, options),
        }
    }

    #[cfg_attr(not(feature = "cuda"), expect(unused_variables, reason = "the processor keeps none"))]
    fn begin_epoch(&mut self, kept: usize, order: &[u32], stream: [u64; 2]) -> Result<(), Error> {
        match self {
            Engine::Cpu(_) => unreachable!("the processor keeps no data set"),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.begin_epoch(kept, order, stream),
        }
    }

    #[cfg_attr(not(feature = "cuda"), expect(unused_variables, reason = "the processor keeps none"))]
    fn begin_training_kept(&mut self, batch: KeptBatch, settings: Settings) -> Result<Option<Ended>, Stop> {
        match self {
            Engine::Cpu(_) => unreachable!("the processor keeps no data set"),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.begin_training_kept(batch, settings),
        }
    }

    #[cfg_attr(not(feature = "cuda"), expect(unused_variables, reason = "the processor keeps none"))]
    fn begin_measuring_kept(&mut self, batch: KeptBatch) -> Result<Option<Ended>, Stop> {
        match self {
            Engine::Cpu(_) => unreachable!("the processor keeps no data set"),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.begin_measuring_kept(batch),
        }
    }
}
