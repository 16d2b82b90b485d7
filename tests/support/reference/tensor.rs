//! A batch of samples, channels first.

use nnc_dsl::model::Shape;

/// Samples × channels × positions.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) samples: usize,
    pub(super) channels: usize,
    /// Height times width; 1 for a vector.
    pub(super) positions: usize,
    pub(super) data: Vec<f64>,
}

impl Tensor {
    pub(super) fn new(samples: usize, shape: &Shape, data: Vec<f64>) -> Tensor {
        assert_eq!(data.len(), samples * shape.len(), "a value for each element");
        let channels = shape.channels();
        Tensor { samples, channels, positions: shape.len() / channels, data }
    }

    pub(super) fn zeros(samples: usize, channels: usize, positions: usize) -> Tensor {
        Tensor { samples, channels, positions, data: vec![0.0; samples * channels * positions] }
    }

    /// Zeros of the same extent.
    pub(super) fn zeros_like(&self) -> Tensor {
        Tensor::zeros(self.samples, self.channels, self.positions)
    }

    /// The same elements as `shape` has them.
    pub(super) fn reshaped(self, shape: &Shape) -> Tensor {
        Tensor::new(self.samples, shape, self.data)
    }

    /// One channel of one sample.
    pub(super) fn plane(&self, sample: usize, channel: usize) -> &[f64] {
        let start = (sample * self.channels + channel) * self.positions;
        &self.data[start..start + self.positions]
    }

    pub(super) fn plane_mut(&mut self, sample: usize, channel: usize) -> &mut [f64] {
        let start = (sample * self.channels + channel) * self.positions;
        &mut self.data[start..start + self.positions]
    }

    /// All elements of one channel.
    pub(super) fn channel(&self, channel: usize) -> impl Iterator<Item = f64> {
        (0..self.samples).flat_map(move |sample| self.plane(sample, channel).iter().copied())
    }

    pub(super) fn add(&mut self, other: &Tensor) {
        assert_eq!(self.data.len(), other.data.len(), "sums are of one shape");
        for (sum, value) in self.data.iter_mut().zip(&other.data) {
            *sum += value;
        }
    }

    /// Per channel, the sum of its elements: the gradient of a bias.
    pub(super) fn channel_sums(&self) -> Vec<f64> {
        (0..self.channels).map(|channel| self.channel(channel).sum()).collect()
    }

    /// Adds a number to each channel.
    pub(super) fn add_bias(&mut self, bias: &[f64]) {
        for (index, plane) in self.data.chunks_exact_mut(self.positions).enumerate() {
            plane.iter_mut().for_each(|value| *value += bias[index % bias.len()]);
        }
    }
}
