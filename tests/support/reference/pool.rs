//! Pooling: the maximum or the mean of each window.

use nnc_dsl::model::{Shape, Window};

use super::parallel::for_each_chunk;
use super::tensor::Tensor;

/// For each output position, the input positions in its window, row by row, without padding.
pub(super) struct Pool {
    windows: Vec<Vec<usize>>,
    /// Positions in a whole window, padding included.
    size: usize,
    inputs: usize,
}

impl Pool {
    pub(super) fn new(input: &Shape, output: &Shape, window: Window) -> Pool {
        let ([height, width], [rows, columns]) = (input.area(), output.area());
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| [row, column]));
        let windows = places.map(|place| positions(place, window, [height, width])).collect();
        Pool { windows, size: window.size[0] * window.size[1], inputs: height * width }
    }

    /// A single window over the whole map.
    pub(super) fn whole(input: &Shape) -> Pool {
        let size = input.area();
        Pool::new(input, &Shape::vector(input.channels()), Window { size, stride: size, pad: [0, 0] })
    }

    pub(super) fn max(&self, x: &Tensor) -> Tensor {
        self.reduce(x, |x, window| x[first_maximum(x, window)])
    }

    /// The gradient goes to the first maximum of each window.
    pub(super) fn max_gradient(&self, x: &Tensor, dy: &Tensor) -> Tensor {
        self.spread(dy, |plane, window, dy, dx| {
            let x = x.plane(plane / x.channels, plane % x.channels);
            dx[first_maximum(x, window)] += dy;
        })
    }

    pub(super) fn mean(&self, x: &Tensor) -> Tensor {
        self.reduce(x, |x, window| window.iter().map(|&at| x[at]).sum::<f64>() / self.size as f64)
    }

    pub(super) fn mean_gradient(&self, dy: &Tensor) -> Tensor {
        self.spread(dy, |_, window, dy, dx| {
            window.iter().for_each(|&at| dx[at] += dy / self.size as f64);
        })
    }

    fn reduce(&self, x: &Tensor, value: impl Fn(&[f64], &[usize]) -> f64 + Sync) -> Tensor {
        let mut y = Tensor::zeros(x.samples, x.channels, self.windows.len());
        for_each_chunk(&mut y.data, self.windows.len(), |plane, y| {
            let x = x.plane(plane / x.channels, plane % x.channels);
            for (y, window) in y.iter_mut().zip(&self.windows) {
                *y = value(x, window);
            }
        });
        y
    }

    /// `add(plane, window, dy, dx)` for each output.
    fn spread(&self, dy: &Tensor, add: impl Fn(usize, &[usize], f64, &mut [f64]) + Sync) -> Tensor {
        let mut dx = Tensor::zeros(dy.samples, dy.channels, self.inputs);
        for_each_chunk(&mut dx.data, self.inputs, |plane, dx| {
            let dy = dy.plane(plane / dy.channels, plane % dy.channels);
            for (dy, window) in dy.iter().zip(&self.windows) {
                add(plane, window, *dy, dx);
            }
        });
        dx
    }
}

fn positions(place: [usize; 2], window: Window, [height, width]: [usize; 2]) -> Vec<usize> {
    let along = |axis: usize, size: usize| {
        let start = place[axis] * window.stride[axis];
        let taps = start..start + window.size[axis];
        taps.filter_map(move |at| at.checked_sub(window.pad[axis]).filter(|at| *at < size))
    };
    along(0, height).flat_map(|row| along(1, width).map(move |column| row * width + column)).collect()
}

fn first_maximum(x: &[f64], window: &[usize]) -> usize {
    let better = |best: usize, at: &usize| if x[*at] > x[best] { *at } else { best };
    window.iter().fold(window[0], better)
}
