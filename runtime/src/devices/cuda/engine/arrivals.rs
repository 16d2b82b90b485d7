//! Batches that the processor has sent, from page-locked memory to where the passes read them.
//!
//! They are copied in a stream of their own while the GPU works on the batch before, into memory of their own, from which one
//! short kernel takes them when the passes have come to them. Two events keep the order, and nobody else knows them: no batch
//! is taken before it has arrived, and none arrives before the one before it was taken.

use super::Engine;
use super::own::Take;
use super::slots::Slot;
use crate::devices::cuda::{Context, CudaError, Event, Memory, Stream};
use crate::emitted::cuda::Region;
use crate::error::Phase;

/// Where batches arrive, and when.
pub(super) struct Arrivals {
    /// Inputs in single precision, target values, labels: one batch as a slot has it.
    memory: Memory,
    /// Of the copies.
    stream: Stream,
    /// Behind the latest copy.
    arrived: Event,
    /// Behind the latest batch that was taken, in the stream of the passes.
    taken: Event,
}

impl Arrivals {
    /// Without room for any batch.
    pub(super) fn new(context: &Context) -> Result<Arrivals, CudaError> {
        Ok(Arrivals {
            memory: Memory::new(context, 0)?,
            stream: Stream::new(context)?,
            arrived: Event::new(context)?,
            taken: Event::new(context)?,
        })
    }

    /// Replaces the memory. No batch may be under way.
    pub(super) fn resize(&mut self, context: &Context, bytes: usize) -> Result<(), CudaError> {
        self.memory = Memory::new(context, bytes)?;
        Ok(())
    }

    /// Bytes of the memory.
    pub(super) fn bytes(&self) -> usize {
        self.memory.bytes()
    }

    /// Copies a batch, which can be taken in the stream of the passes from here on.
    ///
    /// # Safety
    /// `sent` stays as it is until `passes` has come past this place.
    unsafe fn copy(&self, sent: &[u8], passes: &Stream) -> Result<(), CudaError> {
        self.stream.wait(&self.taken)?;
        // SAFETY: `passes` waits for the copy; the caller vouches for the rest.
        unsafe { self.memory.write_from(0, sent, &self.stream)? };
        self.arrived.record(&self.stream)?;
        passes.wait(&self.arrived)
    }

    /// The same for a batch in any memory, all done on return.
    pub(super) fn write(&self, sent: &[u8], passes: &Stream) -> Result<(), CudaError> {
        // What was copied before has been taken in this very stream.
        self.memory.write(0, sent, passes)
    }

    /// Waits for the copies under way.
    pub(super) fn synchronize(&self) -> Result<(), CudaError> {
        self.stream.synchronize()
    }
}

impl Engine {
    /// Brings what a slot has sent to where the passes read it.
    pub(super) fn bring(&mut self, slot: usize) -> Result<(), CudaError> {
        let Slot { sent, batch, .. } = self.slots.slot(slot);
        if batch.kept.is_none() {
            // SAFETY: the slot is written again only after `done` has been waited for, which comes later in the stream; it
            // lives as long as both streams.
            unsafe { self.arrivals.copy(&sent[..batch.hyperparameters], &self.stream)? };
            self.take([batch.targets, batch.labels - batch.targets, batch.hyperparameters - batch.labels])?;
        }
        let settings = &sent[batch.hyperparameters..batch.end];
        if batch.phase == Phase::Training && self.sent_hyperparameters != settings {
            // SAFETY: as above.
            unsafe { self.hyperparameters.write_from(0, settings, &self.stream)? };
            self.sent_hyperparameters.clear();
            self.sent_hyperparameters.extend_from_slice(settings);
        }
        Ok(())
    }

    /// Takes so many bytes of inputs, target values and labels to their regions.
    pub(super) fn take(&self, bytes: [usize; 3]) -> Result<(), CudaError> {
        let memory = |region| self.regions.memory(region).address();
        let take = Take {
            from: self.arrivals.memory.address(),
            to: [memory(Region::Input), memory(Region::Target), self.regions.labels().address()],
            words: bytes.map(|bytes| bytes / size_of::<f32>()),
        };
        self.own.take(&take, &self.stream)?;
        self.arrivals.taken.record(&self.stream)
    }
}
