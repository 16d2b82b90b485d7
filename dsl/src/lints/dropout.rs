//! Lints about dropout and stochastic depth.

use super::flow::Kind;
use super::layer::{dropout_rate, is_activation, is_batch_norm, is_dropout, is_learning};
use super::subject::{Subject, finding};
use crate::diagnostic::Diagnostic;
use crate::model::Layer;

/// The rates that papers and guides use.
const RATES: std::ops::RangeInclusive<f64> = 0.1..=0.5;

pub(super) fn dropout_at_output(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let last = flow.outputs.iter().filter_map(|output| {
        let passes = |layer: Option<&Layer>| layer.is_some_and(is_activation);
        let at =
            if passes(flow.node(*output).layer()) { flow.back(*output, is_activation)? } else { *output };
        Some(flow.node(at)).filter(|node| node.layer().is_some_and(is_dropout))
    });
    last.map(|node| {
        finding(node.span, "dropout in the output layer makes predictions zero at random while training")
            .label("last layer of the network")
            .help("put it before the layer that gives the output")
    })
    .collect()
}

pub(super) fn dropout_before_batch_norm(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let found = flow.layers().filter(|(_, _, layer)| is_batch_norm(layer)).filter_map(|(id, norm, _)| {
        let (dropout, _) = flow.layer_before(id).filter(|(_, layer)| is_dropout(layer))?;
        // Wide residual networks have it between their two convolutions, and are better for it.
        let is_wide = flow.branches_around(dropout).any(|branch| flow.is_residual(branch));
        (!is_wide).then(|| (flow.node(dropout), norm))
    });
    found
        .map(|(dropout, norm)| {
            finding(
                dropout.span,
                "dropout right before batch norm shifts the variance that batch norm learns",
            )
            .label("on while training, off in evaluation")
            .at(norm.span, "keeps the variance of training for evaluation")
            .help(format!(
                "put it after batch norm and the activation: `{} relu {}`",
                norm.text, dropout.text
            ))
        })
        .collect()
}

pub(super) fn batch_norm_after_dropout(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let after = flow.coming_from(is_dropout);
    let found = flow.layers().find(|(id, _, layer)| is_batch_norm(layer) && after.contains(id));
    let dropout = subject.first(is_dropout);
    let finding = found.zip(dropout).map(|((_, norm, _), dropout)| {
        finding(norm.span, "batch norm stands behind dropout, which shifts the variance that it learns")
            .label("keeps the variance of training for evaluation")
            .at(dropout, "on while training, off in evaluation")
            .help("put dropout behind the last batch norm, or leave it out: batch norm regularises, too")
    });
    finding.into_iter().collect()
}

pub(super) fn dropout_before_pooling(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let is_max = |layer: &Layer| matches!(layer, Layer::MaxPool(_) | Layer::GlobalMaxPool);
    let found = flow.layers().filter(|(_, _, layer)| is_dropout(layer)).filter_map(|(id, dropout, _)| {
        let (pool, _) = flow.layer_after(id).filter(|(_, layer)| is_max(layer))?;
        Some((dropout, flow.node(pool)))
    });
    found
        .map(|(dropout, pool)| {
            finding(dropout.span, "dropout before max pooling hardly drops anything")
                .label("sets values to 0")
                .at(pool.span, "takes another value of the window instead")
                .help(format!("put it after the pooling: `{} {}`", pool.text, dropout.text))
        })
        .collect()
}

pub(super) fn unusual_dropout_rate(subject: &Subject) -> Vec<Diagnostic> {
    let found = subject.flow.layers().filter_map(|(_, node, layer)| Some((node, dropout_rate(layer)?)));
    found
        // A rate of 0 is how a parameter turns dropout off.
        .filter(|(_, rate)| *rate != 0.0 && !RATES.contains(rate))
        .map(|(node, rate)| {
            let effect =
                if rate > 0.5 { "keeps less than half of the values" } else { "does next to nothing" };
            finding(node.span, format!("dropout with a rate of {rate} {effect}"))
                .label("unusual rate")
                .help("rates of 0.1 to 0.5 are usual")
        })
        .collect()
}

pub(super) fn dropout_on_map(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let used = flow.leading_to(is_learning);
    let found = flow.layers().filter(|(id, node, layer)| {
        matches!(layer, Layer::Dropout { rate } if *rate > 0.0)
            && node.output.positions() > 1
            && used.contains(id)
    });
    found
        .map(|(_, node, _)| {
            finding(
                node.span,
                "dropout of single elements of a map leaves their neighbours, which say the same",
            )
            .label(format!("on {}", node.output))
            .help("use `spatial_dropout`, which drops whole channels")
            .suggest(node.span, "spatial_dropout", "use `spatial_dropout`")
        })
        .collect()
}

pub(super) fn stochastic_depth_outside_residual(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let found = flow.layers().filter(|(id, _, layer)| {
        let inside = flow.branches_around(*id).any(|branch| flow.is_residual(branch));
        matches!(layer, Layer::StochasticDepth { .. }) && !inside
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, "stochastic depth outside of a residual drops all that there is of a sample")
                .label("no other branch keeps the value")
                .help("put it at the end of a residual's body: `residual { … stochastic_depth 0.1 }`")
        })
        .collect()
}

pub(super) fn dropout_on_input(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let is_input = |id| matches!(flow.node(id).kind, Kind::Input(_));
    let found = flow.layers().filter(|(id, _, layer)| {
        dropout_rate(layer).is_some_and(|rate| rate > 0.2) && flow.before(*id).is_some_and(is_input)
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("`{}` drops much of the input itself", node.text))
                .label("reads the input")
                .help("at the input, drop 0.2 or less")
        })
        .collect()
}
