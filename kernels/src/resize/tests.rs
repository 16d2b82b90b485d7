//! Resizing against its formula, gradients against the transposed matrix.

use super::*;
use crate::cpu::Pool;
use crate::testing::{Case, values};

const SHAPES: [([usize; 4], [usize; 3]); 10] = [
    ([1, 1, 1, 3], [1, 1, 1]),
    ([1, 1, 5, 2], [1, 1, 10]),
    ([1, 1, 7, 1], [1, 1, 4]),
    ([1, 4, 6, 3], [1, 8, 12]),
    ([1, 3, 3, 17], [1, 7, 5]),
    ([1, 9, 8, 4], [1, 4, 3]),
    ([1, 16, 16, 33], [1, 32, 32]),
    ([1, 1, 1, 8], [1, 4, 5]),
    ([3, 4, 5, 2], [6, 2, 9]),
    ([2, 3, 4, 1], [4, 6, 8]),
];

/// The inputs of an output along one axis, with their shares.
fn shares(interpolation: Interpolation, before: usize, after: usize, output: usize) -> Vec<(usize, f64)> {
    let ratio = before as f64 / after as f64;
    match interpolation {
        Interpolation::Nearest => vec![((output as f64 * ratio + 1e-9) as usize, 1.0)],
        Interpolation::Linear => {
            // Hats about the place; past the edges all goes to the last element.
            let place = ((output as f64 + 0.5) * ratio - 0.5).clamp(0.0, (before - 1) as f64);
            let share = |input: usize| (1.0 - (place - input as f64).abs()).max(0.0);
            (0..before).map(|input| (input, share(input))).filter(|(_, share)| *share > 0.0).collect()
        }
    }
}

/// (output, input, share) of each term for one sample.
fn terms(spec: &Resize) -> Vec<(usize, usize, f64)> {
    let ([depth, height, width, channels], [layers, rows, columns, _]) = (spec.input, spec.output);
    let shares =
        |axis: usize, output| shares(spec.interpolation, spec.input[axis], spec.output[axis], output);
    let mut terms = Vec::new();
    for output in 0..layers * rows * columns {
        let places = [output / (rows * columns), output / columns % rows, output % columns];
        for (d, first) in shares(0, places[0]) {
            for (h, second) in shares(1, places[1]) {
                for (w, third) in shares(2, places[2]) {
                    assert!(d < depth && h < height && w < width);
                    let input = (d * height + h) * width + w;
                    terms.extend((0..channels).map(|channel| {
                        (output * channels + channel, input * channels + channel, first * second * third)
                    }));
                }
            }
        }
    }
    terms
}

#[test]
fn resizing_and_its_gradient_agree_with_the_formula() {
    for interpolation in [Interpolation::Nearest, Interpolation::Linear] {
        for (input, [depth, height, width]) in SHAPES {
            let spec = Resize { input, output: [depth, height, width, input[3]], interpolation };
            let (batch, inputs) = (3, spec.input_len());
            let outputs: usize = spec.output.iter().product();
            let (x, dy) = (values(1, batch * inputs), values(2, batch * outputs));
            let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
            for (output, input, share) in terms(&spec) {
                for sample in 0..batch {
                    let (output, input) = (sample * outputs + output, sample * inputs + input);
                    y[output] += share * f64::from(x[input]);
                    dx[input] += share * f64::from(dy[output]);
                }
            }
            let case = Case { batch, labels: &[], inputs: &[&x], outputs: &[y.len()] };
            case.check(&[y], 1e-6, |p, i, o| resize(p, &spec, i[0], o[0]));
            let case = Case { batch, labels: &[], inputs: &[&dy], outputs: &[dx.len()] };
            case.check(&[dx], 1e-6, |p, i, o| resize_backward(p, &spec, i[0], o[0]));
        }
    }
}

/// What `torch.nn.functional.interpolate` gives for [0, 1, 2, 3, 4] (PyTorch 2).
#[test]
fn known_answers() {
    let run = |after: usize, interpolation| {
        let spec = Resize { input: [1, 1, 5, 1], output: [1, 1, after, 1], interpolation };
        let case = Case { batch: 1, labels: &[], inputs: &[&[0., 1., 2., 3., 4.]], outputs: &[after] };
        case.run(&Pool::new(1), |p, i, o| resize(p, &spec, i[0], o[0])).remove(0)
    };
    assert_eq!(run(10, Interpolation::Linear), [0., 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.]);
    assert_eq!(run(2, Interpolation::Linear), [0.75, 3.25]);
    assert_eq!(run(10, Interpolation::Nearest), [0., 0., 1., 1., 2., 2., 3., 3., 4., 4.]);
    assert_eq!(run(3, Interpolation::Nearest), [0., 1., 3.]);
}
