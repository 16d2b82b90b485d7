//! Batches from a data set on the device, against the loader.

use std::sync::Arc;

use nnc_emulator::{Real, to_half};
use nnc_runtime::data::{
    Augment, Dataset, Loader, LoaderOptions, Order, Samples, Statistics, Storage, Targets,
};
use nnc_runtime::random::permutation;

use crate::{Buffer, Kernels, to_bf16};

/// `Epoch` of `gather.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Epoch {
    seed: u64,
    epoch: u64,
    first: i64,
}

const COUNT: usize = 11;
const BATCH: usize = 4;
const EPOCH: Epoch = Epoch { seed: 7 << 33 | 5, epoch: 3, first: 0 };
const BLOCK: usize = 2048;

fn dataset(shape: &[usize], bytes: bool) -> Dataset {
    let len = COUNT * shape.iter().product::<usize>();
    let byte = |index: usize| ((index as u32).wrapping_mul(2_654_435_769) >> 24) as u8;
    let storage = if bytes {
        Storage::Bytes((0..len).map(byte).collect())
    } else {
        Storage::Values((0..len).map(|index| f32::from(byte(index)) * 0.37 - 20.0).collect())
    };
    let samples = Samples::new(shape, storage).expect("whole samples");
    let targets = Targets::Classes((0..COUNT as u32).map(|index| index % 3).collect());
    Dataset::new(samples, targets, ["a", "b", "c"].map(str::to_owned).into()).expect("a data set")
}

/// Height, width and channels of a shape with the channels first.
fn map(shape: &[usize]) -> [usize; 3] {
    match *shape {
        [channels, height, width] => [height, width, channels],
        [channels, ref spatial @ ..] if !spatial.is_empty() => [1, spatial.iter().product(), channels],
        _ => [1, 1, shape.iter().product()],
    }
}

/// One batch after the other as the device makes them: bits of inputs, and labels.
fn batches(
    dataset: &Dataset,
    statistics: &Statistics,
    transposed: bool,
    augment: Augment,
    real: Real,
    reverse: bool,
) -> Vec<(Vec<u32>, Vec<u32>)> {
    let kernels = Kernels::new("gather.cu", real);
    let [height, width, channels] = map(dataset.shape());
    let len = height * width * channels;
    let (mut bytes, mut values) = match dataset.samples().storage() {
        Storage::Bytes(bytes) => (Buffer::new(bytes), Buffer::new(&[])),
        Storage::Values(values) => (Buffer::new(&[]), Buffer::new(values)),
    };
    let are_bytes = bytes.len > 0;
    let samples = if are_bytes { bytes.address() } else { values.address() };
    let Targets::Classes(classes) = dataset.targets() else { unreachable!("made with classes") };
    let (mut classes, mut epoch) = (Buffer::new(classes), Buffer::new(&[EPOCH]));
    let mut order = Buffer::new(&permutation(EPOCH.seed, EPOCH.epoch, COUNT));
    let mut mean = Buffer::new(&statistics.mean);
    let mut scale = Buffer::new(&statistics.std.iter().map(|std| 1.0 / std).collect::<Vec<f32>>());
    let mut batch = |start: usize| {
        let size = BATCH.min(COUNT - start);
        let mut wide = Buffer::new(&vec![f32::NAN; if real == Real::Float { size * len } else { 0 }]);
        let mut narrow = Buffer::new(&vec![u16::MAX; if real == Real::Float { 0 } else { size * len }]);
        let input = if real == Real::Float { wide.address() } else { narrow.address() };
        let sizes = [height, width, channels, mean.len].map(|size| size as u64);
        let flags = [u64::from(transposed), u64::from(augment.flip), augment.crop as u64];
        let addresses = [samples, order.address(), mean.address(), scale.address(), epoch.address(), input];
        let arguments = [&addresses[..], &[u64::from(are_bytes)], &sizes, &flags].concat();
        kernels.run("nnc_gather", size * len.div_ceil(BLOCK), &arguments, reverse);
        let mut labels = Buffer::new(&vec![u32::MAX; size]);
        let addresses = [classes.address(), order.address(), epoch.address(), labels.address()];
        kernels.run("nnc_gather_targets", 1, &[&addresses[..], &[1, size as u64]].concat(), reverse);
        kernels.run("nnc_next_batch", 1, &[epoch.address(), size as u64], reverse);
        let wide = wide.values().into_iter().map(f32::to_bits);
        (wide.chain(narrow.values().into_iter().map(u32::from)).collect(), labels.values())
    };
    (0..COUNT).step_by(BATCH).map(&mut batch).collect()
}

fn check(shape: &[usize], input: &[usize], augment: Augment, bytes: bool) {
    let dataset = dataset(shape, bytes);
    let statistics = Statistics::of(dataset.samples());
    let options = LoaderOptions {
        order: Order::Shuffled,
        batch: BATCH,
        first_step: 0,
        augment,
        seed: EPOCH.seed,
        epoch: EPOCH.epoch,
        statistics: statistics.clone(),
        input: input.to_vec(),
    };
    let transposed = input != shape;
    let ways = [(Real::Float, false), (Real::Float, true), (Real::Bf16, false), (Real::Half, false)];
    for (real, reverse) in ways {
        let bits = |value: f32| match real {
            Real::Float => value.to_bits(),
            Real::Bf16 => u32::from(to_bf16(value)),
            Real::Half => u32::from(to_half(value)),
        };
        let found = batches(&dataset, &statistics, transposed, augment, real, reverse);
        let expected = Loader::new(Arc::new(dataset.clone()), options.clone()).expect("fitting shapes");
        for (number, (batch, (inputs, labels))) in expected.zip(&found).enumerate() {
            let context = format!("batch {number} of {shape:?} as {input:?} with {augment:?}");
            assert_eq!(Targets::Classes(labels.clone()), batch.targets, "{context}");
            assert!(batch.inputs.iter().map(|value| bits(*value)).eq(inputs.iter().copied()), "{context}");
        }
        assert_eq!(found.len(), COUNT.div_ceil(BATCH));
    }
}

#[test]
fn batches_are_those_of_the_loader() {
    let none = Augment::default();
    for bytes in [false, true] {
        for augment in [
            none,
            Augment { flip: true, crop: 0 },
            Augment { flip: true, crop: 2 },
            Augment { flip: false, crop: 9 },
        ] {
            check(&[3, 8, 7], &[3, 8, 7], augment, bytes);
            check(&[3, 8, 7], &[168], augment, bytes);
        }
        check(&[1, 1, 5], &[1, 1, 5], Augment { flip: true, crop: 3 }, bytes);
        check(&[3, 33, 40], &[3, 33, 40], Augment { flip: true, crop: 4 }, bytes);
        check(&[2, 9], &[2, 9], none, bytes);
        check(&[6], &[6], none, bytes);
    }
}
