//! Named values: unknown, named twice, and outputs that are not (E0307, E0501 to E0503).

use super::list;
use crate::ast::{Ident, Network, Port};
use crate::check::taps::namings;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Shape;
use crate::words::nearest;

/// A name that stands for no value here. `elsewhere` is where the same body gives the name.
pub(in crate::check) fn unknown(
    name: &Ident,
    meant: Option<&str>,
    known: &[&str],
    elsewhere: Option<Span>,
) -> Diagnostic {
    let message = format!("no value is named `{}` here", name.value);
    let diagnostic = Diagnostic::error("E0501", name.span, message).label("unknown value");
    match (elsewhere, meant) {
        (Some(later), _) if later.start > name.span.start => diagnostic
            .at(later, "is named later")
            .help("a value is read after it is named: words go from left to right"),
        (Some(inside), _) => diagnostic
            .at(inside, "is named inside other braces")
            .help("a name ends with the braces around it: write `as` behind the closing brace"),
        (None, Some(meant)) => diagnostic.help(format!("did you mean `{meant}`?")).fix(
            name.span,
            meant,
            format!("replace it by `{meant}`"),
        ),
        (None, None) => {
            let help = format!("name a value before, as in `conv3 16 as {}`", name.value);
            let diagnostic = diagnostic.help(help);
            match known {
                [] => diagnostic,
                _ => diagnostic.note(format!("the values named here are {}", list(known))),
            }
        }
    }
}

/// A second value of the same name.
pub(in crate::check) fn twice(name: &Ident, first: &Ident) -> Diagnostic {
    Diagnostic::error("E0502", name.span, format!("two values are named `{}`", name.value))
        .label("second value")
        .at(first.span, "first value")
        .help("give one of them another name")
}

/// One of several outputs that no value is named after. `end` is where the words end, if the value there
/// has its shape.
pub(in crate::check) fn unnamed_output(name: &Ident, network: &Network, end: Option<usize>) -> Diagnostic {
    let output = &name.value;
    let diagnostic =
        Diagnostic::error("E0503", name.span, format!("no value is named after the output `{output}`"))
            .label("which value is it?");
    let outputs = network.outputs.iter().filter_map(|port| port.name.as_ref());
    let outputs: Vec<&str> = outputs.map(|name| name.value.as_str()).collect();
    let mut names = namings(&network.body);
    names.retain(|name| !outputs.contains(&name.value.as_str()));
    let meant = nearest(output, names.iter().map(|name| name.value.as_str()));
    match (names.iter().find(|name| Some(name.value.as_str()) == meant), end) {
        (Some(near), _) => diagnostic.at(near.span, "is this it?").help(format!("name it `{output}`")).fix(
            near.span,
            output.clone(),
            format!("name it `{output}`"),
        ),
        (None, Some(end)) => diagnostic
            .at(Span::new(end, end), "this value has its shape")
            .help(format!("write `as {output}` at the end"))
            .fix(Span::new(end, end), format!(" as {output}"), format!("name the last value `{output}`")),
        (None, None) => diagnostic.help(format!("write `as {output}` behind the word that gives it")),
    }
}

/// A named output with another shape than the signature says.
pub(in crate::check) fn output_shape(
    network: &Network,
    port: &Port,
    expected: &Shape,
    found: &Shape,
    name: &Ident,
) -> Diagnostic {
    let whose = network.name.as_ref().map_or(String::new(), |network| format!(" of `{}`", network.value));
    let message = format!("the output `{}`{whose} is {found}, but the signature says {expected}", name.value);
    Diagnostic::error("E0307", name.span, message)
        .label(format!("is {found}"))
        .at(port.shape.span, format!("expected {expected}"))
        .help(format!("add what makes {expected} of it, or write `{}: {found}` in the signature", name.value))
        .suggest(port.shape.span, found.to_string(), format!("write {found} in the signature"))
}
