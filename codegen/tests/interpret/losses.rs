//! Losses per sample, and the gradients of their mean.

use nnc_codegen::graph::CrossEntropy;
use nnc_dsl::scalar::Expr;

use super::softmax::{log_sum_exp, softmax};

fn class_weight(loss: &CrossEntropy, class: usize) -> f64 {
    loss.class_weights.get(class).copied().unwrap_or(1.0)
}

/// The weight of each class in the target of one position.
fn wanted(loss: &CrossEntropy, classes: usize, label: usize) -> Vec<f64> {
    let spread = loss.label_smoothing / classes as f64;
    let own = |class: usize| if class == label { 1.0 - loss.label_smoothing } else { 0.0 };
    (0..classes).map(|class| (own(class) + spread) * class_weight(loss, class)).collect()
}

/// The mean is weighted by the classes of the labels, as in PyTorch: the factor of each position.
fn share(loss: &CrossEntropy, labels: &[usize]) -> f64 {
    loss.weight / labels.iter().map(|label| class_weight(loss, *label)).sum::<f64>()
}

/// Σ wanted · −log softmax per sample, so that the mean over the samples is the weighted mean over all
/// positions.
pub(super) fn cross_entropy(
    loss: &CrossEntropy,
    batch: usize,
    classes: usize,
    logits: &[f64],
    labels: &[usize],
) -> Vec<f64> {
    let sums = log_sum_exp(classes, logits);
    let position = |(index, logits): (usize, &[f64])| {
        let wanted = wanted(loss, classes, labels[index]);
        logits.iter().zip(wanted).map(|(logit, wanted)| wanted * (sums[index] - logit)).sum::<f64>()
    };
    let positions: Vec<f64> = logits.chunks(classes).enumerate().map(position).collect();
    let share = share(loss, labels) * batch as f64;
    positions.chunks(positions.len() / batch).map(|sample| share * sample.iter().sum::<f64>()).collect()
}

pub(super) fn cross_entropy_backward(
    loss: &CrossEntropy,
    classes: usize,
    logits: &[f64],
    labels: &[usize],
) -> Vec<f64> {
    let share = share(loss, labels);
    let probabilities = softmax(classes, logits);
    let positions = probabilities.chunks(classes).zip(labels);
    positions
        .flat_map(|(probabilities, label)| {
            let wanted = wanted(loss, classes, *label);
            let total: f64 = wanted.iter().sum();
            let slope = move |(p, wanted): (&f64, f64)| share * (total * p - wanted);
            probabilities.iter().zip(wanted).map(slope).collect::<Vec<_>>()
        })
        .collect()
}

/// The mean of a term over each sample's elements.
pub(super) fn terms(term: &Expr, batch: usize, prediction: &[f64], target: &[f64]) -> Vec<f64> {
    let features = prediction.len() / batch;
    let samples = prediction.chunks(features).zip(target.chunks(features));
    let sum = |(prediction, target): (&[f64], &[f64])| {
        prediction.iter().zip(target).map(|(p, t)| term.eval(&[*p, *t])).sum::<f64>()
    };
    samples.map(|sample| sum(sample) / features as f64).collect()
}

pub(super) fn terms_backward(slope: &Expr, prediction: &[f64], target: &[f64]) -> Vec<f64> {
    let count = prediction.len() as f64;
    prediction.iter().zip(target).map(|(p, t)| slope.eval(&[*p, *t]) / count).collect()
}
