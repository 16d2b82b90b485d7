//! Between the order of files and PyTorch and the order of the kernels.
//!
//! Outside, tensors are channels first and weights begin with their outputs; inside, everything
//! is channels last. Both directions are one permutation of three axes: whatever the number of
//! spatial axes, they keep their order and go together.

use crate::program::{Layout, Parameter};
use nnc_kernels::cpu::Pool;

/// The parameter's elements in the kernels' order.
pub(super) fn to_inside(pool: &Pool, parameter: &Parameter, outside: &[f32]) -> Vec<f32> {
    reversed(pool, extents(parameter), outside)
}

/// The parameter's elements in the order of files.
pub(super) fn to_outside(pool: &Pool, parameter: &Parameter, inside: &[f32]) -> Vec<f32> {
    let [outputs, inputs, taps] = extents(parameter);
    reversed(pool, [taps, inputs, outputs], inside)
}

/// The elements of `from`, whose three axes have these extents, with the axes in the reverse order.
fn reversed(pool: &Pool, [first, middle, last]: [usize; 3], from: &[f32]) -> Vec<f32> {
    let mut reversed = vec![0.0; from.len()];
    let rows = TASK.div_ceil(first);
    pool.for_each_piece([&mut reversed], [rows * first], |task, [piece]| {
        for (row, to) in piece.chunks_exact_mut(first).enumerate() {
            let row = task * rows + row;
            let from = from[row % middle * last + row / middle..].iter().step_by(middle * last);
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
        }
    });
    reversed
}

/// Writes a batch of samples of `shape` (channels first) as channels last.
pub(super) fn channels_last(pool: &Pool, shape: &[usize], samples: &[f32], to: &mut [f32]) {
    let (channels, positions) = channels_and_positions(shape);
    transpose_each(pool, samples, [channels, positions], to);
}

/// Writes a batch of channels-last samples of `shape` as channels first.
pub(super) fn channels_first(pool: &Pool, shape: &[usize], samples: &[f32], to: &mut [f32]) {
    let (channels, positions) = channels_and_positions(shape);
    transpose_each(pool, samples, [positions, channels], to);
}

/// Whether samples of `shape` are in the same order channels first and channels last.
pub(super) fn is_same(shape: &[usize]) -> bool {
    let (channels, positions) = channels_and_positions(shape);
    channels == 1 || positions == 1
}

/// A vector is a map of one position.
pub(super) fn channels_and_positions(shape: &[usize]) -> (usize, usize) {
    let (channels, spatial) = shape.split_first().unwrap_or((&1, &[]));
    (*channels, spatial.iter().product())
}

/// Elements of a task.
const TASK: usize = 1 << 14;

/// Writes the transpose of each matrix of some rows and columns in `from`.
fn transpose_each(pool: &Pool, from: &[f32], [rows, columns]: [usize; 2], to: &mut [f32]) {
    if rows == 1 || columns == 1 {
        return pool.for_each_piece([to], [TASK], |task, [to]| {
            to.copy_from_slice(&from[task * TASK..][..to.len()]);
        });
    }
    let count = TASK.div_ceil(rows);
    pool.for_each_piece([to], [count * rows], |task, [to]| {
        let (mut column, mut rest) = (task * count, to);
        while !rest.is_empty() {
            let (matrix, first) = (column / columns, column % columns);
            let len = (columns - first).min(rest.len() / rows);
            let matrix = &from[matrix * rows * columns..][..rows * columns];
            let part = rest.split_off_mut(..len * rows).unwrap_or_default();
            transpose_columns(&matrix[first..], columns, rows, part);
            column += len;
        }
    });
}

/// Writes some columns of a matrix, one after the other; whichever loop is longer is the inner one.
fn transpose_columns(from: &[f32], columns: usize, rows: usize, to: &mut [f32]) {
    let count = to.len() / rows;
    if rows < count {
        for row in 0..rows {
            let to = to[row..].iter_mut().step_by(rows);
            to.zip(&from[row * columns..]).for_each(|(to, &from)| *to = from);
        }
    } else {
        for (column, to) in to.chunks_exact_mut(rows).enumerate() {
            let from = from[column..].iter().step_by(columns);
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
        }
    }
}

/// Outputs, inputs and taps of a weight: outside they lie in this order, inside in the reverse one. What has the same
/// order on both sides is one row of either.
fn extents(parameter: &Parameter) -> [usize; 3] {
    match (parameter.layout, parameter.shape) {
        (Layout::Convolution, [outputs, inputs, spatial @ ..]) => {
            [*outputs, *inputs, spatial.iter().product()]
        }
        (Layout::Linear, [outputs, inputs]) => [*outputs, *inputs, 1],
        (_, shape) => [1, 1, shape.iter().product()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Init;

    fn pool() -> Pool {
        Pool::new(2)
    }

    fn parameter(shape: &'static [usize], layout: Layout) -> Parameter {
        Parameter { name: "w", shape, layout, init: Init::Constant(0.0), offset: 0 }
    }

    #[test]
    fn convolution_weights_become_taps_first() {
        // Two outputs, one input, two taps: the outside order is output, tap.
        let weight = parameter(&[2, 1, 1, 2], Layout::Convolution);
        let inside = to_inside(&pool(), &weight, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(inside, [1.0, 3.0, 2.0, 4.0]);
        assert_eq!(to_outside(&pool(), &weight, &inside), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn linear_weights_are_transposed() {
        let weight = parameter(&[2, 3], Layout::Linear);
        let inside = to_inside(&pool(), &weight, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(inside, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(to_outside(&pool(), &weight, &inside), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn every_layout_survives_there_and_back() {
        let values: Vec<f32> = (0..3 * 4 * 5 * 2).map(|index| index as f32).collect();
        for (shape, layout) in [
            (&[3, 4, 5, 2][..], Layout::Convolution),
            (&[3, 4, 10], Layout::Convolution),
            (&[3, 1, 5, 2, 4], Layout::Convolution),
            (&[12, 10], Layout::Linear),
            (&[3, 4, 5, 2], Layout::Plain),
        ] {
            let parameter = parameter(shape, layout);
            assert_eq!(to_outside(&pool(), &parameter, &to_inside(&pool(), &parameter, &values)), values);
        }
    }

    fn last(shape: &[usize], samples: &[f32]) -> Vec<f32> {
        let mut to = vec![0.0; samples.len()];
        channels_last(&Pool::new(2), shape, samples, &mut to);
        to
    }

    fn first(shape: &[usize], samples: &[f32]) -> Vec<f32> {
        let mut to = vec![0.0; samples.len()];
        channels_first(&Pool::new(2), shape, samples, &mut to);
        to
    }

    #[test]
    fn maps_change_order_sample_by_sample() {
        let outside = [1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0];
        let inside = last(&[2, 1, 2], &outside);
        assert_eq!(inside, [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0]);
        assert_eq!(first(&[2, 1, 2], &inside), outside);
        assert_eq!(last(&[8], &outside), outside);
    }

    #[test]
    fn maps_of_several_tasks_survive_there_and_back() {
        for shape in [[3, 70, 51], [80, 3, 3], [1, 200, 90]] {
            let [channels, height, width] = shape;
            let (positions, len) = (height * width, channels * height * width);
            let outside: Vec<f32> = (0..5 * len).map(|index| index as f32).collect();
            let inside = last(&shape, &outside);
            let wanted = |at: usize| at / len * len + at % channels * positions + at % len / channels;
            assert!(inside.iter().enumerate().all(|(at, &value)| value == wanted(at) as f32), "{shape:?}");
            assert_eq!(first(&shape, &inside), outside);
        }
    }

    #[test]
    fn the_number_of_spatial_axes_makes_no_difference() {
        let values: Vec<f32> = (0..48).map(|index| index as f32).collect();
        let map = last(&[2, 3, 4], &values);
        assert_eq!(last(&[2, 12], &values), map);
        assert_eq!(last(&[2, 2, 3, 2], &values), map);
        assert_eq!(first(&[2, 2, 3, 2], &map), values);
        let line = parameter(&[2, 6, 4], Layout::Convolution);
        let plane = parameter(&[2, 6, 2, 2], Layout::Convolution);
        assert_eq!(to_inside(&pool(), &line, &values), to_inside(&pool(), &plane, &values));
    }
}
