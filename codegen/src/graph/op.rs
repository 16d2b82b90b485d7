//! The operations and their extents.

use nnc_dsl::model::Interpolation;
use nnc_dsl::scalar::Expr;

use super::Keep;

/// The operations. Closed, and matched without wildcards, so that a new one makes the compiler
/// point at every place that needs it.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// (x, w) → y
    Conv(Conv),
    /// (dy, w) → dx; also a transposed convolution's forward
    ConvBackwardData(Conv),
    /// (x, dy) → dw
    ConvBackwardWeight(Conv),
    /// (x, w) → y
    Linear,
    /// (dy, w) → dx
    LinearBackwardData,
    /// (x, dy) → dw
    LinearBackwardWeight,
    /// … → y, or (y, place): the maximum over each window of a function of each element, and the number of
    /// the first one in its window, in the order of memory. The first input is a value of the full extent.
    MaxPool {
        /// The windows; they tile the map if the place is asked for.
        pool: Pool,
        /// The function.
        expr: Expr,
    },
    /// (x, dy) → dx; finds the maximum again instead of storing its place
    MaxPoolBackward(Pool),
    /// x → y
    AvgPool(Pool),
    /// dy → dx
    AvgPoolBackward(Pool),
    /// x → y
    Resize(Resize),
    /// dy → dx
    ResizeBackward(Resize),
    /// x → (mean, variance), biased
    Statistics(Keep),
    /// (mean, variance, running mean, running variance) → (running mean, running variance), in place
    RunningStatistics {
        /// Weight of the new statistics.
        momentum: f64,
        /// Elements per channel and sample that the statistics are of.
        positions: usize,
    },
    /// (x, mean, inverse standard deviation) → y with statistics of this kind, or with (…, scale,
    /// shift) too; `expand` makes it element-wise
    Normalize(Keep),
    /// Functions of each element: one expression per output over the inputs
    Pointwise(Vec<Expr>),
    /// Sums of functions of each element. The first input is a value of the full extent.
    Reduce {
        /// One per output.
        exprs: Vec<Expr>,
        /// What remains.
        keep: Keep,
    },
    /// x → y along the channels
    Softmax,
    /// (y, dy) → dx
    SoftmaxBackward,
    /// x → log Σ exp x along the channels, per position
    LogSumExp,
    /// logits → loss of each sample
    CrossEntropy(CrossEntropy),
    /// logits → gradient of the mean loss
    CrossEntropyBackward(CrossEntropy),
    /// (prediction, target) → loss of each sample: mean over its elements of an expression over both
    LossTerms(Expr),
    /// (prediction, target) → gradient of the mean loss; the expression is the derivative of the term
    LossTermsBackward(Expr),
    /// parts → y along the channels
    Concat,
    /// dy → parts; also the cut into halves of a gated unit
    Split,
    /// x → y with the axes in another order. Both are seen under dimensions of the op's own: a
    /// reshape before and after is part of it.
    Permute(Permute),
    /// x → y: a part of it, with zeros where that reaches beyond; so also a padding
    Crop(Crop),
    /// The same bytes under another shape; no kernel
    Reshape,
}

/// A convolution's extents. Spatial axes are depth, height, width; those that the word does not
/// have are 1 (stride and dilation 1, padding 0). The weight is `[kd, kh, kw, in / groups, out]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Depth, height, width, channels before.
    pub input: [usize; 4],
    /// Depth, height, width, channels after.
    pub output: [usize; 4],
    /// Window.
    pub kernel: [usize; 3],
    /// Strides.
    pub stride: [usize; 3],
    /// Zeros at the start of each axis; at its end as many as the output needs.
    pub pad: [usize; 3],
    /// Distances within the window.
    pub dilation: [usize; 3],
    /// Groups of channels.
    pub groups: usize,
}

/// A pooling's extents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Depth, height, width, channels before.
    pub input: [usize; 4],
    /// Depth, height, width, channels after.
    pub output: [usize; 4],
    /// The windows of each axis.
    pub windows: [Windows; 3],
    /// Whether the padding counts in a mean.
    pub count_pad: bool,
}

/// The windows along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    /// Window i begins at i · stride − pad. A mean that counts padding counts it up to `pad` beyond
    /// the end of the axis, as PyTorch does.
    Sliding {
        /// Its size.
        size: usize,
        /// Distance.
        stride: usize,
        /// Border.
        pad: usize,
    },
    /// Window i of n covers ⌊i·size/n⌋ to ⌈(i+1)·size/n⌉.
    Adaptive,
}

/// A resizing's extents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resize {
    /// Depth, height, width, channels before.
    pub input: [usize; 4],
    /// Depth, height, width, channels after.
    pub output: [usize; 4],
    /// How.
    pub interpolation: Interpolation,
}

/// A cross-entropy over the channels of its logits, at each position.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropy {
    /// Which target holds the labels: the index of the output.
    pub target: usize,
    /// Share of the target that is spread over all classes.
    pub label_smoothing: f64,
    /// A factor per class; empty for none.
    pub class_weights: Vec<f64>,
    /// Factor on the whole.
    pub weight: f64,
}

/// A change of order: the bytes seen as `dims`, whose axis `order[i]` becomes axis i.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permute {
    /// Extents before, per sample.
    pub dims: Vec<usize>,
    /// A permutation.
    pub order: Vec<usize>,
}

/// A part or a padding: element i of the output is element i + offset of the input, or zero if that
/// lies outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crop {
    /// Extents before, per sample.
    pub input: Vec<usize>,
    /// Extents after.
    pub output: Vec<usize>,
    /// Per axis; negative for a padding.
    pub offset: Vec<isize>,
}

impl Op {
    /// Its name in dumps and error reports, and that of the runtime's function.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Conv(_) => "conv",
            Op::ConvBackwardData(_) => "conv_backward_data",
            Op::ConvBackwardWeight(_) => "conv_backward_weight",
            Op::Linear => "linear",
            Op::LinearBackwardData => "linear_backward_data",
            Op::LinearBackwardWeight => "linear_backward_weight",
            Op::MaxPool { .. } => "max_pool",
            Op::MaxPoolBackward(_) => "max_pool_backward",
            Op::AvgPool(_) => "avg_pool",
            Op::AvgPoolBackward(_) => "avg_pool_backward",
            Op::Resize(_) => "resize",
            Op::ResizeBackward(_) => "resize_backward",
            Op::Statistics(Keep::Channels) => "channel_statistics",
            Op::Statistics(Keep::Groups(_)) => "group_statistics",
            Op::Statistics(Keep::Positions) => "position_statistics",
            Op::RunningStatistics { .. } => "running_statistics",
            Op::Normalize(_) => "normalize",
            Op::Pointwise(_) => "pointwise",
            Op::Reduce { keep: Keep::Channels, .. } => "reduce_channels",
            Op::Reduce { keep: Keep::Groups(_), .. } => "reduce_groups",
            Op::Reduce { keep: Keep::Positions, .. } => "reduce_positions",
            Op::Softmax => "softmax",
            Op::SoftmaxBackward => "softmax_backward",
            Op::LogSumExp => "log_sum_exp",
            Op::CrossEntropy(_) => "cross_entropy",
            Op::CrossEntropyBackward(_) => "cross_entropy_backward",
            Op::LossTerms(_) => "loss_terms",
            Op::LossTermsBackward(_) => "loss_terms_backward",
            Op::Concat => "concat_channels",
            Op::Split => "split_channels",
            Op::Permute(_) => "permute",
            Op::Crop(_) => "crop",
            Op::Reshape => "reshape",
        }
    }

    /// The expressions of an element-wise node, a reduction or a maximum.
    pub fn exprs(&self) -> Option<&[Expr]> {
        match self {
            Op::Pointwise(exprs) | Op::Reduce { exprs, .. } => Some(exprs),
            Op::MaxPool { expr, .. } => Some(std::slice::from_ref(expr)),
            _ => None,
        }
    }
}

impl Pool {
    /// Whether each element lies in just one window and the windows have more than one.
    pub fn tiles(&self) -> bool {
        let tiled = |axis: usize| {
            let (input, output) = (self.input[axis], self.output[axis]);
            let window = input / output;
            let fits = match self.windows[axis] {
                Windows::Sliding { size, stride, pad } => [size, stride, pad] == [window, window, 0],
                // Others are numbered by rows and columns of all windows.
                Windows::Adaptive => output == 1,
            };
            input.is_multiple_of(output) && fits
        };
        (0..3).all(tiled) && self.input != self.output
    }

    /// Elements of a window of those that tile the map.
    pub(crate) fn window_len(&self) -> usize {
        self.input.iter().zip(self.output).map(|(input, output)| input / output).product()
    }
}

impl Permute {
    /// The shortest form of a change of order, without axes of one element and with axes that stay
    /// together seen as one; none if the bytes stay where they are.
    pub fn new(dims: &[usize], order: &[usize]) -> Option<Permute> {
        // Runs of axes that follow each other before and after, in the order after.
        let mut runs: Vec<Vec<usize>> = Vec::new();
        for axis in order.iter().copied().filter(|axis| dims[*axis] > 1) {
            let between = |last: usize| (last + 1..axis).all(|skipped| dims[skipped] == 1);
            match runs.last_mut() {
                Some(run) if run.last().is_some_and(|last| *last < axis && between(*last)) => run.push(axis),
                _ => runs.push(vec![axis]),
            }
        }
        if runs.len() < 2 {
            return None;
        }
        let mut sorted = runs.clone();
        sorted.sort();
        let extent = |run: &Vec<usize>| run.iter().map(|axis| dims[*axis]).product();
        let place = |run: &Vec<usize>| sorted.partition_point(|other| other < run);
        Some(Permute { dims: sorted.iter().map(extent).collect(), order: runs.iter().map(place).collect() })
    }

    /// Extents after.
    pub fn output(&self) -> Vec<usize> {
        self.order.iter().map(|axis| self.dims[*axis]).collect()
    }

    /// The change back.
    pub fn inverse(&self) -> Permute {
        let mut order = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(to, from)| order[*from] = to);
        Permute { dims: self.output(), order }
    }
}

impl Crop {
    /// From the part back to the whole, with zeros for the rest.
    pub fn inverse(&self) -> Crop {
        Crop {
            input: self.output.clone(),
            output: self.input.clone(),
            offset: self.offset.iter().map(|offset| -offset).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_order_is_shortened() {
        let flatten = Permute::new(&[4, 5, 1, 3], &[3, 0, 1, 2]);
        assert_eq!(flatten, Some(Permute { dims: vec![20, 3], order: vec![1, 0] }));
        assert_eq!(Permute::new(&[1, 1, 3], &[2, 0, 1]), None);
        assert_eq!(Permute::new(&[2, 3, 4], &[0, 1, 2]), None);
        let shuffle = Permute::new(&[2, 2, 3, 2, 2], &[0, 3, 1, 4, 2]);
        assert_eq!(shuffle, Some(Permute { dims: vec![2, 2, 3, 2, 2], order: vec![0, 3, 1, 4, 2] }));
    }

    #[test]
    fn the_change_back_is_the_inverse() {
        let permute = Permute { dims: vec![2, 3, 4], order: vec![2, 0, 1] };
        let inverse = permute.inverse();
        assert_eq!(inverse, Permute { dims: vec![4, 2, 3], order: vec![1, 2, 0] });
        assert_eq!(inverse.inverse(), permute);
    }
}
