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
use crate::kernels::conv::PackedWeights;
use crate::program::Program;
use batch::{Feed, Staging};
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
    /// Weights as evaluation multiplies by them.
    packed: PackedWeights,
    /// Whether `prepared` and `packed` belong to the parameters and states as they are.
    is_prepared: bool,
    optimizer: Vec<Buffer>,
    hyperparameters: Vec<f32>,
    /// The hyperparameters of the group of parameters that is being updated.
    group_hyperparameters: Vec<f32>,
    /// Of either mode: a model does one thing at a time.
    arena: Arena,
    staging: Staging,
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
            gradients: Buffer::default(),
            states: Buffer::zeroed(program.state_len),
            saved_states: Buffer::zeroed(program.state_len),
            prepared: Buffer::zeroed(program.evaluation.prepared_len),
            packed: PackedWeights::default(),
            is_prepared: false,
            optimizer: Vec::new(),
            hyperparameters: optimizer.hyperparameters.iter().map(|(_, value)| *value).collect(),
            group_hyperparameters: Vec::new(),
            arena: Arena::default(),
            staging: Staging::default(),
            seed,
            step: 0,
        };
        model.initialise();
        // Only now: drawing the largest weight takes it twice more.
        model.gradients = Buffer::zeroed(program.trained_len);
        model.optimizer = optimizer.states.iter().map(|_| Buffer::zeroed(program.trained_len)).collect();
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
        self.staged(|model, staging| {
            let feed = staging.samples(&model.pool, model.program, inputs, targets)?;
            model.train(feed)
        })
    }

    /// Loss and right answers of a network with one input and one target on a batch; changes nothing.
    pub fn evaluate(&mut self, inputs: &[f32], targets: Targets) -> Result<StepReport, Error> {
        self.evaluate_many(&[inputs], &[targets])
    }

    /// [`Model::evaluate`] with slices as [`Model::train_step_many`] takes them.
    pub fn evaluate_many(&mut self, inputs: &[&[f32]], targets: &[Targets]) -> Result<StepReport, Error> {
        self.staged(|model, staging| {
            let feed = staging.samples(&model.pool, model.program, inputs, targets)?;
            model.measure(feed)
        })
    }

    /// The output of a network with one input and one output for a batch, evaluated.
    pub fn predict(&mut self, inputs: &[f32]) -> Result<Vec<f32>, Error> {
        let mut outputs = self.predict_many(&[inputs])?;
        batch::single_output(self.program)?;
        Ok(outputs.swap_remove(0))
    }

    /// Every output, from a slice for each input, in the order of the signature.
    pub fn predict_many(&mut self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, Error> {
        self.staged(|model, staging| {
            let feed = staging.inputs(&model.pool, model.program, inputs)?;
            Ok(model.outputs(feed))
        })
    }

    /// [`Model::predict`] into `output`, without an allocation once a batch of that size has been seen.
    pub fn predict_into(&mut self, inputs: &[f32], output: &mut [f32]) -> Result<(), Error> {
        self.staged(|model, staging| {
            let feed = staging.inputs(&model.pool, model.program, &[inputs])?;
            batch::check_output(model.program, feed.size, output.len())?;
            model.infer(feed, |pool, port, values| layout::channels_first(pool, port.shape, values, output));
            Ok(())
        })
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
        Ok(self.outputs(batch::transformed(self.program, inputs)?))
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

    /// What the model needs in memory, beside its [`workspace`](Model::workspace).
    pub fn memory(&self) -> Memory {
        Memory::of(self.program)
    }

    /// Bytes that the kernels have taken so far for themselves: scratch memory, and the weights that
    /// evaluation keeps packed. They depend on the algorithms that were chosen, and grow with the largest
    /// batch of each mode alone.
    pub fn workspace(&self) -> usize {
        self.pool.scratch().bytes() + self.packed.bytes()
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
    fn outputs(&mut self, feed: Feed) -> Vec<Vec<f32>> {
        let mut outputs = Vec::with_capacity(self.program.outputs.len());
        self.infer(feed, |pool, port, values| {
            let mut output = vec![0.0; values.len()];
            layout::channels_first(pool, port.shape, values, &mut output);
            outputs.push(output);
        });
        outputs
    }

    /// Lends `body` the memory for users' batches.
    fn staged<T>(&mut self, body: impl FnOnce(&mut Model, &mut Staging) -> T) -> T {
        let mut staging = std::mem::take(&mut self.staging);
        let result = body(self, &mut staging);
        self.staging = staging;
        result
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
