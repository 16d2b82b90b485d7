//! The kinds of boxes and their colours.

use nnc_dsl::model::Layer;

/// What a box is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Convolutions.
    Convolution,
    /// Linear layers.
    Linear,
    /// Normalisation.
    Norm,
    /// Functions of elements, and of the channels.
    Activation,
    /// What makes maps smaller.
    Pooling,
    /// What only moves elements.
    Shape,
    /// What acts in training alone.
    Regulariser,
    /// Words that are not drawn one by one.
    Block,
}

impl Kind {
    /// All of them, in the order of the legend.
    pub(super) const ALL: [Kind; 8] = [
        Kind::Convolution,
        Kind::Linear,
        Kind::Norm,
        Kind::Activation,
        Kind::Pooling,
        Kind::Shape,
        Kind::Regulariser,
        Kind::Block,
    ];

    /// What a layer is.
    pub(super) fn of(layer: &Layer) -> Kind {
        match layer {
            Layer::Conv(_) | Layer::ConvTranspose { .. } => Kind::Convolution,
            Layer::Linear { .. } => Kind::Linear,
            Layer::BatchNorm { .. }
            | Layer::LayerNorm { .. }
            | Layer::GroupNorm { .. }
            | Layer::RmsNorm { .. }
            | Layer::LocalResponseNorm { .. }
            | Layer::Scale { .. } => Kind::Norm,
            Layer::Activation(_)
            | Layer::PRelu { .. }
            | Layer::RRelu { .. }
            | Layer::Softmax
            | Layer::LogSoftmax
            | Layer::Glu => Kind::Activation,
            Layer::MaxPool(_)
            | Layer::AvgPool { .. }
            | Layer::AdaptiveMaxPool
            | Layer::AdaptiveAvgPool
            | Layer::GlobalAvgPool
            | Layer::GlobalMaxPool => Kind::Pooling,
            Layer::Resize(_)
            | Layer::PixelShuffle { .. }
            | Layer::ChannelShuffle { .. }
            | Layer::Pad { .. }
            | Layer::Slice { .. }
            | Layer::Crop { .. }
            | Layer::Flatten
            | Layer::Reshape
            | Layer::Permute { .. }
            | Layer::Identity => Kind::Shape,
            Layer::Dropout { .. }
            | Layer::SpatialDropout { .. }
            | Layer::AlphaDropout { .. }
            | Layer::StochasticDepth { .. }
            | Layer::GaussianNoise { .. } => Kind::Regulariser,
        }
    }

    /// Its name in the legend.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Convolution => "convolution",
            Kind::Linear => "linear",
            Kind::Norm => "normalisation",
            Kind::Activation => "activation",
            Kind::Pooling => "pooling",
            Kind::Shape => "shape",
            Kind::Regulariser => "regularisation",
            Kind::Block => "block",
        }
    }

    /// Fill and border: dark text stands on each fill with a contrast of at least 10 to 1.
    pub(super) fn colors(self) -> [&'static str; 2] {
        match self {
            Kind::Convolution => ["#dbeafe", "#3b82f6"],
            Kind::Linear => ["#e0e7ff", "#6366f1"],
            Kind::Norm => ["#dcfce7", "#22a355"],
            Kind::Activation => ["#fef3c7", "#d99a06"],
            Kind::Pooling => ["#f3e8ff", "#a855f7"],
            Kind::Shape => ["#f1f5f9", "#64748b"],
            Kind::Regulariser => ["#fce7f3", "#db2777"],
            Kind::Block => ["#ffffff", "#334155"],
        }
    }
}
