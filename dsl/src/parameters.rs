//! What each layer learns: the tensors, under the names and in the shapes of PyTorch.
//!
//! The compiler stores some of them otherwise; these are the shapes that a user sees in
//! summaries and saved files, and that must agree where weights are shared.

use crate::model::{Conv, Layer, Sequence, Shape, StepKind};
use std::collections::HashSet;

/// What a learnt tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// The factors of a convolution or matrix product.
    Weight,
    /// What it adds.
    Bias,
    /// A normalisation's factor per channel, or a layer scale.
    Scale,
    /// What a normalisation adds per channel.
    Shift,
    /// Slope of the negative side.
    Slope,
}

/// A learnt tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterShape {
    /// Its name behind the step's.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What it is for.
    pub kind: ParameterKind,
}

/// What a layer learns between these shapes of a sample.
pub fn parameters(layer: &Layer, input: &Shape, output: &Shape) -> Vec<ParameterShape> {
    use ParameterKind::{Bias, Scale, Shift, Slope, Weight};
    let (inputs, outputs) = (input.channels(), output.channels());
    let per_channel = |name, kind| ParameterShape { name, shape: vec![outputs], kind };
    let weighted = |shape: Vec<usize>, bias: bool| {
        let weight = ParameterShape { name: "weight", shape, kind: Weight };
        [weight].into_iter().chain(bias.then(|| per_channel("bias", Bias))).collect()
    };
    match layer {
        Layer::Conv(conv) => weighted(convolution(outputs, inputs, conv), conv.bias),
        Layer::ConvTranspose { conv, .. } => weighted(convolution(inputs, outputs, conv), conv.bias),
        Layer::Linear { bias, .. } => weighted(vec![outputs, inputs], *bias),
        Layer::BatchNorm { .. } | Layer::LayerNorm { .. } | Layer::GroupNorm { affine: true, .. } => {
            vec![per_channel("weight", Scale), per_channel("bias", Shift)]
        }
        Layer::RmsNorm { .. } | Layer::Scale { .. } => vec![per_channel("weight", Scale)],
        Layer::PRelu { .. } => vec![per_channel("weight", Slope)],
        Layer::GroupNorm { affine: false, .. }
        | Layer::LocalResponseNorm { .. }
        | Layer::Activation(_)
        | Layer::RRelu { .. }
        | Layer::Softmax
        | Layer::LogSoftmax
        | Layer::Glu
        | Layer::MaxPool(_)
        | Layer::AvgPool { .. }
        | Layer::AdaptiveMaxPool
        | Layer::AdaptiveAvgPool
        | Layer::GlobalAvgPool
        | Layer::GlobalMaxPool
        | Layer::Resize(_)
        | Layer::PixelShuffle { .. }
        | Layer::ChannelShuffle { .. }
        | Layer::Pad { .. }
        | Layer::Slice { .. }
        | Layer::Crop { .. }
        | Layer::Flatten
        | Layer::Reshape
        | Layer::Permute { .. }
        | Layer::Dropout { .. }
        | Layer::SpatialDropout { .. }
        | Layer::AlphaDropout { .. }
        | Layer::StochasticDepth { .. }
        | Layer::GaussianNoise { .. }
        | Layer::Identity => Vec::new(),
    }
}

/// `[first, second / groups, window…]`: a transposed convolution has its inputs first.
fn convolution(first: usize, second: usize, conv: &Conv) -> Vec<usize> {
    [first, second / conv.groups.max(1)].into_iter().chain(conv.kernel.iter().copied()).collect()
}

/// How many numbers a sequence learns; what is shared counts once.
pub fn parameter_count(sequence: &Sequence) -> usize {
    count(sequence, &mut HashSet::new())
}

fn count<'s>(sequence: &'s Sequence, shared: &mut HashSet<&'s str>) -> usize {
    let mut total = 0;
    for step in &sequence.steps {
        total += match &step.kind {
            StepKind::Layer(layer) => {
                let learnt = parameters(layer, &step.input, &step.output);
                learnt.iter().map(|one| one.shape.iter().product::<usize>()).sum()
            }
            StepKind::Scope(body) => count(body, shared),
            StepKind::Shared { path, body } if shared.insert(path) => count(body, shared),
            StepKind::Shared { .. } | StepKind::From(_) => 0,
            StepKind::Join { branches, .. } => branches.iter().map(|(_, branch)| count(branch, shared)).sum(),
        };
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Init;

    fn shapes(layer: &Layer, input: Shape, output: Shape) -> Vec<Vec<usize>> {
        parameters(layer, &input, &output).into_iter().map(|one| one.shape).collect()
    }

    #[test]
    fn weights_have_the_shapes_of_pytorch() {
        let conv = Conv {
            kernel: vec![3, 1],
            stride: vec![1, 1],
            pad: vec![1, 0],
            dilation: vec![1, 1],
            groups: 2,
            bias: true,
            init: Init::HE_NORMAL,
        };
        let (small, large) = (Shape::map(4, 8, 8), Shape::map(6, 8, 8));
        let forward = Layer::Conv(conv.clone());
        assert_eq!(shapes(&forward, small.clone(), large.clone()), [vec![6, 2, 3, 1], vec![6]]);
        let back = Layer::ConvTranspose { conv, output_pad: vec![0, 0] };
        assert_eq!(shapes(&back, small.clone(), large), [vec![4, 3, 3, 1], vec![6]]);
        let linear = Layer::Linear { bias: false, init: Init::HE_NORMAL };
        assert_eq!(shapes(&linear, Shape::vector(4), Shape::vector(7)), [vec![7, 4]]);
        assert_eq!(shapes(&Layer::PRelu { initial: 0.25 }, small.clone(), small), [vec![4]]);
    }
}
