//! Pooling: the maximum or the mean of each window.

use nnc_dsl::model::Window;

use super::parallel::for_each_chunk;
use super::tensor::Tensor;

/// The windows of a pooling.
pub(super) struct Pool {
    input: Vec<usize>,
    output: Vec<usize>,
    windows: Vec<Cell>,
}

/// The window of an output position.
struct Cell {
    /// The input positions in it, row by row, without padding.
    positions: Vec<usize>,
    /// Elements that a mean counts.
    count: usize,
}

/// What a window covers of one axis.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    /// Elements that a mean counts.
    count: usize,
}

impl Pool {
    /// Windows that slide; `count_pad` says whether a mean counts their border.
    pub(super) fn sliding(input: &[usize], output: &[usize], window: &Window, count_pad: bool) -> Pool {
        Pool::new(input, output, |axis, index| {
            let (size, pad) = (input[axis + 1], window.pad[axis]);
            // Counted from the start of the border.
            let first = index * window.stride[axis];
            let last = first + window.size[axis];
            let (start, end) = (first.max(pad) - pad, last.min(pad + size) - pad);
            // What `ceil` adds behind the border is no part of it.
            let with_border = last.min(size + 2 * pad) - first;
            Span { start, end, count: if count_pad { with_border } else { end - start } }
        })
    }

    /// Bins that divide the map; a vector has one.
    pub(super) fn adaptive(input: &[usize], output: &[usize]) -> Pool {
        let output: Vec<usize> =
            (0..input.len()).map(|axis| output.get(axis).copied().unwrap_or(1)).collect();
        Pool::new(input, &output, |axis, index| {
            let (size, bins) = (input[axis + 1], output[axis + 1]);
            let (start, end) = (index * size / bins, ((index + 1) * size).div_ceil(bins));
            Span { start, end, count: end - start }
        })
    }

    fn new(input: &[usize], output: &[usize], span: impl Fn(usize, usize) -> Span) -> Pool {
        let mut windows = vec![Cell { positions: vec![0], count: 1 }];
        for axis in 0..output.len() - 1 {
            let wider = |cell: &Cell, index| cell.along(input[axis + 1], span(axis, index));
            windows = windows
                .iter()
                .flat_map(|cell| (0..output[axis + 1]).map(move |index| (cell, index)))
                .map(|(cell, index)| wider(cell, index))
                .collect();
        }
        Pool { input: input.to_vec(), output: output.to_vec(), windows }
    }

    pub(super) fn max(&self, x: &Tensor) -> Tensor {
        self.reduce(x, |x, window| x[first_maximum(x, &window.positions)])
    }

    /// The gradient goes to the first maximum of each window.
    pub(super) fn max_gradient(&self, x: &Tensor, dy: &Tensor) -> Tensor {
        self.spread(dy, |plane, window, dy, dx| {
            let x = x.plane(plane / x.channels(), plane % x.channels());
            dx[first_maximum(x, &window.positions)] += dy;
        })
    }

    pub(super) fn mean(&self, x: &Tensor) -> Tensor {
        self.reduce(x, |x, window| {
            window.positions.iter().map(|&at| x[at]).sum::<f64>() / window.count as f64
        })
    }

    pub(super) fn mean_gradient(&self, dy: &Tensor) -> Tensor {
        self.spread(dy, |_, window, dy, dx| {
            window.positions.iter().for_each(|&at| dx[at] += dy / window.count as f64);
        })
    }

    fn reduce(&self, x: &Tensor, value: impl Fn(&[f64], &Cell) -> f64 + Sync) -> Tensor {
        let mut y = Tensor::zeros(x.samples, &self.output);
        for_each_chunk(&mut y.data, self.windows.len(), |plane, y| {
            let x = x.plane(plane / x.channels(), plane % x.channels());
            for (y, window) in y.iter_mut().zip(&self.windows) {
                *y = value(x, window);
            }
        });
        y
    }

    /// `add(plane, window, dy, dx)` for each output.
    fn spread(&self, dy: &Tensor, add: impl Fn(usize, &Cell, f64, &mut [f64]) + Sync) -> Tensor {
        let mut dx = Tensor::zeros(dy.samples, &self.input);
        let positions = dx.positions();
        for_each_chunk(&mut dx.data, positions, |plane, dx| {
            let first = plane * self.windows.len();
            for (dy, window) in dy.data[first..first + self.windows.len()].iter().zip(&self.windows) {
                add(plane, window, *dy, dx);
            }
        });
        dx
    }
}

impl Cell {
    /// The window with an axis more.
    fn along(&self, size: usize, span: Span) -> Cell {
        let inside = |&outer: &usize| (span.start..span.end).map(move |index| outer * size + index);
        Cell { positions: self.positions.iter().flat_map(inside).collect(), count: self.count * span.count }
    }
}

fn first_maximum(x: &[f64], window: &[usize]) -> usize {
    let better = |best: usize, at: &usize| if x[*at] > x[best] { *at } else { best };
    window.iter().fold(window[0], better)
}
