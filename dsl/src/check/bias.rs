//! Biases before batch norm: `bn` subtracts the mean and adds its own shift, so a bias right
//! before it changes nothing but the number of parameters. One that the text asks for stays.
//!
//! "Right before" follows the data through blocks and loops, but not into or out of joins.

use std::collections::HashSet;

use crate::diagnostic::Span;
use crate::model::{Layer, Sequence, StepKind};

/// Drops the biases of the layers that batch norm follows directly, but for the words in `written`.
pub(super) fn drop_before_norm(sequence: &mut Sequence, written: &HashSet<Span>) {
    settle(sequence, written, false);
}

/// `norm_follows` says whether batch norm comes right after the sequence; the result, whether
/// it comes right at its start.
fn settle(sequence: &mut Sequence, written: &HashSet<Span>, mut norm_follows: bool) -> bool {
    for step in sequence.steps.iter_mut().rev() {
        norm_follows = match &mut step.kind {
            StepKind::Layer(Layer::Identity) => norm_follows,
            StepKind::Layer(layer) => {
                if let Layer::Conv { bias, .. } | Layer::Linear { bias } = layer {
                    *bias &= !norm_follows || written.contains(&step.span);
                }
                matches!(layer, Layer::BatchNorm { .. })
            }
            StepKind::Scope(inner) => settle(inner, written, norm_follows),
            StepKind::Join { branches, .. } => {
                for (_, branch) in branches {
                    settle(branch, written, false);
                }
                false
            }
        };
    }
    norm_follows
}
