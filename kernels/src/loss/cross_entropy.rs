//! Cross-entropy of logits with classes, at each position.
//!
//! With classes k of K, weights w (1 if there are none) and label smoothing ε, the loss of a row of
//! logits whose label is y is
//!
//! ```text
//! l = (1 − ε) · w[y] · −log p[y]  +  ε / K · Σ w[k] · −log p[k],    p = softmax(logits)
//! ```
//!
//! The batch's loss is Σ l / Σ w\[y\] over all samples and positions, as in PyTorch; what is stored for
//! a sample is scaled so that the mean over the samples is that.

#[cfg(test)]
mod tests;

use crate::cpu::Vectorised;
use crate::elementwise::sum;
use crate::emitted::{Pass, Slot};
use crate::softmax::{for_each_log_sum, for_each_rows, rows};

/// Rows of a task, about.
const TASK: usize = 1 << 14;

/// A cross-entropy over the channels of its logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy {
    /// Channels of the logits.
    pub classes: usize,
    /// Labels per sample.
    pub positions: usize,
    /// Which labels: those for the output of this index.
    pub target: usize,
    /// Share of the target that is spread over all classes.
    pub label_smoothing: f32,
    /// A factor per class; empty for none.
    pub class_weights: &'static [f32],
    /// Factor on the whole.
    pub weight: f32,
}

/// The loss of each sample. A label that is no class makes it NaN.
pub fn cross_entropy(p: &Pass, spec: &CrossEntropy, logits: Slot, loss: Slot) {
    let (isa, count) = (p.pool().isa(), TASK.div_ceil(spec.classes));
    let labels = p.labels(spec.target);
    // The mean over the samples gives 1 / batch.
    let scale = spec.scale(labels) * p.batch() as f64;
    p.call([logits], [loss], |[logits], [loss]| {
        let mut rows = p.pool().scratch().single(labels.len());
        p.pool().for_each_piece([&mut *rows], [count], |task, [losses]| {
            let logits = &logits[task * count * spec.classes..][..losses.len() * spec.classes];
            isa.run(Rows { spec, logits, labels: &labels[task * count..], losses });
        });
        for (rows, loss) in rows.chunks_exact(spec.positions).zip(loss) {
            *loss = (rows.iter().copied().map(f64::from).sum::<f64>() * scale) as f32;
        }
    });
}

/// The gradient of the batch's loss.
pub fn cross_entropy_backward(p: &Pass, spec: &CrossEntropy, logits: Slot, dlogits: Slot) {
    let (isa, labels) = (p.pool().isa(), p.labels(spec.target));
    let scale = spec.scale(labels) as f32;
    p.call([logits], [dlogits], |[logits], [dlogits]| {
        for_each_rows(p.pool(), spec.classes, dlogits, |first, dlogits| {
            let logits = &logits[first * spec.classes..][..dlogits.len()];
            isa.run(Gradient { spec, scale, logits, labels: &labels[first..], dlogits });
        });
    });
}

impl CrossEntropy {
    /// weight / Σ w\[y\]
    fn scale(&self, labels: &[u32]) -> f64 {
        let weight = |&label: &u32| self.class_weights.get(label as usize).map_or(0.0, |&w| f64::from(w));
        let total = match self.class_weights {
            [] => labels.len() as f64,
            _ => labels.iter().map(weight).sum(),
        };
        f64::from(self.weight) / total
    }

    /// w\[y\], NaN for a label that is no class.
    #[inline(always)]
    fn class_weight(&self, label: u32) -> f32 {
        match self.class_weights {
            [] if (label as usize) < self.classes => 1.0,
            weights => weights.get(label as usize).copied().unwrap_or(f32::NAN),
        }
    }

    /// The factors of −log p\[y\] and of Σ w\[k\] · −log p\[k\].
    #[inline(always)]
    fn shares(&self, label: u32) -> (f32, f32) {
        let chosen = (1.0 - self.label_smoothing) * self.class_weight(label);
        (chosen, self.label_smoothing / self.classes as f32)
    }
}

/// The loss of each row.
struct Rows<'a> {
    spec: &'a CrossEntropy,
    logits: &'a [f32],
    labels: &'a [u32],
    losses: &'a mut [f32],
}

impl Vectorised for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut labels = self.labels.iter().zip(self.losses);
        for_each_log_sum(self.spec.classes, self.logits, |row, maximum, log_sum| {
            let Some((&label, loss)) = labels.next() else { return };
            let (chosen, all) = self.spec.shares(label);
            let logit = row.get(label as usize).copied().unwrap_or(f32::NAN);
            *loss = chosen * (log_sum - (logit - maximum));
            if all > 0.0 {
                *loss += all * weighted_sum(self.spec.class_weights, row, |x| log_sum - (x - maximum));
            }
        });
    }
}

/// Σ w · f(x); without weights Σ f(x).
#[inline(always)]
fn weighted_sum(weights: &[f32], row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    match weights {
        [] => sum(row, f),
        _ => row.iter().zip(weights).map(|(&x, &weight)| weight * f(x)).sum(),
    }
}

/// The gradient of each row: scale · (a · (p − one-hot) + b · (p · Σ w − w)) with the factors a and b
/// of the loss.
struct Gradient<'a> {
    spec: &'a CrossEntropy,
    scale: f32,
    logits: &'a [f32],
    labels: &'a [u32],
    dlogits: &'a mut [f32],
}

impl Vectorised for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (classes, weights) = (self.spec.classes, self.spec.class_weights);
        let total = if weights.is_empty() { classes as f32 } else { weights.iter().sum() };
        rows(classes, self.logits, self.dlogits);
        for (dlogits, &label) in self.dlogits.chunks_exact_mut(classes).zip(self.labels) {
            let (chosen, all) = self.spec.shares(label);
            let factor = self.scale * (chosen + all * total);
            match weights {
                [] => dlogits.iter_mut().for_each(|p| *p = factor * *p - self.scale * all),
                _ => {
                    let elements = dlogits.iter_mut().zip(weights);
                    elements.for_each(|(p, &weight)| *p = factor * *p - self.scale * all * weight);
                }
            }
            // A label that is no class has already made the whole row NaN.
            if let Some(element) = dlogits.get_mut(label as usize) {
                *element -= self.scale * chosen;
            }
        }
    }
}
