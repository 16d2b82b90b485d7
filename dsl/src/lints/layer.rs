//! What kinds of layers there are, for the lints.

use crate::model::{Conv, Layer, Window};
use crate::scalar::Expr;

/// Convolutions and linear layers: they learn how values mix.
pub(super) fn is_learning(layer: &Layer) -> bool {
    matches!(layer, Layer::Conv(_) | Layer::ConvTranspose { .. } | Layer::Linear { .. })
}

/// The convolution, transposed or not.
pub(super) fn convolution(layer: &Layer) -> Option<&Conv> {
    match layer {
        Layer::Conv(conv) | Layer::ConvTranspose { conv, .. } => Some(conv),
        _ => None,
    }
}

/// Functions of each element, and softmax and its kin.
pub(super) fn is_activation(layer: &Layer) -> bool {
    use Layer::*;
    matches!(layer, Activation(_) | PRelu { .. } | RRelu { .. } | Softmax | LogSoftmax | Glu)
}

/// Layers that normalise by statistics of the values.
pub(super) fn is_norm(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::BatchNorm { .. } | Layer::LayerNorm { .. } | Layer::GroupNorm { .. } | Layer::RmsNorm { .. }
    )
}

/// Batch norm.
pub(super) fn is_batch_norm(layer: &Layer) -> bool {
    matches!(layer, Layer::BatchNorm { .. })
}

/// Dropout of elements, of channels, or for SELU; not of whole branches.
pub(super) fn is_dropout(layer: &Layer) -> bool {
    dropout_rate(layer).is_some()
}

/// The rate of a dropout.
pub(super) fn dropout_rate(layer: &Layer) -> Option<f64> {
    match layer {
        Layer::Dropout { rate } | Layer::SpatialDropout { rate } | Layer::AlphaDropout { rate } => {
            Some(*rate)
        }
        _ => None,
    }
}

/// A pooling with a window that slides.
pub(super) fn pooling(layer: &Layer) -> Option<&Window> {
    match layer {
        Layer::MaxPool(window) | Layer::AvgPool { window, .. } => Some(window),
        _ => None,
    }
}

/// Layers that summarise a map: poolings of all kinds.
pub(super) fn is_pooling(layer: &Layer) -> bool {
    pooling(layer).is_some() || is_global(layer)
}

/// Poolings with windows as large as the map asks for.
pub(super) fn is_global(layer: &Layer) -> bool {
    use Layer::*;
    matches!(layer, GlobalAvgPool | GlobalMaxPool | AdaptiveAvgPool | AdaptiveMaxPool)
}

/// Layers that only move elements.
pub(super) fn is_rearrangement(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::Flatten
            | Layer::Reshape
            | Layer::Permute { .. }
            | Layer::PixelShuffle { .. }
            | Layer::Identity
    )
}

/// Window, stride and padding of a layer that slides over a map.
pub(super) struct Sliding<'l> {
    /// The window, per axis.
    pub(super) window: &'l [usize],
    /// The stride, per axis.
    pub(super) stride: &'l [usize],
    /// The padding, per axis.
    pub(super) pad: &'l [usize],
    /// The dilation, per axis; none for 1.
    dilation: Option<&'l [usize]>,
}

impl Sliding<'_> {
    /// How far a window reaches along an axis.
    pub(super) fn reach(&self, axis: usize) -> usize {
        let dilation = self.dilation.map_or(1, |dilation| dilation[axis]);
        (self.window[axis] - 1) * dilation + 1
    }

    /// The axes.
    pub(super) fn axes(&self) -> std::ops::Range<usize> {
        0..self.window.len()
    }
}

/// Convolutions (not transposed ones) and poolings.
pub(super) fn sliding(layer: &Layer) -> Option<Sliding<'_>> {
    if let Layer::Conv(Conv { kernel, stride, pad, dilation, .. }) = layer {
        return Some(Sliding { window: kernel, stride, pad, dilation: Some(dilation) });
    }
    let Window { size, stride, pad } = pooling(layer)?;
    Some(Sliding { window: size, stride, pad, dilation: None })
}

/// What an activation makes of very negative and very positive numbers tells its family.
pub(super) fn never_negative(layer: &Layer) -> bool {
    match layer {
        Layer::Activation(function) => samples(function).iter().all(|y| *y >= 0.0),
        Layer::Softmax => true,
        _ => false,
    }
}

/// Whether the function is flat towards both sides, as sigmoid and tanh are; then its greatest slope.
pub(super) fn saturating_slope(layer: &Layer) -> Option<f64> {
    let Layer::Activation(function) = layer else { return None };
    let at = |x: f64| function.eval(&[x]);
    let is_flat = |from: f64, to: f64| (at(from) - at(to)).abs() < 1e-6;
    let is_flat_both = is_flat(40.0, 50.0) && is_flat(-40.0, -50.0);
    let slope = |x: f64| ((at(x + 1e-3) - at(x - 1e-3)) / 2e-3).abs();
    let slopes = (-40..=40).map(|tenth| slope(f64::from(tenth) / 10.0));
    // Rectifiers with a ceiling (relu6) keep a slope of 1 on a whole stretch and so do not squash.
    let (greatest, middle) = (slopes.fold(0.0, f64::max), slope(0.5) - slope(1.5));
    (is_flat_both && middle.abs() > 1e-3).then_some(greatest)
}

fn samples(function: &Expr) -> Vec<f64> {
    (-40..=40).map(|fifth| function.eval(&[f64::from(fifth) / 5.0])).collect()
}
