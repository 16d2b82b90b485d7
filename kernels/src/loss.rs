//! Losses: those that compare each element with its target, and cross-entropy.

mod cross_entropy;

#[cfg(test)]
mod tests;

pub use cross_entropy::{CrossEntropy, cross_entropy, cross_entropy_backward};

use crate::elementwise::{BlockFunction, Each, Function, Source, for_each_task, pointwise};
use crate::emitted::{Extent, Operand, Pass, Slot};

/// loss\[n\] = the mean over the features of f(prediction, target).
pub fn loss_terms<F>(p: &Pass, features: usize, prediction: Slot, target: Slot, loss: Slot, f: F)
where
    F: Fn(f32, f32) -> f32 + Sync,
{
    let f = |[prediction, target]: [f32; 2]| [f(prediction, target)];
    mean_terms(p, features, [prediction, target], loss, &Each(f));
}

fn mean_terms(p: &Pass, features: usize, reads: [Slot; 2], loss: Slot, f: &dyn BlockFunction) {
    let extent = Extent { positions: 1, channels: features };
    let (pool, function) = (p.pool(), Function { isa: p.pool().isa(), extent, f });
    p.call(reads, [loss], |reads, [loss]| {
        let mut terms = pool.scratch().single(reads[0].len());
        for_each_task(pool, &function, &reads.map(Source::Full), &mut [&mut *terms]);
        for (terms, loss) in terms.chunks_exact(features).zip(loss) {
            let sum: f64 = terms.iter().copied().map(f64::from).sum();
            *loss = (sum / features as f64) as f32;
        }
    });
}

/// The gradient of the batch's mean of [`loss_terms`], where `f` is the derivative by the
/// prediction: f(prediction, target) / (features · batch).
pub fn loss_terms_backward<F>(
    p: &Pass,
    features: usize,
    prediction: Slot,
    target: Slot,
    dprediction: Slot,
    f: F,
) where
    F: Fn(f32, f32) -> f32 + Sync,
{
    let scale = 1.0 / (features * p.batch()) as f32;
    let inputs = [Operand::Full(prediction), Operand::Full(target)];
    let (f, extent) = (&f, Extent { positions: 1, channels: features });
    pointwise(p, extent, inputs, [dprediction], |[prediction, target]| [scale * f(prediction, target)]);
}
