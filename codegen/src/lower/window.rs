//! Shapes as extents of depth, height, width and channels.

use nnc_dsl::model::Shape;

/// Depth, height, width, channels; axes that the shape lacks are 1.
pub(super) fn volume(shape: &Shape) -> [usize; 4] {
    let [depth, height, width] = axes(shape.spatial(), 1);
    [depth, height, width, shape.channels()]
}

/// A setting per spatial axis, with `missing` for the axes that the word lacks: the last one is the
/// width, whatever the rank.
pub(super) fn axes(list: &[usize], missing: usize) -> [usize; 3] {
    let mut axes = [missing; 3];
    axes[3 - list.len()..].copy_from_slice(list);
    axes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_axes_stand_in_front() {
        assert_eq!(volume(&Shape(vec![8])), [1, 1, 1, 8]);
        assert_eq!(volume(&Shape(vec![8, 100])), [1, 1, 100, 8]);
        assert_eq!(volume(&Shape(vec![8, 2, 3, 4])), [2, 3, 4, 8]);
        assert_eq!(axes(&[2, 1], 0), [0, 2, 1]);
    }
}
