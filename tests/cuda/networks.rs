//! Networks on the fake GPU beside the same ones on the processor.

use std::sync::Arc;

use nnc::runtime::Gpu;
use nnc::runtime::devices::cpu::Pool;
use nnc::runtime::program::{Program, TargetKind};
use nnc::runtime::random::{Purpose, Stream};
use nnc::runtime::select::{Mode, Selector};
use nnc::{Device, Model, Precision, Targets};

nnc::network! {
    Mlp<6 -> 4> { linear 8 relu linear 4 }
    Convolution<3x9x8 -> 5> { conv3 8 bn relu pool2 conv3 16 bn relu conv1 5 gap }
    Joined<4x6x6 -> 4> {
        residual { conv3 4 bn relu conv3 4 bn } relu dropout 0.3 concat { identity | dwconv3 } ln gelu
        flatten linear 4
    }
    train Joined { optimizer adam lr=0.01 weight_decay=0.1 }
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

/// What a result of one step may differ by, relative to the largest element of its tensor.
const ONE_STEP: f64 = 1e-5;

/// The same after some steps, in which differences grow.
const SOME_STEPS: f64 = 1e-3;

pub(crate) fn agree() {
    for program in programs![Mlp Convolution Joined Ports Digits ResNet20] {
        let start = std::time::Instant::now();
        agrees(program, 5);
        crate::report(&format!("{} agrees, {:.1} s", program.name, start.elapsed().as_secs_f64()));
    }
}

fn agrees(program: &'static Program, samples: usize) {
    let [mut cpu, mut gpu] = pair(program, Precision::F32);
    let batch = Batch::random(program, samples, 3);
    compare(program, "outputs", &batch.predict(&mut gpu), &batch.predict(&mut cpu), ONE_STEP);
    let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.evaluate(model));
    compare(program, "evaluated loss", &[found.loss], &[expected.loss], ONE_STEP);
    assert_eq!((found.correct, found.labels), (expected.correct, expected.labels), "{}", program.name);
    for step in 0..4 {
        let tolerance = if step == 0 { ONE_STEP } else { SOME_STEPS };
        let [found, expected] = [&mut gpu, &mut cpu].map(|model| batch.train(model));
        compare(program, "loss", &[found.loss], &[expected.loss], tolerance);
        compare_tensors(program, &gpu, &cpu, tolerance);
    }
}

/// The same model on both devices, the processor's by algorithms that only round.
fn pair(program: &'static Program, precision: Precision) -> [Model; 2] {
    let pool = Pool::default().with_selector(Selector::new(Mode::Deterministic));
    let gpu = Device::Cuda(Gpu { ordinal: 0, precision, mode: Mode::Heuristic });
    [Device::Cpu(Arc::new(pool)), gpu]
        .map(|device| Model::on(program, 7, &device).expect("the device is there"))
}

fn compare_tensors(program: &Program, gpu: &Model, cpu: &Model, tolerance: f64) {
    let value = |result: Result<Vec<f32>, nnc::Error>| result.expect("it is its own");
    for parameter in program.parameters {
        let name = parameter.name;
        if let (Ok(found), Ok(expected)) = (gpu.gradient(name), cpu.gradient(name)) {
            compare(program, &format!("gradient of {name}"), &found, &expected, tolerance);
        }
        compare(program, name, &value(gpu.parameter(name)), &value(cpu.parameter(name)), tolerance);
    }
    for state in program.states {
        compare(program, state.name, &value(gpu.state(state.name)), &value(cpu.state(state.name)), tolerance);
    }
}

#[track_caller]
fn compare(program: &Program, what: &str, found: &[f32], expected: &[f32], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{}: {what}", program.name);
    let largest = expected.iter().fold(1e-20, |largest: f64, value| largest.max(f64::from(value.abs())));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = f64::from((found - expected).abs()) <= tolerance * largest;
        assert!(close, "{}: element {index} of {what} is {found}, not {expected}", program.name);
    }
}

/// Samples with targets.
struct Batch {
    inputs: Vec<Vec<f32>>,
    classes: Vec<Vec<u32>>,
    values: Vec<Vec<f32>>,
    kinds: Vec<TargetKind>,
}

impl Batch {
    fn random(program: &Program, samples: usize, seed: u64) -> Batch {
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

    fn inputs(&self) -> Vec<&[f32]> {
        self.inputs.iter().map(Vec::as_slice).collect()
    }

    fn targets(&self) -> Vec<Targets<'_>> {
        let one = |index: usize| match self.kinds[index] {
            TargetKind::Classes => Targets::Classes(&self.classes[index]),
            TargetKind::Values => Targets::Values(&self.values[index]),
        };
        (0..self.kinds.len()).map(one).collect()
    }

    fn predict(&self, model: &mut Model) -> Vec<f32> {
        model.predict_many(&self.inputs()).expect("the batch fits").concat()
    }

    fn evaluate(&self, model: &mut Model) -> nnc::StepReport {
        model.evaluate_many(&self.inputs(), &self.targets()).expect("the batch fits")
    }

    fn train(&self, model: &mut Model) -> nnc::StepReport {
        model.train_step_many(&self.inputs(), &self.targets()).expect("the batch fits")
    }
}
