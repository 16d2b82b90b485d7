//! A network at work on a GPU.
//!
//! An [`Engine`] holds the buffers of a network in the GPU's memory, and gives the GPU whole batches to do: copy, forward,
//! loss, backward, update. The processor only starts them. What changes from step to step lies in the GPU's memory, so that
//! a step of a certain size is captured once and then started as one graph. Its one convention: everything but the copies of
//! batches goes into one stream, so nothing waits but for them and for a report, and a step that fails leaves parameters and
//! states as they were.

mod ahead;
mod arrivals;
mod choice;
mod functions;
mod inspect;
mod kept;
mod library;
mod measure;
mod own;
mod passes;
mod regions;
mod scaling;
mod slots;
mod storage;
mod tasks;
mod upload;

use std::collections::HashMap;
use std::ops::Range;

use crate::devices::cuda::libraries::library;
use crate::devices::cuda::{Context, CudaError, LibraryKind, Memory, Properties, Real, Stream};
use crate::emitted::cuda::{Cuda, Region};
use crate::error::Error;
use crate::model::batch::Feed;
use crate::model::kept::KeptBatch;
use crate::model::{Gpu, Precision};
use crate::program::Program;
pub use ahead::compile_ahead;
use arrivals::Arrivals;
use choice::Choices;
use functions::Functions;
use kept::Kept;
pub use measure::{Measured, Measurements};
use nnc_kernels::select::Mode;
use own::{Own, PARTS_BYTES, RESULT_BYTES};
use passes::{Key, Schedule};
use regions::{Extents, Regions};
use slots::Slots;

/// A network on a GPU.
pub(crate) struct Engine {
    program: &'static Program,
    cuda: &'static Cuda,
    gpu: Gpu,
    // Schedules hold graphs, which go before the buffers that they use.
    schedules: HashMap<Key, Schedule>,
    kept: Vec<Kept>,
    slots: Slots,
    functions: Functions,
    own: Own,
    choices: Choices,
    regions: Regions,
    workspace: Memory,
    /// The states before the step under way.
    saved_states: Memory,
    optimizer: Vec<Memory>,
    hyperparameters: Memory,
    arrivals: Arrivals,
    /// [`Status`] of training, and of evaluation.
    status: Memory,
    /// Counts of right answers before they are added.
    parts: Memory,
    /// Seed and step as the GPU has them, or will have when all is done that it was given.
    clock: Option<(u64, u64)>,
    /// The hyperparameters as the GPU has them.
    sent_hyperparameters: Vec<u8>,
    /// Whether the copies of the parameters as `real` are as they should be.
    is_copied: bool,
    /// Whether what evaluation prepares belongs to the parameters and states as they are.
    is_prepared: bool,
    stream: Stream,
    context: Context,
}

/// Where a batch comes from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// The processor's memory.
    Feed(&'a Feed<'a>),
    /// A data set that the GPU keeps.
    Kept(KeptBatch),
}

/// Bytes of a status: `Step` of `common.h`, then the result of a report.
const STATUS_BYTES: usize = 128;

/// Where a status has the flag of a failed step, and where the result begins.
const FLAG: Range<usize> = 16..20;
const RESULT: usize = 40;

const _: () = assert!(RESULT + RESULT_BYTES <= STATUS_BYTES);

impl Engine {
    /// A network on the GPU, all zeros.
    pub(crate) fn new(program: &'static Program, gpu: &Gpu) -> Result<Engine, Error> {
        let cuda = program.cuda.ok_or_else(without_kernels)?;
        let context = Context::new(gpu.ordinal)?;
        let real = real(gpu.precision);
        let device = measured_as(context.properties(), gpu.mode);
        let stream = Stream::new(&context)?;
        let choices = Choices::new(device, gpu, &stream, real);
        let functions = Functions::new(&context, cuda, real);
        let extents = Extents::new(program, cuda, real);
        let memory = |floats: usize| Memory::new(&context, 4 * floats);
        let mut engine = Engine {
            program,
            cuda,
            gpu: *gpu,
            schedules: HashMap::new(),
            kept: Vec::new(),
            slots: Slots::new(&context, 2 * STATUS_BYTES)?,
            own: Own::compile(functions.compiler(), real)?,
            functions,
            choices,
            regions: Regions::new(&context, extents, 0)?,
            workspace: memory(0)?,
            saved_states: memory(program.state_len)?,
            optimizer: program
                .optimizer
                .states
                .iter()
                .map(|_| memory(program.trained_len))
                .collect::<Result<_, _>>()?,
            hyperparameters: memory(program.optimizer.hyperparameters.len())?,
            arrivals: Arrivals::new(&context)?,
            status: Memory::new(&context, 2 * STATUS_BYTES)?,
            parts: Memory::new(&context, PARTS_BYTES)?,
            clock: None,
            sent_hyperparameters: Vec::new(),
            is_copied: false,
            is_prepared: false,
            stream,
            context,
        };
        engine.clear()?;
        engine.begin_scaling()?;
        Ok(engine)
    }

    /// The GPU's name and the precision.
    pub(crate) fn name(&self) -> String {
        format!("{}, {}", self.context.properties().name, self.gpu.precision)
    }

    /// Zeros in all that outlives a batch.
    fn clear(&self) -> Result<(), CudaError> {
        let regions = [Region::Parameter, Region::Gradient, Region::State];
        let flat = regions.into_iter().map(|region| self.regions.memory(region));
        for memory in flat.chain(&self.optimizer).chain([&self.saved_states, &self.status]) {
            memory.fill_zero(whole(memory), &self.stream)?;
        }
        Ok(())
    }
}

/// What measured times depend on: the GPU, and the versions of what makes and runs its code; those of libraries that may
/// be taken, which nobody looks for unless measurements decide.
fn measured_as(properties: &Properties, mode: Mode) -> String {
    let version = |kind| library(kind).version.map(|version| version.to_string()).unwrap_or_default();
    let [driver, compiler] = [LibraryKind::Driver, LibraryKind::Nvrtc].map(version);
    let optional = if mode == Mode::Benchmark { &LibraryKind::OPTIONAL[..] } else { &[] };
    let usable = optional.iter().filter(|kind| library(**kind).is_usable());
    let offered: String = usable.map(|kind| format!(", {} {}", kind.name(), version(*kind))).collect();
    format!("{}, driver {driver}, NVRTC {compiler}{offered}", properties.name)
}

fn whole(memory: &Memory) -> Range<usize> {
    0..memory.bytes()
}

/// What activations are stored as.
fn real(precision: Precision) -> Real {
    match precision {
        Precision::F32 | Precision::Tf32 => Real::Float,
        Precision::Bf16 => Real::Bf16,
        Precision::F16 => Real::Half,
    }
}

/// Whether products may round their factors, as tensor cores do.
fn is_rounded(precision: Precision) -> bool {
    precision != Precision::F32
}

fn without_kernels() -> Error {
    Error::settings(
        "the network was compiled without kernels for GPUs",
        "build the program with the feature `cuda` of nnc, or of the generated crate",
    )
}
