//! The argument of every emitted function.
//!
//! A [`Pass`] carries what the calls of one step have in common: the memory, the threads, the
//! labels, the random key. Emitted code names layers and counts elements with it; all else is
//! for the training loop, which makes it, and for kernels.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::operand::MAX_OPERANDS;
use super::{Operand, Region, Slot};
use crate::conv::{Conv, PackedWeights, Weight};
use crate::cpu::{Buffers, Pool};
use crate::select::{Operation, Problem};

/// One run of a training or evaluation pass over one batch.
pub struct Pass<'a> {
    buffers: Buffers<'a>,
    pool: &'a Pool,
    /// By the output that they judge; empty for the others.
    labels: [&'a [u32]; MAX_TARGETS],
    random: RandomKey,
    packed: Option<&'a PackedWeights>,
    inspect: bool,
    trace: Option<&'a Trace>,
    layer: Cell<LayerPath>,
    first_non_finite: Cell<Option<LayerPath>>,
}

/// The products of a pass, and the layers that asked for them.
pub type Trace = RefCell<Vec<(LayerPath, Problem)>>;

/// A layer within a block or a turn of a loop.
#[derive(Clone, Copy, Default)]
pub struct LayerPath {
    scope: &'static str,
    layer: &'static str,
}

/// The labels of so many outputs find room in a pass, without an allocation per step.
pub const MAX_TARGETS: usize = 32;

/// What the random numbers of a pass depend on, beside the stream and the element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RandomKey {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the training step.
    pub step: u64,
}

impl<'a> Pass<'a> {
    /// A pass over `buffers`, whose batch size it takes, on the threads of `pool`.
    pub fn new(buffers: Buffers<'a>, pool: &'a Pool) -> Self {
        Pass {
            buffers,
            pool,
            labels: [&[]; MAX_TARGETS],
            random: RandomKey::default(),
            packed: None,
            inspect: false,
            trace: None,
            layer: Cell::default(),
            first_non_finite: Cell::new(None),
        }
    }

    /// With the classes for the output of index `target`, one per sample and position.
    ///
    /// # Panics
    /// If `target` is [`MAX_TARGETS`] or more.
    pub fn with_labels(mut self, target: usize, labels: &'a [u32]) -> Self {
        self.labels[target] = labels;
        self
    }

    /// With the key of its random numbers.
    pub fn with_random(mut self, key: RandomKey) -> Self {
        self.random = key;
        self
    }

    /// With weights that stay packed until `packed` is told to forget them. The pass must not write the
    /// parameters, nor what is prepared from them.
    pub fn with_packed(mut self, packed: &'a PackedWeights) -> Self {
        self.packed = Some(packed);
        self
    }

    /// With every result examined for NaN and infinities, see [`Pass::first_non_finite`].
    pub fn inspecting(mut self) -> Self {
        self.inspect = true;
        self
    }

    /// With its products written down.
    pub fn tracing(mut self, trace: &'a Trace) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Samples in the batch.
    pub fn batch(&self) -> usize {
        self.buffers.batch()
    }

    /// Elements per channel of a tensor with `positions` positions per sample.
    #[inline]
    pub fn count(&self, positions: usize) -> f32 {
        (self.batch() * positions) as f32
    }

    /// Names the block or turn of a loop whose layers follow; empty for the network itself.
    #[inline]
    pub fn scope(&self, path: &'static str) {
        self.layer.set(LayerPath { scope: path, ..self.layer.get() });
    }

    /// Names the layer whose calls follow, within the scope, for reports.
    #[inline]
    pub fn layer(&self, path: &'static str) {
        self.layer.set(LayerPath { layer: path, ..self.layer.get() });
    }

    /// The first layer that produced a NaN or an infinity while the pass was inspected.
    pub fn first_non_finite(&self) -> Option<String> {
        self.first_non_finite.get().map(|layer| layer.to_string())
    }

    /// The threads that kernels run on.
    pub fn pool(&self) -> &'a Pool {
        self.pool
    }

    /// The classes for the output of index `target`, one per sample and position; empty if it is
    /// judged by none.
    pub fn labels(&self, target: usize) -> &'a [u32] {
        self.labels.get(target).copied().unwrap_or(&[])
    }

    /// The key of the random numbers.
    pub fn random(&self) -> RandomKey {
        self.random
    }

    /// Elements of `slot` at this batch size.
    pub fn len(&self, slot: Slot) -> usize {
        self.buffers.len(slot)
    }

    /// A copy of what `slot` holds, for tests and reports.
    pub fn read(&self, slot: Slot) -> Vec<f32> {
        self.view(slot, <[f32]>::to_vec)
    }

    /// Lends `body` what `slot` holds.
    pub fn view<T>(&self, slot: Slot, body: impl FnOnce(&[f32]) -> T) -> T {
        self.buffers.access([slot], [], |[values], []| body(values))
    }

    /// The weight in `slot`, which holds `values`.
    pub(crate) fn weight<'w>(&'w self, slot: Slot, values: &'w [f32]) -> Weight<'w> {
        let weight = Weight::new(values);
        self.packed.map_or(weight, |packed| weight.kept(slot, packed))
    }

    /// Tells of a product that the layer is about to compute, with the slot of the weight if it has one.
    pub(crate) fn product(&self, operation: Operation, spec: &Conv, weight: Option<Slot>) {
        if let Some(trace) = self.trace {
            let packed = self.packed.is_some() && weight.is_some_and(PackedWeights::keeps);
            let problem = Problem { operation, spec: *spec, batch: self.batch(), packed };
            trace.borrow_mut().push((self.layer.get(), problem));
        }
    }

    /// Runs a kernel on its slices.
    pub(crate) fn call<const R: usize, const W: usize>(
        &self,
        reads: [Slot; R],
        writes: [Slot; W],
        kernel: impl FnOnce([&[f32]; R], [&mut [f32]; W]),
    ) {
        self.check_constant(&writes);
        self.buffers.access(reads, writes, kernel);
        if self.inspect {
            writes.iter().for_each(|&slot| self.examine(slot));
        }
    }

    /// As [`Pass::call`] with operands too, for numbers of them and of results that only the caller
    /// knows. An operand that is no tensor has an empty slice; the second tensors of those that have
    /// one follow after all operands.
    pub(crate) fn call_slices<const R: usize>(
        &self,
        reads: [Slot; R],
        operands: &[Operand],
        writes: &[Slot],
        kernel: impl FnOnce([&[f32]; R], &[&[f32]], &mut [&mut [f32]]),
    ) {
        let mut slots = [None; MAX_OPERANDS];
        let second = operands.iter().filter_map(|operand| operand.second_slot());
        let count = operands.len() + second.clone().count();
        assert!(count <= MAX_OPERANDS, "a call has at most {MAX_OPERANDS} operands");
        let all = operands.iter().map(|operand| operand.slot()).chain(second.map(Some));
        slots.iter_mut().zip(all).for_each(|(slot, operand)| *slot = operand);
        self.check_constant(writes);
        self.buffers.access_slices(reads, &slots[..count], writes, kernel);
        if self.inspect {
            writes.iter().for_each(|&slot| self.examine(slot));
        }
    }

    /// What packed weights were made from stays as it is.
    fn check_constant(&self, writes: &[Slot]) {
        let is_constant = |slot: &Slot| matches!(slot.region, Region::Parameter | Region::Prepared);
        debug_assert!(self.packed.is_none() || !writes.iter().any(is_constant), "{writes:?} are constant");
    }

    fn examine(&self, slot: Slot) {
        let finite =
            self.buffers.access([slot], [], |[values], []| values.iter().all(|value| value.is_finite()));
        if !finite && self.first_non_finite.get().is_none() {
            self.first_non_finite.set(Some(self.layer.get()));
        }
    }
}

impl fmt::Display for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.scope {
            "" => f.write_str(self.layer),
            scope => write!(f, "{scope}.{}", self.layer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inspection_names_the_first_layer() {
        let (pool, mut memory) = (Pool::new(1), [0.0; 4]);
        let pass = Pass::new(Buffers::new(1).with(Region::Fixed, &mut memory), &pool).inspecting();
        let write = |value: f32| {
            pass.call([], [Slot::new(Region::Fixed, 1, 1)], |[], [y]| y.fill(value));
        };
        pass.scope("repeat2");
        for (layer, value) in [("conv1", 1.0), ("bn1", f32::INFINITY), ("relu1", f32::NAN)] {
            pass.layer(layer);
            write(value);
        }
        assert_eq!(pass.first_non_finite().as_deref(), Some("repeat2.bn1"));
        assert_eq!(pass.count(49), 49.0);
    }
}
