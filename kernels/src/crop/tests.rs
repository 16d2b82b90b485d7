//! Each element at its place.

use super::*;
use crate::testing::{Case, values, widen};

/// The formula, element by element.
fn exact(spec: &Crop, x: &[f32]) -> Vec<f32> {
    let (inputs, outputs): (usize, usize) = (spec.input.iter().product(), spec.output.iter().product());
    let element = |index: usize| {
        let (sample, mut rest) = (index / outputs, index % outputs);
        let (mut at, mut scale) = (0, 1);
        for axis in (0..spec.input.len()).rev() {
            let place = (rest % spec.output[axis]) as isize + spec.offset[axis];
            if place < 0 || place >= spec.input[axis] as isize {
                return 0.0;
            }
            at += place as usize * scale;
            scale *= spec.input[axis];
            rest /= spec.output[axis];
        }
        x[sample * inputs + at]
    };
    (0..x.len() / inputs * outputs).map(element).collect()
}

#[test]
fn parts_and_paddings_agree_with_the_formula() {
    let specs = [
        Crop { input: &[5], output: &[3], offset: &[1] },
        Crop { input: &[5], output: &[9], offset: &[-2] },
        Crop { input: &[5], output: &[4], offset: &[4] },
        Crop { input: &[4], output: &[4], offset: &[0] },
        Crop { input: &[4], output: &[3], offset: &[6] },
        Crop { input: &[4], output: &[3], offset: &[-7] },
        Crop { input: &[6, 7, 3], output: &[4, 5, 3], offset: &[1, 2, 0] },
        Crop { input: &[6, 7, 3], output: &[10, 9, 3], offset: &[-1, -2, 0] },
        Crop { input: &[6, 7, 3], output: &[6, 7, 1], offset: &[0, 0, 2] },
        Crop { input: &[6, 7, 3], output: &[9, 7, 3], offset: &[-3, 0, 0] },
        Crop { input: &[6, 7, 3], output: &[3, 9, 5], offset: &[3, -1, -1] },
        Crop { input: &[2, 3, 40, 17], output: &[3, 2, 43, 17], offset: &[-1, 1, 2, 0] },
    ];
    for spec in specs {
        for batch in [1, 4, 100] {
            let x = values(1, batch * spec.input.iter().product::<usize>());
            let y = exact(&spec, &x);
            let case = Case { batch, labels: &[], inputs: &[&x], outputs: &[y.len()] };
            case.check(&[widen(&y)], 0.0, |p, i, o| crop(p, &spec, i[0], o[0]));
        }
    }
}
