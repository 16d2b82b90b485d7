//! Dropout (Srivastava et al. 2014), inverted: what is kept grows by 1 / (1 − rate).

use super::tensor::Tensor;

/// What each element is multiplied with. `uniform` takes an element's number with the channels last.
pub(super) fn factors(x: &Tensor, rate: f64, uniform: impl Fn(u64) -> f64) -> Tensor {
    let mut factors = x.zeros_like();
    for sample in 0..x.samples {
        for channel in 0..x.channels {
            for (position, factor) in factors.plane_mut(sample, channel).iter_mut().enumerate() {
                let element = (sample * x.positions + position) * x.channels + channel;
                let is_kept = uniform(element as u64) >= rate;
                *factor = if is_kept { 1.0 / (1.0 - rate) } else { 0.0 };
            }
        }
    }
    factors
}

pub(super) fn apply(mut x: Tensor, factors: &Tensor) -> Tensor {
    x.data.iter_mut().zip(&factors.data).for_each(|(x, factor)| *x *= factor);
    x
}
