//! Losses that compare each element with its target.

#[cfg(test)]
mod tests;

use crate::emitted::{Pass, Slot};

/// Samples of a task times features, about.
const TASK: usize = 1 << 14;

/// loss\[n\] = the mean over the features of f(prediction, target).
pub fn loss_terms<F>(p: &Pass, features: usize, prediction: Slot, target: Slot, loss: Slot, f: F)
where
    F: Fn(f32, f32) -> f32 + Sync,
{
    p.call([prediction, target], [], [loss], |[prediction, target], [], [loss]| {
        let rows = prediction.chunks_exact(features).zip(target.chunks_exact(features));
        for ((prediction, target), loss) in rows.zip(loss) {
            let terms = prediction.iter().zip(target).map(|(&prediction, &target)| f(prediction, target));
            *loss = (terms.map(f64::from).sum::<f64>() / features as f64) as f32;
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
    p.call([prediction, target], [], [dprediction], |[prediction, target], [], [dprediction]| {
        p.pool().for_each_piece([dprediction], [TASK], |task, [dprediction]| {
            let at = task * TASK..task * TASK + dprediction.len();
            let pairs = prediction[at.clone()].iter().zip(&target[at]);
            for (result, (&prediction, &target)) in dprediction.iter_mut().zip(pairs) {
                *result = scale * f(prediction, target);
            }
        });
    });
}
