//! The rectifier with a learnt slope per channel (He et al. 2015): x where it is positive, a · x elsewhere.

use super::tensor::Tensor;

pub(super) fn forward(x: &Tensor, slopes: &[f64]) -> Tensor {
    x.map_channels(|x, channel| if x > 0.0 { x } else { slopes[channel] * x })
}

pub(super) fn input_gradient(x: &Tensor, slopes: &[f64], dy: &Tensor) -> Tensor {
    let slope = x.map_channels(|x, channel| if x > 0.0 { 1.0 } else { slopes[channel] });
    slope.zip(dy, |slope, dy| slope * dy)
}

pub(super) fn slope_gradient(x: &Tensor, dy: &Tensor) -> Vec<f64> {
    x.zip(dy, |x, dy| if x > 0.0 { 0.0 } else { x * dy }).channel_sums()
}
