//! Measures a model on a part of a data set.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::batches::Batches;
use super::config::Source;
use super::progress::Totals;
use super::task::Task;
use crate::data::{self, Augment, Dataset, LoaderOptions, Order, Request, Splits, Statistics};
use crate::error::Error;
use crate::model::{Model, StepReport};
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
    let mut batches = Batches::new(model, dataset, options)?;
    let mut totals = Totals::default();
    let mut broken_off = false;
    while let Some(report) = batches.measure(model)? {
        broken_off |= report.is_some_and(|report| add(&mut totals, &report, &mut after_batch).is_break());
        if broken_off {
            break;
        }
    }
    while let Some(report) = model.finish()? {
        broken_off |= add(&mut totals, &report, &mut after_batch).is_break();
    }
    Ok((!broken_off).then_some(totals))
}

fn add(
    totals: &mut Totals,
    report: &StepReport,
    after_batch: &mut impl FnMut(usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    totals.add(report);
    after_batch(report.samples)
}
