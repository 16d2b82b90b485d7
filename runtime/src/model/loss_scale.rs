//! The factor on the loss at half precision.

use serde::{Deserialize, Serialize};

/// The loss scale of training at [`Precision::F16`](crate::Precision::F16), and what it depends on.
///
/// Gradients are those of the loss times `scale`, so that small ones do not vanish among numbers that begin at 6e-8 and
/// end at 65504; the update divides by it (Micikevicius et al. 2018, "Mixed Precision Training", section 3.2). As in
/// PyTorch's `GradScaler`, a step with a gradient that is not finite is skipped and halves the scale, and 2000 good
/// steps in a row double it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    /// A power of two from 1 to 2²⁴.
    pub scale: f32,
    /// Steps since the scale changed or a step was skipped.
    pub good_steps: u32,
    /// Steps that were skipped. [`Model::step`](crate::Model::step) counts them, the optimiser does not.
    pub skipped: u64,
}

/// It then changes nothing any more, and a gradient that is not finite is nobody's fault but the network's.
const LEAST: f32 = 1.0;

/// Beyond it steps that are good do not double it; see `guard.cu`.
const LARGEST: f32 = 16_777_216.0;

impl LossScale {
    /// Whether training can go on from it after `step` steps.
    pub(crate) fn is_valid(&self, step: u64) -> bool {
        let is_power = self.scale.log2().fract() == 0.0;
        (LEAST..=LARGEST).contains(&self.scale) && is_power && self.skipped <= step
    }
}

impl Default for LossScale {
    /// That of a fresh network: 2¹⁶, as in PyTorch.
    fn default() -> LossScale {
        LossScale { scale: 65536.0, good_steps: 0, skipped: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_training_may_come_to_is_valid() {
        let of = |scale: f32, skipped: u64| LossScale { scale, skipped, ..LossScale::default() };
        for scale in [1.0, 2.0, 65536.0, 16_777_216.0] {
            assert!(of(scale, 3).is_valid(3));
        }
        for wrong in [0.0, 0.5, -2.0, 3.0, 33_554_432.0, f32::INFINITY, f32::NAN] {
            assert!(!of(wrong, 0).is_valid(3), "{wrong}");
        }
        assert!(!of(2.0, 4).is_valid(3));
    }
}
