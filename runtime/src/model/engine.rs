//! What runs a model's passes: the processor, or a GPU.
//!
//! An engine holds the flat buffers of the network and the memory that passes work in. Everything here is
//! in the kernels' order. Its one convention: a step that fails leaves parameters and states as they were.

use std::borrow::Cow;
use std::ops::Range;

use super::batch::Feed;
use super::cpu::Cpu;
use super::{LossScale, StepReport};
use crate::error::{Error, Phase};
use crate::program::Port;
use nnc_kernels::cpu::Pool;

/// The engines there are.
pub(super) enum Engine {
    Cpu(Box<Cpu>),
    #[cfg(feature = "cuda")]
    Cuda(Box<super::cuda::Cuda>),
}

/// The buffers that outlive a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlatBuffer {
    Parameters,
    Gradients,
    States,
    /// A state of the optimiser.
    Optimizer(usize),
}

/// What a step depends on beside its batch.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) seed: u64,
    /// Updates so far.
    pub(crate) step: u64,
    pub(crate) hyperparameters: &'a [f32],
}

/// A batch that is done.
pub(crate) struct Ended {
    pub(crate) phase: Phase,
    pub(crate) report: StepReport,
}

/// Why a pass came to nothing.
pub(crate) enum Stop {
    /// Its loss or a gradient is not finite.
    NotFinite(NotFinite),
    /// The device has failed.
    #[cfg(feature = "cuda")]
    Failed(Error),
}

#[cfg(feature = "cuda")]
impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Failed(error.into())
    }
}

/// A loss or a gradient that is not finite.
pub(crate) struct NotFinite {
    pub(crate) phase: Phase,
    pub(crate) loss: f32,
    /// The first layer with a result that is not finite.
    pub(crate) layer: Option<String>,
    /// Whether the inputs held a value that is not finite.
    pub(crate) input: bool,
}

/// Takes an output of a pass, channels last.
pub(super) type Take<'t> = dyn FnMut(&Pool, &'static Port, &[f32]) + 't;

impl Engine {
    /// A part of a flat buffer.
    pub(super) fn read(&self, buffer: FlatBuffer, range: Range<usize>) -> Result<Cow<'_, [f32]>, Error> {
        match self {
            Engine::Cpu(cpu) => Ok(Cow::Borrowed(&cpu.flat(buffer)[range])),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.read(buffer, range).map(Cow::Owned),
        }
    }

    /// Makes room for what only training needs, after the initial values have been written.
    pub(super) fn prepare_training(&mut self) {
        match self {
            Engine::Cpu(cpu) => cpu.prepare_training(),
            // A GPU's memory is not where they are drawn.
            #[cfg(feature = "cuda")]
            Engine::Cuda(_) => {}
        }
    }

    /// Replaces a part of a flat buffer.
    pub(super) fn write(&mut self, buffer: FlatBuffer, start: usize, values: &[f32]) -> Result<(), Error> {
        match self {
            Engine::Cpu(cpu) => cpu.write(buffer, start, values),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.write(buffer, start, values)?,
        }
        Ok(())
    }

    /// The loss scale; none on a device that needs none.
    pub(super) fn loss_scale(&self) -> Result<Option<LossScale>, Error> {
        match self {
            Engine::Cpu(_) => Ok(None),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.loss_scale(),
        }
    }

    /// Replaces the loss scale; nothing on a device that needs none.
    pub(super) fn set_loss_scale(&mut self, loss_scale: LossScale) -> Result<(), Error> {
        match self {
            Engine::Cpu(_) => _ = loss_scale,
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.set_loss_scale(loss_scale)?,
        }
        Ok(())
    }

    /// Begins forward, loss, backward, update. The report is that of this step or of one that was begun before;
    /// there may be none yet.
    pub(super) fn begin_training(
        &mut self,
        feed: &mut Feed,
        settings: Settings,
    ) -> Result<Option<Ended>, Stop> {
        match self {
            Engine::Cpu(cpu) => cpu.train(feed, settings).map(Some),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.begin_training(feed, settings),
        }
    }

    /// Begins forward and loss, with what only training does left out; reports as
    /// [`Engine::begin_training`] does.
    pub(super) fn begin_measuring(&mut self, feed: &mut Feed) -> Result<Option<Ended>, Stop> {
        match self {
            Engine::Cpu(cpu) => cpu.measure(feed).map(Some),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.begin_measuring(feed),
        }
    }

    /// The report of the earliest batch that has none yet; nothing if there is no such batch.
    pub(super) fn end(&mut self) -> Result<Option<Ended>, Stop> {
        match self {
            Engine::Cpu(_) => Ok(None),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.end(),
        }
    }

    /// Whether batches have been begun that have no report yet.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Engine::Cpu(_) => false,
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.is_busy(),
        }
    }

    /// Forward alone; `take` is called with each output in turn.
    pub(super) fn infer(&mut self, pool: &Pool, feed: &mut Feed, take: &mut Take) -> Result<(), Error> {
        match self {
            Engine::Cpu(cpu) => cpu.infer(feed, |port, values| take(pool, port, values)),
            #[cfg(feature = "cuda")]
            Engine::Cuda(cuda) => cuda.infer(pool, feed, take)?,
        }
        Ok(())
    }
}
