//! Normalisation: the elements fall into sets, and each set is brought to mean 0 and variance 1.
//!
//! Batch norm (Ioffe & Szegedy 2015) has a set per channel, layer norm (Ba et al. 2016) one per
//! sample and position, group norm (Wu & He 2018) one per sample and group of channels. The variance
//! is the biased one. What follows per channel, a learnt scale and shift, is a layer of its own.

use super::tensor::Tensor;

/// Which elements are normalised together.
#[derive(Clone, Copy)]
pub(super) enum Sets {
    /// Each channel, over the batch.
    Channels,
    /// Each position of each sample.
    Positions,
    /// Each of so many groups of channels of each sample.
    Groups(usize),
}

/// What a set is brought to.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// (x − mean) / √(variance + eps)
    Standard,
    /// x / √(mean of squares + eps) (Zhang & Sennrich 2019).
    RootMeanSquare,
}

/// A normalised batch with what the way back needs.
pub(super) struct Normal {
    pub(super) values: Tensor,
    /// Of each set: mean, and mean square of what is left of it after the mean (or of all, for
    /// [`Form::RootMeanSquare`]).
    pub(super) moments: Vec<[f64; 2]>,
    sets: Sets,
    form: Form,
    eps: f64,
}

impl Sets {
    /// The set of an element.
    fn of(self, x: &Tensor, element: usize) -> usize {
        let (sample, channel) = (element / x.sample_len(), x.channel_of(element));
        match self {
            Sets::Channels => channel,
            Sets::Positions => sample * x.positions() + element % x.positions(),
            Sets::Groups(groups) => sample * groups + channel / (x.channels() / groups),
        }
    }

    fn count(self, x: &Tensor) -> usize {
        match self {
            Sets::Channels => x.channels(),
            Sets::Positions => x.samples * x.positions(),
            Sets::Groups(groups) => x.samples * groups,
        }
    }

    /// The mean over each set of a function of the set and an element's number.
    fn means(self, x: &Tensor, function: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        let count = self.count(x);
        let mut sums = vec![0.0; count];
        for element in 0..x.data.len() {
            let set = self.of(x, element);
            sums[set] += function(set, element);
        }
        let len = (x.data.len() / count) as f64;
        sums.iter().map(|sum| sum / len).collect()
    }
}

impl Normal {
    pub(super) fn new(x: &Tensor, sets: Sets, form: Form, eps: f64) -> Normal {
        let means = match form {
            Form::Standard => sets.means(x, |_, element| x.data[element]),
            Form::RootMeanSquare => vec![0.0; sets.count(x)],
        };
        let squares = sets.means(x, |set, element| (x.data[element] - means[set]).powi(2));
        let moments: Vec<[f64; 2]> = means.into_iter().zip(squares).map(|(a, b)| [a, b]).collect();
        let mut values = x.clone();
        for (element, value) in values.data.iter_mut().enumerate() {
            let [mean, square] = moments[sets.of(x, element)];
            *value = (*value - mean) / (square + eps).sqrt();
        }
        Normal { values, moments, sets, form, eps }
    }

    /// The gradient by what was normalised, through its moments too:
    /// dx = (dy − mean(dy) − y · mean(dy · y)) / √(square + eps), without the first mean where none was
    /// taken off.
    pub(super) fn gradient(&self, dy: &Tensor) -> Tensor {
        let y = &self.values;
        let means = match self.form {
            Form::Standard => self.sets.means(y, |_, element| dy.data[element]),
            Form::RootMeanSquare => vec![0.0; self.moments.len()],
        };
        let projections = self.sets.means(y, |_, element| dy.data[element] * y.data[element]);
        let mut dx = dy.clone();
        for (element, dx) in dx.data.iter_mut().enumerate() {
            let set = self.sets.of(y, element);
            let rest = *dx - means[set] - y.data[element] * projections[set];
            *dx = rest / (self.moments[set][1] + self.eps).sqrt();
        }
        dx
    }
}

/// Running statistics of a channel after a batch of `count` elements: the unbiased variance goes in,
/// as in PyTorch. A single element has none, and leaves everything as it was.
pub(super) fn running(old: [f64; 2], batch: [f64; 2], momentum: f64, count: usize) -> [f64; 2] {
    if count == 1 {
        return old;
    }
    let unbiased = [batch[0], batch[1] * count as f64 / (count as f64 - 1.0)];
    [0, 1].map(|which| (1.0 - momentum) * old[which] + momentum * unbiased[which])
}
