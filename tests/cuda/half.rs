//! Half precision, whose gradients are kept in its range by a loss scale.

use std::path::Path;

use nnc::runtime::checkpoint::Checkpoint;
use nnc::runtime::program::Program;
use nnc::runtime::{LossScale, data};
use nnc::{Error, Model, Precision};

use crate::networks::{Batch, KINKS, bits_of, compare, convolution, digits, loaded, pair};

nnc::network! {
    Plain<6 -> 4> { linear 16 relu linear 4 }
    train Plain { optimizer adam lr=0.01 }

    activation root(x) = sqrt(x)
    Root<2 -> 1> { linear 1 root }
    train Root { loss mse }
}

/// The largest scale there is: the first gradients go beyond 65504.
const LARGEST: f32 = 16_777_216.0;

fn model(program: &'static Program) -> Model {
    let [_, gpu] = pair(program, Precision::F16);
    gpu
}

/// Lets training go on from a loss scale, as a checkpoint would.
fn set_scale(model: &mut Model, scale: f32, good_steps: u32) {
    let mut checkpoint = model.checkpoint().expect("memory");
    let old = checkpoint.metadata.loss_scale.expect("half precision has one");
    checkpoint.metadata.loss_scale = Some(LossScale { scale, good_steps, ..old });
    model.restore(&checkpoint, Path::new("a test's")).expect("its own");
}

fn scale(model: &Model) -> LossScale {
    model.loss_scale().expect("no batch is under way").expect("half precision has one")
}

/// Trains the digits beside the processor: losses, and gradients without their scale.
pub(crate) fn trains() {
    let program = digits();
    let [mut cpu, mut gpu] = pair(program, Precision::F16);
    let batch = Batch::random(program, 8, 3);
    let mut losses = Vec::new();
    for step in 0..5 {
        let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.train(model).loss);
        compare(program, "loss", &[found], &[expected], 2e-2);
        losses.push(found);
        if step == 0 {
            let share = difference_of_gradients(program, &gpu, &cpu);
            assert!(share <= KINKS, "the gradients are off by {share}");
        }
    }
    assert!(losses[4] < 0.5 * losses[0], "nothing is learnt: {losses:?}");
    assert_eq!(scale(&gpu), LossScale { good_steps: 5, ..LossScale::default() });
    let [_, narrow] = pair(program, Precision::Bf16);
    assert_eq!((gpu.memory(), narrow.loss_scale().expect("idle")), (narrow.memory(), None));
}

/// How far gradients are from those expected, relative to their length. As a whole, because rounding puts some numbers on
/// the other side of a ReLU.
pub(crate) fn difference_of_gradients(program: &Program, found: &Model, expected: &Model) -> f64 {
    let [found, expected] = [found, expected].map(|model| gradients(program, model));
    let difference = found.iter().zip(&expected).map(|(found, expected)| found - expected);
    length(difference) / length(expected.iter().copied())
}

fn length(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

fn gradients(program: &Program, model: &Model) -> Vec<f32> {
    let of =
        |parameter: &nnc::runtime::program::Parameter| model.gradient(parameter.name).expect("it learns");
    program.parameters.iter().flat_map(of).collect()
}

/// A scale that is too large falls until a step is good, and nothing else is different: not the parameters and states, nor
/// the optimiser's count of its updates.
pub(crate) fn overflow() {
    for program in [Plain::new(0).model().program(), convolution()] {
        let batch = Batch::random(program, 5, 3);
        let mut skipping = model(program);
        set_scale(&mut skipping, LARGEST, 0);
        let before = skipping.checkpoint().expect("memory").tensors;
        let mut skipped = 0;
        loop {
            let loss = batch.train(&mut skipping).loss;
            assert!(loss.is_finite(), "{}", program.name);
            if scale(&skipping).skipped == skipped {
                break;
            }
            skipped += 1;
            let expected = LossScale { scale: LARGEST / 2f32.powi(skipped as i32), good_steps: 0, skipped };
            assert_eq!((scale(&skipping), skipping.step()), (expected, skipped));
            assert_eq!(skipping.checkpoint().expect("memory").tensors, before, "{}", program.name);
        }
        assert!((2..20).contains(&skipped), "{}: {skipped} steps were skipped", program.name);
        let mut direct = model(program);
        set_scale(&mut direct, scale(&skipping).scale, 0);
        batch.train(&mut direct);
        for _ in 0..2 {
            assert_eq!(bits_of(program, &skipping), bits_of(program, &direct), "{}", program.name);
            assert_eq!(gradients(program, &skipping), gradients(program, &direct), "{}", program.name);
            for model in [&mut skipping, &mut direct] {
                batch.train(model);
            }
        }
        assert_eq!((scale(&skipping).good_steps, skipping.step()), (3, 3 + skipped));
    }
}

/// Steps that run ahead of their reports skip as those that are waited for.
pub(crate) fn ahead() {
    let program = convolution();
    let mut batches: Vec<data::Batch> = (0..14).map(|step| loaded(program, 4, step)).collect();
    let [mut ahead, mut one_by_one] = [(); 2].map(|()| model(program));
    for model in [&mut ahead, &mut one_by_one] {
        set_scale(model, LARGEST, 0);
    }
    for batch in &mut batches {
        one_by_one.train_batch(batch).expect("it fits");
        ahead.train_ahead(batch).expect("it fits");
    }
    assert!(ahead.loss_scale().is_err(), "batches are under way");
    while ahead.finish().expect("it goes on").is_some() {}
    assert_eq!(bits_of(program, &ahead), bits_of(program, &one_by_one));
    assert_eq!((scale(&ahead), ahead.step()), (scale(&one_by_one), 14));
}

/// Training goes on from a checkpoint to the same bits, the scale and the count of good steps included.
pub(crate) fn resumed() {
    let program = Plain::new(0).model().program();
    let path = std::env::temp_dir().join(format!("nnc-half-{}.safetensors", std::process::id()));
    let batch = Batch::random(program, 5, 3);
    let mut first = model(program);
    // The scale doubles two steps after the checkpoint.
    set_scale(&mut first, 256.0, 1996);
    for _ in 0..2 {
        batch.train(&mut first);
    }
    first.save(&path).expect("a folder to write to");
    let mut second = model(program);
    second.restore(&Checkpoint::read(&path).expect("just written"), &path).expect("the same network");
    for _ in 0..4 {
        assert_eq!(batch.train(&mut first), batch.train(&mut second));
    }
    assert_eq!(scale(&first), LossScale { scale: 512.0, good_steps: 2, skipped: 0 });
    assert_eq!(first.checkpoint().expect("memory"), second.checkpoint().expect("memory"));
    elsewhere(program, &path);
    std::fs::remove_file(&path).expect("just written");
}

/// The processor takes such a checkpoint and leaves the scale out; half precision takes one without.
fn elsewhere(program: &'static Program, path: &Path) {
    let [mut cpu, mut gpu] = pair(program, Precision::F16);
    let mut checkpoint = Checkpoint::read(path).expect("just written");
    cpu.restore(&checkpoint, path).expect("the same network");
    assert_eq!(cpu.checkpoint().expect("memory").metadata.loss_scale, None);
    set_scale(&mut gpu, 2.0, 5);
    gpu.restore(&cpu.checkpoint().expect("memory"), path).expect("the same network");
    assert_eq!(scale(&gpu), LossScale::default());
    checkpoint.metadata.loss_scale = Some(LossScale { scale: 0.0, ..LossScale::default() });
    let error = gpu.restore(&checkpoint, path).expect_err("no training comes to that");
    assert!(matches!(error, Error::Checkpoint { .. }) && error.to_string().contains("loss scale"), "{error}");
}

/// Where the scale is not at fault training stops: at once if the loss is not finite, else when the scale has fallen to 1.
pub(crate) fn not_finite() {
    let program = Root::new(0).model().program();
    let mut gpu = model(program);
    for parameter in program.parameters {
        let zeros = vec![0.0; parameter.shape.iter().product()];
        gpu.set_parameter(parameter.name, &zeros).expect("it is its own");
    }
    set_scale(&mut gpu, 4.0, 0);
    let batch = Batch::random(program, 3, 3);
    for _ in 0..2 {
        batch.train(&mut gpu);
    }
    assert_eq!(scale(&gpu), LossScale { scale: 1.0, good_steps: 0, skipped: 2 });
    let error = gpu.train_step_many(&batch.inputs(), &batch.targets()).expect_err("√ has no slope at 0");
    let Error::NonFinite(failure) = &error else { panic!("{error}") };
    assert!(failure.loss.is_finite() && failure.gradient.is_some() && failure.step == 3, "{error}");
    assert_eq!((scale(&gpu).skipped, gpu.step()), (2, 2));

    let program = Plain::new(0).model().program();
    let (mut gpu, batch) = (model(program), Batch::random(program, 3, 3));
    batch.train(&mut gpu);
    let before = scale(&gpu);
    let fresh = gpu.parameter("linear2.weight").expect("it has one");
    gpu.set_parameter("linear2.weight", &vec![1e5; fresh.len()]).expect("it has one");
    let error = gpu.train_step_many(&batch.inputs(), &batch.targets()).expect_err("1e5 is infinite");
    let Error::NonFinite(failure) = &error else { panic!("{error}") };
    assert!(!failure.loss.is_finite() && failure.layer.as_deref() == Some("linear2"), "{error}");
    assert!(error.help().is_some_and(|help| help.contains("bf16")), "{error}");
    gpu.set_parameter("linear2.weight", &fresh).expect("it has one");
    assert_eq!((scale(&gpu), gpu.step()), (before, 1));
    batch.train(&mut gpu);
    assert_eq!(scale(&gpu).good_steps, 2);
}
