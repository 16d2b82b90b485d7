//! Measures a model on a part of a data set.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::config::Source;
use super::progress::Totals;
use super::task::Task;
use crate::data::{self, Augment, Dataset, Loader, LoaderOptions, Order, Request, Splits, Statistics};
use crate::error::Error;
use crate::model::Model;
use crate::program::Program;

/// Reads the data set `source` and checks that it fits the network.
pub fn load_data(program: &Program, source: &Source) -> Result<Splits, Error> {
    let task = Task::of(program)?;
    let request = Request {
        format: &source.format,
        path: source.path.as_deref(),
        target: source.target.as_deref(),
        input: task.input,
        output: task.output,
        wanted: task.kind,
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
    let task = Task::of(model.program())?;
    let options = LoaderOptions {
        order: Order::Sequential,
        batch,
        first_step: 0,
        augment: Augment::default(),
        seed: 0,
        epoch: 0,
        statistics: statistics.clone(),
        input: task.input.to_vec(),
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
