//! Texts that are too large or have no network, and values from outside (E0212 to E0215).

use super::list;
use crate::ast::{Ident, Network};
use crate::check::network::place;
use crate::diagnostic::{Diagnostic, Span};
use crate::words::nearest;

/// The most steps of a network after unrolling. The deepest networks in use have a few
/// thousand; each step costs compile time and code.
pub(in crate::check) const MAX_STEPS: usize = 20_000;

/// The most steps of all networks of a text together.
pub(in crate::check) const MAX_IN_ALL: usize = 5 * MAX_STEPS;

/// The most braces inside braces, those of used blocks included.
pub(in crate::check) const MAX_DEPTH: usize = 96;

/// A network that unrolls to too many steps.
pub(in crate::check) fn too_many_steps(span: Span) -> Diagnostic {
    let message = format!("the network has more than {MAX_STEPS} steps when it is unrolled");
    Diagnostic::error("E0212", span, message)
        .label("the limit is passed here")
        .help("repeat less: a step is a word, and each turn and each use of a block has its own")
}

/// Networks that unroll to too many steps together.
pub(in crate::check) fn too_many_in_all(span: Span) -> Diagnostic {
    let message =
        format!("the networks of the text have more than {MAX_IN_ALL} steps when they are unrolled");
    Diagnostic::error("E0212", span, message)
        .label("the limit is passed here")
        .help("put some of the networks into another file")
}

/// Blocks in blocks without end in sight.
pub(in crate::check) fn too_deep(span: Span) -> Diagnostic {
    let message = format!("braces and blocks are nested deeper than {MAX_DEPTH}");
    Diagnostic::error("E0212", span, message)
        .label("the limit is passed here")
        .help("write some of the blocks one after the other instead of inside each other")
}

/// A text without a network.
pub(in crate::check) fn no_network() -> Diagnostic {
    Diagnostic::error("E0213", Span::default(), "the text has no network")
        .label("expected somewhere")
        .help("write one, as in `network Name<1x8x8 -> 10> { conv3 16 relu gap linear 10 }`")
}

/// A network that was asked for and is not there.
pub(in crate::check) fn unknown_network(name: &str, networks: &[&Network]) -> Diagnostic {
    let names: Vec<&str> =
        networks.iter().filter_map(|n| n.name.as_ref()).map(|n| n.value.as_str()).collect();
    let span = networks.first().map(|network| place(network)).unwrap_or_default();
    let help = match nearest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("it has {}", list(names)),
    };
    Diagnostic::error("E0213", span, format!("the text has no network `{name}`"))
        .label("a network that is there")
        .help(help)
}

/// A value from outside for a parameter that no network has.
pub(in crate::check) fn unknown_parameter(name: &str, networks: &[&Network]) -> Diagnostic {
    let span = networks.first().map(|network| place(network)).unwrap_or_default();
    let params: Vec<&str> =
        networks.iter().flat_map(|network| &network.params).map(|param| param.name.value.as_str()).collect();
    let diagnostic =
        Diagnostic::error("E0214", span, format!("the network has no parameter `{name}` to set"))
            .label("this network");
    match nearest(name, params.iter().copied()) {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
        None if params.is_empty() => {
            diagnostic.help(format!("it has no parameters; declare one after its name: `({name} = 1)`"))
        }
        None => diagnostic.help(format!("it has {}", list(params))),
    }
}

/// A value from outside that is no expression or has no value.
pub(in crate::check) fn bad_setting(parameter: &Ident, text: &str, reason: &str) -> Diagnostic {
    let message = format!("the value `{text}` set for `{}` cannot be used: {reason}", parameter.value);
    Diagnostic::error("E0214", parameter.span, message)
        .label("this parameter")
        .help(format!("set it to a number, as in `{}=64`", parameter.value))
}

/// A network parameter without a value.
pub(in crate::check) fn no_value(parameter: &Ident) -> Diagnostic {
    let name = &parameter.value;
    Diagnostic::error("E0215", parameter.span, format!("the parameter `{name}` has no value"))
        .label("neither a default nor a value set from outside")
        .help(format!("give it a default, `{name} = 16`, or set it: `--set {name}=16` on the command line"))
}
