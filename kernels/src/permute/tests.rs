//! Each element at its place.

use super::*;
use crate::testing::{Case, values, widen};

/// The formula, element by element.
fn exact(spec: &Permute, x: &[f32]) -> Vec<f32> {
    let len: usize = spec.dims.iter().product();
    let element = |index: usize| {
        let (mut rest, mut at) = (index % len, index / len * len);
        for &axis in spec.order.iter().rev() {
            at += rest % spec.dims[axis] * spec.dims[axis + 1..].iter().product::<usize>();
            rest /= spec.dims[axis];
        }
        x[at]
    };
    (0..x.len()).map(element).collect()
}

#[test]
fn axes_change_their_order() {
    let specs = [
        Permute { dims: &[], order: &[] },
        Permute { dims: &[5], order: &[0] },
        Permute { dims: &[1, 1], order: &[1, 0] },
        Permute { dims: &[3, 5], order: &[1, 0] },
        Permute { dims: &[70, 33], order: &[1, 0] },
        Permute { dims: &[2, 3, 5], order: &[0, 1, 2] },
        // Channels first and last.
        Permute { dims: &[20, 30, 7], order: &[2, 0, 1] },
        Permute { dims: &[16, 20, 31], order: &[1, 2, 0] },
        Permute { dims: &[2, 3, 5], order: &[2, 1, 0] },
        Permute { dims: &[2, 3, 5], order: &[1, 0, 2] },
        // Shuffles of pixels and of channels.
        Permute { dims: &[4, 5, 3, 2, 2], order: &[0, 3, 1, 4, 2] },
        Permute { dims: &[4, 5, 6, 4], order: &[0, 1, 3, 2] },
        Permute { dims: &[3, 4, 2, 2, 2, 2, 3], order: &[0, 4, 1, 5, 2, 6, 3] },
        Permute { dims: &[2, 1, 3, 1, 2, 2, 1, 3], order: &[7, 6, 3, 2, 5, 4, 1, 0] },
    ];
    for spec in specs {
        for batch in [1, 3] {
            let x = values(1, batch * spec.dims.iter().product::<usize>());
            let case = Case { batch, labels: &[], inputs: &[&x], outputs: &[x.len()] };
            case.check(&[widen(&exact(&spec, &x))], 0.0, |p, i, o| permute(p, &spec, i[0], o[0]));
        }
    }
}

#[test]
fn neighbours_that_stay_together_are_one_axis() {
    let count = |dims, order| Axes::of(&Permute { dims, order }).count;
    assert_eq!(count(&[20, 30, 7], &[2, 0, 1]), 2);
    assert_eq!(count(&[2, 3, 5], &[0, 1, 2]), 1);
    assert_eq!(count(&[4, 1, 5, 6], &[0, 2, 1, 3]), 1);
}
