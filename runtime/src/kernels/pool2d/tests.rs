//! Poolings against their formula, gradients against finite differences.

use super::*;
use crate::kernels::testing::{Case, gradient, pick, values, widen};

fn random_spec(seed: u64) -> Pool2d {
    let at = |index: u64, range| pick(seed * 37 + index, range);
    let window = [at(0, 1..=4), at(1, 1..=4)];
    let pad = [at(2, 0..=window[0] / 2), at(3, 0..=window[1] / 2)];
    let stride = [at(4, 1..=3), at(5, 1..=3)];
    let input = [window[0] + at(6, 0..=5), window[1] + at(7, 0..=5), at(8, 1..=70)];
    let output = |axis: usize| (input[axis] + 2 * pad[axis] - window[axis]) / stride[axis] + 1;
    Pool2d { input, output: [output(0), output(1), input[2]], window, stride, pad }
}

/// The elements of each window of channel c, for each output.
fn windows(spec: &Pool2d, batch: usize) -> Vec<Vec<usize>> {
    let ([height, width, channels], [rows, columns, _]) = (spec.input, spec.output);
    let window = |output: usize| {
        let (pixel, channel) = (output / channels, output % channels);
        let (n, i, j) = (pixel / (rows * columns), pixel / columns % rows, pixel % columns);
        let mut elements = Vec::new();
        for a in 0..spec.window[0] {
            for b in 0..spec.window[1] {
                let row = (i * spec.stride[0] + a).checked_sub(spec.pad[0]).filter(|&row| row < height);
                let column =
                    (j * spec.stride[1] + b).checked_sub(spec.pad[1]).filter(|&column| column < width);
                if let (Some(row), Some(column)) = (row, column) {
                    elements.push(((n * height + row) * width + column) * channels + channel);
                }
            }
        }
        elements
    };
    (0..batch * rows * columns * channels).map(window).collect()
}

fn maximum(windows: &[Vec<usize>], x: &[f64]) -> Vec<f64> {
    windows.iter().map(|at| at.iter().map(|&at| x[at]).fold(f64::NEG_INFINITY, f64::max)).collect()
}

fn mean(spec: &Pool2d, windows: &[Vec<usize>], x: &[f64]) -> Vec<f64> {
    let area = (spec.window[0] * spec.window[1]) as f64;
    windows.iter().map(|at| at.iter().map(|&at| x[at]).sum::<f64>() / area).collect()
}

#[test]
fn poolings_agree_with_their_formula_and_finite_differences() {
    for seed in 1..30 {
        let (spec, batch) = (random_spec(seed), pick(seed + 500, 1..=4));
        let windows = windows(&spec, batch);
        // Distinct values, further apart than the step of the finite differences.
        let order = values(seed, batch * spec.input_len());
        let mut x: Vec<f32> = (0..order.len()).map(|index| index as f32 / order.len() as f32).collect();
        (0..x.len()).for_each(|index| x.swap(index, (order[index].abs() * index as f32) as usize));
        let dy = values(seed + 1, windows.len());
        let forward = Case { batch, labels: &[], inputs: &[&x], outputs: &[dy.len()] };
        forward.check(&[maximum(&windows, &widen(&x))], 0.0, |p, i, o| max_pool2d(p, &spec, i[0], o[0]));
        forward.check(&[mean(&spec, &windows, &widen(&x))], 1e-6, |p, i, o| avg_pool2d(p, &spec, i[0], o[0]));
        if x.len() > 3000 {
            continue;
        }
        let backward = Case { batch, labels: &[], inputs: &[&x, &dy], outputs: &[x.len()] };
        let expected = gradient(|x| maximum(&windows, x), &x, &dy);
        backward.check(&[expected], 1e-6, |p, i, o| max_pool2d_backward(p, &spec, i[0], i[1], o[0]));
        let expected = gradient(|x| mean(&spec, &windows, x), &x, &dy);
        backward.check(&[expected], 1e-6, |p, i, o| avg_pool2d_backward(p, &spec, i[1], o[0]));
    }
}

/// The maximum and its gradient over one window of four.
fn window_of_four(x: &[f32]) -> (f32, Vec<f32>) {
    let spec = Pool2d { input: [2, 2, 1], output: [1, 1, 1], window: [2; 2], stride: [2; 2], pad: [0; 2] };
    let case = Case { batch: 1, labels: &[], inputs: &[x, &[1.0]], outputs: &[1, 4] };
    let mut results = case.run(&Pool::new(1), |p, i, o| {
        max_pool2d(p, &spec, i[0], o[0]);
        max_pool2d_backward(p, &spec, i[0], i[1], o[1]);
    });
    (results[0][0], results.remove(1))
}

#[test]
fn the_first_maximum_takes_the_gradient() {
    assert_eq!(window_of_four(&[1., 3., 3., 3.]), (3.0, vec![0., 1., 0., 0.]));
    assert_eq!(window_of_four(&[f32::NEG_INFINITY; 4]), (f32::NEG_INFINITY, vec![1., 0., 0., 0.]));
}

#[test]
fn a_nan_is_the_maximum() {
    let (y, dx) = window_of_four(&[1., f32::NAN, 9., f32::NAN]);
    assert!(y.is_nan());
    assert_eq!(dx, [0., 1., 0., 0.]);
}
