//! Softmax and its logarithm along the channels, at each position.

use super::tensor::Tensor;

pub(super) fn forward(x: &Tensor) -> Tensor {
    columns(x, x, |values, _| probabilities(values))
}

/// dx = y · (dy − Σ y · dy)
pub(super) fn gradient(y: &Tensor, dy: &Tensor) -> Tensor {
    columns(y, dy, |y, dy| {
        let dot: f64 = y.iter().zip(dy).map(|(y, dy)| y * dy).sum();
        y.iter().zip(dy).map(|(y, dy)| y * (dy - dot)).collect()
    })
}

pub(super) fn logarithm(x: &Tensor) -> Tensor {
    columns(x, x, |values, _| {
        let sum = log_sum(values);
        values.iter().map(|value| value - sum).collect()
    })
}

/// dx = dy − eʸ · Σ dy
pub(super) fn logarithm_gradient(y: &Tensor, dy: &Tensor) -> Tensor {
    columns(y, dy, |y, dy| {
        let sum: f64 = dy.iter().sum();
        y.iter().zip(dy).map(|(y, dy)| dy - y.exp() * sum).collect()
    })
}

/// eˣ / Σ eˣ
pub(super) fn probabilities(values: &[f64]) -> Vec<f64> {
    let sum = log_sum(values);
    values.iter().map(|value| (value - sum).exp()).collect()
}

/// ln Σ eˣ, without overflow.
pub(super) fn log_sum(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}

/// A function of the channels at each position of two tensors.
fn columns(a: &Tensor, b: &Tensor, function: impl Fn(&[f64], &[f64]) -> Vec<f64>) -> Tensor {
    let mut result = a.zeros_like();
    let positions = a.positions();
    for place in 0..a.samples * positions {
        let start = place / positions * a.sample_len() + place % positions;
        let column: Vec<usize> = (0..a.channels()).map(|channel| start + channel * positions).collect();
        let values = |x: &Tensor| column.iter().map(|at| x.data[*at]).collect::<Vec<f64>>();
        for (at, value) in column.iter().zip(function(&values(a), &values(b))) {
            result.data[*at] = value;
        }
    }
    result
}
