//! Data sets that the GPU keeps, against the loader.

use std::sync::Arc;

use nnc::runtime::data::{
    Augment, Dataset, Loader, LoaderOptions, Order, Samples, Statistics, Storage, Targets,
};
use nnc::runtime::program::Program;
use nnc::{Error, Model, Precision, StepReport};

use crate::networks::{bits_of, convolution, pair};

const COUNT: usize = 11;
const BATCH: usize = 4;

/// So many samples, one of them perhaps with a value that is not finite.
pub(crate) fn dataset(program: &Program, count: usize, broken: Option<usize>) -> Arc<Dataset> {
    labelled(program.inputs[0].shape, count, 5, broken)
}

/// The same with samples of this shape, in as many classes.
fn labelled(shape: &[usize], count: usize, classes: u32, broken: Option<usize>) -> Arc<Dataset> {
    let len = count * shape.iter().product::<usize>();
    let mut values: Vec<f32> = (0..len).map(|index| (index * 37 % 101) as f32 * 0.3 - 11.0).collect();
    if let Some(sample) = broken {
        values[sample * (len / count) + 2] = f32::NAN;
    }
    let samples = Samples::new(shape, Storage::Values(values)).expect("whole samples");
    let targets = Targets::Classes((0..count as u32).map(|index| index % classes).collect());
    let names = (0..classes).map(|class| class.to_string()).collect();
    Arc::new(Dataset::new(samples, targets, names).expect("a data set"))
}

pub(crate) fn options(dataset: &Dataset, order: Order, first_step: usize, epoch: u64) -> LoaderOptions {
    let channels = dataset.shape()[0];
    LoaderOptions {
        order,
        batch: BATCH,
        first_step,
        augment: Augment { flip: order == Order::Shuffled, crop: 2 * usize::from(order == Order::Shuffled) },
        seed: 5,
        epoch,
        statistics: Statistics { mean: vec![1.0; channels], std: vec![8.0; channels] },
        input: dataset.shape().to_vec(),
    }
}

/// The same batches, reports and parameters as from the loader, in whole epochs and in parts of them.
pub(crate) fn agree() {
    let program = convolution();
    let dataset = dataset(program, COUNT, None);
    for precision in [Precision::F32, Precision::Bf16, Precision::F16] {
        let [_, mut loaded] = pair(program, precision);
        let [_, mut kept] = pair(program, precision);
        for (first_step, epoch) in [(0, 0), (1, 1), (0, 2)] {
            let training = options(&dataset, Order::Shuffled, first_step, epoch);
            let expected = by_loader(&mut loaded, &dataset, &training, Model::train_batch);
            assert_eq!(trained(&mut kept, &dataset, &training).expect("it goes on"), expected);
            assert_eq!(bits_of(program, &kept), bits_of(program, &loaded), "epoch {epoch}");
            let evaluation = options(&dataset, Order::Sequential, 0, 0);
            let expected = by_loader(&mut loaded, &dataset, &evaluation, Model::evaluate_batch);
            assert_eq!(measured(&mut kept, &dataset, &evaluation), expected);
        }
    }
}

/// A sample that is not finite stops the step that it is in, and nothing else.
pub(crate) fn not_finite() {
    let program = convolution();
    let broken = dataset(program, COUNT, Some(6));
    let [_, mut kept] = pair(program, Precision::F32);
    let [_, mut loaded] = pair(program, Precision::F32);
    let sequential = options(&broken, Order::Sequential, 0, 0);
    let mut first = Loader::new(Arc::clone(&broken), sequential.clone()).expect("it fits").next();
    let good = first.as_mut().expect("a batch");
    loaded.train_batch(good).expect("the first batch is good");
    let error = trained(&mut kept, &broken, &sequential).expect_err("the second batch is not finite");
    assert!(matches!(&error, Error::NonFinite(found) if found.input && found.step == 2), "{error}");
    assert_eq!((kept.step(), bits_of(program, &kept)), (1, bits_of(program, &loaded)));
    let [found, expected] = [&mut kept, &mut loaded].map(|model| model.train_batch(good).expect("it fits"));
    assert_eq!(found, expected);
}

/// Of batches that are measured in a row, those that are not finite are missing, and no others.
pub(crate) fn goes_on() {
    let program = convolution();
    let broken = dataset(program, COUNT, Some(6));
    let [_, mut kept] = pair(program, Precision::F32);
    let [_, mut loaded] = pair(program, Precision::F32);
    let small = LoaderOptions { batch: 2, ..options(&broken, Order::Sequential, 0, 0) };
    let loader = Loader::new(Arc::clone(&broken), small.clone()).expect("it fits");
    let expected: Vec<_> = loader.map(|mut batch| loaded.evaluate_batch(&mut batch).ok()).collect();
    assert_eq!(expected.iter().position(Option::is_none), Some(3));
    let mut found = Vec::new();
    let mut epoch = kept.epoch(&broken, &small).expect("it fits").expect("the GPU has room");
    while !epoch.is_done() {
        found.extend(kept.evaluate_next(&mut epoch).map_or(Some(None), |report| report.map(Some)));
    }
    while let Some(report) = kept.finish().map_or(Some(None), |report| report.map(Some)) {
        found.push(report);
    }
    assert_eq!(found, expected);
}

/// What does not belong together, or comes at the wrong time, is an error, and nothing else happens.
pub(crate) fn refused() {
    let program = convolution();
    let [_, mut model] = pair(program, Precision::F32);
    let [_, mut other] = pair(program, Precision::F32);
    let dataset = dataset(program, COUNT, None);
    let whole = LoaderOptions { batch: COUNT, ..options(&dataset, Order::Sequential, 0, 0) };
    let begin = |model: &mut Model| model.epoch(&dataset, &whole).expect("it fits").expect("it has room");
    let (mut stale, mut epoch) = (begin(&mut model), begin(&mut model));
    let mut foreign = begin(&mut other);
    for wrong in [&mut stale, &mut foreign] {
        refuse(model.train_next(wrong), "the epoch is over, or another model's");
        refuse(model.evaluate_next(wrong), "the epoch is over, or another model's");
    }
    assert!(model.train_next(&mut epoch).expect("it is the right one").is_none());
    refuse(model.train_next(&mut epoch), "the epoch is over");
    refuse(model.checkpoint(), "a checkpoint is made while batches are under way");
    refuse(model.epoch(&dataset, &whole), "an epoch begins while batches are under way");
    assert!(model.finish().expect("it goes on").is_some_and(|report| report.samples == COUNT));
    assert_eq!((model.checkpoint().expect("nothing is under way").metadata.step, other.step()), (1, 0));
    let (many, large) = (labelled(&[3, 8, 6], COUNT, 6, None), labelled(&[3, 8, 8], COUNT, 5, None));
    for (unfit, message) in [(many, "the label of sample 5 is 5"), (large, "found batches of [3, 8, 8]")] {
        refuse(model.epoch(&unfit, &options(&unfit, Order::Sequential, 0, 0)), message);
    }
}

#[track_caller]
fn refuse<T>(result: Result<T, Error>, message: &str) {
    let error = result.err().expect("it is refused").to_string();
    assert!(error.contains(message), "{error}");
}

fn by_loader(
    model: &mut Model,
    dataset: &Arc<Dataset>,
    options: &LoaderOptions,
    run: fn(&mut Model, &mut nnc::runtime::data::Batch) -> Result<StepReport, Error>,
) -> Vec<StepReport> {
    let loader = Loader::new(Arc::clone(dataset), options.clone()).expect("it fits");
    loader.map(|mut batch| run(model, &mut batch).expect("it fits")).collect()
}

fn trained(
    model: &mut Model,
    dataset: &Arc<Dataset>,
    options: &LoaderOptions,
) -> Result<Vec<StepReport>, Error> {
    let mut epoch = model.epoch(dataset, options)?.expect("the GPU has room");
    let mut reports = Vec::new();
    while !epoch.is_done() {
        reports.extend(model.train_next(&mut epoch)?);
    }
    while let Some(report) = model.finish()? {
        reports.push(report);
    }
    Ok(reports)
}

fn measured(model: &mut Model, dataset: &Arc<Dataset>, options: &LoaderOptions) -> Vec<StepReport> {
    let mut epoch = model.epoch(dataset, options).expect("it fits").expect("the GPU has room");
    let mut reports = Vec::new();
    while !epoch.is_done() {
        reports.extend(model.evaluate_next(&mut epoch).expect("it goes on"));
    }
    while let Some(report) = model.finish().expect("it goes on") {
        reports.push(report);
    }
    reports
}
