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

fn dataset(program: &Program, broken: Option<usize>) -> Arc<Dataset> {
    let shape = program.inputs[0].shape;
    let len = COUNT * shape.iter().product::<usize>();
    let mut values: Vec<f32> = (0..len).map(|index| (index * 37 % 101) as f32 * 0.3 - 11.0).collect();
    if let Some(sample) = broken {
        values[sample * (len / COUNT) + 2] = f32::NAN;
    }
    let samples = Samples::new(shape, Storage::Values(values)).expect("whole samples");
    let targets = Targets::Classes((0..COUNT as u32).map(|index| index % 5).collect());
    let classes = ["a", "b", "c", "d", "e"].map(str::to_owned);
    Arc::new(Dataset::new(samples, targets, classes.into()).expect("a data set"))
}

fn options(dataset: &Dataset, order: Order, first_step: usize, epoch: u64) -> LoaderOptions {
    LoaderOptions {
        order,
        batch: BATCH,
        first_step,
        augment: Augment { flip: order == Order::Shuffled, crop: 2 * usize::from(order == Order::Shuffled) },
        seed: 5,
        epoch,
        statistics: Statistics { mean: vec![1.0; 3], std: vec![8.0; 3] },
        input: dataset.shape().to_vec(),
    }
}

/// The same batches, reports and parameters as from the loader, in whole epochs and in parts of them.
pub(crate) fn agree() {
    let program = convolution();
    let dataset = dataset(program, None);
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
    let broken = dataset(program, Some(6));
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
