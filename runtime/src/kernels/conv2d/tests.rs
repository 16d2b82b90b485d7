//! Convolutions against their formula, and the formula's gradients against finite differences.

use super::*;
use crate::kernels::testing::{Case, assert_close, gradient, pick, values, widen};

/// A convolution of random shape; `seed` picks everything.
fn random_spec(seed: u64) -> Conv2d {
    let at = |index: u64, range| pick(seed * 31 + index, range);
    let kernel = [at(0, 1..=5), at(1, 1..=5)];
    let pad = [at(2, 0..=3), at(3, 0..=3)];
    let stride = [at(4, 1..=3), at(5, 1..=3)];
    let size = |axis: usize, extra: usize| extra + kernel[axis].saturating_sub(2 * pad[axis]).max(1);
    let input = [size(0, at(6, 0..=9)), size(1, at(7, 0..=9)), at(8, 1..=20)];
    let output = |axis: usize| (input[axis] + 2 * pad[axis] - kernel[axis]) / stride[axis] + 1;
    Conv2d { input, output: [output(0), output(1), at(9, 1..=80)], kernel, stride, pad }
}

fn square(size: usize, inputs: usize, outputs: usize, kernel: usize, stride: usize, pad: usize) -> Conv2d {
    let output = (size + 2 * pad - kernel) / stride + 1;
    Conv2d {
        input: [size, size, inputs],
        output: [output, output, outputs],
        kernel: [kernel; 2],
        stride: [stride; 2],
        pad: [pad; 2],
    }
}

#[track_caller]
fn check(spec: &Conv2d, batch: usize) {
    let (x, w) = (values(1, batch * spec.input_len()), values(2, spec.weight_len()));
    let dy = values(3, batch * spec.output_len());
    let tolerance = 1e-5;
    Case { batch, labels: &[], inputs: &[&x, &w], outputs: &[dy.len()] }.check(
        &[reference::forward(spec, batch, &x, &w)],
        tolerance,
        |p, i, o| conv2d(p, spec, i[0], i[1], o[0]),
    );
    Case { batch, labels: &[], inputs: &[&dy, &w], outputs: &[x.len()] }.check(
        &[reference::backward_data(spec, batch, &dy, &w)],
        tolerance,
        |p, i, o| conv2d_backward_data(p, spec, i[0], i[1], o[0]),
    );
    Case { batch, labels: &[], inputs: &[&x, &dy], outputs: &[w.len()] }.check(
        &[reference::backward_weight(spec, batch, &x, &dy)],
        tolerance,
        |p, i, o| conv2d_backward_weight(p, spec, i[0], i[1], o[0]),
    );
}

#[test]
fn random_convolutions_agree_with_the_formula() {
    for seed in 1..60 {
        let (spec, batch) = (random_spec(seed), pick(seed + 1000, 1..=5));
        check(&spec, batch);
    }
}

#[test]
fn common_convolutions_agree_with_the_formula() {
    check(&square(8, 1, 16, 3, 1, 1), 7);
    check(&square(9, 3, 32, 3, 1, 1), 2);
    check(&square(14, 16, 16, 3, 2, 1), 2);
    check(&square(6, 33, 65, 3, 1, 1), 3);
    check(&square(5, 64, 100, 1, 1, 0), 3);
    check(&square(7, 12, 130, 1, 2, 0), 3);
}

#[test]
fn sums_longer_than_one_depth_agree_with_the_formula() {
    check(&square(4, 300, 7, 3, 1, 1), 2);
    check(&square(3, 90, 20, 3, 1, 0), 2);
}

#[test]
fn rows_wider_than_a_block_are_cut() {
    let spec =
        Conv2d { input: [3, 301, 2], output: [3, 301, 5], kernel: [3, 3], stride: [1, 1], pad: [1, 1] };
    check(&spec, 2);
}

#[test]
fn more_padding_than_window_agrees_with_the_formula() {
    check(&square(3, 2, 3, 2, 1, 3), 2);
    check(&square(2, 2, 3, 1, 2, 2), 2);
}

#[test]
fn large_weights_are_summed_without_copies() {
    check(&square(1, 2100, 2100, 2, 1, 1), 1);
}

#[test]
fn the_formula_s_gradients_agree_with_finite_differences() {
    for seed in 1..12 {
        let mut spec = random_spec(seed);
        spec.output[2] = spec.output[2] % 5 + 1;
        spec.input[2] = spec.input[2] % 4 + 1;
        let (x, w) = (values(1, 2 * spec.input_len()), values(2, spec.weight_len()));
        let dy = values(3, 2 * spec.output_len());
        let narrow = |values: Vec<f64>| -> Vec<f32> { values.iter().map(|&value| value as f32).collect() };
        let by_x = gradient(|x| reference::forward(&spec, 2, x, &widen(&w)), &x, &dy);
        assert_close(&narrow(reference::backward_data(&spec, 2, &dy, &w)), &by_x, 1e-6, "dx");
        let by_w = gradient(|w| reference::forward(&spec, 2, &widen(&x), w), &w, &dy);
        assert_close(&narrow(reference::backward_weight(&spec, 2, &x, &dy)), &by_w, 1e-6, "dw");
    }
}

#[test]
fn linear_layers_agree_with_the_formula() {
    for (inputs, outputs, batch) in [(1, 1, 1), (64, 10, 5), (17, 33, 130), (700, 70, 3)] {
        let spec = Linear { inputs, outputs };
        let (x, w) = (values(1, batch * inputs), values(2, inputs * outputs));
        let expected = reference::forward(&spec.as_conv2d(), batch, &x, &w);
        let case = Case { batch, labels: &[], inputs: &[&x, &w], outputs: &[batch * outputs] };
        case.check(&[expected], 1e-5, |p, i, o| linear(p, &spec, i[0], i[1], o[0]));
        check(&spec.as_conv2d(), batch);
    }
}

#[test]
fn an_epilogue_sees_each_element_and_its_channel() {
    // A pool large enough for one task per block, one small enough to be cut by panels, and a
    // linear layer.
    for spec in [square(8, 3, 20, 3, 1, 1), square(4, 8, 150, 3, 2, 1), square(1, 30, 70, 1, 1, 0)] {
        let batch = 5;
        let (x, w) = (values(1, batch * spec.input_len()), values(2, spec.weight_len()));
        let (bias, skip) = (values(3, spec.output[2]), values(4, batch * spec.output_len()));
        let mut expected = reference::forward(&spec, batch, &x, &w);
        for (index, y) in expected.iter_mut().enumerate() {
            let bias = f64::from(bias[index % bias.len()]);
            *y = (2.0 * (*y + bias) + f64::from(skip[index])).max(0.0);
        }
        let case = Case { batch, labels: &[], inputs: &[&x, &w, &bias, &skip], outputs: &[skip.len()] };
        case.check(&[expected], 1e-5, |p, i, o| {
            let operands =
                [Operand::Full(i[3]), Operand::Result, Operand::Channel(i[2]), Operand::Value(2.0)];
            let f = |[skip, y, bias, two]: [f32; 4]| [(two * (y + bias) + skip).max(0.0)];
            conv2d_then(p, &spec, i[0], i[1], o[0], operands, f);
        });
    }
}

#[test]
fn the_reference_can_be_selected() {
    use crate::select::{Mode, Selector};
    let (spec, batch) = (square(5, 3, 4, 3, 2, 1), 2);
    let (x, w) = (values(1, batch * spec.input_len()), values(2, spec.weight_len()));
    let pool = Pool::new(2).with_selector(Selector::new(Mode::Always(Algorithm::Reference)));
    let case = Case { batch, labels: &[], inputs: &[&x, &w], outputs: &[batch * spec.output_len()] };
    let found = case.run(&pool, |p, i, o| conv2d(p, &spec, i[0], i[1], o[0]));
    assert_close(&found[0], &reference::forward(&spec, batch, &x, &w), 1e-7, "reference");
    let report = pool.selector().report();
    assert!(report[0].to_string().contains("Forward 2x5x5x3 window 3x3 to 4: reference, implicit-gemm"));
    assert_eq!((report.len(), report[0].algorithm), (1, Algorithm::Reference));
    let default = Pool::new(1);
    case.run(&default, |p, i, o| conv2d(p, &spec, i[0], i[1], o[0]));
    assert_eq!(default.selector().report()[0].algorithm, Algorithm::ImplicitGemm);
}
