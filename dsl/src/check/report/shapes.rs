//! Shapes that do not fit: rank, window, size, assertion, output (E0301, E0302, E0306 to E0308).

use crate::ast::{Ident, Network, Spanned};
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Shape;
use crate::words::{Call, MAX_ELEMENTS, Rank};

/// A word that reads maps on a vector, or the other way round. `output` is the shape that the
/// word was probably meant to give.
pub(in crate::check) fn rank(
    name: &Ident,
    expected: Rank,
    found: &Shape,
    output: Option<&Shape>,
) -> Diagnostic {
    let word = &name.value;
    let (reads, gets) = match expected {
        Rank::Map => ("a map of channels x height x width", format!("the vector {found}")),
        Rank::Vector | Rank::Any => ("a vector", format!("the map {found}")),
    };
    let message = format!("`{word}` reads {reads}, but it gets {gets}");
    let diagnostic = Diagnostic::error("E0301", name.span, message).label(format!("gets {found}"));
    match expected {
        Rank::Map if output == Some(found) => {
            let with_space = Span::new(name.span.start.saturating_sub(1), name.span.end);
            diagnostic.help("delete it: the value is a vector already").fix(
                with_space,
                "",
                format!("delete `{word}`"),
            )
        }
        Rank::Map => diagnostic
            .help("put it before the `gap`, `flatten` or `linear` that makes the vector, or feed a map"),
        Rank::Vector | Rank::Any => to_vector(diagnostic, name.span.start, found, "before it"),
    }
}

/// Advice and edits that turn a map into a vector at `place`.
fn to_vector(diagnostic: Diagnostic, place: usize, map: &Shape, side: &str) -> Diagnostic {
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
        .fix(span, insert("gap"), format!("insert `gap` {side}"))
        .fix(span, insert("flatten"), format!("insert `flatten` {side}"))
}

/// A window that is larger than the map with its padding.
pub(in crate::check) fn window(name: &Ident, call: &Call, pad: [usize; 2], found: &Shape) -> Diagnostic {
    let [height, width] = found.area();
    let padded = match pad {
        [0, 0] => format!("{height}x{width}"),
        [rows, columns] => format!("{height}x{width} with {rows}x{columns} of padding on each side"),
    };
    let [rows, columns] = call.window;
    let message = format!("the {rows}x{columns} window of `{}` is larger than its map, {padded}", name.value);
    Diagnostic::error("E0302", name.span, message)
        .label(format!("gets {found}"))
        .help("use a smaller window, or shrink the map less before: fewer pools, smaller strides")
}

/// A value or a weight with too many elements.
pub(in crate::check) fn too_large(name: &Ident, what: &str, found: &Shape) -> Diagnostic {
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
    } else if !matches!(dimensions.len(), 1 | 3) {
        let count = dimensions.len();
        (
            format!("the shape {written} has {count} dimensions, but one or three are known"),
            "write channels x height x width for a map, as in `3x32x32`, or one number for a vector",
        )
    } else {
        return None;
    };
    Some(Diagnostic::error("E0308", shape.span, message).label("not a shape of a sample").help(help))
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
    let span = last.map_or(network.output.span, |last| last.word);
    let name = network.name.as_ref().map_or("the network".to_owned(), |name| format!("`{}`", name.value));
    let message = format!("{name} ends in {found}, but its signature says {expected}");
    let mut diagnostic = Diagnostic::error("E0307", span, message).label(format!("gives {found}"));
    if last.is_some() {
        diagnostic = diagnostic.at(network.output.span, format!("expected {expected}"));
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
        ([_], [features]) => end_in_features(diagnostic, last, *features),
        _ => diagnostic
            .help(format!("add what makes {expected} of it, or write `-> {found}` in the signature")),
    }
}

fn end_in_features(diagnostic: Diagnostic, last: Option<Last>, features: usize) -> Diagnostic {
    let diagnostic = diagnostic.help(format!("end with `linear {features}`, or change the signature"));
    match last.and_then(|last| last.features) {
        Some(span) => diagnostic.fix(span, features.to_string(), format!("make it `linear {features}`")),
        None => diagnostic,
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
pub(in crate::check) struct Last {
    /// Its word.
    pub(in crate::check) word: Span,
    /// Where the statement ends.
    pub(in crate::check) end: usize,
    /// The number of features, where the statement is a `linear`.
    pub(in crate::check) features: Option<Span>,
}
