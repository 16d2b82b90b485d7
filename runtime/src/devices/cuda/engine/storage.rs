//! Memory: what outlives a batch, and how much the rest may take.

use std::ops::Range;

use super::Engine;
use crate::devices::cuda::{CudaError, Memory};
use crate::emitted::cuda::Region;
use crate::error::Error;
use crate::model::engine::FlatBuffer;

/// What is left free, for what the driver itself takes as it goes.
const RESERVE: usize = 64 << 20;

impl Engine {
    /// A part of a flat buffer, after all that the GPU was given.
    pub(crate) fn read(&self, flat: FlatBuffer, range: Range<usize>) -> Result<Vec<f32>, CudaError> {
        let mut values = self.floats(self.flat(flat), 4 * range.start, range.len())?;
        if flat == FlatBuffer::Gradients {
            self.unscale(&mut values)?;
        }
        Ok(values)
    }

    /// Replaces a part of a flat buffer.
    pub(crate) fn write(&mut self, flat: FlatBuffer, start: usize, values: &[f32]) -> Result<(), CudaError> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        self.flat(flat).write(4 * start, &bytes, &self.stream)?;
        self.is_copied &= flat != FlatBuffer::Parameters;
        self.is_prepared = false;
        Ok(())
    }

    /// `len` numbers in single precision, from a byte on.
    pub(super) fn floats(&self, memory: &Memory, start: usize, len: usize) -> Result<Vec<f32>, CudaError> {
        let mut bytes = vec![0; 4 * len];
        memory.read(start, &mut bytes, &self.stream)?;
        Ok(bytes.as_chunks().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect())
    }

    fn flat(&self, flat: FlatBuffer) -> &Memory {
        match flat {
            FlatBuffer::Parameters => self.regions.memory(Region::Parameter),
            FlatBuffer::Gradients => self.regions.memory(Region::Gradient),
            FlatBuffer::States => self.regions.memory(Region::State),
            FlatBuffer::Optimizer(index) => &self.optimizer[index],
        }
    }

    /// Lets batches of `batch` samples fit.
    pub(super) fn reserve(&mut self, batch: usize) -> Result<(), Error> {
        if batch <= self.regions.batch() {
            return Ok(());
        }
        self.stream.synchronize()?;
        self.check_fits(batch)?;
        self.schedules.clear();
        // The old memory goes before the new one comes, so that a batch that fits has room. The regions are the first to
        // go and the last to come: from whatever fails in between, no batch fits until this is done again.
        self.regions.shrink(&self.context)?;
        self.workspace = Memory::new(&self.context, 0)?;
        self.arrivals.resize(&self.context, 0)?;
        self.workspace = Memory::new(&self.context, self.workspace_bytes(batch))?;
        self.arrivals.resize(&self.context, self.arriving_bytes() * batch)?;
        Ok(self.regions.grow(&self.context, batch)?)
    }

    /// Bytes of the workspace.
    pub(crate) fn workspace(&self) -> usize {
        self.workspace.bytes()
    }

    /// Bytes of the largest workspace that a launch or a library may ask for.
    fn workspace_bytes(&self, batch: usize) -> usize {
        self.choices.workspace_bytes(self.cuda, batch)
    }

    /// Bytes that grow with the batch, per sample.
    pub(crate) fn bytes_per_sample(&self) -> usize {
        self.regions.extents().bytes_per_sample() + self.arriving_bytes()
    }

    /// Bytes of a region; per sample, where it grows with the batch.
    pub(crate) fn region_bytes(&self, region: Region) -> usize {
        self.regions.extents().bytes(region)
    }

    /// Bytes of a sample as it is sent.
    fn arriving_bytes(&self) -> usize {
        let extents = self.regions.extents();
        4 * (extents.len(Region::Input) + extents.len(Region::Target) + extents.labels_len())
    }

    /// Whether activations are stored in less than single precision.
    pub(super) fn is_cast(&self) -> bool {
        self.regions.extents().size(Region::Batched.element()) != 4
    }

    /// An error if the memory that is free, or in use for smaller batches, does not suffice.
    fn check_fits(&self, batch: usize) -> Result<(), Error> {
        let held = self.regions.growing_bytes() + self.workspace.bytes() + self.arrivals.bytes();
        let free = self.context.free_bytes()? as usize + held;
        let needed = |batch: usize| batch * self.bytes_per_sample() + self.workspace_bytes(batch) + RESERVE;
        if needed(batch) <= free {
            return Ok(());
        }
        // The largest that fits: needs grow with the batch.
        let (mut fits, mut too_large) = (0, batch);
        while too_large - fits > 1 {
            let middle = fits.midpoint(too_large);
            if needed(middle) <= free { fits = middle } else { too_large = middle }
        }
        let megabytes = |bytes: usize| bytes.div_ceil(1 << 20);
        let message = format!(
            "a batch of {batch} needs {} MiB on {}, where {} MiB are free",
            megabytes(needed(batch)),
            self.context,
            megabytes(free)
        );
        let help = match (fits, self.is_cast()) {
            (0, _) => {
                "end other programs on the GPU (`nvidia-smi` lists them), or use another device".to_owned()
            }
            (_, true) => format!("use `--batch {fits}`, or less"),
            (_, false) => {
                format!(
                    "use `--batch {fits}`, or less; activations take half as much with `--precision bf16`"
                )
            }
        };
        Err(Error::settings(message, help))
    }
}
