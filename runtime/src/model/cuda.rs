//! A model's engine on a GPU.

use std::ops::Range;

use super::batch::Feed;
use super::engine::{Ended, FlatBuffer, Settings, Stop, Take};
use super::kept::KeptBatch;
use super::{Gpu, LossScale, Memory};
use crate::data::{Dataset, LoaderOptions};
use crate::devices::cuda::Measurements;
use crate::devices::cuda::engine::{Engine, Source};
use crate::emitted::cuda::Region;
use crate::error::Error;
use crate::program::Program;
use nnc_kernels::cpu::Pool;

/// The engine of a network on a GPU.
pub(super) struct Cuda {
    program: &'static Program,
    engine: Engine,
}

impl Cuda {
    pub(super) fn new(program: &'static Program, gpu: &Gpu) -> Result<Cuda, Error> {
        Ok(Cuda { program, engine: Engine::new(program, gpu)? })
    }

    /// The GPU's name and the precision.
    pub(super) fn name(&self) -> String {
        self.engine.name()
    }

    /// Bytes of the largest workspace so far.
    pub(super) fn workspace(&self) -> usize {
        self.engine.workspace()
    }

    /// Measures the candidates of all products.
    pub(super) fn candidates(&mut self, batch: usize) -> Result<Measurements, Error> {
        self.engine.candidates(batch)
    }

    /// Bytes of the GPU's memory.
    pub(super) fn memory(&self) -> Memory {
        let bytes = |region| self.engine.region_bytes(region);
        let trained = bytes(Region::Gradient);
        let (batched, fixed) = (self.engine.bytes_per_sample(), bytes(Region::Fixed));
        Memory {
            parameters: bytes(Region::Parameter) + bytes(Region::ParameterReal),
            gradients: trained,
            optimizer: trained * self.program.optimizer.states.len(),
            states: 2 * bytes(Region::State),
            prepared: bytes(Region::Prepared) + bytes(Region::PreparedReal),
            // The batch lies in regions that grow with it, as all others do.
            batch_per_sample: 0,
            // One arena serves both passes.
            training_per_sample: batched,
            training_fixed: fixed,
            evaluation_per_sample: batched,
            evaluation_fixed: fixed,
        }
    }

    pub(super) fn read(&self, buffer: FlatBuffer, range: Range<usize>) -> Result<Vec<f32>, Error> {
        Ok(self.engine.read(buffer, range)?)
    }

    pub(super) fn write(&mut self, buffer: FlatBuffer, start: usize, values: &[f32]) -> Result<(), Error> {
        Ok(self.engine.write(buffer, start, values)?)
    }

    pub(super) fn loss_scale(&self) -> Result<Option<LossScale>, Error> {
        Ok(self.engine.loss_scale()?)
    }

    pub(super) fn set_loss_scale(&mut self, loss_scale: LossScale) -> Result<(), Error> {
        Ok(self.engine.set_loss_scale(loss_scale)?)
    }

    pub(super) fn begin_training(&mut self, feed: &Feed, settings: Settings) -> Result<Option<Ended>, Stop> {
        self.engine.train(Source::Feed(feed), settings)
    }

    pub(super) fn begin_measuring(&mut self, feed: &Feed) -> Result<Option<Ended>, Stop> {
        self.engine.measure(Source::Feed(feed))
    }

    /// The index of the data set on the GPU, if it has room there.
    pub(super) fn keep(
        &mut self,
        dataset: &Dataset,
        options: &LoaderOptions,
    ) -> Result<Option<usize>, Error> {
        self.engine.keep(dataset, options)
    }

    pub(super) fn begin_epoch(&mut self, kept: usize, order: &[u32], stream: [u64; 2]) -> Result<(), Error> {
        Ok(self.engine.begin_epoch(kept, order, stream)?)
    }

    pub(super) fn begin_training_kept(
        &mut self,
        batch: KeptBatch,
        settings: Settings,
    ) -> Result<Option<Ended>, Stop> {
        self.engine.train(Source::Kept(batch), settings)
    }

    pub(super) fn begin_measuring_kept(&mut self, batch: KeptBatch) -> Result<Option<Ended>, Stop> {
        self.engine.measure(Source::Kept(batch))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.engine.is_busy()
    }

    pub(super) fn end(&mut self) -> Result<Option<Ended>, Stop> {
        self.engine.end()
    }

    pub(super) fn infer(&mut self, pool: &Pool, feed: &Feed, take: &mut Take) -> Result<(), Error> {
        let outputs = self.engine.infer(feed.size, feed.inputs)?;
        self.program.outputs.iter().zip(&outputs).for_each(|(port, output)| take(pool, port, output));
        Ok(())
    }
}
