//! Where the batches of an epoch come from: the device, which makes them from a data set that it keeps, or a loader.

use std::sync::Arc;

use crate::data::{Batch, Dataset, Loader, LoaderOptions};
use crate::error::Error;
use crate::model::{Epoch, Model, StepReport};

/// The batches of an epoch, which a model takes in turn.
pub(super) enum Batches {
    Kept(Epoch),
    Loaded(Loader),
}

impl Batches {
    /// Those of `dataset` for `model`.
    pub(super) fn new(
        model: &mut Model,
        dataset: &Arc<Dataset>,
        options: LoaderOptions,
    ) -> Result<Batches, Error> {
        Ok(match model.epoch(dataset, &options)? {
            Some(epoch) => Batches::Kept(epoch),
            None => Batches::Loaded(Loader::new(Arc::clone(dataset), options)?),
        })
    }

    /// Begins a step of training on the next batch; nothing if there is none. The report is that of an earlier
    /// step, if there is one.
    pub(super) fn train(&mut self, model: &mut Model) -> Result<Option<Option<StepReport>>, Error> {
        self.begin(model, Model::train_next, Model::train_ahead)
    }

    /// Begins to measure the next batch, likewise.
    pub(super) fn measure(&mut self, model: &mut Model) -> Result<Option<Option<StepReport>>, Error> {
        self.begin(model, Model::evaluate_next, Model::evaluate_ahead)
    }

    fn begin(
        &mut self,
        model: &mut Model,
        next: fn(&mut Model, &mut Epoch) -> Result<Option<StepReport>, Error>,
        ahead: fn(&mut Model, &mut Batch) -> Result<Option<StepReport>, Error>,
    ) -> Result<Option<Option<StepReport>>, Error> {
        match self {
            Batches::Kept(epoch) if epoch.is_done() => Ok(None),
            Batches::Kept(epoch) => next(model, epoch).map(Some),
            Batches::Loaded(loader) => {
                let Some(mut batch) = loader.next() else { return Ok(None) };
                let report = ahead(model, &mut batch)?;
                loader.recycle(batch);
                Ok(Some(report))
            }
        }
    }
}
