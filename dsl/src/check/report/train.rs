//! The `train` section: names, settings, and what fits the network (E0401 to E0410).

use super::{count, list};
use crate::ast::{Ident, Network, Train};
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

/// A loss under a name that other systems have for it.
pub(in crate::check) fn loss_by_other_name(word: &Ident, meant: &str) -> Diagnostic {
    Diagnostic::error("E0404", word.span, format!("no loss is called `{}`", word.value))
        .label("unknown loss")
        .help(format!("it is called `{meant}` here"))
        .fix(word.span, meant, format!("replace it by `{meant}`"))
}

/// Cross-entropy on an output that has a single channel.
pub(in crate::check) fn loss_needs_classes(loss: Span, output: &Shape, signature: Span) -> Diagnostic {
    let message = format!("cross-entropy needs one channel per class, but the output is {output}");
    Diagnostic::error("E0406", loss, message)
        .label("needs two or more")
        .at(signature, format!("is {output}"))
        .help("for yes or no use `loss bce`; for a number use `loss mse`")
        .suggest(loss, "bce", "replace it by `bce`")
}

/// A softmax or sigmoid before a loss that has its own.
pub(in crate::check) fn squashed_twice(
    word: &str,
    place: Span,
    name: &str,
    loss: Span,
    text: &str,
) -> Diagnostic {
    let message = format!("`{word}` before {name} would be applied twice");
    let diagnostic = Diagnostic::error("E0407", place, message)
        .label("gives this output")
        .at(loss, format!("this loss takes the numbers before the `{word}`"))
        .help(format!("delete `{word}`: the loss contains it"));
    // A word that stands for the function under another name, or in another file, is left alone.
    if text.get(place.range()) != Some(word) {
        return diagnostic;
    }
    diagnostic.fix(place, "", format!("delete `{word}`"))
}

/// Class weights that are more or fewer than the classes.
pub(in crate::check) fn class_weights(
    span: Span,
    found: usize,
    classes: usize,
    signature: Span,
) -> Diagnostic {
    let message = format!("`class_weights` has {}, but there are {classes} classes", count(found, "value"));
    Diagnostic::error("E0409", span, message)
        .label(format!("has {found}"))
        .at(signature, format!("{classes} classes"))
        .help("write one weight per class, in the order of the labels")
}

/// Class weights that are all 0.
pub(in crate::check) fn no_class_weight(span: Span) -> Diagnostic {
    Diagnostic::error("E0409", span, "with these `class_weights` no class counts")
        .label("all of them are 0")
        .help("give at least one class a weight above 0")
}

/// A loss that does not say which output it judges.
pub(in crate::check) fn which_output(word: &Ident, outputs: &[&str]) -> Diagnostic {
    let first = outputs.first().copied().unwrap_or_default();
    let message = format!("the network has {} outputs, but this loss names none", outputs.len());
    Diagnostic::error("E0410", word.span, message).label("judges which output?").help(format!(
        "the outputs are {}: write `loss {} output={first}`",
        list(outputs),
        word.value
    ))
}

/// A loss for an output that does not exist.
pub(in crate::check) fn unknown_output(name: &Ident, outputs: &[&str]) -> Diagnostic {
    let message = format!("no output is called `{}`", name.value);
    let diagnostic = Diagnostic::error("E0410", name.span, message).label("unknown output");
    if outputs.is_empty() {
        return diagnostic.help("the only output has no name: leave `output=` out");
    }
    pick(diagnostic, name, outputs)
}

/// Two losses for one output.
pub(in crate::check) fn second_loss(word: &Ident, first: &Ident) -> Diagnostic {
    Diagnostic::error("E0410", word.span, "this output has a loss already")
        .label("second loss")
        .at(first.span, "first loss")
        .help("keep one of the two, or name another output: `output=name`")
}

/// An output of several that no loss judges.
pub(in crate::check) fn no_loss(section: &Train, output: &str, is_classes: bool, text: &str) -> Diagnostic {
    let loss = format!("loss {} output={output}", if is_classes { "cross_entropy" } else { "mse" });
    let message = format!("the output `{output}` has no loss");
    let diagnostic = Diagnostic::error("E0410", section.name.span, message)
        .label("does not judge it")
        .help(format!("add one, such as `{loss}`"));
    let name = section.name.span;
    let brace = text.get(name.end..).and_then(|rest| rest.find('{')).map(|at| name.end + at + 1);
    match brace.filter(|_| text.get(name.range()) == Some(section.name.value.as_str())) {
        Some(at) => diagnostic.suggest(Span::new(at, at), format!(" {loss}"), format!("add `{loss}`")),
        None => diagnostic,
    }
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

/// A data set for a network with several inputs or outputs.
pub(in crate::check) fn data_for_one(format: &Ident, network: &Network) -> Diagnostic {
    let [inputs, outputs] = [network.inputs.len(), network.outputs.len()];
    let found = format!("{} and {}", count(inputs, "input"), count(outputs, "output"));
    let message = format!("`{}` has one input and one target, but the network has {found}", format.value);
    Diagnostic::error("E0408", format.span, message)
        .label("one input and one target")
        .at(network.signature_span, format!("has {found}"))
        .help("delete `data` and feed the network from your own program")
}

/// A label per sample where the loss takes one per position.
pub(in crate::check) fn data_without_maps(data: Span, output: &Shape, signature: Span) -> Diagnostic {
    let message =
        format!("data sets have a label per sample, but the output {output} needs one per position");
    Diagnostic::error("E0408", data, message)
        .label("one label per sample")
        .at(signature, format!("has {} positions", output.positions()))
        .help("end the network in a vector, or delete `data` and feed it from your own program")
}
