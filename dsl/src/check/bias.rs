//! Biases before batch norm: `bn` subtracts the mean and adds its own shift, so a bias right
//! before it changes nothing but the number of parameters. One that the text asks for stays.
//!
//! "Right before" follows the data through blocks and loops, but not into or out of joins. A value with
//! a name may have other readers, who would miss the bias.

use std::collections::HashSet;

use crate::diagnostic::Span;
use crate::model::{Conv, Layer, Sequence, StepKind};

/// Words whose bias the text decides: the path of the steps around, and the place.
pub(super) type Written = HashSet<(String, Span)>;

/// Drops the biases of the layers that batch norm follows directly, but for the words in `written`.
pub(super) fn drop_before_norm(sequence: &mut Sequence, written: &Written) {
    settle(sequence, "", written, false);
}

/// `norm_follows` says whether batch norm comes right after the sequence; the result, whether
/// it comes right at its start.
fn settle(sequence: &mut Sequence, path: &str, written: &Written, mut norm_follows: bool) -> bool {
    for step in sequence.steps.iter_mut().rev() {
        norm_follows &= step.tap.is_none();
        norm_follows = match &mut step.kind {
            StepKind::Layer(Layer::Identity) => norm_follows,
            StepKind::Layer(layer) => {
                if let Layer::Conv(Conv { bias, .. })
                | Layer::ConvTranspose { conv: Conv { bias, .. }, .. }
                | Layer::Linear { bias, .. } = layer
                {
                    *bias &= !norm_follows || written.contains(&(path.to_owned(), step.span));
                }
                matches!(layer, Layer::BatchNorm { .. })
            }
            StepKind::Scope(inner) => settle(inner, &below(path, &step.name), written, norm_follows),
            // Other uses may stand elsewhere, and they have one bias in common.
            StepKind::Shared { path, body } => {
                settle(body, path, written, false);
                false
            }
            StepKind::From(_) => false,
            StepKind::Join { branches, .. } => {
                let path = below(path, &step.name);
                for (name, branch) in branches {
                    settle(branch, &below(&path, name), written, false);
                }
                false
            }
        };
    }
    norm_follows
}

/// The path of a step, or of a branch, among those of this path.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
