//! Convolution: y\[o\] = Σ w\[o, c, ky, kx\] · x\[c, y·s + ky − p, x·s + kx − p\], zeros outside.

use super::parallel::for_each_chunk;
use super::tensor::Tensor;

/// The extents of a convolution.
pub(super) struct Conv {
    channels: [usize; 2],
    positions: [usize; 2],
    taps: usize,
    stride: usize,
    rows: Vec<Row>,
}

/// Part of an output row that one tap of the window reaches without touching the padding, and
/// where in the input it reads.
struct Row {
    tap: usize,
    output: usize,
    input: usize,
    len: usize,
}

/// One axis of a window that slides over a map.
#[derive(Clone, Copy)]
struct Axis {
    input: usize,
    output: usize,
    stride: usize,
    pad: usize,
}

impl Axis {
    /// The input index below tap `tap` at output `output`, if it is not padding.
    fn below(self, output: usize, tap: usize) -> Option<usize> {
        let index = (output * self.stride + tap).checked_sub(self.pad)?;
        (index < self.input).then_some(index)
    }
}

impl Conv {
    /// Between maps of \[channels, height, width\].
    pub(super) fn new(
        input: [usize; 3],
        output: [usize; 3],
        kernel: [usize; 2],
        stride: [usize; 2],
        pad: [usize; 2],
    ) -> Conv {
        let axis = |axis: usize| Axis {
            input: input[axis + 1],
            output: output[axis + 1],
            stride: stride[axis],
            pad: pad[axis],
        };
        let (vertical, horizontal) = (axis(0), axis(1));
        let taps = (0..kernel[0]).flat_map(|ky| (0..kernel[1]).map(move |kx| [ky, kx]));
        let rows = taps.enumerate().flat_map(|(tap, at)| rows(vertical, horizontal, tap, at)).collect();
        Conv {
            channels: [input[0], output[0]],
            positions: [input[1] * input[2], output[1] * output[2]],
            taps: kernel[0] * kernel[1],
            stride: stride[1],
            rows,
        }
    }

    pub(super) fn forward(&self, x: &Tensor, weight: &[f64]) -> Tensor {
        let [inputs, outputs] = self.channels;
        let mut y = Tensor::zeros(x.samples, outputs, self.positions[1]);
        for_each_chunk(&mut y.data, self.positions[1], |plane, y| {
            let (sample, output) = (plane / outputs, plane % outputs);
            for input in 0..inputs {
                let (x, weight) = (x.plane(sample, input), self.kernel(weight, output, input));
                for row in &self.rows {
                    let factor = weight[row.tap];
                    let x = x[row.input..].iter().step_by(self.stride);
                    for (y, x) in y[row.output..row.output + row.len].iter_mut().zip(x) {
                        *y += factor * x;
                    }
                }
            }
        });
        y
    }

    /// The gradient by the input.
    pub(super) fn input_gradient(&self, dy: &Tensor, weight: &[f64]) -> Tensor {
        let [inputs, outputs] = self.channels;
        let mut dx = Tensor::zeros(dy.samples, inputs, self.positions[0]);
        for_each_chunk(&mut dx.data, self.positions[0], |plane, dx| {
            let (sample, input) = (plane / inputs, plane % inputs);
            for output in 0..outputs {
                let (dy, weight) = (dy.plane(sample, output), self.kernel(weight, output, input));
                for row in &self.rows {
                    let factor = weight[row.tap];
                    let dx = dx[row.input..].iter_mut().step_by(self.stride);
                    for (dx, dy) in dx.zip(&dy[row.output..row.output + row.len]) {
                        *dx += factor * dy;
                    }
                }
            }
        });
        dx
    }

    /// The gradient by the weight.
    pub(super) fn weight_gradient(&self, x: &Tensor, dy: &Tensor) -> Vec<f64> {
        let [inputs, outputs] = self.channels;
        let mut gradient = vec![0.0; outputs * inputs * self.taps];
        for_each_chunk(&mut gradient, self.taps, |pair, gradient| {
            for sample in 0..x.samples {
                let (x, dy) = (x.plane(sample, pair % inputs), dy.plane(sample, pair / inputs));
                for row in &self.rows {
                    let x = x[row.input..].iter().step_by(self.stride);
                    let products = dy[row.output..row.output + row.len].iter().zip(x);
                    gradient[row.tap] += products.map(|(dy, x)| dy * x).sum::<f64>();
                }
            }
        });
        gradient
    }

    /// The window of weights between two channels.
    fn kernel<'w>(&self, weight: &'w [f64], output: usize, input: usize) -> &'w [f64] {
        let start = (output * self.channels[0] + input) * self.taps;
        &weight[start..start + self.taps]
    }
}

/// The rows that tap `[ky, kx]` reaches.
fn rows(vertical: Axis, horizontal: Axis, tap: usize, [ky, kx]: [usize; 2]) -> impl Iterator<Item = Row> {
    let reached = move |output: &usize| horizontal.below(*output, kx).is_some();
    let first = (0..horizontal.output).find(reached);
    let len = (0..horizontal.output).filter(reached).count();
    (0..vertical.output).filter_map(move |row| {
        let (first, above) = (first?, vertical.below(row, ky)?);
        let input = above * horizontal.input + horizontal.below(first, kx)?;
        Some(Row { tap, output: row * horizontal.output + first, input, len })
    })
}
