//! Convolutions and matrix products.

use nnc_codegen::graph::{Conv, Op};

/// The result of a product of two tensors.
pub(super) fn product(op: &Op, batch: usize, first: &[f64], second: &[f64]) -> Vec<f64> {
    match op {
        Op::Conv(spec) => conv(spec, batch, first, second),
        Op::ConvBackwardData(spec) => conv_backward_data(spec, batch, first, second),
        Op::ConvBackwardWeight(spec) => conv_backward_weight(spec, batch, first, second),
        Op::Linear => linear(batch, first, second),
        Op::LinearBackwardData => linear_backward_data(batch, first, second),
        Op::LinearBackwardWeight => linear_backward_weight(batch, first, second),
        other => unreachable!("{} is no product", other.name()),
    }
}

/// The largest result if its terms did not cancel, but had independent signs: the root of the sum of their
/// squares.
pub(super) fn size(op: &Op, batch: usize, first: &[f64], second: &[f64]) -> f64 {
    let [first, second] = [first, second].map(|x| x.iter().map(|x| x * x).collect::<Vec<f64>>());
    product(op, batch, &first, &second).into_iter().fold(0.0, f64::max).sqrt()
}

/// One product of a convolution: places in input, output and weight.
struct Term {
    x: usize,
    y: usize,
    w: usize,
}

/// Calls `body` with every product that a convolution sums.
fn for_each_term(conv: &Conv, batch: usize, mut body: impl FnMut(Term)) {
    let ([id, ih, iw, ic], [od, oh, ow, oc]) = (conv.input, conv.output);
    let [kd, kh, kw] = conv.kernel;
    let (group_in, group_out) = (ic / conv.groups, oc / conv.groups);
    let input_at = |axis: usize, o: usize, k: usize, size: usize| {
        let i = (o * conv.stride[axis] + k * conv.dilation[axis]) as isize - conv.pad[axis] as isize;
        (i >= 0 && (i as usize) < size).then_some(i as usize)
    };
    for (n, z, y, x) in places([batch, od, oh, ow]) {
        for (a, b, c, _) in places([kd, kh, kw, 1]) {
            let place = (input_at(0, z, a, id), input_at(1, y, b, ih), input_at(2, x, c, iw));
            let (Some(iz), Some(iy), Some(ix)) = place else { continue };
            for out in 0..oc {
                for inner in 0..group_in {
                    let channel = out / group_out * group_in + inner;
                    body(Term {
                        x: (((n * id + iz) * ih + iy) * iw + ix) * ic + channel,
                        y: (((n * od + z) * oh + y) * ow + x) * oc + out,
                        w: (((a * kh + b) * kw + c) * group_in + inner) * oc + out,
                    });
                }
            }
        }
    }
}

fn places([a, b, c, d]: [usize; 4]) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..a * b * c * d).map(move |i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d))
}

fn conv(conv: &Conv, batch: usize, x: &[f64], w: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; batch * conv.output.iter().product::<usize>()];
    for_each_term(conv, batch, |term| y[term.y] += x[term.x] * w[term.w]);
    y
}

fn conv_backward_data(conv: &Conv, batch: usize, dy: &[f64], w: &[f64]) -> Vec<f64> {
    let mut dx = vec![0.0; batch * conv.input.iter().product::<usize>()];
    for_each_term(conv, batch, |term| dx[term.x] += dy[term.y] * w[term.w]);
    dx
}

fn conv_backward_weight(conv: &Conv, batch: usize, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let group = conv.input[3] / conv.groups;
    let mut dw = vec![0.0; conv.kernel.iter().product::<usize>() * group * conv.output[3]];
    for_each_term(conv, batch, |term| dw[term.w] += x[term.x] * dy[term.y]);
    dw
}

/// y\[n, o\] = Σ x\[n, i\] w\[i, o\]
fn linear(batch: usize, x: &[f64], w: &[f64]) -> Vec<f64> {
    let inputs = x.len() / batch;
    let outputs = w.len() / inputs;
    let row = |x: &[f64], o: usize| (0..inputs).map(|i| x[i] * w[i * outputs + o]).sum::<f64>();
    x.chunks(inputs).flat_map(|x| (0..outputs).map(move |o| row(x, o))).collect()
}

fn linear_backward_data(batch: usize, dy: &[f64], w: &[f64]) -> Vec<f64> {
    let outputs = dy.len() / batch;
    let inputs = w.len() / outputs;
    let row = |dy: &[f64], i: usize| (0..outputs).map(|o| dy[o] * w[i * outputs + o]).sum::<f64>();
    dy.chunks(outputs).flat_map(|dy| (0..inputs).map(move |i| row(dy, i))).collect()
}

fn linear_backward_weight(batch: usize, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let (inputs, outputs) = (x.len() / batch, dy.len() / batch);
    let element = |i: usize, o: usize| (0..batch).map(|n| x[n * inputs + i] * dy[n * outputs + o]).sum();
    (0..inputs).flat_map(|i| (0..outputs).map(move |o| element(i, o))).collect()
}
