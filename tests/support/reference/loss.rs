//! Losses, averaged over the samples, with their gradient by the output.

use nnc_dsl::model::Loss;

use super::Targets;
use super::softmax::probabilities;
use super::tensor::Tensor;

pub(super) fn of(loss: Loss, output: &Tensor, targets: Targets) -> (f64, Tensor) {
    match (loss, targets) {
        (Loss::CrossEntropy, Targets::Classes(classes)) => cross_entropy(output, classes),
        (Loss::MeanSquaredError, Targets::Values(values)) => mean_squared_error(output, values),
        (loss, targets) => panic!("{loss:?} does not take {targets:?}"),
    }
}

/// −log softmax(output)\[class\]
fn cross_entropy(output: &Tensor, classes: &[u32]) -> (f64, Tensor) {
    assert_eq!((classes.len(), output.positions), (output.samples, 1), "a class for each sample");
    let (mut loss, mut slope) = (0.0, output.zeros_like());
    for (sample, class) in classes.iter().enumerate() {
        let row = sample * output.channels..(sample + 1) * output.channels;
        let probabilities = probabilities(&output.data[row.clone()]);
        loss -= probabilities[*class as usize].ln();
        for (channel, slope) in slope.data[row].iter_mut().enumerate() {
            let wanted = if channel == *class as usize { 1.0 } else { 0.0 };
            *slope = (probabilities[channel] - wanted) / output.samples as f64;
        }
    }
    (loss / output.samples as f64, slope)
}

fn mean_squared_error(output: &Tensor, values: &[f64]) -> (f64, Tensor) {
    assert_eq!(values.len(), output.data.len(), "a value for each output");
    let count = values.len() as f64;
    let mut slope = output.clone();
    slope.data.iter_mut().zip(values).for_each(|(output, value)| *output -= value);
    let loss = slope.data.iter().map(|difference| difference * difference).sum::<f64>() / count;
    slope.data.iter_mut().for_each(|difference| *difference *= 2.0 / count);
    (loss, slope)
}
