//! Batches: which samples, in which order, and how changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nnc_runtime::data::{
    Augment, Batch, Dataset, Loader, LoaderOptions, Order, Samples, Statistics, Storage, Targets,
};

const SHAPE: [usize; 3] = [1, 2, 2];

/// `count` images; image `n` has pixels around `10 n` and class `n mod 3`.
fn dataset(count: usize) -> Arc<Dataset> {
    let pixels = (0..count).flat_map(|n| (0..4).map(move |pixel| (10 * n + pixel) as f32)).collect();
    let labels = (0..count).map(|n| n as u32 % 3).collect();
    let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
    let samples = Samples::new(&SHAPE, Storage::Values(pixels)).unwrap();
    Arc::new(Dataset::new(samples, Targets::Classes(labels), classes).unwrap())
}

fn options(batch: usize) -> LoaderOptions {
    LoaderOptions {
        order: Order::Shuffled,
        batch,
        first_step: 0,
        augment: Augment::default(),
        seed: 1,
        epoch: 0,
        statistics: Statistics::identity(&SHAPE),
        input: SHAPE.to_vec(),
    }
}

fn batches(set: &Arc<Dataset>, options: LoaderOptions) -> Vec<Batch> {
    Loader::new(set.clone(), options).unwrap().collect()
}

/// The numbers of the samples in `batches`.
fn numbers(batches: &[Batch]) -> Vec<usize> {
    batches.iter().flat_map(|batch| batch.inputs.chunks(4).map(|input| input[0] as usize / 10)).collect()
}

#[test]
fn shuffling_covers_all_samples_with_their_labels() {
    let set = dataset(50);
    let all = batches(&set, options(8));
    let order = numbers(&all);
    let labels: Vec<u32> = all
        .iter()
        .flat_map(|batch| match &batch.targets {
            Targets::Classes(classes) => classes.clone(),
            Targets::Values { .. } => panic!("expected classes"),
        })
        .collect();
    assert!(order.iter().zip(&labels).all(|(&number, &label)| number as u32 % 3 == label));
    assert!(!order.is_sorted());
    let mut sorted = order;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..50).collect::<Vec<_>>());
}

#[test]
fn the_last_batch_holds_the_rest() {
    let sizes = |count, batch| -> Vec<usize> {
        batches(&dataset(count), options(batch)).iter().map(|batch| batch.size).collect()
    };
    assert_eq!(sizes(50, 8), [8, 8, 8, 8, 8, 8, 2]);
    assert_eq!(sizes(16, 8), [8, 8]);
    assert_eq!(sizes(3, 8), [3]);
    assert!(sizes(0, 8).is_empty());
    assert_eq!(batches(&dataset(50), options(8))[6].inputs.len(), 8);
}

#[test]
fn seed_and_epoch_decide_everything() {
    let set = dataset(50);
    let augment = Augment { flip: true, crop: 1 };
    let with = |seed, epoch| batches(&set, LoaderOptions { seed, epoch, augment, ..options(8) });
    assert_eq!(with(1, 0), with(1, 0));
    assert_ne!(with(1, 0), with(1, 1));
    assert_ne!(with(1, 0), with(2, 0));
}

#[test]
fn every_epoch_has_its_own_order() {
    let set = dataset(50);
    let order = |seed, epoch| numbers(&batches(&set, LoaderOptions { seed, epoch, ..options(8) }));
    assert_ne!(order(1, 0), order(1, 1));
    assert_ne!(order(1, 0), order(2, 0));
}

#[test]
fn resuming_yields_the_tail_of_the_epoch() {
    let set = dataset(50);
    let augment = Augment { flip: true, crop: 1 };
    let from = |first_step| batches(&set, LoaderOptions { first_step, augment, ..options(8) });
    let whole = from(0);
    for first_step in 0..=8 {
        assert_eq!(from(first_step), whole[first_step.min(7)..]);
    }
}

#[test]
fn recycled_buffers_change_nothing() {
    let set = dataset(50);
    let whole = batches(&set, options(8));
    let mut loader = Loader::new(set, options(8)).unwrap();
    let mut seen = Vec::new();
    while let Some(batch) = loader.next() {
        seen.push(batch.clone());
        loader.recycle(batch);
    }
    assert_eq!(seen, whole);
}

#[test]
fn in_sequence_the_samples_come_as_stored() {
    let all = batches(&dataset(20), LoaderOptions { order: Order::Sequential, ..options(8) });
    assert_eq!(numbers(&all), (0..20).collect::<Vec<_>>());
}

/// What augmentation does to a sample depends on the sample, not on its place in the epoch.
#[test]
fn augmentation_is_the_samples_own() {
    let set = dataset(30);
    let augment = Augment { flip: true, crop: 1 };
    let sorted = |order, batch| {
        let all = batches(&set, LoaderOptions { order, augment, ..options(batch) });
        let mut inputs: Vec<Vec<u32>> = all
            .iter()
            .flat_map(|batch| batch.inputs.chunks(4))
            .map(|input| input.iter().map(|x| x.to_bits()).collect())
            .collect();
        inputs.sort();
        inputs
    };
    assert_eq!(sorted(Order::Shuffled, 8), sorted(Order::Sequential, 7));
}

#[test]
fn about_half_of_the_samples_are_mirrored() {
    let set = dataset(200);
    let augment = Augment { flip: true, crop: 0 };
    let all = batches(&set, LoaderOptions { augment, ..options(8) });
    let inputs: Vec<&[f32]> = all.iter().flat_map(|batch| batch.inputs.chunks(4)).collect();
    let mirrored = inputs.iter().filter(|input| input[0] > input[1]).count();
    assert!((70..130).contains(&mirrored), "{mirrored}");
    assert!(inputs.iter().all(|input| (input[0] - input[1]).abs() == 1.0 && input[2] - input[0] == 2.0));
}

#[test]
fn inputs_are_standardised() {
    let set = dataset(50);
    let statistics = Statistics::of(set.samples());
    let all = batches(&set, LoaderOptions { statistics, ..options(7) });
    let inputs: Vec<f64> = all.iter().flat_map(|batch| &batch.inputs).map(|&x| x as f64).collect();
    let mean = inputs.iter().sum::<f64>() / inputs.len() as f64;
    let variance = inputs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / inputs.len() as f64;
    assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{mean} {variance}");
}

#[test]
fn values_are_batched_like_classes() {
    let samples = Samples::new(&[1], Storage::Values((0..5).map(|n| n as f32).collect())).unwrap();
    let targets = Targets::Values { width: 2, values: (0..10).map(|n| n as f32).collect() };
    let set = Arc::new(Dataset::new(samples, targets, Vec::new()).unwrap());
    let statistics = Statistics::identity(&[1]);
    for batch in batches(&set, LoaderOptions { statistics, input: vec![1], ..options(2) }) {
        let expected = batch.inputs.iter().flat_map(|x| [2.0 * x, 2.0 * x + 1.0]).collect();
        assert_eq!(batch.targets, Targets::Values { width: 2, values: expected });
    }
}

#[test]
fn dropping_a_loader_ends_its_thread() {
    let set = dataset(100_000);
    for taken in [0, 1, 3] {
        let mut loader = Loader::new(set.clone(), options(1)).unwrap();
        loader.by_ref().take(taken).for_each(drop);
        let start = Instant::now();
        drop(loader);
        assert!(start.elapsed() < Duration::from_secs(2));
    }
    // The threads held the other handles.
    assert_eq!(Arc::strong_count(&set), 1);
}

#[test]
fn impossible_options_are_refused() {
    let message = |options| Loader::new(dataset(4), options).unwrap_err().message().to_owned();
    assert_eq!(message(options(0)), "a batch of 0 samples holds nothing");
    assert_eq!(
        message(LoaderOptions { input: vec![5], ..options(1) }),
        "the network takes 5, but the data is 1x2x2"
    );
    assert_eq!(
        message(LoaderOptions { statistics: Statistics::identity(&[3, 2, 2]), ..options(1) }),
        "the statistics are of 3 channels, but the data has 1"
    );
}
