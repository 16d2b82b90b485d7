//! Convolution over any number of axes: y\[o, p\] = Σ w\[o, c, k\] · x\[c, p·s + k·d − pad\], zeros
//! outside, where c runs over the channels of o's group; its gradients; and its transpose, which is
//! the gradient by the input read as a layer.

use nnc_dsl::model;

use super::parallel::for_each_chunk;
use super::tensor::Tensor;

/// The extents of a convolution.
pub(super) struct Conv {
    input: Vec<usize>,
    output: Vec<usize>,
    groups: usize,
    taps: usize,
    /// Stride of the last axis.
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
    kernel: usize,
    stride: usize,
    pad: usize,
    dilation: usize,
}

impl Axis {
    /// The input index below tap `tap` at output `output`, if it is not padding.
    fn below(self, output: usize, tap: usize) -> Option<usize> {
        let index = (output * self.stride + tap * self.dilation).checked_sub(self.pad)?;
        (index < self.input).then_some(index)
    }
}

impl Conv {
    /// Between maps of `[channels, axes…]`.
    pub(super) fn new(settings: &model::Conv, input: &[usize], output: &[usize]) -> Conv {
        let axis = |axis: usize| Axis {
            input: input[axis + 1],
            output: output[axis + 1],
            kernel: settings.kernel[axis],
            stride: settings.stride[axis],
            pad: settings.pad[axis],
            dilation: settings.dilation[axis],
        };
        let axes: Vec<Axis> = (0..settings.kernel.len()).map(axis).collect();
        Conv {
            input: input.to_vec(),
            output: output.to_vec(),
            groups: settings.groups,
            taps: settings.kernel.iter().product(),
            stride: axes.last().map_or(1, |axis| axis.stride),
            rows: rows(&axes),
        }
    }

    pub(super) fn forward(&self, x: &Tensor, weight: &[f64]) -> Tensor {
        let mut y = Tensor::zeros(x.samples, &self.output);
        for_each_chunk(&mut y.data, positions(&self.output), |plane, y| {
            let (sample, output) = (plane / self.output[0], plane % self.output[0]);
            for input in self.inputs_of(output) {
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
        let mut dx = Tensor::zeros(dy.samples, &self.input);
        for_each_chunk(&mut dx.data, positions(&self.input), |plane, dx| {
            let (sample, input) = (plane / self.input[0], plane % self.input[0]);
            for output in self.outputs_of(input) {
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
        let inputs = self.input[0] / self.groups;
        let mut gradient = vec![0.0; self.output[0] * inputs * self.taps];
        for_each_chunk(&mut gradient, self.taps, |pair, gradient| {
            let (output, place) = (pair / inputs, pair % inputs);
            let input = self.inputs_of(output).start + place;
            for sample in 0..x.samples {
                let (x, dy) = (x.plane(sample, input), dy.plane(sample, output));
                for row in &self.rows {
                    let x = x[row.input..].iter().step_by(self.stride);
                    let products = dy[row.output..row.output + row.len].iter().zip(x);
                    gradient[row.tap] += products.map(|(dy, x)| dy * x).sum::<f64>();
                }
            }
        });
        gradient
    }

    /// The input channels that an output channel sees.
    fn inputs_of(&self, output: usize) -> std::ops::Range<usize> {
        let (inputs, outputs) = (self.input[0] / self.groups, self.output[0] / self.groups);
        let group = output / outputs;
        group * inputs..(group + 1) * inputs
    }

    /// The output channels that see an input channel.
    fn outputs_of(&self, input: usize) -> std::ops::Range<usize> {
        let (inputs, outputs) = (self.input[0] / self.groups, self.output[0] / self.groups);
        let group = input / inputs;
        group * outputs..(group + 1) * outputs
    }

    /// The window of weights between two channels.
    fn kernel<'w>(&self, weight: &'w [f64], output: usize, input: usize) -> &'w [f64] {
        let inputs = self.inputs_of(output);
        let start = (output * inputs.len() + input - inputs.start) * self.taps;
        &weight[start..start + self.taps]
    }
}

/// What all taps reach.
fn rows(axes: &[Axis]) -> Vec<Row> {
    let Some((last, outer)) = axes.split_last() else { return Vec::new() };
    let mut found = Vec::new();
    for (outer_tap, output_row, input_row) in lines(outer) {
        for tap in 0..last.kernel {
            let reached = |output: &usize| last.below(*output, tap).is_some();
            let len = (0..last.output).filter(reached).count();
            let Some(first) = (0..last.output).find(reached) else { continue };
            let Some(below) = last.below(first, tap) else { continue };
            found.push(Row {
                tap: outer_tap * last.kernel + tap,
                output: output_row * last.output + first,
                input: input_row * last.input + below,
                len,
            });
        }
    }
    found
}

/// Tap, output line and input line of the axes before the last, wherever no padding is touched.
fn lines(axes: &[Axis]) -> Vec<(usize, usize, usize)> {
    axes.iter().fold(vec![(0, 0, 0)], |lines, axis| {
        let mut longer = Vec::new();
        for (tap, output, input) in lines {
            for k in 0..axis.kernel {
                for o in 0..axis.output {
                    if let Some(below) = axis.below(o, k) {
                        longer.push((
                            tap * axis.kernel + k,
                            output * axis.output + o,
                            input * axis.input + below,
                        ));
                    }
                }
            }
        }
        longer
    })
}

fn positions(shape: &[usize]) -> usize {
    shape[1..].iter().product()
}
