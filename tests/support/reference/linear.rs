//! y = x Wᵀ, with W\[output, input\].

use super::parallel::for_each_chunk;
use super::tensor::Tensor;

pub(super) fn forward(x: &Tensor, weight: &[f64], outputs: usize) -> Tensor {
    let mut y = Tensor::zeros(x.samples, &[outputs]);
    for_each_chunk(&mut y.data, outputs, |sample, y| {
        let x = sample_of(x, sample);
        for (y, weight) in y.iter_mut().zip(weight.chunks_exact(x.len())) {
            *y = x.iter().zip(weight).map(|(x, weight)| x * weight).sum();
        }
    });
    y
}

/// The gradient by the input.
pub(super) fn input_gradient(dy: &Tensor, weight: &[f64], inputs: usize) -> Tensor {
    let mut dx = Tensor::zeros(dy.samples, &[inputs]);
    for_each_chunk(&mut dx.data, inputs, |sample, dx| {
        for (dy, weight) in sample_of(dy, sample).iter().zip(weight.chunks_exact(inputs)) {
            dx.iter_mut().zip(weight).for_each(|(dx, weight)| *dx += dy * weight);
        }
    });
    dx
}

/// The gradient by the weight.
pub(super) fn weight_gradient(x: &Tensor, dy: &Tensor) -> Vec<f64> {
    let inputs = x.channels();
    let mut gradient = vec![0.0; dy.channels() * inputs];
    for_each_chunk(&mut gradient, inputs, |output, gradient| {
        for sample in 0..x.samples {
            let dy = sample_of(dy, sample)[output];
            gradient.iter_mut().zip(sample_of(x, sample)).for_each(|(sum, x)| *sum += dy * x);
        }
    });
    gradient
}

fn sample_of(x: &Tensor, sample: usize) -> &[f64] {
    &x.data[sample * x.channels()..(sample + 1) * x.channels()]
}
