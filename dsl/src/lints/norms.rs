//! Lints about normalisation.

use super::layer::{is_activation, is_batch_norm, is_learning, is_norm};
use super::subject::{Subject, finding};
use crate::diagnostic::Diagnostic;
use crate::model::{Conv, Layer, Loss};

/// The least batch whose statistics are worth having (the guides' advice; Wu & He 2018, figure 1).
const BATCH: usize = 16;

pub(super) fn small_batch(subject: &Subject) -> Vec<Diagnostic> {
    let batch = subject.model.train.batch;
    let norm =
        subject.flow.layers().find(|(_, node, layer)| is_batch_norm(layer) && node.learning_rate > 0.0);
    let (Some(setting), Some((_, norm, _))) = (subject.setting("batch"), norm) else { return Vec::new() };
    if batch >= BATCH || !batch_norm_of_one_value(subject).is_empty() {
        return Vec::new();
    }
    let message = format!("batch norm on batches of {batch} uses very noisy means and variances");
    let found = finding(setting.key.span, message)
        .label("small batch")
        .at(norm.span, "normalises over the batch")
        .help("use batches of 16 or more, or `gn`, which does not look at the batch");
    vec![found]
}

pub(super) fn batch_norm_of_one_value(subject: &Subject) -> Vec<Diagnostic> {
    let single = subject.section.is_some() && subject.model.train.batch == 1;
    let found = subject.flow.layers().filter(|(_, node, layer)| {
        single && is_batch_norm(layer) && node.output.positions() == 1 && node.learning_rate > 0.0
    });
    found
        .map(|(_, node, _)| {
            let found = finding(node.span, "batch norm of one value per channel is always 0 while training")
                .label(format!("normalises {}, one sample at a time", node.output))
                .help("use larger batches, or `ln`");
            match subject.setting("batch") {
                Some(setting) => found.at(setting.key.span, "one sample a batch"),
                None => found,
            }
        })
        .collect()
}

pub(super) fn batch_norm_after_activation(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let found = flow.layers().filter(|(_, _, layer)| is_batch_norm(layer)).filter_map(|(id, node, _)| {
        let (activation, _) = flow.layer_before(id).filter(|(_, layer)| is_activation(layer))?;
        let (learning, _) = flow.layer_before(activation).filter(|(_, layer)| is_learning(layer))?;
        Some((node, flow.node(activation), flow.node(learning)))
    });
    found
        .map(|(node, activation, learning)| {
            finding(node.span, format!("batch norm stands after `{}`", activation.text))
                .label("normalises what has been bent")
                .at(activation.span, "bends")
                .help(format!("put it before: `{} {} {}`", learning.text, node.text, activation.text))
        })
        .collect()
}

pub(super) fn norm_after_norm(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let found = flow.layers().filter(|(_, _, layer)| is_norm(layer)).filter_map(|(id, node, _)| {
        let (before, _) = flow.layer_before(id).filter(|(_, layer)| is_norm(layer))?;
        Some((node, flow.node(before)))
    });
    found
        .map(|(node, before)| {
            finding(
                node.span,
                format!("`{}` normalises what `{}` has just normalised", node.text, before.text),
            )
            .label("second normalisation in a row")
            .at(before.span, "the first")
            .help("keep one of the two")
        })
        .collect()
}

pub(super) fn bias_before_batch_norm(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let has_bias = |layer: &Layer| {
        matches!(
            layer,
            Layer::Conv(Conv { bias: true, .. })
                | Layer::ConvTranspose { conv: Conv { bias: true, .. }, .. }
                | Layer::Linear { bias: true, .. }
        )
    };
    let found = flow.layers().filter_map(|(id, node, layer)| {
        let (norm, _) = flow.layer_after(id).filter(|(_, layer)| is_batch_norm(layer))?;
        (has_bias(layer) && node.text.contains("bias=")).then(|| (node, flow.node(norm)))
    });
    found
        .map(|(node, norm)| {
            finding(node.span, format!("`{}` adds a bias that batch norm takes away again", node.word()))
                .label("has a bias")
                .at(norm.span, "subtracts the mean, and has a shift of its own")
                .help("leave `bias` out")
        })
        .collect()
}

pub(super) fn norm_at_output(subject: &Subject) -> Vec<Diagnostic> {
    let judged = subject.judged().filter(|(_, loss)| {
        subject.section.is_some() && matches!(loss, Loss::CrossEntropy { .. } | Loss::BinaryCrossEntropy)
    });
    let nodes = judged.map(|(id, _)| subject.flow.node(id));
    nodes
        .filter(|node| node.layer().is_some_and(is_norm))
        .map(|node| {
            finding(node.span, format!("`{}` normalises the logits", node.text))
                .label("last layer")
                .note("how sure the network is of a class is what it takes away")
                .help("delete it, or put it before the last layer that learns")
        })
        .collect()
}
