//! Shapes that do not fit: rank, window, size, assertion, output (E0301, E0302, E0306 to E0308, E0506).

use super::{in_place_of, list};
use crate::ast::{Ident, Network, Param, Spanned};
use crate::check::scope::sides;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Shape;
use crate::words::{MAX_ELEMENTS, MAX_RANK};

/// Advice and edits that turn a map into a vector at `place`.
pub(super) fn to_vector(diagnostic: Diagnostic, place: usize, map: &Shape, side: &str) -> Diagnostic {
    let (channels, elements) = (map.channels(), map.len());
    let insert = |word: &str| match side {
        "before it" => format!("{word} "),
        _ => format!(" {word}"),
    };
    let span = Span::new(place, place);
    diagnostic
        .help(format!(
            "put `gap` {side} for the mean of each channel ({channels} numbers), or `flatten` for all {elements}"
        ))
        .suggest(span, insert("gap"), format!("insert `gap` {side}"))
        .fix(span, insert("flatten"), format!("insert `flatten` {side}"))
}

/// A value or a weight with too many elements.
pub(super) fn too_large(name: &Ident, what: &str, found: &Shape) -> Diagnostic {
    let message = format!("the {what} of `{}` has more than {MAX_ELEMENTS} elements", name.value);
    Diagnostic::error("E0308", name.span, message)
        .label(format!("gets {found}"))
        .help("use fewer channels or features, or shrink the map before")
}

/// A written shape that cannot be one.
pub(in crate::check) fn bad_shape(shape: &Spanned<Vec<u64>>) -> Option<Diagnostic> {
    let dimensions = &shape.value;
    let written: Vec<String> = dimensions.iter().map(u64::to_string).collect();
    let written = written.join("x");
    let elements = dimensions.iter().try_fold(1_u64, |product, dimension| product.checked_mul(*dimension));
    let too_large = elements.is_none_or(|elements| elements > MAX_ELEMENTS as u64);
    let (message, help) = if dimensions.contains(&0) {
        (format!("the shape {written} has no elements"), "every dimension is 1 or more")
    } else if too_large {
        (format!("the shape {written} has more than {MAX_ELEMENTS} elements"), "use smaller dimensions")
    } else if dimensions.len() > MAX_RANK {
        let count = dimensions.len();
        (
            format!("the shape {written} has {count} dimensions, but there are at most {MAX_RANK}"),
            "write channels first, then depth, height and width, as in `3x32x32`; the batch is left out",
        )
    } else {
        return None;
    };
    Some(Diagnostic::error("E0308", shape.span, message).label("not a shape of a sample").help(help))
}

/// A side that the present shape does not have.
pub(in crate::check) fn no_side(name: &str, span: Span, shape: &Shape) -> Diagnostic {
    let message = format!("the value here is {shape}, which has no `{name}`");
    let diagnostic = Diagnostic::error("E0506", span, message).label(format!("of {shape}"));
    let has = match sides(shape) {
        [one] => format!("its only side is `{one}`"),
        several => format!("its sides are {}", list(several)),
    };
    let meant = match (name, sides(shape)) {
        ("channels", ["features"]) => "features",
        ("features", ["channels", ..]) => "channels",
        _ => return diagnostic.help(has),
    };
    diagnostic.help(has).fix(span, in_place_of(name, span, meant), format!("replace it by `{meant}`"))
}

/// An assertion that does not hold. `word` is the last word before it.
pub(in crate::check) fn assertion(
    span: Span,
    asserted: &Shape,
    found: &Shape,
    word: Option<Span>,
) -> Diagnostic {
    let message = format!("the shape here is {found}, not {asserted}");
    let diagnostic = Diagnostic::error("E0306", span, message)
        .label(format!("expected {asserted}"))
        .help(format!("mend the words before, or write `-> {found}`"))
        .fix(span, format!("-> {found}"), "assert the shape that is there");
    match word {
        Some(word) => diagnostic.at(word, format!("gives {found}")),
        None => diagnostic,
    }
}

/// A network whose last shape is not that of its signature.
pub(in crate::check) fn output(
    network: &Network,
    expected: &Shape,
    found: &Shape,
    last: Option<Last>,
) -> Diagnostic {
    if let Some((last, param)) = last.and_then(|last| Some((last, last.parameter?))) {
        return output_of_parameter(network, expected, found, last, param);
    }
    let span = last.map_or(network.outputs[0].shape.span, |last| last.word);
    let name = network.name.as_ref().map_or("the network".to_owned(), |name| format!("`{}`", name.value));
    let message = format!("{name} ends in {found}, but its signature says {expected}");
    let mut diagnostic = Diagnostic::error("E0307", span, message).label(format!("gives {found}"));
    if last.is_some() {
        diagnostic = diagnostic.at(network.outputs[0].shape.span, format!("expected {expected}"));
    }
    let end = last.map_or(network.body.span.start + 1, |last| last.end);
    match (&found.0[..], &expected.0[..]) {
        (map @ [channels, ..], [features]) if map.len() == 3 && channels == features => {
            end_in_vector(diagnostic, end, found, *features)
        }
        ([_, _, _], [features]) => {
            let insertion = format!(" conv1 {features} gap");
            diagnostic.help(format!("end with `conv1 {features} gap`, or with `gap linear {features}`")).fix(
                Span::new(end, end),
                insertion,
                format!("end with `conv1 {features} gap`"),
            )
        }
        ([_], [features]) => end_in_features(diagnostic, last, end, *features),
        _ => {
            let help = format!("add what makes {expected} of it, or write `-> {found}` in the signature");
            let message = format!("write {found} in the signature");
            diagnostic.help(help).suggest(network.outputs[0].shape.span, found.to_string(), message)
        }
    }
}

/// A last word that gives as many features as a parameter says: the head of the network disagrees with
/// itself.
fn output_of_parameter(
    network: &Network,
    expected: &Shape,
    found: &Shape,
    last: Last,
    param: &Param,
) -> Diagnostic {
    let (name, output) = (&param.name.value, network.outputs[0].shape.span);
    let whole = network.name.as_ref().map_or("the network".to_owned(), |name| format!("`{}`", name.value));
    let message = format!("{whole} ends in {found}, as `{name}` says, but its signature says {expected}");
    let diagnostic = Diagnostic::error("E0307", network.signature_span, message)
        .label(format!("expected {expected}"))
        .at(param.name.span, format!("`{name}` is {found}"))
        .at(last.word, format!("gives {found}"))
        .help(format!("set `{name}` to {expected}, or write `-> {found}` in the signature"));
    let diagnostic = match &param.default {
        Some(default) => {
            diagnostic.suggest(default.span, expected.to_string(), format!("let `{name}` be {expected}"))
        }
        None => diagnostic,
    };
    diagnostic.suggest(output, found.to_string(), format!("write {found} in the signature"))
}

fn end_in_features(diagnostic: Diagnostic, last: Option<Last>, end: usize, features: usize) -> Diagnostic {
    let diagnostic = diagnostic.help(format!("end with `linear {features}`, or change the signature"));
    match last.and_then(|last| last.features) {
        Some(span) => diagnostic.fix(span, features.to_string(), format!("make it `linear {features}`")),
        None => {
            let word = format!("linear {features}");
            diagnostic.fix(Span::new(end, end), format!(" {word}"), format!("end with `{word}`"))
        }
    }
}

fn end_in_vector(diagnostic: Diagnostic, end: usize, map: &Shape, features: usize) -> Diagnostic {
    if map.len() == features {
        return to_vector(diagnostic, end, map, "after it");
    }
    diagnostic.help(format!("end with `gap` for the mean of each channel ({features} numbers)")).fix(
        Span::new(end, end),
        " gap",
        "end with `gap`",
    )
}

/// The last statement of a network that does something.
#[derive(Clone, Copy)]
pub(in crate::check) struct Last<'a> {
    /// Its word.
    pub(in crate::check) word: Span,
    /// Where the statement ends.
    pub(in crate::check) end: usize,
    /// The number of features, where the statement is a `linear`.
    pub(in crate::check) features: Option<Span>,
    /// The network's parameter that is this number.
    pub(in crate::check) parameter: Option<&'a Param>,
}
