//! A batch that lies on the GPU, as the other systems have it: a data set of its copies, epoch after epoch.

use std::sync::Arc;

use nnc::runtime::Epoch;
use nnc::runtime::data::{Augment, Dataset, LoaderOptions, Order, Samples, Statistics, Storage, Targets};
use nnc::{Model, StepReport};
use protocol::{Request, Result};

/// Copies of the batch, so that an epoch rarely begins.
const COPIES: usize = 20;

pub(crate) struct Kept {
    dataset: Arc<Dataset>,
    options: LoaderOptions,
    epoch: Option<Epoch>,
}

impl Kept {
    pub(crate) fn new(inputs: &[f32], labels: &[u32], request: &Request) -> Result<Kept> {
        let shape = &request.network.input;
        let batch: Vec<f32> = inputs
            .chunks_exact(request.sample_len())
            .flat_map(|sample| channels_last(sample, shape[0]))
            .collect();
        let samples = Samples::new(shape, Storage::Values(batch.repeat(COPIES)))?;
        let names = (0..request.network.classes).map(|class| class.to_string()).collect();
        let dataset = Dataset::new(samples, Targets::Classes(labels.repeat(COPIES)), names)?;
        let options = LoaderOptions {
            order: Order::Sequential,
            batch: request.batch,
            first_step: 0,
            augment: Augment::default(),
            seed: 0,
            epoch: 0,
            statistics: Statistics::identity(shape),
            input: shape.clone(),
        };
        Ok(Kept { dataset: Arc::new(dataset), options, epoch: None })
    }

    /// Begins the next batch.
    pub(crate) fn begin(
        &mut self,
        model: &mut Model,
        next: fn(&mut Model, &mut Epoch) -> std::result::Result<Option<StepReport>, nnc::Error>,
    ) -> Result<()> {
        if self.epoch.as_ref().is_none_or(Epoch::is_done) {
            while model.finish()?.is_some() {}
            self.epoch = model.epoch(&self.dataset, &self.options)?;
        }
        let epoch = self.epoch.as_mut().ok_or("the batch does not fit on the GPU")?;
        next(model, epoch)?;
        Ok(())
    }
}

/// A sample with its channels last.
fn channels_last(sample: &[f32], channels: usize) -> Vec<f32> {
    let positions = sample.len() / channels;
    (0..sample.len()).map(|index| sample[index % channels * positions + index / channels]).collect()
}
