//! Lints about activations: where they are missing, where one is too many, and which ones fit.

use super::flow::{Node, NodeId};
use super::layer::{
    convolution, is_activation, is_batch_norm, is_dropout, is_learning, is_norm, is_pooling,
    is_rearrangement, never_negative, saturating_slope,
};
use super::subject::{Subject, finding};
use crate::diagnostic::Diagnostic;
use crate::model::{Conv, Fan, Init, Layer, Loss, Shape};

pub(super) fn activation_after_activation(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let pairs = flow.layers().filter(|(_, _, layer)| is_activation(layer)).filter_map(|(id, node, _)| {
        let (before, _) = flow.layer_before(id).filter(|(_, layer)| is_activation(layer))?;
        Some((node, flow.node(before)))
    });
    pairs
        .map(|(node, before)| {
            let message = format!("`{}` follows the activation `{}`", node.text, before.text);
            finding(node.span, message)
                .label("second activation in a row")
                .at(before.span, "the first")
                .help("keep one of the two, or put the layer that is missing between them")
        })
        .collect()
}

pub(super) fn no_activation_between(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let second = flow.layers().filter(|(_, _, layer)| is_learning(layer));
    let pairs = second.filter_map(|(id, node, layer)| {
        let first = flow.back(id, is_almost_linear)?;
        let first = flow.node(first);
        let is_one_layer = first.layer().is_some_and(|first| is_learning(first) && !is_factor(first, layer));
        (is_one_layer && !is_bottleneck(first, node)).then_some((node, first))
    });
    pairs
        .map(|(node, first)| {
            let message = format!("no activation stands between `{}` and `{}`", first.text, node.text);
            finding(node.span, message)
                .label("sums the sums")
                .at(first.span, "the layer before")
                .note("two such layers can do no more than one")
                .help(format!("write an activation after the first: `{} relu`", first.text))
        })
        .collect()
}

/// Whether what lies between two layers is narrower than both sides: the two are a matrix of low rank,
/// which one layer is not.
fn is_bottleneck(first: &Node, second: &Node) -> bool {
    let is_narrow = |size: fn(&Shape) -> usize| {
        size(first.output) < size(first.input) && size(first.output) < size(second.output)
    };
    is_narrow(Shape::channels) || is_narrow(Shape::len)
}

/// Layers between which two sums stay one: their own bends are none, or too weak to count.
fn is_almost_linear(layer: &Layer) -> bool {
    let is_linear = matches!(
        layer,
        Layer::Scale { .. }
            | Layer::GaussianNoise { .. }
            | Layer::Resize(_)
            | Layer::Pad { .. }
            | Layer::Crop { .. }
            | Layer::ChannelShuffle { .. }
    );
    is_linear || is_norm(layer) || is_dropout(layer) || is_pooling(layer) || is_rearrangement(layer)
}

/// Whether two convolutions are one on purpose, cut into factors: along the channels (depthwise,
/// grouped) or along the axes (`conv3x1` and `conv1x3`).
fn is_factor(first: &Layer, second: &Layer) -> bool {
    let is_grouped = |layer| convolution(layer).is_some_and(|conv| conv.groups > 1);
    let is_uneven =
        |layer| convolution(layer).is_some_and(|conv| conv.kernel.windows(2).any(|pair| pair[0] != pair[1]));
    is_grouped(first) || is_grouped(second) || (is_uneven(first) && is_uneven(second))
}

/// The most that hidden layers may squash; a sigmoid, whose slope is a quarter at most, counts twice.
/// LeNet with sigmoids comes to 8; where training begins to fail was not measured.
const SQUASHES: usize = 8;

pub(super) fn saturating_hidden_layers(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let hidden = flow.leading_to(is_learning);
    let is_normalised = |id: NodeId| flow.layer_before(id).is_some_and(|(_, before)| is_norm(before));
    let squashing: Vec<_> = flow
        .layers()
        .filter(|(id, _, _)| hidden.contains(id) && !subject.is_gate(*id) && !is_normalised(*id))
        .filter_map(|(_, node, layer)| Some((node, saturating_slope(layer)?)))
        .collect();
    let sum: usize = squashing.iter().map(|(_, slope)| if *slope <= 0.5 { 2 } else { 1 }).sum();
    let found = squashing.last().filter(|_| sum > SQUASHES).map(|(last, _)| {
        let message = format!("{} hidden layers squash their values one after the other", squashing.len());
        finding(last.span, message)
            .label("gradients fade from here back to the input")
            .help("use `relu` or its kin in hidden layers, or `bn` before each squashing one")
    });
    found.into_iter().collect()
}

pub(super) fn hidden_softmax(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let hidden = flow.leading_to(is_learning);
    let found = flow.layers().filter(|(id, _, layer)| {
        matches!(layer, Layer::Softmax | Layer::LogSoftmax) && hidden.contains(id) && !subject.is_gate(*id)
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("`{}` stands in a hidden layer", node.text))
                .label("the next layer sees probabilities")
                .help("use `relu` or its kin between layers; softmax belongs at the output or in a gate")
        })
        .collect()
}

pub(super) fn softmax_over_one_class(subject: &Subject) -> Vec<Diagnostic> {
    let is_softmax = |layer: &Layer| matches!(layer, Layer::Softmax | Layer::LogSoftmax);
    let found =
        subject.flow.layers().filter(|(_, node, layer)| is_softmax(layer) && node.input.channels() == 1);
    found
        .map(|(_, node, layer)| {
            let value = if matches!(layer, Layer::Softmax) { 1 } else { 0 };
            finding(node.span, format!("`{}` over a single channel is always {value}", node.text))
                .label(format!("reads {}", node.input))
                .help("use `sigmoid` for one probability, or give the layer before two channels or more")
        })
        .collect()
}

pub(super) fn relu_on_input(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let used = flow.leading_to(is_learning);
    let found = flow.layers().filter(|(id, _, layer)| {
        let reads_input = flow.before(*id).is_some_and(|before| flow.node(before).producers.is_empty());
        reads_input && never_negative(layer) && saturating_slope(layer).is_none() && used.contains(id)
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("`{}` cuts off all that is negative in the input", node.text))
                .label("reads the input itself")
                .note("data is scaled to mean 0, so half of it is lost")
                .help("begin with a layer that learns, such as `conv3` or `linear`")
        })
        .collect()
}

pub(super) fn activation_before_loss(subject: &Subject) -> Vec<Diagnostic> {
    let takes_logits = |loss: &Loss| matches!(loss, Loss::CrossEntropy { .. } | Loss::BinaryCrossEntropy);
    let cuts = |layer: &Layer| {
        matches!(layer, Layer::Activation(_)) && (never_negative(layer) || saturating_slope(layer).is_some())
    };
    let judged = subject.judged().filter(|(_, loss)| subject.section.is_some() && takes_logits(loss));
    let nodes = judged.map(|(id, loss)| (subject.flow.node(id), loss));
    nodes
        .filter(|(node, _)| node.layer().is_some_and(cuts))
        .map(|(node, loss)| {
            let loss = match loss {
                Loss::CrossEntropy { .. } => "cross-entropy",
                _ => "binary cross-entropy",
            };
            finding(node.span, format!("`{}` limits the numbers that {loss} takes as logits", node.text))
                .label("last layer")
                .help(format!("delete it: the loss turns any numbers into probabilities, and `{}` keeps it from being sure", node.word()))
        })
        .collect()
}

fn is_selu(subject: &Subject, id: NodeId) -> bool {
    subject.flow.node(id).word() == "selu"
}

pub(super) fn selu_without_lecun(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let selus = flow.layers().filter(|(id, _, _)| is_selu(subject, *id));
    let before = selus.filter_map(|(id, selu, _)| {
        let (learning, layer) = flow.layer_before(id)?;
        (!is_lecun(init(layer)?)).then(|| (flow.node(learning), selu))
    });
    before
        .map(|(node, selu)| {
            finding(node.span, format!("`{}` does not start with the variance that `selu` needs", node.text))
                .label("initial weights")
                .at(selu.span, "keeps mean 0 and variance 1 only after LeCun initialisation")
                .help("write `init=lecun_normal`, or `with init=lecun_normal { … }` around all of them")
        })
        .collect()
}

fn init(layer: &Layer) -> Option<Init> {
    match layer {
        Layer::Conv(Conv { init, .. })
        | Layer::ConvTranspose { conv: Conv { init, .. }, .. }
        | Layer::Linear { init, .. } => Some(*init),
        _ => None,
    }
}

fn is_lecun(init: Init) -> bool {
    matches!(init, Init::Scaled { scale, fan: Fan::In, .. } if scale == 1.0)
}

pub(super) fn selu_with_dropout(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let is_plain = |layer: &Layer| matches!(layer, Layer::Dropout { .. } | Layer::SpatialDropout { .. });
    let found = flow.layers().filter_map(|(id, node, layer)| {
        let before = flow.before(id).filter(|before| is_plain(layer) && is_selu(subject, *before))?;
        Some((node, flow.node(before)))
    });
    found
        .map(|(node, selu)| {
            finding(node.span, format!("`{}` undoes the self-normalisation of `selu`", node.text))
                .label("sets values to 0")
                .at(selu.span, "keeps mean 0 and variance 1")
                .help("use `alpha_dropout`, which keeps both")
                .fix(node.span, "alpha_dropout", "use `alpha_dropout`")
        })
        .collect()
}

pub(super) fn alpha_dropout_without_selu(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let found = flow.layers().filter(|(id, _, layer)| {
        let follows_selu = flow.before(*id).is_some_and(|before| is_selu(subject, before));
        matches!(layer, Layer::AlphaDropout { .. }) && !follows_selu
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("`{}` does not follow `selu`", node.text))
                .label("sets values to the lower end of `selu`")
                .help("use `dropout`, or `selu` before it")
        })
        .collect()
}

pub(super) fn batch_norm_with_selu(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let found = flow.layers().filter_map(|(id, selu, _)| {
        let (before, _) =
            flow.layer_before(id).filter(|(_, layer)| is_selu(subject, id) && is_batch_norm(layer))?;
        Some((flow.node(before), selu))
    });
    found
        .map(|(norm, selu)| {
            finding(norm.span, "batch norm does again what `selu` does by itself")
                .label("normalises")
                .at(selu.span, "normalises itself")
                .help("delete the one, or use `relu` instead of the other")
        })
        .collect()
}
