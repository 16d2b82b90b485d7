//! How much memory a model needs: known before anything runs.

use super::batch;
use crate::program::Program;

/// Bytes of a model's buffers, without the [`workspace`](crate::Model::workspace) of the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The parameters, those that are frozen among them.
    pub parameters: usize,
    /// The gradients of those that learn.
    pub gradients: usize,
    /// The states of the optimiser.
    pub optimizer: usize,
    /// Tensors that are kept but not learnt, and the copy that undoes a failed step.
    pub states: usize,
    /// What evaluation computes from the parameters alone.
    pub prepared: usize,
    /// A batch as the kernels read it: inputs, and targets that are no classes. Per sample.
    pub batch_per_sample: usize,
    /// The arena of a training pass, per sample of the batch.
    pub training_per_sample: usize,
    /// The arena of a training pass, whatever the batch.
    pub training_fixed: usize,
    /// The arena of an evaluation pass, per sample of the batch.
    pub evaluation_per_sample: usize,
    /// The arena of an evaluation pass, whatever the batch.
    pub evaluation_fixed: usize,
}

impl Memory {
    /// What a model of `program` needs.
    pub fn of(program: &Program) -> Memory {
        let bytes = |elements: usize| elements * size_of::<f32>();
        let trained = bytes(program.trained_len);
        Memory {
            parameters: bytes(program.parameter_len),
            gradients: trained,
            optimizer: trained * program.optimizer.states.len(),
            states: 2 * bytes(program.state_len),
            prepared: bytes(program.evaluation.prepared_len),
            batch_per_sample: bytes(batch::sample_len(program)),
            training_per_sample: bytes(program.training.batched_len),
            training_fixed: bytes(program.training.fixed_len),
            evaluation_per_sample: bytes(program.evaluation.batched_len),
            evaluation_fixed: bytes(program.evaluation.fixed_len),
        }
    }

    /// Everything that training with batches of `batch` needs, with evaluation in between, which works in
    /// the same arena.
    pub fn training(&self, batch: usize) -> usize {
        let arena = self.training_fixed.max(self.evaluation_fixed)
            + batch * (self.training_per_sample.max(self.evaluation_per_sample) + self.batch_per_sample);
        self.parameters + self.gradients + self.optimizer + self.states + self.prepared + arena
    }

    /// Everything that prediction with batches of `batch` needs.
    pub fn evaluation(&self, batch: usize) -> usize {
        let arena = self.evaluation_fixed + batch * (self.evaluation_per_sample + self.batch_per_sample);
        self.parameters + self.states + self.prepared + arena
    }
}
