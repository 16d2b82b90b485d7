//! Numbers of a compiled network, for other programs to compare with.

use std::path::PathBuf;

use nnc::runtime::checkpoint::Tensor;
use nnc::runtime::program::Program;
use nnc::runtime::random::{Purpose, Stream};
use nnc_dsl::model::{Layer, Sequence, StepKind};

use crate::support::compiled::{Network, single, with_targets};
use crate::support::values::Batch;

/// If `NNC_DUMP` names a folder: `NAME.safetensors`, the checkpoint of the network with random
/// values from `seed`, and `NAME.step.safetensors` with what it computes from there on `batch`.
pub(crate) fn write(program: &'static Program, seed: u64, batch: &Batch) {
    let Some(folder) = std::env::var_os("NNC_DUMP").map(PathBuf::from) else { return };
    let mut network = Network::random(program, seed);
    let start = folder.join(format!("{}.safetensors", program.name));
    network.compiled.save(&start).expect("the folder can be written to");
    let mut results = network.compiled.checkpoint();
    results.tensors = inputs(&network, seed, batch);
    results.tensors.extend(step(&mut network, batch));
    let path = folder.join(format!("{}.step.safetensors", program.name));
    results.write(&path).expect("the folder can be written to");
}

/// The batch, and the random numbers of each dropout, channels last.
fn inputs(network: &Network, seed: u64, batch: &Batch) -> Vec<Tensor> {
    let classes = batch.classes.iter().map(|class| *class as f32).collect();
    let mut tensors = vec![tensor("input", single(&batch.inputs)), tensor("classes", classes)];
    let samples = batch.inputs.len() / network.checked.input.len();
    for (index, len) in dropouts(&network.checked.body).into_iter().enumerate() {
        let stream = Stream::new(seed, Purpose::Dropout, index as u32, 0);
        let values = (0..samples * len).map(|element| stream.uniform(element as u64)).collect();
        tensors.push(tensor(&format!("uniform.{index}"), values));
    }
    tensors
}

/// The output of evaluation, then loss, gradients and running statistics of a step of training.
fn step(network: &mut Network, batch: &Batch) -> Vec<Tensor> {
    let (program, model) = (network.compiled.program(), &mut network.compiled);
    let output = model.predict(&single(&batch.inputs)).expect("the batch fits");
    let step = |targets: nnc::Targets| model.train_step(&single(&batch.inputs), targets);
    let report = with_targets(batch, step).expect("the batch fits");
    let mut tensors = vec![tensor("output", output), tensor("loss", vec![report.loss])];
    for name in program.parameters.iter().map(|parameter| parameter.name) {
        let gradient = network.compiled.gradient(name).expect("it is its own");
        tensors.push(tensor(&format!("gradient.{name}"), gradient));
    }
    for name in program.states.iter().map(|state| state.name) {
        tensors.push(tensor(&format!("after.{name}"), network.compiled.state(name).expect("it is its own")));
    }
    tensors
}

/// The reader knows the shapes.
fn tensor(name: &str, values: Vec<f32>) -> Tensor {
    Tensor { name: name.to_owned(), shape: vec![values.len()], values }
}

/// Elements of a sample at each dropout.
fn dropouts(sequence: &Sequence) -> Vec<usize> {
    let found = sequence.steps.iter().map(|step| match &step.kind {
        StepKind::Layer(Layer::Dropout { .. }) => vec![step.input.len()],
        StepKind::Layer(_) => Vec::new(),
        StepKind::Scope(body) => dropouts(body),
        StepKind::Join { branches, .. } => branches.iter().flat_map(|(_, body)| dropouts(body)).collect(),
    });
    found.flatten().collect()
}
