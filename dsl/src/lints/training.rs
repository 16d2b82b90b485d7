//! Lints about how a network is trained and how its weights start.

use super::flow::Node;
use super::layer::{convolution, is_learning, is_norm, saturating_slope};
use super::subject::{Subject, finding};
use crate::diagnostic::Diagnostic;
use crate::model::{Init, Layer, Loss};
use crate::parameters::parameters;

/// Learning rates that work with each optimiser; ten times the customary ones on either side.
fn usual_rates(optimizer: &str) -> Option<(f64, f64)> {
    match optimizer {
        "adadelta" => Some((0.01, 10.0)),
        "sgd" => Some((1e-5, 2.0)),
        "adam" | "adamw" | "nadam" | "adamax" | "rmsprop" => Some((1e-6, 0.02)),
        "adagrad" | "padam" => Some((1e-4, 1.0)),
        _ => None,
    }
}

fn hyperparameter(subject: &Subject, name: &str) -> Option<f64> {
    let optimizer = &subject.model.train.optimizer;
    let mut pairs = optimizer.kind.hyperparameters().iter().zip(&optimizer.values);
    pairs.find(|((known, _), _)| *known == name).map(|(_, value)| *value)
}

pub(super) fn unusual_learning_rate(subject: &Subject) -> Vec<Diagnostic> {
    let name = subject.model.train.optimizer.kind.name();
    let written = subject.argument("optimizer", "lr").zip(hyperparameter(subject, "lr"));
    let (Some((span, rate)), Some((least, most))) = (written, usual_rates(name)) else { return Vec::new() };
    if (least..=most).contains(&rate) {
        return Vec::new();
    }
    let (size, effect) =
        if rate > most { ("large", "training may diverge") } else { ("small", "training hardly moves") };
    let found = finding(span, format!("a learning rate of {} is very {size} for `{name}`", short(rate)))
        .label(effect)
        .help(format!("rates between {} and {} are usual", short(least), short(most)));
    vec![found]
}

/// `1e-6` rather than `0.000001`.
fn short(number: f64) -> String {
    if number < 1e-3 { format!("{number:e}") } else { number.to_string() }
}

pub(super) fn strong_weight_decay(subject: &Subject) -> Vec<Diagnostic> {
    let written = subject.argument("optimizer", "weight_decay").zip(hyperparameter(subject, "weight_decay"));
    let is_decoupled = subject.model.train.optimizer.kind.name() == "adamw";
    let most = if is_decoupled { 0.5 } else { 0.02 };
    let found = written.filter(|(_, decay)| *decay > most).map(|(span, decay)| {
        finding(span, format!("a weight decay of {decay} pulls the weights to zero faster than they learn"))
            .label("strong")
            .help("1e-5 to 1e-3 are usual")
    });
    found.into_iter().collect()
}

pub(super) fn unusual_momentum(subject: &Subject) -> Vec<Diagnostic> {
    let written = subject.argument("optimizer", "momentum").zip(hyperparameter(subject, "momentum"));
    let found = written.filter(|(_, momentum)| *momentum > 0.99).map(|(span, momentum)| {
        let steps = (1.0 / (1.0 - momentum)).round();
        finding(span, format!("a momentum of {momentum} averages over some {steps} steps"))
            .label("strong")
            .help("0.9 is usual, 0.99 the most")
    });
    found.into_iter().collect()
}

pub(super) fn strong_label_smoothing(subject: &Subject) -> Vec<Diagnostic> {
    let smoothing = |loss: &Loss| match loss {
        Loss::CrossEntropy { label_smoothing, .. } => Some(*label_smoothing),
        _ => None,
    };
    let terms = subject.model.train.losses.iter().filter_map(|term| smoothing(&term.loss));
    let strong = terms.filter(|smoothing| *smoothing > 0.3).reduce(f64::max);
    let found = subject.argument("loss", "label_smoothing").zip(strong).map(|(span, smoothing)| {
        finding(span, format!("label smoothing of {smoothing} tells the network little of the labels"))
            .label("strong")
            .help("0.1 is usual")
    });
    found.into_iter().collect()
}

pub(super) fn mirrored_digits(subject: &Subject) -> Vec<Diagnostic> {
    let train = &subject.model.train;
    let data = train.data.as_ref().filter(|data| matches!(data.format.as_str(), "digits" | "mnist"));
    let setting = subject.setting("augment").filter(|_| train.augment.flip);
    let found = data.zip(setting).map(|(data, setting)| {
        finding(
            setting.key.span,
            format!("`flip` mirrors the digits of `{}`, which are no digits then", data.format),
        )
        .label("left and right change places")
        .help("leave `flip` out")
    });
    found.into_iter().collect()
}

pub(super) fn strong_crop(subject: &Subject) -> Vec<Diagnostic> {
    let crop = subject.model.train.augment.crop;
    let sizes = subject.model.inputs[0].shape.spatial();
    let smallest = sizes.iter().copied().min().unwrap_or(usize::MAX);
    let span = subject.argument("augment", "crop").filter(|_| crop.saturating_mul(4) > smallest);
    let found = span.map(|span| {
        finding(span, format!("`crop={crop}` moves images of {smallest} out of sight"))
            .label("more than a quarter of a side")
            .help(format!("an eighth is usual: `crop={}`", (smallest / 8).max(1)))
    });
    found.into_iter().collect()
}

fn learns(node: &Node) -> bool {
    let learnt = |layer| !parameters(layer, node.input, node.output).is_empty();
    node.learning_rate > 0.0 && node.layer().is_some_and(learnt)
}

pub(super) fn nothing_to_learn(subject: &Subject) -> Vec<Diagnostic> {
    let Some(section) = subject.section else { return Vec::new() };
    if subject.flow.nodes().any(|(_, node)| learns(node)) {
        return Vec::new();
    }
    let found = finding(section.name.span, format!("nothing in `{}` learns", subject.model.name))
        .label("there is nothing to train")
        .at(subject.model.name_span, "no layer has parameters, or all are frozen")
        .help("add a layer that learns, take `frozen=true` away, or delete the `train` section");
    vec![found]
}

pub(super) fn squared_error_after_sigmoid(subject: &Subject) -> Vec<Diagnostic> {
    let is_distance =
        |loss: &Loss| matches!(loss, Loss::MeanSquaredError | Loss::MeanAbsoluteError | Loss::Huber { .. });
    let judged = subject.judged().filter(|(_, loss)| subject.section.is_some() && is_distance(loss));
    let nodes = judged.map(|(id, _)| subject.flow.node(id));
    nodes
        .filter(|node| node.layer().is_some_and(|layer| saturating_slope(layer).is_some()))
        .map(|node| {
            finding(
                node.span,
                format!("the distance to the target has no slope where `{}` is flat", node.text),
            )
            .label("learns slowly where it is most wrong")
            .help("for targets from 0 to 1, delete it and use `loss bce`, which takes logits")
        })
        .collect()
}

pub(super) fn constant_weights(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let hidden = flow.leading_to(is_learning);
    let found = flow.layers().filter(|(id, node, layer)| {
        let is_depthwise = convolution(layer).is_some_and(|conv| conv.groups == node.input.channels());
        // A last layer of zeros is the customary quiet start of a residual branch.
        let starts_quiet = constant(layer) == Some(0.0)
            && flow.branches_around(*id).any(|branch| flow.is_residual(branch) && branch.end == *id);
        let is_single = is_depthwise || node.output.channels() == 1;
        constant(layer).is_some() && hidden.contains(id) && !is_single && !starts_quiet
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("all outputs of `{}` start the same, and stay the same", node.text))
                .label("constant weights")
                .help("leave `init` out, or use a random one such as `he_normal`")
        })
        .collect()
}

fn constant(layer: &Layer) -> Option<f64> {
    let init = match layer {
        Layer::Linear { init, .. } => init,
        _ => &convolution(layer)?.init,
    };
    match init {
        Init::Constant(value) => Some(*value),
        _ => None,
    }
}

pub(super) fn frozen_after_learning(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let behind = flow.coming_from(is_learning);
    let is_frozen = |node: &Node| node.learning_rate == 0.0;
    let learning = flow.layers().find(|(_, node, layer)| is_learning(layer) && !is_frozen(node));
    let Some((first, learnt, _)) = learning else { return Vec::new() };
    let frozen = flow.layers().find(|(id, node, layer)| {
        *id > first && behind.contains(id) && is_frozen(node) && (is_learning(layer) || is_norm(layer))
    });
    let found = frozen.map(|(_, node, _)| {
        finding(node.span, format!("`{}` is frozen behind layers that learn", node.text))
            .label("made for other values than it will get")
            .at(learnt.span, "learns")
            .help("freeze the beginning of a network, and let all behind it learn")
    });
    found.into_iter().collect()
}
