//! Local response normalisation (Krizhevsky et al. 2012) with PyTorch's factors: y = x / dᵝ with
//! d = k + alpha / size · Σ x² over the channels from c − ⌊size / 2⌋ to c + ⌊(size − 1) / 2⌋.

use super::tensor::Tensor;

#[derive(Clone, Copy)]
pub(super) struct LocalResponse {
    pub(super) size: usize,
    pub(super) alpha: f64,
    pub(super) beta: f64,
    pub(super) k: f64,
}

impl LocalResponse {
    pub(super) fn forward(self, x: &Tensor) -> Tensor {
        x.zip(&self.denominators(x), |x, d| x * d.powf(-self.beta))
    }

    /// An element acts by itself, and by the denominators of its neighbours:
    /// dx\[j\] = dy\[j\] · d\[j\]⁻ᵝ − 2 · alpha · beta / size · x\[j\] · Σ dy\[c\] · x\[c\] · d\[c\]⁻ᵝ⁻¹ over
    /// the channels c whose sums j is in.
    pub(super) fn gradient(self, x: &Tensor, dy: &Tensor) -> Tensor {
        let d = self.denominators(x);
        let mut dx = dy.zip(&d, |dy, d| dy * d.powf(-self.beta));
        let factor = 2.0 * self.alpha * self.beta / self.size as f64;
        for element in 0..x.data.len() {
            let share = dy.data[element] * x.data[element] * d.data[element].powf(-self.beta - 1.0);
            for neighbour in self.neighbours(x, element) {
                dx.data[neighbour] -= factor * x.data[neighbour] * share;
            }
        }
        dx
    }

    fn denominators(self, x: &Tensor) -> Tensor {
        let sum = |element| self.neighbours(x, element).map(|at| x.data[at].powi(2)).sum::<f64>();
        let d = |element| self.k + self.alpha / self.size as f64 * sum(element);
        x.with_data((0..x.data.len()).map(d).collect())
    }

    /// The elements in the sum of an element: the same place in neighbouring channels.
    fn neighbours(self, x: &Tensor, element: usize) -> impl Iterator<Item = usize> {
        let (channel, positions) = (x.channel_of(element), x.positions());
        let first = channel.saturating_sub(self.size / 2);
        let last = (channel + (self.size - 1) / 2).min(x.channels() - 1);
        let start = element - channel * positions;
        (first..=last).map(move |channel| start + channel * positions)
    }
}
