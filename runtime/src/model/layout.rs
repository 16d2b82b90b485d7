//! Between the order of files and PyTorch and the order of the kernels.
//!
//! Outside, tensors are channels first and weights begin with their outputs; inside, everything
//! is channels last. Both directions are one permutation of three axes: whatever the number of
//! spatial axes, they keep their order and go together.

use crate::program::{Layout, Parameter};

/// The parameter's elements in the kernels' order.
pub(super) fn to_inside(parameter: &Parameter, outside: &[f32]) -> Vec<f32> {
    let mut inside = vec![0.0; outside.len()];
    for (outside_index, inside_index) in pairs(parameter) {
        inside[inside_index] = outside[outside_index];
    }
    inside
}

/// The parameter's elements in the order of files.
pub(super) fn to_outside(parameter: &Parameter, inside: &[f32]) -> Vec<f32> {
    let mut outside = vec![0.0; inside.len()];
    for (outside_index, inside_index) in pairs(parameter) {
        outside[outside_index] = inside[inside_index];
    }
    outside
}

/// A batch of samples of `shape` (channels first) as channels last.
pub(super) fn channels_last(shape: &[usize], samples: &[f32]) -> Vec<f32> {
    let (channels, positions) = channels_and_positions(shape);
    transpose_each(samples, channels, positions)
}

/// A batch of channels-last samples of `shape` as channels first.
pub(super) fn channels_first(shape: &[usize], samples: &[f32]) -> Vec<f32> {
    let (channels, positions) = channels_and_positions(shape);
    transpose_each(samples, positions, channels)
}

/// A vector is a map of one position.
pub(super) fn channels_and_positions(shape: &[usize]) -> (usize, usize) {
    let (channels, spatial) = shape.split_first().unwrap_or((&1, &[]));
    (*channels, spatial.iter().product())
}

/// Transposes each `rows` × `columns` matrix of `samples`.
fn transpose_each(samples: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut result = Vec::with_capacity(samples.len());
    for sample in samples.chunks_exact(rows * columns) {
        for column in 0..columns {
            result.extend((0..rows).map(|row| sample[row * columns + column]));
        }
    }
    result
}

/// Each element's outside and inside position.
fn pairs(parameter: &Parameter) -> impl Iterator<Item = (usize, usize)> {
    let [outputs, inputs, taps] = match (parameter.layout, parameter.shape) {
        (Layout::Convolution, [outputs, inputs, spatial @ ..]) => {
            [*outputs, *inputs, spatial.iter().product()]
        }
        (Layout::Linear, [outputs, inputs]) => [*outputs, *inputs, 1],
        (_, shape) => [1, 1, shape.iter().product()],
    };
    (0..outputs * inputs * taps).map(move |outside| {
        let (output, input, tap) = (outside / (inputs * taps), outside / taps % inputs, outside % taps);
        (outside, (tap * inputs + input) * outputs + output)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Init;

    fn parameter(shape: &'static [usize], layout: Layout) -> Parameter {
        Parameter { name: "w", shape, layout, init: Init::Constant(0.0), offset: 0 }
    }

    #[test]
    fn convolution_weights_become_taps_first() {
        // Two outputs, one input, two taps: the outside order is output, tap.
        let weight = parameter(&[2, 1, 1, 2], Layout::Convolution);
        let inside = to_inside(&weight, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(inside, [1.0, 3.0, 2.0, 4.0]);
        assert_eq!(to_outside(&weight, &inside), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn linear_weights_are_transposed() {
        let weight = parameter(&[2, 3], Layout::Linear);
        let inside = to_inside(&weight, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(inside, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(to_outside(&weight, &inside), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
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
            assert_eq!(to_outside(&parameter, &to_inside(&parameter, &values)), values);
        }
    }

    #[test]
    fn maps_change_order_sample_by_sample() {
        let first = [1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0];
        let last = channels_last(&[2, 1, 2], &first);
        assert_eq!(last, [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0]);
        assert_eq!(channels_first(&[2, 1, 2], &last), first);
        assert_eq!(channels_last(&[8], &first), first);
    }

    #[test]
    fn the_number_of_spatial_axes_makes_no_difference() {
        let values: Vec<f32> = (0..48).map(|index| index as f32).collect();
        let map = channels_last(&[2, 3, 4], &values);
        assert_eq!(channels_last(&[2, 12], &values), map);
        assert_eq!(channels_last(&[2, 2, 3, 2], &values), map);
        assert_eq!(channels_first(&[2, 2, 3, 2], &map), values);
        let line = parameter(&[2, 6, 4], Layout::Convolution);
        let plane = parameter(&[2, 6, 2, 2], Layout::Convolution);
        assert_eq!(to_inside(&line, &values), to_inside(&plane, &values));
    }
}
