//! A network with its memory: trains, evaluates and predicts batch by batch.
//!
//! A [`Model`] owns the flat buffers and arenas that a [`Program`] was planned for and runs the
//! emitted passes over them. Its one convention: what users hand in and get back is in the
//! outside order, maps channels first, one sample after the other. Loops over data sets are
//! the business of [`train`](crate::train).

mod access;
mod initial;
mod layout;
mod memory;
mod persist;
mod step;

use std::path::Path;

pub use memory::Memory;

use crate::checkpoint::Checkpoint;
use crate::data::{self, Batch};
use crate::devices::cpu::{Buffer, Pool};
use crate::error::Error;
use crate::program::{Program, Target};
use step::{Arena, BatchTargets};

/// A network with its parameters, ready to be trained and used.
pub struct Model {
    program: &'static Program,
    pool: Pool,
    parameters: Buffer,
    gradients: Buffer,
    states: Buffer,
    /// The states before the step under way, for a step that fails.
    saved_states: Buffer,
    prepared: Buffer,
    /// Whether `prepared` belongs to the parameters and states as they are.
    is_prepared: bool,
    optimizer: Vec<Buffer>,
    hyperparameters: Vec<f32>,
    training: Arena,
    evaluation: Arena,
    seed: u64,
    step: u64,
}

/// What the network should have said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Targets<'a> {
    /// The class of each sample.
    Classes(&'a [u32]),
    /// The values of each sample, in the shape of the network's output.
    Values(&'a [f32]),
}

/// How a batch did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Mean loss of the samples.
    pub loss: f32,
    /// Samples whose class was predicted rightly; 0 for a regression.
    pub correct: usize,
    /// Samples of the batch.
    pub samples: usize,
}

impl Model {
    /// A network with fresh parameters, drawn from `seed`, on all cores.
    pub fn new(program: &'static Program, seed: u64) -> Model {
        Model::with_threads(program, seed, Pool::default_threads())
    }

    /// The same on `threads` threads, which never change a result.
    pub fn with_threads(program: &'static Program, seed: u64, threads: usize) -> Model {
        let optimizer = &program.optimizer;
        let mut model = Model {
            program,
            pool: Pool::new(threads),
            parameters: Buffer::zeroed(program.parameter_len),
            gradients: Buffer::zeroed(program.parameter_len),
            states: Buffer::zeroed(program.state_len),
            saved_states: Buffer::zeroed(program.state_len),
            prepared: Buffer::zeroed(program.evaluation.prepared_len),
            is_prepared: false,
            optimizer: optimizer.states.iter().map(|_| Buffer::zeroed(program.parameter_len)).collect(),
            hyperparameters: optimizer.hyperparameters.iter().map(|(_, value)| *value).collect(),
            training: Arena::default(),
            evaluation: Arena::default(),
            seed,
            step: 0,
        };
        model.initialise();
        model
    }

    /// Reads a model from a checkpoint, on all cores.
    pub fn load(program: &'static Program, path: impl AsRef<Path>) -> Result<Model, Error> {
        let checkpoint = Checkpoint::read(path.as_ref())?;
        let mut model = Model::new(program, checkpoint.metadata.seed);
        model.restore(&checkpoint, path.as_ref())?;
        Ok(model)
    }

    /// Writes the model to a checkpoint.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.checkpoint().write(path.as_ref())
    }

    /// One step of training: the gradient of the mean loss over the batch, then an update.
    ///
    /// If the loss is not finite, nothing changes and the error names the first layer with a
    /// value that is not finite.
    pub fn train_step(&mut self, inputs: &[f32], targets: Targets) -> Result<StepReport, Error> {
        let mut inputs = layout::channels_last(self.program.input, self.checked_inputs(inputs)?);
        let mut values = self.target_values(targets);
        self.train(&mut inputs, inner_targets(targets, &mut values))
    }

    /// Loss and right answers on a batch; changes nothing.
    pub fn evaluate(&mut self, inputs: &[f32], targets: Targets) -> Result<StepReport, Error> {
        let mut inputs = layout::channels_last(self.program.input, self.checked_inputs(inputs)?);
        let mut values = self.target_values(targets);
        self.measure(&mut inputs, inner_targets(targets, &mut values))
    }

    /// The network's output for a batch, evaluated.
    pub fn predict(&mut self, inputs: &[f32]) -> Result<Vec<f32>, Error> {
        let mut inputs = layout::channels_last(self.program.input, self.checked_inputs(inputs)?);
        let output = self.infer(&mut inputs)?;
        Ok(layout::channels_first(self.program.output, &output))
    }

    /// [`Model::train_step`] on a batch that a loader made.
    pub fn train_batch(&mut self, batch: &mut Batch) -> Result<StepReport, Error> {
        self.train(&mut batch.inputs, loaded_targets(&mut batch.targets))
    }

    /// [`Model::evaluate`] on a batch that a loader made.
    pub fn evaluate_batch(&mut self, batch: &mut Batch) -> Result<StepReport, Error> {
        self.measure(&mut batch.inputs, loaded_targets(&mut batch.targets))
    }

    /// [`Model::predict`] on inputs that a loader or a [`Transform`](data::Transform) made.
    pub fn predict_transformed(&mut self, inputs: &mut [f32]) -> Result<Vec<f32>, Error> {
        let output = self.infer(inputs)?;
        Ok(layout::channels_first(self.program.output, &output))
    }

    /// The network.
    pub fn program(&self) -> &'static Program {
        self.program
    }

    /// Threads that the model computes with.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Updates of the parameters so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// What the model needs in memory.
    pub fn memory(&self) -> Memory {
        Memory::of(self.program)
    }

    fn initialise(&mut self) {
        for (index, parameter) in self.program.parameters.iter().enumerate() {
            let values = initial::values(parameter, index, self.seed);
            self.parameters[access::range(parameter)].copy_from_slice(&values);
        }
        for state in self.program.states {
            self.states[access::state_range(state)].fill(state.initial);
        }
    }

    /// `inputs`, if they are a whole number of samples.
    fn checked_inputs<'a>(&self, inputs: &'a [f32]) -> Result<&'a [f32], Error> {
        self.batch_size(inputs.len())?;
        Ok(inputs)
    }

    /// The target values channels last; whether there are as many as it takes is checked later.
    fn target_values(&self, targets: Targets) -> Vec<f32> {
        match targets {
            Targets::Values(values) => {
                let sample: usize = self.program.output.iter().product();
                let mut inner = layout::channels_last(self.program.output, values);
                // The conversion drops what is no whole sample; the check must still see it.
                inner.extend_from_slice(&values[values.len() - values.len() % sample.max(1)..]);
                inner
            }
            Targets::Classes(_) => Vec::new(),
        }
    }
}

impl<'a> From<&'a [u32]> for Targets<'a> {
    fn from(classes: &'a [u32]) -> Self {
        Targets::Classes(classes)
    }
}

impl<'a> From<&'a [f32]> for Targets<'a> {
    fn from(values: &'a [f32]) -> Self {
        Targets::Values(values)
    }
}

fn inner_targets<'a>(targets: Targets<'a>, values: &'a mut [f32]) -> BatchTargets<'a> {
    match targets {
        Targets::Classes(classes) => BatchTargets::Classes(classes),
        Targets::Values(_) => BatchTargets::Values(values),
    }
}

fn loaded_targets(targets: &mut data::Targets) -> BatchTargets<'_> {
    match targets {
        data::Targets::Classes(classes) => BatchTargets::Classes(classes),
        data::Targets::Values { values, .. } => BatchTargets::Values(values),
    }
}

/// The word for a kind of target.
fn kind(target: Target) -> &'static str {
    match target {
        Target::Class => "a class per sample",
        Target::Values => "values per sample",
    }
}
