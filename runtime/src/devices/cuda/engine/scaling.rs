//! The loss scale at half precision.
//!
//! It lies in the GPU's memory, in the `Step` of `common.h`, where the kernels at the end of a step change it (`finite.cu`,
//! `guard.cu`): so a captured step need not be changed, and nobody waits. Gradients lie there as they were computed, and are
//! divided by their scale when somebody reads them.

use super::Engine;
use crate::devices::cuda::{CudaError, Real};
use crate::model::LossScale;

/// Where the `Step` has the scale of the gradients of the last step, and from where on what a [`LossScale`] holds.
const GRADIENT_SCALE: usize = 20;
const LOSS_SCALE: usize = 24;

impl Engine {
    /// The loss scale, after all that the GPU was given; none where gradients are stored with the range of single
    /// precision.
    pub(crate) fn loss_scale(&self) -> Result<Option<LossScale>, CudaError> {
        if !self.is_scaled() {
            return Ok(None);
        }
        let mut words = [[0; 4]; 4];
        self.status.read(LOSS_SCALE, words.as_flattened_mut(), &self.stream)?;
        let [low, high, scale, good_steps] = words.map(u32::from_le_bytes);
        let skipped = u64::from(high) << 32 | u64::from(low);
        Ok(Some(LossScale { scale: f32::from_bits(scale), good_steps, skipped }))
    }

    /// Replaces the loss scale, where there is one.
    pub(crate) fn set_loss_scale(&mut self, loss_scale: LossScale) -> Result<(), CudaError> {
        if !self.is_scaled() {
            return Ok(());
        }
        let LossScale { scale, good_steps, skipped } = loss_scale;
        let bytes = [&skipped.to_le_bytes()[..], &scale.to_le_bytes(), &good_steps.to_le_bytes()].concat();
        self.status.write(LOSS_SCALE, &bytes, &self.stream)
    }

    /// The scale of a network that has not been trained.
    pub(super) fn begin_scaling(&mut self) -> Result<(), CudaError> {
        self.status.write(GRADIENT_SCALE, &1f32.to_le_bytes(), &self.stream)?;
        self.set_loss_scale(LossScale::default())
    }

    /// Takes the scale off gradients of the last step.
    pub(super) fn unscale(&self, gradients: &mut [f32]) -> Result<(), CudaError> {
        if self.is_scaled() {
            let scale = self.floats(&self.status, GRADIENT_SCALE, 1)?[0];
            gradients.iter_mut().for_each(|gradient| *gradient /= scale);
        }
        Ok(())
    }

    fn is_scaled(&self) -> bool {
        self.regions.extents().real() == Real::Half
    }
}
