//! Convolutions against their formula, and the formula's gradients against finite differences.

use super::*;
use crate::cpu::Buffer;
use crate::emitted::Region;
use crate::select::{Choice, Mode, Problem, Selector};
use crate::testing::{Case, assert_close, gradient, pick, values, widen};

/// Random numbers, one after the other; the seed picks all of them.
struct Dice(u64, u64);

impl Dice {
    fn roll(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        self.1 += 1;
        pick(self.0 * 97 + self.1, range)
    }

    /// Once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.roll(1..=times) == 1
    }

    /// A convolution over 1 to 3 axes in some groups.
    fn spec(&mut self, groups: usize, inputs: usize, outputs: usize) -> Conv {
        let axes = self.roll(1..=3);
        let mut spec = Conv {
            input: [1, 1, 1, groups * inputs],
            output: [1, 1, 1, groups * outputs],
            kernel: [1; 3],
            stride: [1; 3],
            pad: [0; 3],
            dilation: [1; 3],
            groups,
        };
        for axis in 3 - axes..3 {
            spec.kernel[axis] = self.roll(1..=[5, 4, 3][axes - 1]);
            spec.stride[axis] = self.roll(1..=3);
            spec.pad[axis] = self.roll(0..=3);
            spec.dilation[axis] = self.roll(1..=3);
            spec.input[axis] = self.roll(1..=[30, 9, 5][axes - 1]);
            let reach = (spec.kernel[axis] - 1) * spec.dilation[axis] + 1;
            // The padding at the end may differ from that at the start.
            let padded = (spec.input[axis] + 2 * spec.pad[axis] + self.roll(0..=1)).max(reach);
            spec.output[axis] = (padded - reach) / spec.stride[axis] + 1;
        }
        spec
    }
}

fn square(size: usize, inputs: usize, outputs: usize, kernel: usize, stride: usize, pad: usize) -> Conv {
    let output = (size + 2 * pad - kernel) / stride + 1;
    Conv {
        input: [1, size, size, inputs],
        output: [1, output, output, outputs],
        kernel: [1, kernel, kernel],
        stride: [1, stride, stride],
        pad: [0, pad, pad],
        dilation: [1; 3],
        groups: 1,
    }
}

/// All three products by `algorithm` where it supports them.
#[track_caller]
fn check_with(algorithm: Algorithm, spec: &Conv, batch: usize, tolerance: f64) {
    let (x, w) = (values(1, batch * spec.input_len()), values(2, spec.weight_len()));
    let dy = values(3, batch * spec.output_len());
    for operation in [Operation::Forward, Operation::BackwardData, Operation::BackwardWeight] {
        if !algorithm.supports(&Problem { operation, spec: *spec, batch, packed: false }) {
            continue;
        }
        let (inputs, expected) = match operation {
            Operation::Forward => ([&x, &w], reference::forward(spec, batch, &x, &w)),
            Operation::BackwardData => ([&dy, &w], reference::backward_data(spec, batch, &dy, &w)),
            Operation::BackwardWeight => ([&x, &dy], reference::backward_weight(spec, batch, &x, &dy)),
        };
        let case =
            Case { batch, labels: &[], inputs: &inputs.map(|input| &input[..]), outputs: &[expected.len()] };
        let run = |threads: usize, last: usize, isa: Isa| {
            let pool = Pool::with_isa(threads, isa).with_selector(Selector::new(Mode::Always(algorithm)));
            case.run_with_last(last, &pool, |p, i, o| match operation {
                Operation::Forward => conv(p, spec, i[0], i[1], o[0]),
                Operation::BackwardData => conv_backward_data(p, spec, i[0], i[1], o[0]),
                Operation::BackwardWeight => conv_backward_weight(p, spec, i[0], i[1], o[0]),
            })
        };
        for isa in Isa::available() {
            let what = format!("{} {operation:?} {} {spec:?} batch {batch}", algorithm.name(), isa.name());
            let found = run(1, 2, isa);
            assert_close(&found[0], &expected, tolerance, &what);
            let bits = |found: &[Vec<f32>]| found[0].iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            for last in [0, 1] {
                assert!(bits(&run(2, last, isa)) == bits(&found), "2 threads: {what}");
            }
        }
    }
}

#[track_caller]
fn check(spec: &Conv, batch: usize) {
    for algorithm in [Algorithm::ImplicitGemm, Algorithm::Joined, Algorithm::Depthwise, Algorithm::Spread] {
        check_with(algorithm, spec, batch, 1e-5);
    }
    check_with(Algorithm::Winograd2, spec, batch, 1e-5);
    check_with(Algorithm::Winograd4, spec, batch, 5e-5);
}

#[test]
fn random_windows_of_three_agree_with_the_formula() {
    for seed in 1..80 {
        let mut dice = Dice(seed, 0);
        let (height, width, planes) = (dice.roll(1..=14), dice.roll(1..=9), dice.roll(1..=2));
        let (inputs, outputs) = (dice.roll(1..=40), dice.roll(1..=80));
        let pad = [0, dice.roll(0..=2), dice.roll(0..=2)];
        let after = |size: usize, pad: usize, more: usize| (size + 2 * pad + more).saturating_sub(2).max(1);
        let spec = Conv {
            input: [planes, height, width, inputs],
            output: [planes, after(height, pad[1], dice.roll(0..=1)), after(width, pad[2], 0), outputs],
            pad,
            ..square(3, inputs, outputs, 3, 1, 1)
        };
        check(&spec, dice.roll(1..=4));
    }
}

#[test]
fn random_convolutions_agree_with_the_formula() {
    for seed in 1..150 {
        let mut dice = Dice(seed, 0);
        let (inputs, outputs) = (dice.roll(1..=20), dice.roll(1..=80));
        let batch = dice.roll(1..=5);
        check(&dice.spec(1, inputs, outputs), batch);
    }
}

#[test]
fn random_convolutions_in_groups_agree_with_the_formula() {
    for seed in 1..200 {
        let mut dice = Dice(seed, 0);
        let groups = dice.roll(1..=20);
        let inputs = if dice.once_in(2) { 1 } else { dice.roll(1..=9) };
        let outputs = if dice.once_in(3) { 1 } else { dice.roll(1..=20) };
        let batch = dice.roll(1..=3);
        check(&dice.spec(groups, inputs, outputs), batch);
    }
}

#[test]
#[ignore = "takes minutes; `.ci/sanitize` runs it under the address sanitizer"]
fn sizes_from_1_to_33_agree_with_the_formula() {
    for (round, size) in (0..4).flat_map(|round| (1..=33).map(move |size| (round, size))) {
        for dimension in 0..4 {
            let mut dice = Dice(1000 * round + 4 * size as u64 + dimension, 0);
            let mut sizes: [usize; 4] = std::array::from_fn(|_| dice.roll(1..=33));
            sizes[dimension as usize] = size;
            let [height, width, inputs, outputs] = sizes;
            let groups = [1, 1, 2, inputs][dice.roll(0..=3)];
            let [inputs, outputs] = [inputs, outputs].map(|channels| channels.next_multiple_of(groups));
            let kernel = [1, 2, 3, 3, 5][dice.roll(0..=4)];
            let (stride, pad) = (dice.roll(1..=2), dice.roll(0..=2));
            let after = |size: usize| ((size + 2 * pad).max(kernel) - kernel) / stride + 1;
            let spec = Conv {
                input: [1, height, width, inputs],
                output: [1, after(height), after(width), outputs],
                groups,
                ..square(kernel, inputs, outputs, kernel, stride, pad)
            };
            check(&spec, dice.roll(1..=2));
        }
    }
}

#[test]
fn winograd_s_errors_are_as_small_as_written() {
    for channels in [64, 512] {
        let spec = square(12, channels, 40, 3, 1, 1);
        check_with(Algorithm::Winograd2, &spec, 1, 3e-6);
        check_with(Algorithm::Winograd4, &spec, 1, 3e-5);
    }
    // So many tiles that the gradient of the weight is summed in chunks.
    let spec = square(32, 5, 7, 3, 1, 1);
    check_with(Algorithm::Winograd2, &spec, 20, 3e-6);
    check_with(Algorithm::Winograd4, &spec, 20, 3e-5);
}

#[test]
fn common_convolutions_agree_with_the_formula() {
    check(&square(8, 1, 16, 3, 1, 1), 7);
    check(&square(28, 1, 8, 5, 1, 2), 3);
    check(&square(14, 8, 16, 5, 1, 2), 3);
    check(&square(9, 3, 32, 3, 1, 1), 2);
    check(&square(14, 16, 16, 3, 2, 1), 2);
    check(&square(6, 33, 65, 3, 1, 1), 3);
    check(&square(5, 64, 100, 1, 1, 0), 3);
    check(&square(7, 12, 130, 1, 2, 0), 3);
    check(&Conv { groups: 32, ..square(9, 32, 32, 3, 1, 1) }, 3);
    check(&Conv { groups: 40, ..square(7, 40, 40, 5, 2, 2) }, 3);
    check(&Conv { groups: 8, ..square(7, 32, 32, 3, 1, 1) }, 3);
    check(&Conv { groups: 4, ..square(7, 64, 64, 1, 1, 0) }, 3);
    check(&Conv { dilation: [1, 4, 4], pad: [0, 4, 4], ..square(12, 5, 20, 3, 1, 1) }, 2);
}

#[test]
fn sums_longer_than_one_depth_agree_with_the_formula() {
    check(&square(4, 300, 7, 3, 1, 1), 2);
    check(&square(3, 90, 20, 3, 1, 0), 2);
    check(&Conv { dilation: [1, 2, 2], pad: [0, 2, 2], ..square(4, 300, 7, 3, 1, 1) }, 1);
}

#[test]
fn rows_wider_than_a_block_are_cut() {
    let spec = Conv { input: [1, 3, 301, 2], output: [1, 3, 301, 5], ..square(3, 2, 5, 3, 1, 1) };
    check(&spec, 2);
    let sound = Conv {
        input: [1, 1, 700, 2],
        output: [1, 1, 350, 6],
        kernel: [1, 1, 9],
        stride: [1, 1, 2],
        pad: [0, 0, 4],
        groups: 2,
        ..spec
    };
    check(&sound, 2);
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
    for seed in 1..24 {
        let mut dice = Dice(seed, 0);
        let (groups, inputs, outputs) = (dice.roll(1..=2), dice.roll(1..=3), dice.roll(1..=3));
        let mut spec = dice.spec(groups, inputs, outputs);
        if spec.input_len() + spec.output_len() > 600 {
            spec = Conv { input: [1, 1, 4, spec.input[3]], output: [1, 1, 3, spec.output[3]], ..spec };
        }
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
    for (inputs, outputs, batch) in
        [(1, 1, 1), (64, 10, 5), (17, 33, 130), (700, 70, 3), (300, 160, 128), (20, 96, 1), (9, 600, 2)]
    {
        let spec = Linear { inputs, outputs };
        let (x, w) = (values(1, batch * inputs), values(2, inputs * outputs));
        let expected = reference::forward(&spec.as_conv(), batch, &x, &w);
        let case = Case { batch, labels: &[], inputs: &[&x, &w], outputs: &[batch * outputs] };
        case.check(&[expected], 1e-5, |p, i, o| linear(p, &spec, i[0], i[1], o[0]));
        check(&spec.as_conv(), batch);
    }
}

#[test]
fn an_epilogue_sees_each_element_and_its_channel() {
    // A pool large enough for one task per block, rows of few channels, a map small enough to be cut by
    // panels, a linear layer, and groups by each algorithm.
    for spec in [
        square(8, 3, 20, 3, 1, 1),
        square(14, 8, 16, 5, 1, 2),
        square(4, 8, 150, 3, 2, 1),
        square(1, 30, 70, 1, 1, 0),
        Conv { groups: 20, ..square(8, 20, 20, 3, 1, 1) },
        Conv { groups: 5, ..square(8, 20, 20, 3, 1, 1) },
        Conv { groups: 2, ..square(8, 20, 64, 3, 1, 1) },
    ] {
        let batch = 5;
        let (x, w) = (values(1, batch * spec.input_len()), values(2, spec.weight_len()));
        let (bias, skip) = (values(3, spec.output[3]), values(4, batch * spec.output_len()));
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
            conv_then(p, &spec, i[0], i[1], o[0], operands, f);
        });
    }
}

#[test]
fn the_reference_can_be_selected() {
    let (spec, batch) = (square(5, 3, 4, 3, 2, 1), 2);
    let (x, w) = (values(1, batch * spec.input_len()), values(2, spec.weight_len()));
    let pool = Pool::new(2).with_selector(Selector::new(Mode::Always(Algorithm::Reference)));
    let case = Case { batch, labels: &[], inputs: &[&x, &w], outputs: &[batch * spec.output_len()] };
    let found = case.run(&pool, |p, i, o| conv(p, &spec, i[0], i[1], o[0]));
    assert_close(&found[0], &reference::forward(&spec, batch, &x, &w), 1e-7, "reference");
    let report = pool.selector().report();
    let line = "forward 2x5x5x3 * 3x3 to 4 stride 2: reference, implicit-gemm";
    assert!(report[0].to_string().contains(line), "{}", report[0]);
    assert_eq!((report.len(), report[0].algorithm), (1, Algorithm::Reference));
    let default = Pool::new(1);
    case.run(&default, |p, i, o| conv(p, &spec, i[0], i[1], o[0]));
    assert_eq!(default.selector().report()[0].algorithm, Algorithm::ImplicitGemm);
}

/// Computes `problem` on a thread of its own; the memory that it has borrowed, and that it should have.
fn memory(algorithm: Algorithm, problem: &Problem, isa: Isa) -> [usize; 2] {
    let (spec, batch) = (&problem.spec, problem.batch);
    let lens = [batch * spec.input_len(), spec.weight_len(), batch * spec.output_len()];
    let [x, w, y] = lens.map(|len| Buffer::from_slice(&values(1, len)));
    let (a, b, mut write) = match problem.operation {
        Operation::Forward => (x, w, y),
        Operation::BackwardData => (y, w, x),
        Operation::BackwardWeight => (x, y, w),
    };
    let pool = Pool::with_isa(1, isa);
    product(algorithm, &pool, problem, &a, Weight::new(&b), &mut write);
    let predicted = workspace(algorithm, problem, isa) + thread_workspace(algorithm, problem, isa);
    [pool.scratch().bytes(), predicted]
}

#[test]
fn borrowed_memory_is_as_predicted() {
    for spec in [
        square(14, 32, 80, 3, 1, 1),
        square(12, 3, 20, 5, 1, 2),
        square(9, 16, 80, 3, 2, 1),
        square(8, 24, 80, 1, 1, 0),
        Conv { groups: 20, ..square(8, 20, 20, 3, 1, 1) },
        Conv { groups: 5, ..square(8, 20, 20, 3, 1, 1) },
    ] {
        let operations = [Operation::Forward, Operation::BackwardData, Operation::BackwardWeight];
        for (operation, algorithm) in operations.into_iter().flat_map(|o| Algorithm::ALL.map(|a| (o, a))) {
            let problem = Problem { operation, spec, batch: 40, packed: false };
            if algorithm == Algorithm::Reference || !algorithm.supports(&problem) {
                continue;
            }
            for isa in Isa::available() {
                let [taken, predicted] = memory(algorithm, &problem, isa);
                let what = format!("{} {operation:?} {} {spec:?}: {taken}", algorithm.name(), isa.name());
                assert!(taken <= predicted, "{what} of {predicted}");
                assert!(taken * 20 >= predicted * 19, "{what} of {predicted}");
            }
        }
    }
}

/// A weight that stays packed, in the slot that it has in `packed`.
fn kept<'a>(w: &'a [f32], packed: &'a PackedWeights) -> Weight<'a> {
    Weight::new(w).kept(Slot::new(Region::Parameter, 0, w.len()), packed)
}

#[test]
fn what_was_measured_gives_its_memory_back() {
    let (spec, batch) = (square(12, 32, 48, 3, 1, 1), 2);
    let [x, w] = [batch * spec.input_len(), spec.weight_len()].map(|len| Buffer::from_slice(&values(1, len)));
    let mut y = Buffer::zeroed(batch * spec.output_len());
    let pool = Pool::new(1).with_selector(Selector::new(Mode::Benchmark));
    let packed = PackedWeights::default();
    forward(&pool, &spec, batch, &x, kept(&w, &packed), &mut y, None);
    let Choice { algorithm, problem, ref candidates, .. } = pool.selector().report()[0];
    assert!(candidates.len() > 2);
    assert!(packed.bytes() <= workspace(algorithm, &problem, pool.isa()));
    assert!(pool.scratch().bytes() <= thread_workspace(algorithm, &problem, pool.isa()));
}

#[test]
fn packed_weights_that_are_no_longer_asked_for_go() {
    let (spec, batch) = (square(12, 32, 80, 3, 1, 1), 2);
    let [x, w] = [batch * spec.input_len(), spec.weight_len()].map(|len| Buffer::from_slice(&values(1, len)));
    let mut y = Buffer::zeroed(batch * spec.output_len());
    let (pool, mut packed) = (Pool::new(1), PackedWeights::default());
    let mut evaluate = |algorithm, packed: &PackedWeights| {
        forward_by(algorithm, &pool, &spec, batch, &x, kept(&w, packed), &mut y, None);
        packed.bytes()
    };
    let one = evaluate(Algorithm::ImplicitGemm, &packed);
    let both = evaluate(Algorithm::Winograd4, &packed);
    assert!(both > one);
    // Training, an evaluation by one of them, and training.
    packed.forget();
    packed.forget();
    assert_eq!((packed.bytes(), evaluate(Algorithm::ImplicitGemm, &packed)), (both, both));
    packed.forget();
    assert_eq!(packed.bytes(), one);
}
