//! What is to be computed, in the terms of cuDNN: dimensions and strides of tensors.

use std::ffi::c_int;

use super::Epilogue;
use crate::devices::cuda::Real;
use nnc_kernels::emitted::Conv;

/// One convolution of a network, in one direction, on a batch.
///
/// Maps are channels last, as everywhere: x `[batch, depth, height, width, in]`, y likewise. The weight is
/// `[out, depth, height, width, in/groups]`, which is not nnc's own order: the caller turns it. All of them,
/// the weight's gradient too, are of one type, because cuDNN has no engine that writes the gradient of 16-bit
/// maps in 32 bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// Which product.
    pub operation: Operation,
    /// The shapes of a sample.
    pub spec: Conv,
    /// Samples.
    pub batch: usize,
    /// The type of all tensors. Sums are in 32 bits.
    pub element: Real,
    /// Whether products of 32-bit numbers may be taken by tensor cores, which read 19 bits of them.
    pub tf32: bool,
    /// What happens to the sums before they are stored. A bias is of the type of all tensors: engines that come
    /// compiled with cuDNN take no other.
    pub epilogue: Epilogue,
}

/// Which of the three tensors is computed from the two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// y from x and w.
    Forward,
    /// The gradient of x from those of y, and from w.
    BackwardData,
    /// The gradient of w from x and that of y.
    BackwardWeight,
}

/// Dimensions and strides of a tensor, in cuDNN's order: samples, channels, and the axes.
pub(super) struct Shape {
    pub(super) dimensions: Vec<i64>,
    pub(super) strides: Vec<i64>,
}

impl Shape {
    /// A packed tensor whose channels are last in memory.
    fn channels_last(outermost: usize, channels: usize, axes: &[usize]) -> Shape {
        let mut strides = vec![1; axes.len() + 2];
        let mut stride = channels;
        for (axis, size) in axes.iter().enumerate().rev() {
            strides[axis + 2] = stride as i64;
            stride *= size;
        }
        strides[0] = stride as i64;
        let dimensions =
            [&[outermost, channels], axes].concat().into_iter().map(|size| size as i64).collect();
        Shape { dimensions, strides }
    }
}

impl Problem {
    /// How cuDNN numbers the type of the tensors (`cudnnDataType_t`).
    pub(super) fn data_type(&self) -> c_int {
        match self.element {
            Real::Float => 0,
            Real::Half => 2,
            Real::Bf16 => 9,
        }
    }

    pub(super) fn x(&self) -> Shape {
        Shape::channels_last(self.batch, self.spec.input[3], &self.spec.input[self.first_axis()..3])
    }

    pub(super) fn w(&self) -> Shape {
        let kernel = &self.spec.kernel[self.first_axis()..];
        Shape::channels_last(self.spec.output[3], self.spec.group_inputs(), kernel)
    }

    pub(super) fn y(&self) -> Shape {
        Shape::channels_last(self.batch, self.spec.output[3], &self.spec.output[self.first_axis()..3])
    }

    /// A number for each channel of y.
    pub(super) fn bias(&self) -> Shape {
        Shape::channels_last(1, self.spec.output[3], &vec![1; self.axes()])
    }

    /// How many axes the windows move along.
    pub(super) fn axes(&self) -> usize {
        3 - self.first_axis()
    }

    /// From one place of the window to the next, for each axis.
    pub(super) fn strides(&self) -> Vec<i64> {
        self.of_axes(&self.spec.stride)
    }

    pub(super) fn dilations(&self) -> Vec<i64> {
        self.of_axes(&self.spec.dilation)
    }

    pub(super) fn pre_paddings(&self) -> Vec<i64> {
        self.of_axes(&self.spec.pad)
    }

    /// How far the last windows reach past the end.
    pub(super) fn post_paddings(&self) -> Vec<i64> {
        let spec = &self.spec;
        let reach = |axis: usize| {
            let window = (spec.kernel[axis] - 1) * spec.dilation[axis] + 1;
            (spec.output[axis] - 1) * spec.stride[axis] + window
        };
        let past = |axis: usize| reach(axis).saturating_sub(spec.input[axis] + spec.pad[axis]);
        self.of_axes(&[0, 1, 2].map(past))
    }

    fn of_axes(&self, values: &[usize; 3]) -> Vec<i64> {
        values[self.first_axis()..].iter().map(|value| *value as i64).collect()
    }

    /// The first axis that cuDNN is told of: it wants two at least, and is fastest with two.
    fn first_axis(&self) -> usize {
        let spec = &self.spec;
        let flat = spec.input[0] == 1 && spec.output[0] == 1 && spec.kernel[0] == 1 && spec.pad[0] == 0;
        usize::from(flat)
    }
}
