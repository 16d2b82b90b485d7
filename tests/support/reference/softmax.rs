//! Softmax along the channels, at each position.

use super::tensor::Tensor;

pub(super) fn forward(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for_each_column(x, |column| {
        let values: Vec<f64> = column.iter().map(|&at| x.data[at]).collect();
        for (at, probability) in column.iter().zip(probabilities(&values)) {
            y.data[*at] = probability;
        }
    });
    y
}

/// dx = y · (dy − Σ y · dy)
pub(super) fn gradient(y: &Tensor, dy: &Tensor) -> Tensor {
    let mut dx = y.zeros_like();
    for_each_column(y, |column| {
        let dot: f64 = column.iter().map(|&at| y.data[at] * dy.data[at]).sum();
        for &at in column {
            dx.data[at] = y.data[at] * (dy.data[at] - dot);
        }
    });
    dx
}

/// eˣ / Σ eˣ, without overflow.
pub(super) fn probabilities(values: &[f64]) -> Vec<f64> {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = values.iter().map(|value| (value - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// Calls `body` with the indices of each column of channels.
fn for_each_column(x: &Tensor, mut body: impl FnMut(&[usize])) {
    for sample in 0..x.samples {
        for position in 0..x.positions {
            let index = |channel| (sample * x.channels + channel) * x.positions + position;
            let column: Vec<usize> = (0..x.channels).map(index).collect();
            body(&column);
        }
    }
}
