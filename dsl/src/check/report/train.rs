//! The `train` section: names, settings, and what fits the network (E0401 to E0408).

use super::list;
use crate::ast::Ident;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Shape;
use crate::words::nearest;

/// A section for a network that the text does not have.
pub(in crate::check) fn unknown_network(name: &Ident, networks: &[&str]) -> Diagnostic {
    let message = format!("no network is called `{}`", name.value);
    let diagnostic = Diagnostic::error("E0401", name.span, message).label("unknown network");
    match nearest(&name.value, networks.iter().copied()).or(networks.first().copied()) {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).fix(
            name.span,
            meant,
            format!("replace it by `{meant}`"),
        ),
        None => diagnostic.help("write the network into the same text"),
    }
}

/// A second section for the same network.
pub(in crate::check) fn second_section(name: &Ident, first: Span) -> Diagnostic {
    Diagnostic::error("E0401", name.span, format!("`{}` has a `train` section already", name.value))
        .label("second section")
        .at(first, "first section")
        .help("put all settings into one section")
}

/// A setting that does not exist.
pub(in crate::check) fn unknown_setting(key: &Ident, known: &[&str]) -> Diagnostic {
    let message = format!("`train` has no setting `{}`", key.value);
    pick(Diagnostic::error("E0402", key.span, message).label("unknown setting"), key, known)
}

/// A setting that is there already.
pub(in crate::check) fn setting_twice(key: &Ident, first: Span) -> Diagnostic {
    Diagnostic::error("E0403", key.span, format!("`{}` is set twice", key.value))
        .label("second time")
        .at(first, "first time")
        .help("keep one of the two")
}

/// A word that is none of a setting's choices, `what` being what it should name.
pub(in crate::check) fn unknown_choice(what: &str, word: &Ident, known: &[&str]) -> Diagnostic {
    let message = format!("no {what} is called `{}`", word.value);
    pick(Diagnostic::error("E0404", word.span, message).label(format!("unknown {what}")), word, known)
}

fn pick(diagnostic: Diagnostic, word: &Ident, known: &[&str]) -> Diagnostic {
    match nearest(&word.value, known.iter().copied()) {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).fix(
            word.span,
            meant,
            format!("replace it by `{meant}`"),
        ),
        None if known.is_empty() => diagnostic.help("delete it"),
        None => diagnostic.help(format!("there is {}", list(known))),
    }
}

/// A setting without the value that it needs.
pub(in crate::check) fn missing_value(key: &Ident, example: &str) -> Diagnostic {
    Diagnostic::error("E0405", key.span, format!("`{}` needs a value", key.value))
        .label("value missing")
        .help(format!("write it after the word, as in `{example}`"))
}

/// A value that the setting does not take.
pub(in crate::check) fn unexpected_value(key: &Ident, span: Span, example: &str) -> Diagnostic {
    Diagnostic::error("E0405", span, format!("`{}` does not take this value", key.value))
        .label("not expected")
        .help(format!("it is written as in `{example}`"))
}

/// Cross-entropy on an output that is no vector of classes.
pub(in crate::check) fn loss_needs_classes(loss: Span, output: &Shape, signature: Span) -> Diagnostic {
    let message = format!("cross-entropy needs one output per class, but the network gives {output}");
    Diagnostic::error("E0406", loss, message)
        .label("needs a vector of two or more")
        .at(signature, format!("gives {output}"))
        .help("end the network in a vector with `gap` or `flatten`, or use `loss mse`")
}

/// A softmax before a loss that has its own.
pub(in crate::check) fn softmax_twice(softmax: Span, loss: Span) -> Diagnostic {
    let word = Span::new(softmax.start.saturating_sub(1), softmax.end);
    Diagnostic::error("E0407", softmax, "`softmax` before cross-entropy would be applied twice")
        .label("ends the network")
        .at(loss, "this loss takes the numbers before the softmax")
        .help("delete `softmax`: the loss contains it")
        .fix(word, "", "delete `softmax`")
}

/// A data set whose samples or classes are not the network's.
pub(in crate::check) fn data_mismatch(
    format: &Ident,
    what: &str,
    expected: &str,
    found: &str,
    signature: Span,
) -> Diagnostic {
    let message = format!("`{}` has {what} {expected}, but the network has {found}", format.value);
    Diagnostic::error("E0408", format.span, message)
        .label(format!("has {what} {expected}"))
        .at(signature, format!("has {found}"))
        .help("change the signature of the network, or name another data set")
}

/// Augmentation of samples that are no images.
pub(in crate::check) fn augment_needs_images(augment: Span, input: &Shape, signature: Span) -> Diagnostic {
    Diagnostic::error("E0408", augment, format!("only images can be augmented, but the samples are {input}"))
        .label("needs maps")
        .at(signature, format!("is {input}"))
        .help("delete it, or let the network read channels x height x width")
}
