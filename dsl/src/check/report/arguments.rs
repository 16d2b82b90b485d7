//! Arguments: how many, which, and which values they take (E0203 to E0207, E0216, E0220, E0221).

use super::{count, list};
use crate::ast::{Ident, Word};
use crate::check::value::Value;
use crate::diagnostic::{Diagnostic, Span};
use crate::words::{INITIALISERS, Initialiser, Range, Windowed, nearest, suggest_argument};

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
    signature.point(Diagnostic::error("E0203", word.span, message)).label(format!("{argument} missing")).help(
        match argument {
            "`shape`" => format!("write a shape after the word, as in `{} 16x4x4`", word.name.value),
            "`order`" => format!("write a list after the word, as in `{} [1, 0]`", word.name.value),
            _ => format!("write a number after the word, as in `{} {}`", word.name.value, usual(argument)),
        },
    )
}

fn usual(argument: &str) -> &'static str {
    match argument {
        "`rate`" | "`std`" => "0.1",
        "`factor`" | "`size`" | "number of factor" | "number of groups" => "2",
        _ => "16",
    }
}

/// An argument name that the word does not have.
pub(in crate::check) fn unknown(word: &Word, argument: &Ident, signature: &Signature) -> Diagnostic {
    let names = || signature.positional.iter().chain(&signature.named).copied();
    let message = format!("`{}` has no argument `{}`", word.name.value, argument.value);
    let diagnostic =
        signature.point(Diagnostic::error("E0204", argument.span, message)).label("unknown argument");
    match suggest_argument(&argument.value, names()) {
        Some("window") if word.name.value.ends_with(|last: char| last.is_ascii_digit()) => {
            diagnostic.help("delete it: the window stands in the name of the word")
        }
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

/// Numbers that are too many, or none.
pub(in crate::check) fn wrong_length(place: &str, given: usize, most: usize, span: Span) -> Diagnostic {
    let message = format!("{place} must be 1 to {most} numbers, but this is {}", count(given, "number"));
    Diagnostic::error("E0206", span, message)
        .label(format!("at most {most}"))
        .help("write a number per axis, as in `2x1` or `[2, 1]`, or a single one for all of them")
}

/// A number or the like where a name must stand.
pub(in crate::check) fn not_a_name(place: &str, names: &[&str], span: Span) -> Diagnostic {
    Diagnostic::error("E0206", span, format!("{place} must be a name, but this is none"))
        .label("is no name")
        .help(format!("write one of {}", list(names)))
}

/// A name that is none of those that an argument takes.
pub(in crate::check) fn unknown_choice(place: &str, name: &str, span: Span, names: &[&str]) -> Diagnostic {
    let diagnostic = no_such_choice(place, name, span);
    match nearest(name, names.iter().copied()) {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).fix(
            span,
            meant,
            format!("replace it by `{meant}`"),
        ),
        None => diagnostic.help(format!("choose one of {}", list(names))),
    }
}

/// Initial weights that do not exist. `numbers` is how many stand in parentheses after their name.
pub(in crate::check) fn unknown_init(place: &str, name: &str, span: Span, numbers: usize) -> Diagnostic {
    let diagnostic = no_such_choice(place, name, span);
    let Some(meant) = Initialiser::suggest(name) else {
        return diagnostic.help(format!("choose one of {}", list(INITIALISERS.iter().map(|one| one.name))));
    };
    let (name, message) = (meant.name, format!("replace it by `{}`", meant.name));
    let diagnostic = diagnostic.help(format!("did you mean `{name}`?"));
    match meant.takes(numbers) {
        true => diagnostic.fix(span, name, message),
        // Its number would be missing.
        false => diagnostic.suggest(span, name, message),
    }
}

fn no_such_choice(place: &str, name: &str, span: Span) -> Diagnostic {
    Diagnostic::error("E0220", span, format!("{place} cannot be `{name}`")).label("unknown choice")
}

/// Initial weights with another number of numbers than they take.
pub(in crate::check) fn init_number(init: &Initialiser, given: usize, span: Span) -> Diagnostic {
    let name = init.name;
    let (takes, help) = match init.number {
        None => ("no number".to_owned(), format!("write `{name}` alone")),
        Some(number) => (format!("its {}", number.name), format!("write for instance `{name}(0.1)`")),
    };
    let given = match given {
        0 => "none is given".to_owned(),
        1 => "1 is given".to_owned(),
        many => format!("{many} are given"),
    };
    Diagnostic::error("E0221", span, format!("`{name}` takes {takes}, but {given}"))
        .label("wrong number of numbers")
        .help(help)
}

/// A lower bound above the upper one.
pub(in crate::check) fn reversed(word: &str, low: (&str, f64), high: (&str, f64), span: Span) -> Diagnostic {
    let ((low, least), (high, greatest)) = (low, high);
    let message =
        format!("the `{low}` of `{word}` must be at most its `{high}` {greatest}, but this is {least}");
    Diagnostic::error("E0207", span, message)
        .label(format!("is {least}"))
        .help(format!("exchange `{low}` and `{high}`, or change one of them"))
}

/// A word without its window, or with one that is not a size.
pub(in crate::check) fn bad_window(name: &Ident, stem: &str, window: Windowed) -> Diagnostic {
    let Windowed::Yes(usual) = window else {
        return Diagnostic::error("E0216", name.span, format!("`{}` has no window", name.value));
    };
    let example = format!("{stem}{usual}");
    let (message, label) = match name.value == stem {
        true => (format!("`{stem}` needs its window, as in `{example}`"), "window missing"),
        false => {
            (format!("`{}` has no window of one to three sizes from 1 to 65536", name.value), "bad window")
        }
    };
    Diagnostic::error("E0216", name.span, message)
        .label(label)
        .help(format!(
            "write the size of the window after the name, `{example}` or `{example}x{usual}`, \
             or calculate it: `window=(k)`"
        ))
        .fix(name.span, example.clone(), format!("replace it by `{example}`"))
}
