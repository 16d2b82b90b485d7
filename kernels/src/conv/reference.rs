//! Convolution as its formula says, in double precision: what the fast kernels are tested against.

use super::Conv;

/// Calls `term` with the indices (x, w, y) of each product in y = x ∗ w.
fn for_each_term(spec: &Conv, batch: usize, mut term: impl FnMut(usize, usize, usize)) {
    let (inputs, outputs) = (spec.group_inputs(), spec.group_outputs());
    let positions: usize = spec.output[..3].iter().product();
    for pixel in 0..batch * positions {
        for tap in 0..spec.taps() {
            let Some(seen) = seen(spec, pixel % positions, tap) else { continue };
            let seen = pixel / positions * spec.input_len() + seen * spec.input[3];
            for o in 0..spec.output[3] {
                for c in 0..inputs {
                    let x = seen + o / outputs * inputs + c;
                    term(x, (tap * inputs + c) * spec.output[3] + o, pixel * spec.output[3] + o);
                }
            }
        }
    }
}

/// The pixel of the input that an output pixel sees through a tap, if it is inside.
fn seen(spec: &Conv, output: usize, tap: usize) -> Option<usize> {
    let place = |index: usize, sizes: &[usize]| {
        [index / (sizes[1] * sizes[2]), index / sizes[2] % sizes[1], index % sizes[2]]
    };
    let (output, tap) = (place(output, &spec.output), place(tap, &spec.kernel));
    let mut pixel = 0;
    for axis in 0..3 {
        let at = output[axis] * spec.stride[axis] + tap[axis] * spec.dilation[axis];
        let at = at.checked_sub(spec.pad[axis]).filter(|&at| at < spec.input[axis])?;
        pixel = pixel * spec.input[axis] + at;
    }
    Some(pixel)
}

/// y = x ∗ w
pub(crate) fn forward<T: Copy + Into<f64>>(spec: &Conv, batch: usize, x: &[T], w: &[T]) -> Vec<f64> {
    let mut y = vec![0.0; batch * spec.output_len()];
    for_each_term(spec, batch, |at_x, at_w, at_y| y[at_y] += x[at_x].into() * w[at_w].into());
    y
}

/// dx from dy and w.
pub(crate) fn backward_data<T: Copy + Into<f64>>(spec: &Conv, batch: usize, dy: &[T], w: &[T]) -> Vec<f64> {
    let mut dx = vec![0.0; batch * spec.input_len()];
    for_each_term(spec, batch, |at_x, at_w, at_y| dx[at_x] += dy[at_y].into() * w[at_w].into());
    dx
}

/// dw from x and dy.
pub(crate) fn backward_weight<T: Copy + Into<f64>>(spec: &Conv, batch: usize, x: &[T], dy: &[T]) -> Vec<f64> {
    let mut dw = vec![0.0; spec.weight_len()];
    for_each_term(spec, batch, |at_x, at_w, at_y| dw[at_w] += x[at_x].into() * dy[at_y].into());
    dw
}
