//! Arguments: how many, which, and which values they take (E0203 to E0207, E0216).

use super::{count, list};
use crate::ast::{Ident, Word};
use crate::check::value::Value;
use crate::diagnostic::{Diagnostic, Span};
use crate::words::{Range, Windowed, nearest};

/// What the messages need to know of a word or block that takes arguments.
pub(in crate::check) struct Signature<'a> {
    /// Names of the arguments by position.
    pub(in crate::check) positional: Vec<&'a str>,
    /// Names of the arguments that must be named.
    pub(in crate::check) named: Vec<&'a str>,
    /// The block's name, where it is a block.
    pub(in crate::check) definition: Option<Span>,
}

impl Signature<'_> {
    fn point(&self, diagnostic: Diagnostic) -> Diagnostic {
        match self.definition {
            Some(span) => diagnostic.at(span, "defined here"),
            None => diagnostic,
        }
    }
}

/// More arguments by position than the word takes.
pub(in crate::check) fn too_many(word: &Word, signature: &Signature) -> Diagnostic {
    let (kept, surplus) = word.positional.split_at(signature.positional.len());
    let span = surplus.iter().map(|expr| expr.span).reduce(Span::to).unwrap_or(word.span);
    let takes = count(kept.len(), "argument");
    let given = match word.positional.len() {
        1 => "1 is given".to_owned(),
        many => format!("{many} are given"),
    };
    let by_position = if signature.named.is_empty() { "" } else { " by position" };
    let message = format!("`{}` takes {takes}{by_position}, but {given}", word.name.value);
    let diagnostic = signature.point(Diagnostic::error("E0203", span, message)).label("not expected");
    match signature.named.first() {
        None => {
            let before = kept.last().map_or(word.name.span.end, |kept| kept.span.end);
            diagnostic.help("delete it").fix(Span::new(before, span.end), "", "delete it")
        }
        Some(first) => {
            let named = list(&signature.named);
            diagnostic.help(format!("other arguments are written by name, as in `{first}=2`: {named}"))
        }
    }
}

/// A needed argument is missing.
pub(in crate::check) fn missing(word: &Word, argument: &str, signature: &Signature) -> Diagnostic {
    let message = format!("`{}` needs its {argument}", word.name.value);
    signature
        .point(Diagnostic::error("E0203", word.name.span, message))
        .label(format!("{argument} missing"))
        .help(format!("write a number after the word, as in `{} 16`", word.name.value))
}

/// An argument name that the word does not have.
pub(in crate::check) fn unknown(word: &Word, argument: &Ident, signature: &Signature) -> Diagnostic {
    let names = || signature.positional.iter().chain(&signature.named).copied();
    let message = format!("`{}` has no argument `{}`", word.name.value, argument.value);
    let diagnostic =
        signature.point(Diagnostic::error("E0204", argument.span, message)).label("unknown argument");
    match nearest(&argument.value, names()) {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).fix(
            argument.span,
            meant,
            format!("replace it by `{meant}`"),
        ),
        None if names().next().is_none() => diagnostic.help("it takes no arguments at all: delete this one"),
        None => diagnostic.help(format!("it has {}", list(names()))),
    }
}

/// An argument with two values.
pub(in crate::check) fn twice(word: &Word, argument: &Ident, first: Span) -> Diagnostic {
    let message = format!("`{}` is given twice to `{}`", argument.value, word.name.value);
    Diagnostic::error("E0205", argument.span, message)
        .label("second value")
        .at(first, "first value")
        .help("keep one of the two")
}

/// A number that is not whole where one must be. `source` is the expression's text.
pub(in crate::check) fn not_whole(place: &str, value: f64, span: Span, source: &str) -> Diagnostic {
    let rounded = match source.starts_with('(') {
        true => format!("(floor{source})"),
        false => format!("(floor({source}))"),
    };
    Diagnostic::error("E0206", span, format!("{place} must be a whole number, but this is {value}"))
        .label(format!("is {value}"))
        .help(format!("round it: `{rounded}`"))
        .fix(span, rounded, "round it down")
}

/// A value of the wrong kind.
pub(in crate::check) fn wrong_kind(place: &str, expected: &str, value: Value, span: Span) -> Diagnostic {
    let found = if matches!(value, Value::Bool(_)) { "a truth value" } else { "a number" };
    Diagnostic::error("E0206", span, format!("{place} must be {expected}, but this is {found}"))
        .label(format!("is {value}"))
        .help(match value {
            Value::Bool(_) => "write a number",
            _ => "write `true` or `false`",
        })
}

/// A number outside of its range. `advice` is what else could be done.
pub(in crate::check) fn out_of_range(
    place: &str,
    range: Range,
    value: Value,
    span: Span,
    advice: &str,
) -> Diagnostic {
    let bound = range.broken_bound(value.stored());
    Diagnostic::error("E0207", span, format!("{place} must be {bound}, but this is {value}"))
        .label(format!("is {value}"))
        .help(advice)
}

/// Padding that the window does not allow.
pub(in crate::check) fn pad_too_large(word: &str, pad: Span, limit: usize, reason: &str) -> Diagnostic {
    Diagnostic::error("E0207", pad, format!("the `pad` of `{word}` {reason}"))
        .label(format!("at most {limit}"))
        .help(format!("use `pad={limit}` or less, or a larger window"))
}

/// A word without its window, or with one that is not a size.
pub(in crate::check) fn bad_window(name: &Ident, stem: &str, window: Windowed) -> Diagnostic {
    let Windowed::Yes(usual) = window else {
        return Diagnostic::error("E0216", name.span, format!("`{}` has no window", name.value));
    };
    let example = format!("{stem}{usual}");
    let (message, label) = match name.value == stem {
        true => (format!("`{stem}` needs its window, as in `{example}`"), "window missing"),
        false => (format!("`{}` has no window of 1 to 65536", name.value), "bad window"),
    };
    Diagnostic::error("E0216", name.span, message)
        .label(label)
        .help(format!("write the size of the window after the name: `{example}` or `{example}x{usual}`"))
        .fix(name.span, example.clone(), format!("replace it by `{example}`"))
}
