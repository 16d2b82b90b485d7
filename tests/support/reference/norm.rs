//! Batch normalisation (Ioffe & Szegedy 2015, algorithm 1) per channel.

use super::parallel::for_each_chunk;
use super::tensor::Tensor;

/// What is learnt.
#[derive(Clone, Copy)]
pub(super) struct Affine<'a> {
    pub(super) scale: &'a [f64],
    pub(super) shift: &'a [f64],
}

/// Mean and variance of each channel, with what is added to the variance.
pub(super) struct Statistics {
    pub(super) mean: Vec<f64>,
    pub(super) variance: Vec<f64>,
    pub(super) eps: f64,
}

/// The gradients of a batch norm in training.
pub(super) struct NormGradient {
    pub(super) input: Tensor,
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

impl Statistics {
    /// Those of the batch; the variance is the biased one.
    pub(super) fn of(x: &Tensor, eps: f64) -> Statistics {
        let count = (x.samples * x.positions) as f64;
        let mean: Vec<f64> = x.channel_sums().iter().map(|sum| sum / count).collect();
        let squares = |channel| x.channel(channel).map(|x| (x - mean[channel]).powi(2)).sum::<f64>() / count;
        let variance = (0..x.channels).map(squares).collect();
        Statistics { mean, variance, eps }
    }

    /// (x − mean) / √(variance + eps)
    fn normalise(&self, x: f64, channel: usize) -> f64 {
        (x - self.mean[channel]) * self.inverse_deviation(channel)
    }

    fn inverse_deviation(&self, channel: usize) -> f64 {
        1.0 / (self.variance[channel] + self.eps).sqrt()
    }
}

pub(super) fn forward(x: &Tensor, statistics: &Statistics, affine: Affine) -> Tensor {
    let mut y = x.clone();
    for_each_chunk(&mut y.data, x.positions, |plane, y| {
        let channel = plane % x.channels;
        for y in y {
            *y = statistics.normalise(*y, channel) * affine.scale[channel] + affine.shift[channel];
        }
    });
    y
}

/// Through the statistics of the batch too:
/// dx = scale / √(variance + eps) · (dy − mean(dy) − x̂ · mean(dy · x̂)).
pub(super) fn gradient(x: &Tensor, statistics: &Statistics, scale: &[f64], dy: &Tensor) -> NormGradient {
    let count = (x.samples * x.positions) as f64;
    let products = |channel| {
        let normal = x.channel(channel).map(|x| statistics.normalise(x, channel));
        normal.zip(dy.channel(channel)).map(|(normal, dy)| normal * dy).sum::<f64>()
    };
    let by_scale: Vec<f64> = (0..x.channels).map(products).collect();
    let by_shift = dy.channel_sums();
    let mut input = dy.clone();
    for_each_chunk(&mut input.data, x.positions, |plane, dx| {
        let channel = plane % x.channels;
        let factor = scale[channel] * statistics.inverse_deviation(channel);
        let (mean, projection) = (by_shift[channel] / count, by_scale[channel] / count);
        for (dx, x) in dx.iter_mut().zip(x.plane(plane / x.channels, channel)) {
            *dx = factor * (*dx - mean - statistics.normalise(*x, channel) * projection);
        }
    });
    NormGradient { input, scale: by_scale, shift: by_shift }
}

/// Running statistics after a batch of `count` elements per channel: the unbiased variance
/// goes in, as in PyTorch. A single element has none, and leaves everything as it was.
pub(super) fn running(old: Statistics, batch: &Statistics, momentum: f64, count: usize) -> Statistics {
    if count == 1 {
        return old;
    }
    let blend = |old: &[f64], new: &[f64], factor: f64| -> Vec<f64> {
        old.iter().zip(new).map(|(old, new)| (1.0 - momentum) * old + momentum * factor * new).collect()
    };
    let unbiased = count as f64 / (count as f64 - 1.0);
    Statistics {
        mean: blend(&old.mean, &batch.mean, 1.0),
        variance: blend(&old.variance, &batch.variance, unbiased),
        eps: old.eps,
    }
}
