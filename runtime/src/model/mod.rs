//! A network with its memory: trains, evaluates and predicts batch by batch.
//!
//! A [`Model`] is a [`Program`] on an [engine](engine): the flat buffers and arenas that the program was
//! planned for, and what runs its passes over them, on the processor or on a GPU. Its one convention: what users
//! hand in and get back is in the outside order, maps channels first, one sample after the other.
//! Loops over data sets are the business of [`train`](crate::train).

mod access;
pub(crate) mod batch;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
pub(crate) mod engine;
mod failure;
mod finite;
mod initial;
pub(crate) mod kept;
mod layout;
mod loss_scale;
mod memory;
mod orthogonal;
mod persist;
mod products;

use std::path::Path;
use std::sync::Arc;

pub use device::{Device, Gpu, Precision};
pub use kept::Epoch;
pub use loss_scale::LossScale;
pub use memory::Memory;
pub use products::Product;

use crate::checkpoint::Checkpoint;
use crate::data::Batch;
use crate::error::{Error, Phase};
use crate::program::Program;
use batch::{Feed, Staging};
use cpu::Cpu;
use engine::{Ended, Engine, FlatBuffer, Settings, Stop, Take};
use nnc_kernels::cpu::Pool;

/// A network with its parameters, ready to be trained and used.
pub struct Model {
    program: &'static Program,
    /// What is computed on the processor in any case: initial values, changes of order.
    pool: Arc<Pool>,
    engine: Engine,
    /// The data sets that were offered to the device.
    kept: Vec<kept::Kept>,
    hyperparameters: Vec<f32>,
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
        let engine = Engine::Cpu(Box::new(Cpu::new(program, &pool)));
        let mut model = Model::of(program, seed, pool, engine);
        model.initialise().expect("the processor's memory can be written");
        model
    }

    /// The same on any device.
    ///
    /// # Errors
    /// If the device is a GPU that is not there, cannot be used or has too little memory, or if the
    /// program was compiled without kernels for it.
    pub fn on(program: &'static Program, seed: u64, device: &Device) -> Result<Model, Error> {
        match device {
            Device::Cpu(pool) => Ok(Model::with_pool(program, seed, Arc::clone(pool))),
            Device::Cuda(gpu) => Model::on_gpu(program, seed, gpu),
        }
    }

    #[cfg(feature = "cuda")]
    fn on_gpu(program: &'static Program, seed: u64, gpu: &Gpu) -> Result<Model, Error> {
        let engine = Engine::Cuda(Box::new(cuda::Cuda::new(program, gpu)?));
        let mut model = Model::of(program, seed, Pool::shared(), engine);
        model.initialise()?;
        Ok(model)
    }

    #[cfg(not(feature = "cuda"))]
    fn on_gpu(_: &'static Program, _: u64, _: &Gpu) -> Result<Model, Error> {
        Err(Error::without_cuda())
    }

    fn of(program: &'static Program, seed: u64, pool: Arc<Pool>, engine: Engine) -> Model {
        let hyperparameters = program.optimizer.hyperparameters.iter().map(|(_, value)| *value).collect();
        let (kept, staging) = (Vec::new(), Staging::default());
        Model { program, pool, engine, kept, hyperparameters, staging, seed, step: 0 }
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
        self.checkpoint()?.write(path.as_ref())
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
            model.outputs(feed)
        })
    }

    /// [`Model::predict`] into `output`; on the processor without an allocation once a batch of that size has been
    /// seen.
    pub fn predict_into(&mut self, inputs: &[f32], output: &mut [f32]) -> Result<(), Error> {
        self.staged(|model, staging| {
            let feed = staging.inputs(&model.pool, model.program, &[inputs])?;
            batch::check_output(model.program, feed.size, output.len())?;
            let take: &mut Take =
                &mut |pool, port, values| layout::channels_first(pool, port.shape, values, output);
            model.infer(feed, take)
        })
    }

    /// [`Model::train_step`] on a batch that a loader made.
    pub fn train_batch(&mut self, batch: &mut Batch) -> Result<StepReport, Error> {
        self.train(batch::loaded(self.program, batch)?)
    }

    /// Begins a step on a batch that a loader made. The processor does it at once and reports on it. A GPU works on its own
    /// meanwhile: the report, if there is one, is that of the earliest batch that had none, for which room had to be
    /// made. Reports come in the order in which batches were begun, and [`Model::finish`] gives those that are left.
    ///
    /// # Errors
    /// If the batch does not fit, or if the one failed that was to be reported on; then this one was not begun. What was begun
    /// after a step of training that failed has had no effect and is not reported on.
    pub fn train_ahead(&mut self, batch: &mut Batch) -> Result<Option<StepReport>, Error> {
        self.begin_training(batch::loaded(self.program, batch)?)
    }

    /// [`Model::evaluate`] in the manner of [`Model::train_ahead`]; one that fails leaves what was begun after it as it is.
    pub fn evaluate_ahead(&mut self, batch: &mut Batch) -> Result<Option<StepReport>, Error> {
        self.begin_measuring(batch::loaded(self.program, batch)?)
    }

    /// Waits for the earliest batch that [`Model::train_ahead`] or [`Model::evaluate_ahead`] has begun and that
    /// has no report yet; nothing if there is none.
    pub fn finish(&mut self) -> Result<Option<StepReport>, Error> {
        let ended = self.engine.end();
        self.ended(ended)
    }

    /// [`Model::evaluate`] on a batch that a loader made.
    pub fn evaluate_batch(&mut self, batch: &mut Batch) -> Result<StepReport, Error> {
        self.measure(batch::loaded(self.program, batch)?)
    }

    /// [`Model::predict_many`] on inputs that a loader or a [`Transform`](crate::data::Transform) made.
    pub fn predict_transformed(&mut self, inputs: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
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

    /// Updates of the parameters so far, and steps that a [`LossScale`] has skipped.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// What the model needs in memory, beside its [`workspace`](Model::workspace).
    pub fn memory(&self) -> Memory {
        match &self.engine {
            Engine::Cpu(_) => Memory::of(self.program),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.memory(),
        }
    }

    /// What the model computes on: `cpu`, or the name and the precision of a GPU.
    pub fn device(&self) -> String {
        match &self.engine {
            Engine::Cpu(_) => "cpu".to_owned(),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.name(),
        }
    }

    /// Measures the candidates of the products of a step of training and of an evaluation of `batch` samples on a GPU,
    /// and keeps the times; on the processor there are [`products`](Model::products) instead.
    #[cfg(feature = "cuda")]
    pub fn candidates(&mut self, batch: usize) -> Result<crate::devices::cuda::Measurements, Error> {
        match &mut self.engine {
            Engine::Cpu(_) => Ok(crate::devices::cuda::Measurements { products: Vec::new(), kept: Ok(()) }),
            Engine::Cuda(cuda) => cuda.candidates(batch),
        }
    }

    /// Bytes that the kernels have taken so far for themselves: scratch memory, and the weights that
    /// evaluation keeps packed. They depend on the algorithms that were chosen, and grow with the largest
    /// batch of each mode alone.
    pub fn workspace(&self) -> usize {
        match &self.engine {
            Engine::Cpu(cpu) => self.pool.scratch().bytes() + cpu.packed_bytes(),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.workspace(),
        }
    }

    fn initialise(&mut self) -> Result<(), Error> {
        for (index, parameter) in self.program.parameters.iter().enumerate() {
            let values = initial::values(parameter, index, self.seed, &self.pool);
            self.engine.write(FlatBuffer::Parameters, parameter.offset, &values)?;
        }
        for state in self.program.states {
            let values = vec![state.initial; access::state_range(state).len()];
            self.engine.write(FlatBuffer::States, state.offset, &values)?;
        }
        self.engine.prepare_training();
        Ok(())
    }

    /// That no batch is under way while something else happens.
    fn check_idle(&self, what: &str) -> Result<(), Error> {
        if !self.engine.is_busy() {
            return Ok(());
        }
        Err(Error::settings(
            format!("{what} while batches are under way"),
            "call `Model::finish` until it gives nothing",
        ))
    }

    /// A step, and its report.
    fn train(&mut self, feed: Feed) -> Result<StepReport, Error> {
        while self.finish()?.is_some() {}
        let begun = self.begin_training(feed)?;
        self.report_of(begun)
    }

    fn begin_training(&mut self, mut feed: Feed) -> Result<Option<StepReport>, Error> {
        let settings = Settings { seed: self.seed, step: self.step, hyperparameters: &self.hyperparameters };
        let ended = self.engine.begin_training(&mut feed, settings);
        self.ended(ended)
    }

    /// An evaluation, and its report.
    fn measure(&mut self, feed: Feed) -> Result<StepReport, Error> {
        while self.finish()?.is_some() {}
        let begun = self.begin_measuring(feed)?;
        self.report_of(begun)
    }

    fn begin_measuring(&mut self, mut feed: Feed) -> Result<Option<StepReport>, Error> {
        let ended = self.engine.begin_measuring(&mut feed);
        self.ended(ended)
    }

    /// The report of the only batch that is under way.
    fn report_of(&mut self, begun: Option<StepReport>) -> Result<StepReport, Error> {
        match begun {
            Some(report) => Ok(report),
            None => Ok(self.finish()?.expect("a batch was begun")),
        }
    }

    /// Counts a step that has ended, and says in the network's words why one has failed.
    fn ended(&mut self, ended: Result<Option<Ended>, Stop>) -> Result<Option<StepReport>, Error> {
        match ended {
            Ok(Some(Ended { phase, report })) => {
                self.step += u64::from(phase == Phase::Training);
                Ok(Some(report))
            }
            Ok(None) => Ok(None),
            #[cfg(feature = "cuda")]
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::NotFinite(what)) => Err(self.failure(what)?),
        }
    }

    /// Forward alone; `take` is called with each output in turn.
    fn infer(&mut self, mut feed: Feed, take: &mut Take) -> Result<(), Error> {
        self.engine.infer(&self.pool, &mut feed, take)
    }

    /// Every output, channels first.
    fn outputs(&mut self, feed: Feed) -> Result<Vec<Vec<f32>>, Error> {
        let mut outputs = Vec::with_capacity(self.program.outputs.len());
        self.infer(feed, &mut |pool, port, values| {
            let mut output = vec![0.0; values.len()];
            layout::channels_first(pool, port.shape, values, &mut output);
            outputs.push(output);
        })?;
        Ok(outputs)
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
