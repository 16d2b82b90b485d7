//! Numbers of a compiled network, for other programs to compare with.

use std::path::PathBuf;

use nnc::runtime::checkpoint::Tensor;
use nnc::runtime::program::Program;
use nnc::runtime::random::{Purpose, Stream};
use nnc::runtime::select::Mode;
use nnc_dsl::model::{Layer, Sequence, StepKind};

use crate::support::compiled::{Network, normal, single, with_batch};
use crate::support::reference::Targets;
use crate::support::values::Batch;

/// If `NNC_DUMP` names a folder: `NAME.safetensors`, the checkpoint of the network with random
/// values from `seed`, and `NAME.step.safetensors` with what it computes from there on `batch`.
/// Inputs, outputs, targets and streams of random numbers are numbered in their order.
pub(crate) fn write(program: &'static Program, seed: u64, batch: &Batch) {
    let Some(folder) = std::env::var_os("NNC_DUMP").map(PathBuf::from) else { return };
    let mut network = Network::random(program, Mode::Deterministic, seed);
    let start = folder.join(format!("{}.safetensors", program.name));
    network.compiled.save(&start).expect("the folder can be written to");
    let mut results = network.compiled.checkpoint().expect("the processor's memory can be read");
    results.tensors = given(&network, seed, batch);
    results.tensors.extend(computed(&mut network, batch));
    let path = folder.join(format!("{}.step.safetensors", program.name));
    results.write(&path).expect("the folder can be written to");
}

/// The batch, and the random numbers of each stream, channels last.
fn given(network: &Network, seed: u64, batch: &Batch) -> Vec<Tensor> {
    let inputs = batch.inputs.iter().map(|input| single(input));
    let mut tensors = numbered("input", inputs);
    tensors.extend(numbered(
        "target",
        batch.targets.iter().map(|targets| match targets {
            Targets::Classes(classes) => classes.iter().map(|class| *class as f32).collect(),
            Targets::Values(values) => single(values),
        }),
    ));
    let samples = batch.inputs[0].len() / network.checked.inputs[0].shape.len();
    let streams = streams(&network.checked.body).into_iter().enumerate().map(|(id, drawn)| {
        let stream = Stream::new(seed, Purpose::Dropout, id as u32, 0);
        let number = |element: u64| match drawn.is_normal {
            true => normal(&stream, element) as f32,
            false => stream.uniform(element),
        };
        (0..(samples * drawn.len) as u64).map(number).collect()
    });
    tensors.extend(numbered("random", streams));
    tensors
}

/// The outputs of evaluation, then loss, gradients and running statistics of a step of training.
fn computed(network: &mut Network, batch: &Batch) -> Vec<Tensor> {
    let (program, model) = (network.compiled.program(), &mut network.compiled);
    let (outputs, report) = with_batch(batch, |inputs, targets| {
        let outputs = model.predict_many(inputs).expect("the batch fits");
        (outputs, model.train_step_many(inputs, targets).expect("the batch fits"))
    });
    let mut tensors = numbered("output", outputs.into_iter());
    tensors.push(tensor("loss", vec![report.loss]));
    let learning = program.parameters.iter().filter(|parameter| parameter.offset < program.trained_len);
    for name in learning.map(|parameter| parameter.name) {
        tensors.push(tensor(&format!("gradient.{name}"), model.gradient(name).expect("it is its own")));
    }
    for name in program.states.iter().map(|state| state.name) {
        tensors.push(tensor(&format!("after.{name}"), model.state(name).expect("it is its own")));
    }
    tensors
}

fn numbered(what: &str, values: impl Iterator<Item = Vec<f32>>) -> Vec<Tensor> {
    values.enumerate().map(|(index, values)| tensor(&format!("{what}.{index}"), values)).collect()
}

/// The reader knows the shapes.
fn tensor(name: &str, values: Vec<f32>) -> Tensor {
    Tensor { name: name.to_owned(), shape: vec![values.len()], values }
}

/// What a random word draws; those that draw for a channel or sample take the first numbers.
struct Drawn {
    is_normal: bool,
    /// Elements of a sample.
    len: usize,
}

fn streams(sequence: &Sequence) -> Vec<Drawn> {
    let found = sequence.steps.iter().map(|step| match &step.kind {
        StepKind::Layer(layer) => {
            let is_normal = matches!(layer, Layer::GaussianNoise { .. });
            let drawn = Drawn { is_normal, len: step.input.len() };
            if draws(layer) { vec![drawn] } else { Vec::new() }
        }
        StepKind::Scope(body) | StepKind::Shared { body, .. } => streams(body),
        StepKind::From(_) => Vec::new(),
        StepKind::Join { branches, .. } => branches.iter().flat_map(|(_, body)| streams(body)).collect(),
    });
    found.flatten().collect()
}

fn draws(layer: &Layer) -> bool {
    match *layer {
        Layer::Dropout { rate }
        | Layer::SpatialDropout { rate }
        | Layer::AlphaDropout { rate }
        | Layer::StochasticDepth { rate } => rate > 0.0,
        Layer::GaussianNoise { std } => std > 0.0,
        Layer::RRelu { .. } => true,
        _ => false,
    }
}
