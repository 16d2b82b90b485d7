//! Mean and standard deviation of the training part.
//!
//! They are in the units of the stored data (0 to 255 for most images), belong to the model
//! as much as its weights do, and are saved with it.

use serde::{Deserialize, Serialize};

use super::{Error, Samples, Storage};

/// Mean and standard deviation per channel of a map, per feature of a vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// The means.
    pub mean: Vec<f32>,
    /// The standard deviations; 1 where all values are the same, so that they become 0.
    pub std: Vec<f32>,
}

impl Statistics {
    /// Of all `samples`.
    pub fn of(samples: &Samples) -> Statistics {
        let period = period(samples.shape());
        match samples.storage() {
            Storage::Bytes(bytes) => Statistics::from_moments(&byte_moments(bytes, period)),
            Storage::Values(values) => Statistics::from_moments(&value_moments(values, period)),
        }
    }

    /// Those that change nothing, for samples of `shape`.
    pub fn identity(shape: &[usize]) -> Statistics {
        Statistics { mean: vec![0.0; period(shape)], std: vec![1.0; period(shape)] }
    }

    /// Whether they fit samples of `shape`.
    pub(super) fn check(&self, shape: &[usize]) -> Result<(), Error> {
        let (expected, found) = (period(shape), self.mean.len());
        if expected == found && self.std.len() == found {
            return Ok(());
        }
        let kind = if shape.len() == 1 { "features" } else { "channels" };
        Err(Error::new(format!("the statistics are of {found} {kind}, but the data has {expected}"))
            .help("use the data set that the model was trained on, or one with the same shape"))
    }

    fn from_moments(moments: &[Moments]) -> Statistics {
        let mean = moments.iter().map(|moment| moment.mean as f32).collect();
        let std = moments.iter().map(|moment| moment.variance.sqrt() as f32);
        Statistics { mean, std: std.map(|std| if std > 0.0 { std } else { 1.0 }).collect() }
    }
}

/// The channels of a map, or features of a vector, that are the same in all `samples`.
pub(super) fn constant_features(samples: &Samples) -> Vec<usize> {
    let period = period(samples.shape());
    let varies = match samples.storage() {
        Storage::Bytes(bytes) => varying(bytes, period),
        Storage::Values(values) => varying(values, period),
    };
    (0..period).filter(|&feature| !varies[feature]).collect()
}

struct Moments {
    mean: f64,
    variance: f64,
}

/// After how many stored elements the same channel or feature comes again.
fn period(shape: &[usize]) -> usize {
    shape.first().copied().unwrap_or(1)
}

/// Exact: a count of each of the 256 values.
fn byte_moments(bytes: &[u8], period: usize) -> Vec<Moments> {
    let mut counts = vec![[0u64; 256]; period];
    for element in bytes.chunks_exact(period) {
        for (count, &byte) in counts.iter_mut().zip(element) {
            count[byte as usize] += 1;
        }
    }
    counts.iter().map(histogram_moments).collect()
}

fn histogram_moments(counts: &[u64; 256]) -> Moments {
    let values = || counts.iter().enumerate().map(|(value, &count)| (value as f64, count as f64));
    let total = values().map(|(_, count)| count).sum::<f64>().max(1.0);
    let mean = values().map(|(value, count)| value * count).sum::<f64>() / total;
    let variance = values().map(|(value, count)| count * (value - mean).powi(2)).sum::<f64>() / total;
    Moments { mean, variance }
}

/// Two passes in `f64`: the variance of large, close values survives.
fn value_moments(values: &[f32], period: usize) -> Vec<Moments> {
    let total = (values.len() / period).max(1) as f64;
    let mut means = vec![0.0; period];
    for element in values.chunks_exact(period) {
        means.iter_mut().zip(element).for_each(|(mean, &value)| *mean += value as f64 / total);
    }
    let mut variances = vec![0.0; period];
    for element in values.chunks_exact(period) {
        for ((variance, mean), &value) in variances.iter_mut().zip(&means).zip(element) {
            *variance += (value as f64 - mean).powi(2) / total;
        }
    }
    let varies = varying(values, period);
    // Rounding in the mean must not make a constant feature vary.
    let exact = |(variance, varies)| if varies { variance } else { 0.0 };
    let variances = variances.into_iter().zip(varies).map(exact);
    means.into_iter().zip(variances).map(|(mean, variance)| Moments { mean, variance }).collect()
}

fn varying<T: Copy + PartialEq>(elements: &[T], period: usize) -> Vec<bool> {
    let mut varies = vec![false; period];
    let Some(first) = elements.get(..period) else { return varies };
    for element in elements.chunks_exact(period) {
        for ((varies, value), first) in varies.iter_mut().zip(element).zip(first) {
            *varies |= value != first;
        }
    }
    varies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_have_statistics_per_channel() {
        let bytes = vec![0, 10, 2, 10, 4, 10, 6, 10];
        let samples = Samples::new(&[2, 1, 2], Storage::Bytes(bytes)).unwrap();
        let statistics = Statistics::of(&samples);
        assert_eq!(statistics.mean, [3.0, 10.0]);
        assert_eq!(statistics.std, [5f32.sqrt(), 1.0]);
        assert_eq!(constant_features(&samples), [1]);
    }

    #[test]
    fn vectors_have_statistics_per_feature() {
        let values = vec![1e6, 0.1, 1e6 + 1.0, 0.1, 1e6 + 2.0, 0.1];
        let samples = Samples::new(&[2], Storage::Values(values)).unwrap();
        let statistics = Statistics::of(&samples);
        assert_eq!(statistics.mean, [1e6 + 1.0, 0.1]);
        assert_eq!(statistics.std, [(2f32 / 3.0).sqrt(), 1.0]);
        assert_eq!(constant_features(&samples), [1]);
    }

    #[test]
    fn statistics_of_another_shape_are_refused() {
        let statistics = Statistics::identity(&[3, 8, 8]);
        assert!(statistics.check(&[3, 4, 4]).is_ok());
        let error = statistics.check(&[1, 8, 8]).unwrap_err();
        assert_eq!(error.message(), "the statistics are of 3 channels, but the data has 1");
    }

    #[test]
    fn statistics_survive_json() {
        let statistics = Statistics { mean: vec![0.1, 33.3184], std: vec![1.0, 78.5675] };
        let text = serde_json::to_string(&statistics).unwrap();
        assert_eq!(serde_json::from_str::<Statistics>(&text).unwrap(), statistics);
    }
}
