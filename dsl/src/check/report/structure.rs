//! Settings of `with`, shared sub-networks, networks as words and activations (E0504, E0507 to E0509).

use super::list;
use crate::ast::{Activation, Ident, Network, Word};
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Shape;
use crate::words::{FORMULA_FUNCTIONS, FormulaError, nearest};

/// A setting that `with` does not have.
pub(in crate::check) fn unknown_setting(name: &Ident, known: &[&str]) -> Diagnostic {
    let message = format!("`with` has no setting `{}`", name.value);
    let diagnostic = Diagnostic::error("E0507", name.span, message).label("unknown setting");
    meant(diagnostic, name.span, &name.value, known, "it has")
}

/// A setting with two values.
pub(in crate::check) fn setting_twice(name: &Ident, first: &Ident) -> Diagnostic {
    Diagnostic::error("E0205", name.span, format!("`{}` is given twice to `with`", name.value))
        .label("second value")
        .at(first.span, "first value")
        .help("keep one of the two")
}

/// Arguments for a shared sub-network.
pub(in crate::check) fn shared_arguments(word: &Word, surplus: Span, declaration: Span) -> Diagnostic {
    let message = format!("`{}` is shared and takes no arguments", word.name.value);
    Diagnostic::error("E0203", surplus, message)
        .label("not expected")
        .at(declaration, "declared here")
        .help("all uses have the same weights; a `block` takes arguments and has weights for each use")
        .fix(Span::new(word.name.span.end, word.span.end), "", "delete the arguments")
}

/// What two uses of a shared sub-network learn.
pub(in crate::check) struct Difference<'d> {
    /// The sub-network's name.
    pub(in crate::check) name: &'d str,
    /// The first use, and the first tensor that differs.
    pub(in crate::check) first: (Span, Option<&'d (String, Vec<usize>)>),
    /// The other one.
    pub(in crate::check) second: (Span, Option<&'d (String, Vec<usize>)>),
}

/// Uses of a shared sub-network that cannot have the same weights.
pub(in crate::check) fn shared_differs(difference: &Difference) -> Diagnostic {
    let Difference { name, first, second } = difference;
    let shown = |tensor: Option<&(String, Vec<usize>)>| match tensor {
        None => "learns less".to_owned(),
        Some((path, shape)) => {
            let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
            format!("`{path}` is {}", sides.join("x"))
        }
    };
    let message = format!("the uses of `{name}` cannot have the same weights");
    Diagnostic::error("E0508", second.0, message)
        .label(format!("here {}", shown(second.1)))
        .at(first.0, format!("here {}", shown(first.1)))
        .help("use it on values with the same number of channels, or make it a `block`")
}

/// A network with several inputs or outputs in the place of a word.
pub(in crate::check) fn many_ports(word: &Word, network: &Network) -> Diagnostic {
    let message = format!("`{}` has several inputs or outputs and cannot be a word", word.name.value);
    Diagnostic::error("E0509", word.name.span, message)
        .label("takes one value to one value")
        .at(network.signature_span, "its signature")
        .help("use a network with one input and one output, or a `block`")
}

/// A network in the place of a word that gets another shape than it reads.
pub(in crate::check) fn network_input(
    word: &Word,
    reads: &Shape,
    gets: &Shape,
    signature: Span,
) -> Diagnostic {
    let message = format!("`{}` reads {reads}, but it gets {gets}", word.name.value);
    Diagnostic::error("E0509", word.name.span, message)
        .label(format!("gets {gets}"))
        .at(signature, format!("reads {reads}"))
        .help(format!("make {reads} of the value before, or write a `block`, which takes any shape"))
}

/// An activation without an element.
pub(in crate::check) fn no_element(activation: &Activation) -> Diagnostic {
    let name = &activation.name;
    Diagnostic::error("E0504", name.span, format!("the activation `{}` has no element", name.value))
        .label("function of nothing")
        .help(format!("name the element first, as in `activation {}(x) = x*sigmoid(x)`", name.value))
}

/// An element with a default.
pub(in crate::check) fn element_with_default(element: &Ident, default: Span) -> Diagnostic {
    let message = format!("`{}` is the element and has no default", element.value);
    Diagnostic::error("E0504", default, message)
        .label("not needed")
        .help("only the parameters after the element have defaults")
        .fix(Span::new(element.span.end, default.end), "", "delete it")
}

/// A formula that has no meaning.
pub(in crate::check) fn formula(activation: &Activation, error: &FormulaError, names: &[&str]) -> Diagnostic {
    let message = format!("the formula of `{}` cannot be used: {}", activation.name.value, error.message);
    let diagnostic = Diagnostic::error("E0504", error.span, message).label("here");
    let unknown = error.message.split('`').nth(1).unwrap_or_default();
    match error.message.as_str() {
        message if message.starts_with("no function") => {
            meant(diagnostic, error.span, unknown, &FORMULA_FUNCTIONS, "the functions are")
        }
        message if message.starts_with("the formula has no") => {
            meant(diagnostic, error.span, unknown, names, "it knows")
        }
        _ => diagnostic.help("a formula is made of numbers, the names in its parentheses and the functions"),
    }
}

/// The near name among the known ones, or all of them.
fn meant(diagnostic: Diagnostic, span: Span, written: &str, known: &[&str], all: &str) -> Diagnostic {
    match nearest(written, known.iter().copied()) {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).fix(
            span,
            meant,
            format!("replace it by `{meant}`"),
        ),
        None => diagnostic.help(format!("{all} {}", list(known))),
    }
}
