//! Networks on the fake GPU beside the same ones on the processor.

use std::sync::Arc;

use nnc::runtime::Gpu;
use nnc::runtime::checkpoint::Checkpoint;
use nnc::runtime::data;
use nnc::runtime::devices::cpu::Pool;
use nnc::runtime::program::{Program, TargetKind};
use nnc::runtime::random::{Purpose, Stream};
use nnc::runtime::select::{Mode, Selector};
use nnc::{Device, Model, Precision, Targets};

nnc::network! {
    Mlp<6 -> 4> { linear 8 relu linear 4 }
    Convolution<3x8x6 -> 5> { conv3 8 bn relu pool2 conv3 16 bn relu conv1 5 gap }
    Joined<4x6x6 -> 4> {
        residual { conv3 4 bn relu conv3 4 bn } relu dropout 0.3 concat { identity | dwconv3 } ln gelu
        flatten linear 4
    }
    train Joined { optimizer adam lr=0.01 weight_decay=0.001 }
    Smooth<3x16x16 -> 10> {
        conv3 16 bn tanh
        repeat 2 { residual { conv3 16 bn tanh conv3 16 bn } tanh }
        for c in [32, 64] {
            residual { conv3 (c) stride=2 bn tanh conv3 (c) bn } shortcut { conv1 (c) stride=2 bn } tanh
            residual { conv3 (c) bn tanh conv3 (c) bn } tanh
        }
        gap linear 10
    }
    Ports<image: 3x5x5, meta: 3 -> class: 10, box: 4> {
        allow(all)
        conv3 6 relu gap as seen
        from meta linear 6 tanh concat seen as both
        linear 10 as class
        from both linear 4 as box
    }
    train Ports { loss cross_entropy output=class loss huber output=box weight=0.5 optimizer sgd lr=0.1 momentum=0.9 }
}
nnc::network!("examples/digits.nn");
nnc::network!("examples/resnet20.nn");

/// The programs of networks that `network!` has made.
macro_rules! programs {
    ($($network:ident)*) => { [$($network::new(0).model().program()),*] };
}

pub(crate) fn mlp() -> &'static Program {
    Mlp::new(0).model().program()
}

pub(crate) fn convolution() -> &'static Program {
    Convolution::new(0).model().program()
}

pub(crate) fn digits() -> &'static Program {
    Digits::new(0).model().program()
}

pub(crate) fn resnet20() -> &'static Program {
    ResNet20::new(0).model().program()
}

/// What a result of one step may differ by, relative to the largest element of its tensor.
const ONE_STEP: f64 = 1e-5;

/// What a gradient may differ by as a whole where it goes through many ReLUs, relative to its length.
pub(crate) const KINKS: f64 = 0.05;

/// The same after some steps, or after tens of layers, in which differences grow.
const SOME_STEPS: f64 = 1e-3;

pub(crate) fn agree() {
    for program in programs![Mlp Convolution Joined Ports Smooth Digits] {
        let (samples, steps) = if program.name == "Smooth" { (2, 2) } else { (5, 4) };
        let [mut cpu, mut gpu] = pair(program, Precision::F32);
        let batch = Batch::random(program, samples, 3);
        agree_forward(program, &batch, &mut gpu, &mut cpu);
        for step in 0..steps {
            let is_exact = step == 0 && program.name != "Smooth";
            let tolerance = if is_exact { ONE_STEP } else { SOME_STEPS };
            let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.train(model));
            compare(program, "loss", &[found.loss], &[expected.loss], tolerance);
            compare_tensors(program, &gpu, &cpu, tolerance);
        }
    }
    agree_on_the_whole(resnet20());
}

/// Of hundreds of thousands of numbers some lie so near zero that rounding puts them on the other side of a ReLU. What
/// goes forward does not feel it; a gradient does, in the few positions behind it, so its length is what counts.
fn agree_on_the_whole(program: &'static Program) {
    let [mut cpu, mut gpu] = pair(program, Precision::F32);
    let batch = Batch::random(program, 2, 3);
    agree_forward(program, &batch, &mut gpu, &mut cpu);
    let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.train(model));
    compare(program, "loss", &[found.loss], &[expected.loss], ONE_STEP);
    let length =
        |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    for parameter in program.parameters {
        let [found, expected] =
            [&gpu, &cpu].map(|model| model.gradient(parameter.name).expect("nothing is frozen"));
        let difference = length(&mut found.iter().zip(&expected).map(|(found, expected)| found - expected));
        let share = difference / length(&mut expected.iter().copied());
        assert!(share <= KINKS, "{}: gradient of {} is off by {share}", program.name, parameter.name);
    }
}

fn agree_forward(program: &Program, batch: &Batch, gpu: &mut Model, cpu: &mut Model) {
    compare(program, "outputs", &batch.predict(gpu), &batch.predict(cpu), ONE_STEP);
    let [found, expected] = [gpu, cpu].map(|model| batch.evaluate(model));
    compare(program, "evaluated loss", &[found.loss], &[expected.loss], ONE_STEP);
    assert_eq!((found.correct, found.labels), (expected.correct, expected.labels), "{}", program.name);
}

/// The outputs and the loss at precisions with fewer bits, whose errors add up from layer to layer.
pub(crate) fn agree_roughly() {
    for (precision, tolerance) in [(Precision::Tf32, 5e-3), (Precision::Bf16, 5e-2), (Precision::F16, 1e-2)] {
        for program in programs![Mlp Convolution Ports] {
            let [mut cpu, mut gpu] = pair(program, precision);
            let batch = Batch::random(program, 5, 3);
            for _ in 0..3 {
                compare(program, "outputs", &batch.predict(&mut gpu), &batch.predict(&mut cpu), tolerance);
                let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.train(model).loss);
                compare(program, "loss", &[found], &[expected], tolerance);
            }
        }
    }
}

/// Sizes that come again, a smaller last batch, evaluation and prediction in between.
pub(crate) fn sizes() {
    let program = convolution();
    let [mut cpu, mut gpu] = pair(program, Precision::F32);
    for samples in [4, 4, 3, 4, 7, 3, 7, 1] {
        let batch = Batch::random(program, samples, samples as u64);
        let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.train(model));
        compare(program, "loss", &[found.loss], &[expected.loss], SOME_STEPS);
        let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.evaluate(model));
        compare(program, "evaluated loss", &[found.loss], &[expected.loss], SOME_STEPS);
        compare(program, "outputs", &batch.predict(&mut gpu), &batch.predict(&mut cpu), SOME_STEPS);
    }
    compare_tensors(program, &gpu, &cpu, SOME_STEPS);
    assert_eq!(gpu.step(), 8);
}

/// Reports come in order, each once, and reports, predictions in between and parameters have the bits of batches that are
/// waited for one by one.
pub(crate) fn ahead() {
    let program = convolution();
    for precision in [Precision::F32, Precision::Bf16] {
        let [_, mut one_by_one] = pair(program, precision);
        let [_, mut ahead] = pair(program, precision);
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        for step in 0..7 {
            let mut batch = loaded(program, 3 + step % 2, step as u64);
            expected.push(one_by_one.train_batch(&mut batch).expect("it fits"));
            found.extend(ahead.train_ahead(&mut batch).expect("it fits"));
            if step % 3 > 0 {
                expected.push(one_by_one.evaluate_batch(&mut batch).expect("it fits"));
                found.extend(ahead.evaluate_ahead(&mut batch).expect("it fits"));
            }
            if step == 5 {
                let other = Batch::random(program, 4, 9);
                assert_eq!(other.predict(&mut ahead), other.predict(&mut one_by_one));
            }
        }
        assert!(found.len() < expected.len(), "nothing ran ahead");
        found.extend(std::iter::from_fn(|| ahead.finish().expect("it goes on")));
        assert_eq!(found, expected);
        assert_eq!(bits_of(program, &ahead), bits_of(program, &one_by_one));
        assert_eq!((ahead.step(), one_by_one.step()), (7, 7));
    }
}

/// The choice by measurements may be any, and computes the same but for rounding.
pub(crate) fn benchmark() {
    let program = convolution();
    let [mut cpu, _] = pair(program, Precision::F32);
    let gpu = Device::Cuda(Gpu { mode: Mode::Benchmark, ..Gpu::default() });
    let mut gpu = Model::on(program, 7, &gpu).expect("the device is there");
    // The last is measured among what the others have left, and their running averages shall not move by that.
    for samples in [4, 4, 3] {
        let batch = Batch::random(program, samples, 3);
        let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.train(model).loss);
        compare(program, "loss", &[found], &[expected], ONE_STEP);
    }
    compare_tensors(program, &gpu, &cpu, SOME_STEPS);
}

/// What a GPU has learnt is used on the processor, and the other way round.
pub(crate) fn checkpoints() {
    let program = Joined::new(0).model().program();
    let path = std::env::temp_dir().join(format!("nnc-cuda-{}.safetensors", std::process::id()));
    let [mut cpu, mut gpu] = pair(program, Precision::F32);
    let batch = Batch::random(program, 4, 3);
    batch.train(&mut gpu);
    gpu.save(&path).expect("a folder to write to");
    cpu.restore(&Checkpoint::read(&path).expect("just written"), &path).expect("the same network");
    assert_eq!(bits_of(program, &cpu), bits_of(program, &gpu));
    assert_eq!(cpu.checkpoint().expect("memory"), gpu.checkpoint().expect("memory"));
    // The optimiser's states, the step and the seed of its random numbers have come along.
    let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.train(model).loss);
    compare(program, "loss", &[found], &[expected], ONE_STEP);
    compare_tensors(program, &gpu, &cpu, SOME_STEPS);
    let kept = cpu.checkpoint().expect("memory");
    gpu.restore(&kept, &path).expect("the same network");
    assert_eq!(gpu.checkpoint().expect("memory"), kept);
    std::fs::remove_file(&path).expect("just written");
}

/// Tells the bits of the parameters after some steps.
pub(crate) fn bits() {
    for program in programs![Convolution Joined] {
        for precision in [Precision::F32, Precision::F16] {
            let [_, mut gpu] = pair(program, precision);
            let batch = Batch::random(program, 5, 3);
            for _ in 0..3 {
                batch.train(&mut gpu);
            }
            let bits = bits_of(program, &gpu);
            let hash =
                bits.iter().fold(0u64, |hash, bits| hash.rotate_left(5).wrapping_mul(31) ^ u64::from(*bits));
            crate::report(&format!(
                "{} in {precision}: {} parameters, {hash:016x}",
                program.name,
                bits.len()
            ));
        }
    }
}

pub(crate) fn bits_of(program: &Program, model: &Model) -> Vec<u32> {
    let parameters = program.parameters.iter();
    let values = parameters.flat_map(|parameter| model.parameter(parameter.name).expect("it is its own"));
    values.map(f32::to_bits).collect()
}

/// A batch as a loader makes it, for a network with one input and classes.
pub(crate) fn loaded(program: &Program, size: usize, seed: u64) -> data::Batch {
    let Batch { mut inputs, mut classes, .. } = Batch::random(program, size, seed);
    data::Batch { inputs: inputs.remove(0), targets: data::Targets::Classes(classes.remove(0)), size }
}

/// The same model on both devices, the processor's by algorithms that only round.
pub(crate) fn pair(program: &'static Program, precision: Precision) -> [Model; 2] {
    let pool = Pool::default().with_selector(Selector::new(Mode::Deterministic));
    let gpu = Device::Cuda(Gpu { precision, ..Gpu::default() });
    [Device::Cpu(Arc::new(pool)), gpu]
        .map(|device| Model::on(program, 7, &device).expect("the device is there"))
}

/// Parameters as closely as gradients where the update is a multiple of them. Optimisers with a rate for each parameter
/// divide a gradient by its own size, so that its error, which is relative to the largest one, grows where it is small.
pub(crate) fn compare_tensors(program: &Program, gpu: &Model, cpu: &Model, tolerance: f64) {
    let after_update = if program.optimizer.name == "sgd" { tolerance } else { SOME_STEPS };
    let value = |result: Result<Vec<f32>, nnc::Error>| result.expect("it is its own");
    for parameter in program.parameters {
        let name = parameter.name;
        if let (Ok(found), Ok(expected)) = (gpu.gradient(name), cpu.gradient(name)) {
            compare(program, &format!("gradient of {name}"), &found, &expected, tolerance);
        }
        compare(program, name, &value(gpu.parameter(name)), &value(cpu.parameter(name)), after_update);
    }
    for state in program.states {
        compare(program, state.name, &value(gpu.state(state.name)), &value(cpu.state(state.name)), tolerance);
    }
}

#[track_caller]
pub(crate) fn compare(program: &Program, what: &str, found: &[f32], expected: &[f32], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{}: {what}", program.name);
    let largest = expected.iter().fold(1e-20, |largest: f64, value| largest.max(f64::from(value.abs())));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = f64::from((found - expected).abs()) <= tolerance * largest;
        assert!(close, "{}: element {index} of {what} is {found}, not {expected}", program.name);
    }
}

/// Samples with targets.
pub(crate) struct Batch {
    pub(crate) inputs: Vec<Vec<f32>>,
    classes: Vec<Vec<u32>>,
    values: Vec<Vec<f32>>,
    kinds: Vec<TargetKind>,
}

impl Batch {
    pub(crate) fn random(program: &Program, samples: usize, seed: u64) -> Batch {
        let mut streams = (0..).map(|id| Stream::new(seed, Purpose::Split, id, 0));
        let mut normal = |len: usize| -> Vec<f32> {
            let stream = streams.next().expect("an endless row");
            (0..len as u64).map(|index| stream.normal(index)).collect()
        };
        let len = |shape: &[usize]| samples * shape.iter().product::<usize>();
        let inputs = program.inputs.iter().map(|port| normal(len(port.shape))).collect();
        let outputs = || program.targets.iter().map(|target| program.outputs[target.output].shape);
        let class = |shape: &[usize]| {
            let labels = len(shape) / shape[0];
            (0..labels).map(|label| ((label * 7 + 3) % shape[0]) as u32).collect()
        };
        Batch {
            inputs,
            classes: outputs().map(class).collect(),
            values: outputs().map(|shape| normal(len(shape))).collect(),
            kinds: program.targets.iter().map(|target| target.kind).collect(),
        }
    }

    pub(crate) fn inputs(&self) -> Vec<&[f32]> {
        self.inputs.iter().map(Vec::as_slice).collect()
    }

    pub(crate) fn targets(&self) -> Vec<Targets<'_>> {
        let one = |index: usize| match self.kinds[index] {
            TargetKind::Classes => Targets::Classes(&self.classes[index]),
            TargetKind::Values => Targets::Values(&self.values[index]),
        };
        (0..self.kinds.len()).map(one).collect()
    }

    pub(crate) fn predict(&self, model: &mut Model) -> Vec<f32> {
        model.predict_many(&self.inputs()).expect("the batch fits").concat()
    }

    pub(crate) fn evaluate(&self, model: &mut Model) -> nnc::StepReport {
        model.evaluate_many(&self.inputs(), &self.targets()).expect("the batch fits")
    }

    pub(crate) fn train(&self, model: &mut Model) -> nnc::StepReport {
        model.train_step_many(&self.inputs(), &self.targets()).expect("the batch fits")
    }
}
