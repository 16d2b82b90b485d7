//! Poolings against their formula, gradients against finite differences.

use super::*;
use crate::cpu;
use crate::elementwise::pointwise;
use crate::emitted::{Extent, Operand, Unpooled};
use crate::testing::{Case, gradient, pick, values, widen};

/// Windows along an axis, the axis before and after.
fn random_axis(seed: u64, rank: bool) -> (Windows, usize, usize) {
    let at = |index: u64, range| pick(seed * 41 + index, range);
    if !rank {
        return (Windows::Sliding { size: 1, stride: 1, pad: 0 }, 1, 1);
    }
    let (size, stride) = (at(0, 1..=4), at(1, 1..=3));
    let (pad, input) = (at(2, 0..=size / 2), size + at(3, 0..=5));
    if at(4, 0..=4) == 0 {
        return (Windows::Adaptive, input, at(5, 1..=input));
    }
    let reach = input + 2 * pad - size;
    let is_ceil = at(6, 0..=1) == 1;
    let output = if is_ceil { reach.div_ceil(stride) } else { reach / stride } + 1;
    // A window may not begin past the map and the padding before it.
    let beyond = (output - 1) * stride >= input + pad;
    (Windows::Sliding { size, stride, pad }, input, output - usize::from(is_ceil && beyond))
}

fn random_spec(seed: u64) -> Pool {
    let rank = pick(seed + 9000, 1..=3);
    let axes: [_; 3] = std::array::from_fn(|axis| random_axis(seed * 5 + axis as u64, axis + rank >= 3));
    let channels = [1, 2, 3, 8, 15, 16, 40, 70][pick(seed + 8000, 0..=7)];
    let shape =
        |of: fn(&(Windows, usize, usize)) -> usize| [of(&axes[0]), of(&axes[1]), of(&axes[2]), channels];
    Pool {
        input: shape(|axis| axis.1),
        output: shape(|axis| axis.2),
        windows: axes.map(|axis| axis.0),
        count_pad: seed.is_multiple_of(2),
    }
}

/// Start, end and counted size of a window, as PyTorch reckons them.
fn window(spec: &Pool, axis: usize, output: usize) -> (usize, usize, usize) {
    let size = spec.input[axis] as isize;
    let (start, end, count) = match spec.windows[axis] {
        Windows::Sliding { size: window, stride, pad } => {
            let start = (output * stride) as isize - pad as isize;
            let end = (start + window as isize).min(size + pad as isize);
            (start.max(0), end.min(size), end - start)
        }
        Windows::Adaptive => {
            let share = |edge: usize| edge as f64 * size as f64 / spec.output[axis] as f64;
            let (start, end) = (share(output).floor() as isize, share(output + 1).ceil() as isize);
            (start, end, end - start)
        }
    };
    let inside = end - start;
    (start as usize, end as usize, if spec.count_pad { count } else { inside } as usize)
}

/// The elements of the window of each output, and the size that a mean divides by.
fn windows(spec: &Pool, batch: usize) -> Vec<(Vec<usize>, usize)> {
    let ([depth, height, width, channels], [layers, rows, columns, _]) = (spec.input, spec.output);
    let of = |output: usize| {
        let (pixel, channel) = (output / channels, output % channels);
        let [n, d] = [pixel / (layers * rows * columns), pixel / (rows * columns) % layers];
        let axes =
            [window(spec, 0, d), window(spec, 1, pixel / columns % rows), window(spec, 2, pixel % columns)];
        let mut elements = Vec::new();
        for d in axes[0].0..axes[0].1 {
            for h in axes[1].0..axes[1].1 {
                for w in axes[2].0..axes[2].1 {
                    elements.push((((n * depth + d) * height + h) * width + w) * channels + channel);
                }
            }
        }
        (elements, axes.iter().map(|axis| axis.2).product())
    };
    (0..batch * layers * rows * columns * channels).map(of).collect()
}

fn maximum(windows: &[(Vec<usize>, usize)], x: &[f64]) -> Vec<f64> {
    windows.iter().map(|(at, _)| at.iter().map(|&at| x[at]).fold(f64::NEG_INFINITY, f64::max)).collect()
}

fn mean(windows: &[(Vec<usize>, usize)], x: &[f64]) -> Vec<f64> {
    windows.iter().map(|(at, count)| at.iter().map(|&at| x[at]).sum::<f64>() / *count as f64).collect()
}

/// Distinct values in a random order, further apart than the step of finite differences.
fn distinct(seed: u64, len: usize) -> Vec<f32> {
    let order = values(seed, len);
    let mut x: Vec<f32> = (0..len).map(|index| index as f32 / len as f32).collect();
    (0..len).for_each(|index| x.swap(index, (order[index].abs() * index as f32) as usize));
    x
}

fn check(spec: &Pool, batch: usize, seed: u64) {
    let windows = windows(spec, batch);
    let (x, dy) = (distinct(seed, batch * spec.input_len()), values(seed + 1, windows.len()));
    let forward = Case { batch, labels: &[], inputs: &[&x], outputs: &[dy.len()] };
    forward.check(&[maximum(&windows, &widen(&x))], 0.0, |p, i, o| max_pool(p, spec, i[0], o[0]));
    forward.check(&[mean(&windows, &widen(&x))], 1e-6, |p, i, o| avg_pool(p, spec, i[0], o[0]));
    if x.len() > 1500 {
        return;
    }
    let backward = Case { batch, labels: &[], inputs: &[&x, &dy], outputs: &[x.len()] };
    let expected = gradient(|x| maximum(&windows, x), &x, &dy);
    backward.check(&[expected], 1e-6, |p, i, o| max_pool_backward(p, spec, i[0], i[1], o[0]));
    let expected = gradient(|x| mean(&windows, x), &x, &dy);
    backward.check(&[expected], 1e-6, |p, i, o| avg_pool_backward(p, spec, i[1], o[0]));
}

#[test]
fn poolings_agree_with_their_formula_and_finite_differences() {
    for seed in 1..80 {
        check(&random_spec(seed), pick(seed + 500, 1..=4), seed);
    }
}

/// Compares the maximum of a function of the map with that of its results.
fn check_function(spec: &Pool, batch: usize, seed: u64) {
    let windows = windows(spec, batch);
    let (x, scale) = (distinct(seed, batch * spec.input_len()), values(seed + 2, spec.input[3]));
    let scaled: Vec<f32> = x.iter().zip(scale.iter().cycle()).map(|(x, scale)| x * scale).collect();
    let case = Case { batch, labels: &[], inputs: &[&x, &scale], outputs: &[windows.len(); 2] };
    let expected = [maximum(&windows, &widen(&scaled))];
    let operands = |i: &[Slot]| [Operand::Full(i[0]), Operand::Channel(i[1])];
    let f = |[x, scale]: [f32; 2]| [x * scale];
    case.check(&expected, 0.0, |p, i, o| max_pool_of(p, spec, operands(i), [o[0]], f));
    // With the places of the maxima, which another test reads.
    case.check(&expected, 0.0, |p, i, o| max_pool_of(p, spec, operands(i), [o[0], o[1]], f));
}

#[test]
fn the_maximum_of_a_function_agrees_with_that_of_its_results() {
    for seed in 1..60 {
        check_function(&random_spec(seed), pick(seed + 500, 1..=4), seed);
    }
}

#[test]
fn the_gradient_of_windows_that_tile_the_map_is_an_operand() {
    for (seed, channels) in [1, 3, 8, 16, 40, 300].into_iter().enumerate() {
        for (output, window) in [([1, 7, 9], [1, 2, 2]), ([2, 3, 5], [3, 1, 2]), ([1, 1, 1], [1, 6, 5])] {
            let of = |axis: usize| Windows::Sliding { size: window[axis], stride: window[axis], pad: 0 };
            let shape = |of: [usize; 3]| [of[0], of[1], of[2], channels];
            let input = shape([0, 1, 2].map(|axis| output[axis] * window[axis]));
            let spec = Pool { input, output: shape(output), windows: [0, 1, 2].map(of), count_pad: false };
            let (batch, extent) = (3, Extent { positions: spec.input_len() / channels, channels });
            let (x, dy) =
                (distinct(seed as u64, batch * spec.input_len()), values(9, batch * spec.output_len()));
            let lens = [dy.len(), dy.len(), x.len(), x.len()];
            let case = Case { batch, labels: &[], inputs: &[&x, &dy], outputs: &lens };
            for isa in cpu::Isa::available() {
                let results = case.run(&cpu::Pool::with_isa(2, isa), |p, i, o| {
                    max_pool_of(p, &spec, [Operand::Full(i[0])], [o[0], o[1]], |x| x);
                    max_pool_backward(p, &spec, i[0], i[1], o[2]);
                    let gradient = Operand::Unpooled(Unpooled { pool: spec, dy: i[1], place: o[1] });
                    pointwise(p, extent, [Operand::Full(i[0]), gradient], [o[3]], |[x, dx]| [x * 0.0 + dx]);
                });
                assert!(results[2] == results[3], "{spec:?}");
            }
        }
    }
}

#[test]
fn whole_maps_and_rows_of_channels_agree_with_their_formula() {
    for channels in [1, 5, 64] {
        let (input, output) = ([1, 9, 11, channels], [1, 1, 1, channels]);
        check(&Pool { input, output, windows: [Windows::Adaptive; 3], count_pad: false }, 3, 1);
    }
    // Neighbouring channels as a local response normalisation has them.
    let one = Windows::Sliding { size: 1, stride: 1, pad: 0 };
    let five = Windows::Sliding { size: 5, stride: 1, pad: 2 };
    let shape = [1, 21, 33, 1];
    check(&Pool { input: shape, output: shape, windows: [one, one, five], count_pad: true }, 2, 2);
}

#[test]
fn windows_side_by_side_agree_with_their_formula() {
    // The last one in more bands than one.
    for (side, channels, [planes, rows, columns]) in [
        (2, 8, [1, 7, 6]),
        (2, 16, [2, 4, 9]),
        (2, 24, [1, 2, 3]),
        (3, 8, [2, 3, 7]),
        (3, 48, [1, 6, 3]),
        (2, 40, [2, 31, 23]),
    ] {
        let windows = [1, side, side].map(|size| Windows::Sliding { size, stride: size, pad: 0 });
        let (input, output) =
            ([planes, rows, columns, channels], [planes, rows / side, columns / side, channels]);
        let spec = Pool { input, output, windows, count_pad: true };
        assert_eq!(tiles::side(&spec), Some(side));
        check(&spec, 2, channels as u64);
        check_function(&spec, 2, channels as u64);
    }
}

/// The maximum and its gradient over one window of four, for each of two equal channels.
fn window_of_four(x: &[f32], channels: usize) -> (f32, Vec<f32>) {
    let windows = [1, 2, 2].map(|size| Windows::Sliding { size, stride: size, pad: 0 });
    let (input, output) = ([1, 2, 2, channels], [1, 1, 1, channels]);
    let spec = Pool { input, output, windows, count_pad: true };
    let x: Vec<f32> = x.iter().flat_map(|&x| vec![x; channels]).collect();
    let dy = vec![1.0; channels];
    let case = Case { batch: 1, labels: &[], inputs: &[&x, &dy], outputs: &[channels, 4 * channels] };
    let results = case.run(&cpu::Pool::new(1), |p, i, o| {
        max_pool(p, &spec, i[0], o[0]);
        max_pool_backward(p, &spec, i[0], i[1], o[1]);
    });
    (results[0][channels - 1], results[1].chunks(channels).map(|pixel| pixel[channels - 1]).collect())
}

#[test]
fn the_first_maximum_takes_the_gradient() {
    for channels in [1, 2, 8, 16, 33] {
        assert_eq!(window_of_four(&[1., 3., 3., 3.], channels), (3.0, vec![0., 1., 0., 0.]));
        let lowest = window_of_four(&[f32::NEG_INFINITY; 4], channels);
        assert_eq!(lowest, (f32::NEG_INFINITY, vec![1., 0., 0., 0.]));
    }
}

#[test]
fn a_nan_is_the_maximum() {
    for channels in [1, 2, 8, 16, 33] {
        let (y, dx) = window_of_four(&[1., f32::NAN, 9., f32::NAN], channels);
        assert!(y.is_nan());
        assert_eq!(dx, [0., 1., 0., 0.]);
    }
}
