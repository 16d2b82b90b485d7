//! Resizing: each element of the result is a weighted sum of elements of the map.

use nnc_dsl::model::Interpolation;

use super::tensor::Tensor;

/// For each position of the result, positions of the map and their weights.
pub(super) struct Resize {
    input: Vec<usize>,
    output: Vec<usize>,
    sums: Vec<Vec<(usize, f64)>>,
}

impl Resize {
    pub(super) fn new(interpolation: Interpolation, input: &[usize], output: &[usize]) -> Resize {
        let along = match interpolation {
            Interpolation::Nearest => nearest,
            Interpolation::Linear => linear,
        };
        let mut sums = vec![vec![(0, 1.0)]];
        for (size, new) in input.iter().zip(output).skip(1) {
            let longer = |sum: &Vec<(usize, f64)>, index| product(sum, &along(index, *size, *new), *size);
            sums = sums
                .iter()
                .flat_map(|sum| (0..*new).map(move |index| (sum, index)))
                .map(|(sum, index)| longer(sum, index))
                .collect();
        }
        Resize { input: input.to_vec(), output: output.to_vec(), sums }
    }

    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let mut y = Tensor::zeros(x.samples, &self.output);
        for (x, y) in x.data.chunks(x.positions()).zip(y.data.chunks_mut(self.sums.len())) {
            for (sum, y) in self.sums.iter().zip(y) {
                *y = sum.iter().map(|(at, weight)| weight * x[*at]).sum();
            }
        }
        y
    }

    pub(super) fn gradient(&self, dy: &Tensor) -> Tensor {
        let mut dx = Tensor::zeros(dy.samples, &self.input);
        let positions = dx.positions();
        for (dx, dy) in dx.data.chunks_mut(positions).zip(dy.data.chunks(self.sums.len())) {
            for (sum, dy) in self.sums.iter().zip(dy) {
                sum.iter().for_each(|(at, weight)| dx[*at] += weight * dy);
            }
        }
        dx
    }
}

fn nearest(index: usize, size: usize, new: usize) -> Vec<(usize, f64)> {
    vec![(index * size / new, 1.0)]
}

/// Between the centres of elements: that of element i lies at (i + ½) / size of the axis. Beyond the
/// outermost centres the outermost elements go on.
fn linear(index: usize, size: usize, new: usize) -> Vec<(usize, f64)> {
    let place = (index as f64 + 0.5) * size as f64 / new as f64 - 0.5;
    let place = place.clamp(0.0, size as f64 - 1.0);
    let below = place.floor();
    let above = (below + 1.0).min(size as f64 - 1.0);
    vec![(below as usize, 1.0 - (place - below)), (above as usize, place - below)]
}

/// The sum with an axis of `size` more.
fn product(sum: &[(usize, f64)], axis: &[(usize, f64)], size: usize) -> Vec<(usize, f64)> {
    let mut product = Vec::new();
    for (outer, weight) in sum {
        product.extend(axis.iter().map(|(inner, factor)| (outer * size + inner, weight * factor)));
    }
    product
}
