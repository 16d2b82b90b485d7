//! A batch of samples, channels first.

/// Samples × the axes of a sample, of which the first are the channels.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) samples: usize,
    /// The axes of one sample.
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<f64>,
}

impl Tensor {
    pub(super) fn new(samples: usize, shape: &[usize], data: Vec<f64>) -> Tensor {
        assert_eq!(data.len(), samples * shape.iter().product::<usize>(), "a value for each element");
        Tensor { samples, shape: shape.to_vec(), data }
    }

    pub(super) fn zeros(samples: usize, shape: &[usize]) -> Tensor {
        Tensor::new(samples, shape, vec![0.0; samples * shape.iter().product::<usize>()])
    }

    /// Zeros of the same extent.
    pub(super) fn zeros_like(&self) -> Tensor {
        Tensor::zeros(self.samples, &self.shape)
    }

    /// The elements in other hands.
    pub(super) fn with_data(&self, data: Vec<f64>) -> Tensor {
        Tensor::new(self.samples, &self.shape, data)
    }

    pub(super) fn channels(&self) -> usize {
        self.shape[0]
    }

    /// Elements per channel of a sample; 1 for a vector.
    pub(super) fn positions(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// Elements of a sample.
    pub(super) fn sample_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// One channel of one sample.
    pub(super) fn plane(&self, sample: usize, channel: usize) -> &[f64] {
        let (start, len) = (sample * self.channels() + channel, self.positions());
        &self.data[start * len..(start + 1) * len]
    }

    /// The channel of an element.
    pub(super) fn channel_of(&self, element: usize) -> usize {
        element / self.positions() % self.channels()
    }

    /// An element's number with the channels last, as random numbers are counted.
    pub(super) fn channels_last(&self, element: usize) -> usize {
        let (channels, positions) = (self.channels(), self.positions());
        let (sample, rest) = (element / (channels * positions), element % (channels * positions));
        (sample * positions + rest % positions) * channels + rest / positions
    }

    pub(super) fn add(&mut self, other: &Tensor) {
        assert_eq!(self.data.len(), other.data.len(), "sums are of one shape");
        for (sum, value) in self.data.iter_mut().zip(&other.data) {
            *sum += value;
        }
    }

    /// Each element with that of another tensor.
    pub(super) fn zip(&self, other: &Tensor, function: impl Fn(f64, f64) -> f64) -> Tensor {
        assert_eq!(self.data.len(), other.data.len(), "pairs are of one shape");
        self.with_data(self.data.iter().zip(&other.data).map(|(a, b)| function(*a, *b)).collect())
    }

    /// Per channel, the sum of its elements: the gradient of what is added to or multiplied with all.
    pub(super) fn channel_sums(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.channels()];
        for (plane, values) in self.data.chunks_exact(self.positions()).enumerate() {
            sums[plane % self.channels()] += values.iter().sum::<f64>();
        }
        sums
    }

    /// A function of each element and its channel.
    pub(super) fn map_channels(&self, function: impl Fn(f64, usize) -> f64) -> Tensor {
        let mut result = self.clone();
        for (plane, values) in result.data.chunks_exact_mut(self.positions()).enumerate() {
            let channel = plane % self.channels();
            values.iter_mut().for_each(|value| *value = function(*value, channel));
        }
        result
    }
}
