//! Weights in the form that kernels multiply, kept from one evaluation to the next.
//!
//! Parameters change at updates; in between, every evaluation multiplies by the same weights, and for a
//! few samples packing one costs more than the product. What an algorithm makes of a weight is therefore
//! kept under the weight's slot and a [`Form`], until the model says that parameters have changed. A
//! training step uses each form once, so it packs into scratch memory.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Conv;
use crate::cpu::{Buffer, Lease, Pool};
use crate::emitted::{Region, Slot};
use crate::select::{Algorithm, Operation};

/// What decides how a weight is packed, beside the instruction set, which a model never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    algorithm: Algorithm,
    operation: Operation,
    /// The convolution without what its weight does not know of: sizes of maps, and padding.
    spec: Conv,
    /// Which of several correlations, in the gradient of a strided convolution.
    part: usize,
    /// Columns of a panel.
    width: usize,
}

impl Form {
    pub(super) fn new(algorithm: Algorithm, operation: Operation, spec: &Conv) -> Form {
        let channels = |[.., channels]: [usize; 4]| [0, 0, 0, channels];
        let spec = Conv { input: channels(spec.input), output: channels(spec.output), pad: [0; 3], ..*spec };
        Form { algorithm, operation, spec, part: 0, width: 0 }
    }

    pub(super) fn is_forward(self) -> bool {
        self.operation == Operation::Forward
    }

    pub(super) fn with_part(self, part: usize) -> Form {
        Form { part, ..self }
    }

    pub(super) fn with_width(self, width: usize) -> Form {
        Form { width, ..self }
    }
}

/// The packed weights of a model.
#[derive(Default)]
pub struct PackedWeights {
    entries: Mutex<Vec<Entry>>,
}

pub(super) struct Entry {
    slot: Slot,
    form: Form,
    values: Buffer,
    /// Whether the weight still has the values that it was packed from.
    is_current: bool,
}

impl PackedWeights {
    /// To be called after any change of parameters or of what is prepared from them. The memory stays, for
    /// the same forms of the new values; that of forms that the last evaluations have not asked for goes.
    pub fn forget(&mut self) {
        let entries = self.entries.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Of several changes in a row, only the first knows what was asked for.
        if entries.iter().any(|entry| entry.is_current) {
            entries.retain(|entry| entry.is_current);
        }
        entries.iter_mut().for_each(|entry| entry.is_current = false);
    }

    /// Whether what lies in `slot` changes with the parameters alone.
    pub fn keeps(slot: Slot) -> bool {
        matches!(slot.region, Region::Parameter | Region::Prepared)
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> usize {
        self.lock().iter().map(|entry| entry.values.len() * size_of::<f32>()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // An entry whose packing panicked is not current.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn packed(&self, slot: Slot, form: Form, len: usize, pack: impl FnOnce(&mut [f32])) -> Packed<'_> {
        let mut entries = self.lock();
        let known = entries.iter().position(|entry| entry.slot == slot && entry.form == form);
        let index = known.unwrap_or(entries.len());
        if known.is_none() {
            entries.push(Entry { slot, form, values: Buffer::zeroed(len), is_current: false });
        }
        let entry = &mut entries[index];
        if !entry.is_current {
            pack(&mut entry.values);
            entry.is_current = true;
        }
        Packed::Kept(entries, index)
    }
}

/// A weight as a kernel gets it.
#[derive(Clone, Copy)]
pub(crate) struct Weight<'a> {
    pub(super) values: &'a [f32],
    kept: Option<(&'a PackedWeights, Slot)>,
}

impl<'a> Weight<'a> {
    /// A weight that is packed anew in each call.
    pub(crate) fn new(values: &'a [f32]) -> Weight<'a> {
        Weight { values, kept: None }
    }

    /// The same, kept in `packed` as what `slot` holds, if a slot there changes with the parameters alone.
    pub(crate) fn kept(self, slot: Slot, packed: &'a PackedWeights) -> Weight<'a> {
        Weight { kept: PackedWeights::keeps(slot).then_some((packed, slot)), ..self }
    }

    /// Whether its forms stay for the next call.
    pub(super) fn is_kept(self) -> bool {
        self.kept.is_some()
    }

    /// Gives back the memory of forms that other algorithms than this one have made of it.
    pub(super) fn keep_only(self, algorithm: Algorithm) {
        if let Some((packed, slot)) = self.kept {
            packed.lock().retain(|entry| entry.slot != slot || entry.form.algorithm == algorithm);
        }
    }

    /// The `len` elements of a form of it, which `pack` writes if they are not kept.
    pub(super) fn packed(
        self,
        pool: &'a Pool,
        form: Form,
        len: usize,
        pack: impl FnOnce(&mut [f32]),
    ) -> Packed<'a> {
        match self.kept {
            Some((packed, slot)) => packed.packed(slot, form, len, pack),
            None => {
                let mut values = pool.scratch().single(len);
                pack(&mut values);
                Packed::Scratch(values)
            }
        }
    }
}

/// A packed weight, for the duration of a call.
pub(super) enum Packed<'a> {
    /// Among those of the model.
    Kept(MutexGuard<'a, Vec<Entry>>, usize),
    /// For this call alone.
    Scratch(Lease<'a, f32>),
}

impl Deref for Packed<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Packed::Kept(entries, index) => &entries[*index].values,
            Packed::Scratch(values) => values,
        }
    }
}
