//! Convolution as its formula says, in double precision: what the fast kernels are tested against.

use super::Conv2d;

/// Calls `term` with the indices (x, w, y) of each product in y = x ∗ w.
fn for_each_term(spec: &Conv2d, batch: usize, mut term: impl FnMut(usize, usize, usize)) {
    let ([height, width, inputs], [rows, columns, outputs]) = (spec.input, spec.output);
    let inside = |start: usize, tap: usize, pad: usize, size: usize| {
        (start + tap).checked_sub(pad).filter(|&at| at < size)
    };
    for pixel in 0..batch * rows * columns {
        let (n, i, j) = (pixel / (rows * columns), pixel / columns % rows, pixel % columns);
        for tap in 0..spec.kernel[0] * spec.kernel[1] {
            let (a, b) = (tap / spec.kernel[1], tap % spec.kernel[1]);
            let row = inside(i * spec.stride[0], a, spec.pad[0], height);
            let column = inside(j * spec.stride[1], b, spec.pad[1], width);
            let (Some(row), Some(column)) = (row, column) else { continue };
            for c in 0..inputs {
                let x = ((n * height + row) * width + column) * inputs + c;
                for o in 0..outputs {
                    term(x, (tap * inputs + c) * outputs + o, pixel * outputs + o);
                }
            }
        }
    }
}

/// y = x ∗ w
pub(crate) fn forward<T: Copy + Into<f64>>(spec: &Conv2d, batch: usize, x: &[T], w: &[T]) -> Vec<f64> {
    let mut y = vec![0.0; batch * spec.output_len()];
    for_each_term(spec, batch, |at_x, at_w, at_y| y[at_y] += x[at_x].into() * w[at_w].into());
    y
}

/// dx from dy and w.
pub(crate) fn backward_data<T: Copy + Into<f64>>(spec: &Conv2d, batch: usize, dy: &[T], w: &[T]) -> Vec<f64> {
    let mut dx = vec![0.0; batch * spec.input_len()];
    for_each_term(spec, batch, |at_x, at_w, at_y| dx[at_x] += dy[at_y].into() * w[at_w].into());
    dx
}

/// dw from x and dy.
pub(crate) fn backward_weight<T: Copy + Into<f64>>(
    spec: &Conv2d,
    batch: usize,
    x: &[T],
    dy: &[T],
) -> Vec<f64> {
    let mut dw = vec![0.0; spec.weight_len()];
    for_each_term(spec, batch, |at_x, at_w, at_y| dw[at_w] += x[at_x].into() * dy[at_y].into());
    dw
}
