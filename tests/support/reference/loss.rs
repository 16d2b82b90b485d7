//! Losses, averaged over samples and positions, with their gradient by the output.

use nnc_dsl::model::Loss;

use super::Targets;
use super::softmax::log_sum;
use super::tensor::Tensor;

pub(super) fn of(loss: &Loss, output: &Tensor, targets: &Targets) -> (f64, Tensor) {
    match (loss, targets) {
        (Loss::CrossEntropy { label_smoothing, class_weights }, Targets::Classes(classes)) => {
            cross_entropy(output, classes, *label_smoothing, class_weights)
        }
        (Loss::BinaryCrossEntropy, Targets::Values(values)) => mean(output, values, binary_cross_entropy),
        (Loss::MeanSquaredError, Targets::Values(values)) => {
            mean(output, values, |output, value| [(output - value).powi(2), 2.0 * (output - value)])
        }
        (Loss::MeanAbsoluteError, Targets::Values(values)) => {
            mean(output, values, |output, value| [(output - value).abs(), (output - value).signum()])
        }
        (Loss::Huber { delta }, Targets::Values(values)) => {
            mean(output, values, |output, value| huber(output - value, *delta))
        }
        (loss, targets) => panic!("{loss:?} does not take {targets:?}"),
    }
}

/// The wanted probability of class k at a label y is (1 − ε) · \[k = y\] + ε / classes; each class counts
/// with its weight, and the sum is divided by the weights of the labels.
fn cross_entropy(output: &Tensor, labels: &[u32], smoothing: f64, weights: &[f64]) -> (f64, Tensor) {
    let (classes, positions) = (output.channels(), output.positions());
    assert_eq!(labels.len(), output.samples * positions, "a class for each sample and position");
    let weight = |class: usize| weights.get(class).copied().unwrap_or(1.0);
    let total: f64 = labels.iter().map(|label| weight(*label as usize)).sum();
    let (mut loss, mut slope) = (0.0, output.zeros_like());
    for (place, label) in labels.iter().enumerate() {
        let start = place / positions * output.sample_len() + place % positions;
        let at = |class: usize| start + class * positions;
        let logits: Vec<f64> = (0..classes).map(|class| output.data[at(class)]).collect();
        let log_sum = log_sum(&logits);
        let wanted = |class: usize| {
            let right = if class == *label as usize { 1.0 - smoothing } else { 0.0 };
            weight(class) * (right + smoothing / classes as f64) / total
        };
        let all: f64 = (0..classes).map(wanted).sum();
        for (class, logit) in logits.iter().enumerate() {
            loss += wanted(class) * (log_sum - logit);
            slope.data[at(class)] = all * (logit - log_sum).exp() - wanted(class);
        }
    }
    (loss, slope)
}

/// −t · ln σ(z) − (1 − t) · ln(1 − σ(z)), with ln σ(z) = −ln(1 + e⁻ᶻ).
fn binary_cross_entropy(z: f64, target: f64) -> [f64; 2] {
    let log_sigmoid = |z: f64| -log_sum(&[0.0, -z]);
    let loss = -target * log_sigmoid(z) - (1.0 - target) * log_sigmoid(-z);
    [loss, log_sigmoid(z).exp() - target]
}

fn huber(difference: f64, delta: f64) -> [f64; 2] {
    if difference.abs() <= delta {
        [0.5 * difference.powi(2), difference]
    } else {
        [delta * (difference.abs() - 0.5 * delta), delta * difference.signum()]
    }
}

/// The mean of a function that gives value and slope for each output.
fn mean(output: &Tensor, targets: &[f64], function: impl Fn(f64, f64) -> [f64; 2]) -> (f64, Tensor) {
    assert_eq!(targets.len(), output.data.len(), "a value for each output");
    let count = targets.len() as f64;
    let terms: Vec<[f64; 2]> = output.data.iter().zip(targets).map(|(y, t)| function(*y, *t)).collect();
    let loss = terms.iter().map(|[loss, _]| loss / count).sum();
    (loss, output.with_data(terms.iter().map(|[_, slope]| slope / count).collect()))
}
