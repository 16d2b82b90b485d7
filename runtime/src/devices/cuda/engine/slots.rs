//! Batches on their way to the GPU and reports on their way back.
//!
//! A batch is copied into page-locked memory, where it stays until its report has come: so the processor runs
//! ahead of the GPU by no more than there are slots, and a batch whose loss is not finite is still there to be
//! looked at.

use crate::devices::cuda::{Context, CudaError, Event, Pinned};
use crate::error::Phase;
use crate::model::kept::KeptBatch;

/// A batch under way.
pub(super) struct Slot {
    /// Inputs, target values, labels and hyperparameters, four bytes each.
    pub(super) sent: Pinned,
    /// What has come back of it.
    pub(super) received: Pinned,
    /// Behind the copy of the report.
    pub(super) done: Event,
    /// What the slot holds.
    pub(super) batch: Batch,
}

/// A batch that lies in a slot: in bytes, where each part begins.
#[derive(Clone, Copy)]
pub(super) struct Batch {
    pub(super) phase: Phase,
    pub(super) size: usize,
    /// The samples that it was gathered from, if the processor has not sent it.
    pub(super) kept: Option<KeptBatch>,
    /// Labels of the output that is judged first.
    pub(super) rows: usize,
    pub(super) targets: usize,
    pub(super) labels: usize,
    pub(super) hyperparameters: usize,
    pub(super) end: usize,
}

/// The slots, used in turns.
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// The next one to be filled.
    next: usize,
    /// How many, ending before `next`, are under way.
    pending: usize,
}

/// While the GPU works on one batch, the next is copied and a third prepared.
const SLOTS: usize = 3;

impl Slots {
    pub(super) fn new(context: &Context, received: usize) -> Result<Slots, CudaError> {
        let slot = |_| {
            Ok(Slot {
                sent: Pinned::new(context, 0)?,
                received: Pinned::new(context, received)?,
                done: Event::new(context)?,
                batch: Batch {
                    phase: Phase::Training,
                    size: 0,
                    kept: None,
                    rows: 0,
                    targets: 0,
                    labels: 0,
                    hyperparameters: 0,
                    end: 0,
                },
            })
        };
        Ok(Slots { slots: (0..SLOTS).map(slot).collect::<Result<_, CudaError>>()?, next: 0, pending: 0 })
    }

    /// Whether a slot must be waited for before another batch can be sent.
    pub(super) fn is_full(&self) -> bool {
        self.pending == SLOTS
    }

    /// How many batches of a kind are under way.
    pub(super) fn pending(&self, phase: Phase) -> usize {
        let indices = (1..=self.pending).map(|back| (self.next + SLOTS - back) % SLOTS);
        indices.filter(|index| self.slots[*index].batch.phase == phase).count()
    }

    /// Its index.
    pub(super) fn next_index(&self) -> usize {
        self.next
    }

    /// Page-locked memory for `bytes` that are to be sent next, if the slot has too little, which may still be under way.
    pub(super) fn larger(&self, context: &Context, bytes: usize) -> Result<Option<Pinned>, CudaError> {
        let is_short = self.slots[self.next].sent.len() < bytes;
        is_short.then(|| Pinned::new(context, bytes)).transpose()
    }

    /// The slot to fill, which is not under way.
    pub(super) fn next(&mut self) -> &mut Slot {
        &mut self.slots[self.next]
    }

    /// The slot that was filled is under way.
    pub(super) fn begin(&mut self) {
        self.next = (self.next + 1) % SLOTS;
        self.pending += 1;
    }

    /// The index of the earliest slot under way, which is so no more.
    pub(super) fn end(&mut self) -> Option<usize> {
        let earliest = (self.next + SLOTS - self.pending) % SLOTS;
        self.pending = self.pending.checked_sub(1)?;
        Some(earliest)
    }

    /// None is under way any more.
    pub(super) fn forget(&mut self) {
        self.pending = 0;
    }

    pub(super) fn slot(&self, index: usize) -> &Slot {
        &self.slots[index]
    }
}
