//! Measures a model on a part of a data set.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::config::Source;
use super::progress::Totals;
use crate::data::{self, Augment, Dataset, Loader, LoaderOptions, Order, Request, Splits, Statistics};
use crate::error::Error;
use crate::model::Model;
use crate::program::{Program, Target};

/// Reads the data set `source` and checks that it fits the network.
pub fn load_data(program: &Program, source: &Source) -> Result<Splits, Error> {
    let request = Request {
        format: &source.format,
        path: source.path.as_deref(),
        target: source.target.as_deref(),
        input: program.input,
        output: program.output,
        wanted: program.defaults.target,
        augment: Augment { flip: program.defaults.flip, crop: program.defaults.crop },
    };
    Ok(data::load(&request)?)
}

/// Sums loss and right answers over `dataset`, `batch` samples at a time. `after_batch` hears of
/// each batch's size and may end the evaluation, which then gives nothing.
pub fn evaluate(
    model: &mut Model,
    dataset: &Arc<Dataset>,
    statistics: &Statistics,
    batch: usize,
    mut after_batch: impl FnMut(usize) -> ControlFlow<()>,
) -> Result<Option<Totals>, Error> {
    let options = LoaderOptions {
        order: Order::Sequential,
        batch,
        first_step: 0,
        augment: Augment::default(),
        seed: 0,
        epoch: 0,
        statistics: statistics.clone(),
        input: model.program().input.to_vec(),
    };
    let mut loader = Loader::new(Arc::clone(dataset), options)?;
    let mut totals = Totals::default();
    while let Some(mut batch) = loader.next() {
        totals.add(&model.evaluate_batch(&mut batch)?);
        let size = batch.size;
        loader.recycle(batch);
        if after_batch(size).is_break() {
            return Ok(None);
        }
    }
    Ok(Some(totals))
}

/// Whether the network predicts classes.
pub(super) fn has_classes(program: &Program) -> bool {
    program.defaults.target == Target::Class
}
