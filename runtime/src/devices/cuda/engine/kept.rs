//! Data sets that stay in the GPU's memory.
//!
//! Samples lie there as they are stored, bytes as bytes. An epoch sends the order of its samples once; each
//! batch is then gathered, standardised, cut and mirrored on the GPU (`gather.cu`), to the same bits as the
//! loader makes it.

use super::Engine;
use super::own::{Gather, GatherTargets};
use crate::data::{Augment, Dataset, LoaderOptions, Storage, Targets, Transform};
use crate::devices::cuda::{CudaError, Memory, Stream};
use crate::emitted::cuda::Region;
use crate::error::Error;
use crate::model::kept::KeptBatch;
use crate::program::TargetKind;

/// A data set on the GPU, and where its epoch stands.
pub(super) struct Kept {
    samples: Memory,
    are_bytes: bool,
    mean: Memory,
    scale: Memory,
    /// Statistics repeat after so many elements.
    period: usize,
    targets: Memory,
    /// Labels or values of a sample.
    target_len: usize,
    order: Memory,
    /// `Epoch` of `gather.cu`.
    epoch: Memory,
    map: [usize; 3],
    transposed: bool,
    augment: Augment,
    /// Place in the order of the next batch's first sample, when all is done that the GPU was given. Unknown at the start
    /// of an epoch, and behind a batch that was not given as a whole.
    position: Option<usize>,
    /// Seed and number of the epoch.
    stream: [u64; 2],
}

/// The part of the free memory that a data set may take: activations and workspace come later.
const SHARE: u64 = 2;

impl Engine {
    /// Copies a data set to the GPU, if it has room; its index. The network has one input and one target, which it
    /// fits.
    pub(crate) fn keep(
        &mut self,
        dataset: &Dataset,
        options: &LoaderOptions,
    ) -> Result<Option<usize>, Error> {
        if SHARE * bytes(dataset) > self.context.free_bytes()? {
            return Ok(None);
        }
        let transform = Transform::new(dataset.shape(), &options.input, &options.statistics)?;
        let statistics = &options.statistics;
        let scale: Vec<f32> = statistics.std.iter().map(|std| 1.0 / std).collect();
        let (samples, are_bytes) = match dataset.samples().storage() {
            Storage::Bytes(bytes) => (self.sent(bytes)?, true),
            Storage::Values(values) => (self.sent(&of_floats(values))?, false),
        };
        let (targets, target_len) = match dataset.targets() {
            Targets::Classes(classes) => (self.sent(&of_words(classes))?, 1),
            Targets::Values { width, values } => (self.sent(&of_floats(values))?, *width),
        };
        self.kept.push(Kept {
            samples,
            are_bytes,
            mean: self.sent(&of_floats(&statistics.mean))?,
            scale: self.sent(&of_floats(&scale))?,
            period: scale.len(),
            targets,
            target_len,
            order: Memory::new(&self.context, 4 * dataset.len())?,
            epoch: Memory::new(&self.context, size_of::<[u64; 3]>())?,
            map: transform.map(),
            transposed: transform.is_transposed(),
            augment: options.augment,
            position: None,
            stream: [0; 2],
        });
        Ok(Some(self.kept.len() - 1))
    }

    /// Begins an epoch of a data set: the order of its samples.
    pub(crate) fn begin_epoch(
        &mut self,
        kept: usize,
        order: &[u32],
        [seed, epoch]: [u64; 2],
    ) -> Result<(), CudaError> {
        let kept = &mut self.kept[kept];
        kept.position = None;
        kept.stream = [seed, epoch];
        kept.order.write(0, &of_words(order), &self.stream)
    }

    /// Lets the GPU gather a batch next; [`Engine::turned_past`] follows once that has been given.
    pub(super) fn turn_to(&mut self, batch: KeptBatch) -> Result<(), CudaError> {
        let kept = &mut self.kept[batch.dataset];
        if kept.position.take() == Some(batch.position) {
            return Ok(());
        }
        let [seed, epoch] = kept.stream;
        let bytes = [seed, epoch, batch.position as u64].map(u64::to_ne_bytes).concat();
        kept.epoch.write(0, &bytes, &self.stream)
    }

    /// Having gathered a batch, the GPU stands behind it.
    pub(super) fn turned_past(&mut self, batch: KeptBatch) {
        self.kept[batch.dataset].position = Some(batch.position + batch.size);
    }

    /// Gathers the next batch where the pass reads it.
    pub(super) fn gather(&self, kept: usize, batch: usize, stream: &Stream) -> Result<(), CudaError> {
        let kept = &self.kept[kept];
        let [height, width, channels] = kept.map;
        let gather = Gather {
            samples: kept.samples.address(),
            order: kept.order.address(),
            mean: kept.mean.address(),
            scale: kept.scale.address(),
            epoch: kept.epoch.address(),
            input: self.regions.address(&self.cuda.inputs[0], batch),
            are_bytes: kept.are_bytes,
            map: [height, width, channels],
            period: kept.period,
            transposed: kept.transposed,
            augment: kept.augment,
        };
        self.own.gather(&gather, batch, stream)?;
        if let Some(to) = self.target_address(batch) {
            let (rows, order, epoch) = (kept.targets.address(), gather.order, gather.epoch);
            let targets = GatherTargets { rows, order, epoch, to, len: kept.target_len };
            self.own.gather_targets(&targets, batch, stream)?;
        }
        self.own.next_batch(gather.epoch, batch, stream)
    }

    /// Where labels or target values go; nowhere if no loss reads them.
    fn target_address(&self, batch: usize) -> Option<u64> {
        let target = &self.program.targets[0];
        match target.kind {
            TargetKind::Classes => {
                let start = self.regions.labels_start(target.output, batch) as u64;
                Some(self.regions.labels().address() + start)
            }
            TargetKind::Values => {
                let place = self.cuda.targets.iter().find(|own| own.output == target.output)?;
                debug_assert_eq!(place.place.region, Region::Target);
                Some(self.regions.address(&place.place, batch))
            }
        }
    }

    /// Memory that holds these bytes.
    fn sent(&self, bytes: &[u8]) -> Result<Memory, CudaError> {
        let memory = Memory::new(&self.context, bytes.len())?;
        memory.write(0, bytes, &self.stream)?;
        Ok(memory)
    }
}

/// What a data set takes on the GPU.
fn bytes(dataset: &Dataset) -> u64 {
    let samples = match dataset.samples().storage() {
        Storage::Bytes(bytes) => bytes.len(),
        Storage::Values(values) => 4 * values.len(),
    };
    let targets = match dataset.targets() {
        Targets::Classes(classes) => classes.len(),
        Targets::Values { values, .. } => values.len(),
    };
    (samples + 4 * (targets + dataset.len())) as u64
}

fn of_floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

fn of_words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}
