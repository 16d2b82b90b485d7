//! A network with its memory: trains, evaluates and predicts batch by batch.
//!
//! A [`Model`] owns the flat buffers and arenas that a [`Program`] was planned for and runs the
//! emitted passes over them. Its one convention: what users hand in and get back is in the
//! outside order, maps channels first, one sample after the other. Loops over data sets are
//! the business of [`train`](crate::train).

mod access;
mod batch;
mod finite;
mod initial;
mod layout;
mod memory;
mod orthogonal;
mod persist;
mod products;
mod step;

use std::path::Path;
use std::sync::Arc;

pub use memory::Memory;
pub use products::Product;

use crate::checkpoint::Checkpoint;
use crate::data::Batch;
use crate::devices::cpu::{Buffer, Pool};
use crate::error::Error;
use crate::program::Program;
use batch::{Feed, Inputs, Samples};
use step::Arena;

/// A network with its parameters, ready to be trained and used.
pub struct Model {
    program: &'static Program,
    pool: Arc<Pool>,
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

/// What an output should have said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Targets<'a> {
    /// The class of each sample; of a map, the classes of its positions, row by row.
    Classes(&'a [u32]),
    /// The values of each sample, in the shape of the output.
    Values(&'a [f32]),
}

/// How a batch did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Mean loss of the samples: the sum of the network's losses.
    pub loss: f32,
    /// Labels of the first output with classes that were predicted rightly; 0 for a regression.
    pub correct: usize,
    /// Labels of that output: one per sample, or per sample and position; 0 for a regression.
    pub labels: usize,
    /// Samples of the batch.
    pub samples: usize,
}

impl Model {
    /// A network with fresh parameters, drawn from `seed`, on the [shared pool](Pool::shared).
    pub fn new(program: &'static Program, seed: u64) -> Model {
        Model::with_pool(program, seed, Pool::shared())
    }

    /// The same on `threads` threads of its own, which never change a result.
    pub fn with_threads(program: &'static Program, seed: u64, threads: usize) -> Model {
        Model::with_pool(program, seed, Arc::new(Pool::new(threads)))
    }

    /// The same on the threads and with the choice of algorithms of `pool`, which several models may
    /// share.
    pub fn with_pool(program: &'static Program, seed: u64, pool: Arc<Pool>) -> Model {
        let optimizer = &program.optimizer;
        let mut model = Model {
            program,
            pool,
            parameters: Buffer::zeroed(program.parameter_len),
            gradients: Buffer::zeroed(program.trained_len),
            states: Buffer::zeroed(program.state_len),
            saved_states: Buffer::zeroed(program.state_len),
            prepared: Buffer::zeroed(program.evaluation.prepared_len),
            is_prepared: false,
            optimizer: optimizer.states.iter().map(|_| Buffer::zeroed(program.trained_len)).collect(),
            hyperparameters: optimizer.hyperparameters.iter().map(|(_, value)| *value).collect(),
            training: Arena::default(),
            evaluation: Arena::default(),
            seed,
            step: 0,
        };
        model.initialise();
        model
    }

    /// Reads a model from a checkpoint, on the [shared pool](Pool::shared).
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

    /// One step of training a network with one input and one target: the gradient of the mean loss
    /// over the batch, then an update.
    ///
    /// If the loss or a gradient is not finite, nothing changes and the error names the first layer
    /// with a value that is not finite.
    pub fn train_step(&mut self, inputs: &[f32], targets: Targets) -> Result<StepReport, Error> {
        self.train_step_many(&[inputs], &[targets])
    }

    /// [`Model::train_step`] with a slice for each input, and targets for each output that a loss
    /// judges, in the order of the signature.
    pub fn train_step_many(&mut self, inputs: &[&[f32]], targets: &[Targets]) -> Result<StepReport, Error> {
        self.train(Samples::new(self.program, inputs, targets)?.feed())
    }

    /// Loss and right answers of a network with one input and one target on a batch; changes nothing.
    pub fn evaluate(&mut self, inputs: &[f32], targets: Targets) -> Result<StepReport, Error> {
        self.evaluate_many(&[inputs], &[targets])
    }

    /// [`Model::evaluate`] with slices as [`Model::train_step_many`] takes them.
    pub fn evaluate_many(&mut self, inputs: &[&[f32]], targets: &[Targets]) -> Result<StepReport, Error> {
        self.measure(Samples::new(self.program, inputs, targets)?.feed())
    }

    /// The output of a network with one input and one output for a batch, evaluated.
    pub fn predict(&mut self, inputs: &[f32]) -> Result<Vec<f32>, Error> {
        match <[Vec<f32>; 1]>::try_from(self.predict_many(&[inputs])?) {
            Ok([output]) => Ok(output),
            Err(outputs) => Err(Error::settings(
                format!("the network has {} outputs, `predict` gives one", outputs.len()),
                "call `predict_many`, which gives one after the other in the order of the signature",
            )),
        }
    }

    /// Every output, from a slice for each input, in the order of the signature.
    pub fn predict_many(&mut self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, Error> {
        self.outputs(Inputs::new(self.program, inputs)?.feed())
    }

    /// [`Model::train_step`] on a batch that a loader made.
    pub fn train_batch(&mut self, batch: &mut Batch) -> Result<StepReport, Error> {
        self.train(batch::loaded(self.program, batch)?)
    }

    /// [`Model::evaluate`] on a batch that a loader made.
    pub fn evaluate_batch(&mut self, batch: &mut Batch) -> Result<StepReport, Error> {
        self.measure(batch::loaded(self.program, batch)?)
    }

    /// [`Model::predict_many`] on inputs that a loader or a [`Transform`](crate::data::Transform) made.
    pub fn predict_transformed(&mut self, inputs: &mut [f32]) -> Result<Vec<Vec<f32>>, Error> {
        self.outputs(batch::transformed(self.program, inputs)?)
    }

    /// The network.
    pub fn program(&self) -> &'static Program {
        self.program
    }

    /// What the model computes with, for other models to share, and the report of its selector.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
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
            let values = initial::values(parameter, index, self.seed, &self.pool);
            self.parameters[access::range(parameter)].copy_from_slice(&values);
        }
        for state in self.program.states {
            self.states[access::state_range(state)].fill(state.initial);
        }
    }

    /// Every output, channels first.
    fn outputs(&mut self, feed: Feed) -> Result<Vec<Vec<f32>>, Error> {
        let outputs = self.program.outputs.iter().zip(self.infer(feed));
        Ok(outputs.map(|(port, values)| layout::channels_first(port.shape, &values)).collect())
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
