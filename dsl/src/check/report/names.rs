//! Names: unknown, defined twice, taken, or circular (E0201, E0202, E0210, E0211).

use super::{in_place_of, list};
use crate::ast::{Ident, Word};
use crate::check::symbols::Definition;
use crate::diagnostic::Diagnostic;
use crate::words::{Found, find};

/// A word that is neither a layer nor a block.
pub(in crate::check) fn unknown_word(name: &Ident, meant: Option<&str>, blocks: &[&str]) -> Diagnostic {
    let message = format!("no word or block is called `{}`", name.value);
    let diagnostic = Diagnostic::error("E0201", name.span, message).label("unknown word");
    match meant {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).fix(
            name.span,
            meant,
            format!("replace it by `{meant}`"),
        ),
        None => {
            let help = format!("use a word of the language, or define `block {}(…) {{ … }}`", name.value);
            let diagnostic = diagnostic.help(help);
            match blocks {
                [] => diagnostic,
                [one] => diagnostic.note(format!("the text defines only `{one}`")),
                _ => diagnostic.note(format!("the text defines {}", list(blocks))),
            }
        }
    }
}

/// A name in an expression that has no value there.
pub(in crate::check) fn unknown_name(name: &Ident, meant: Option<&str>, visible: &[&str]) -> Diagnostic {
    let message = format!("no value is called `{}` here", name.value);
    let diagnostic = Diagnostic::error("E0202", name.span, message).label("unknown name");
    match meant {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).fix(
            name.span,
            in_place_of(&name.value, name.span, meant),
            format!("replace it by `{meant}`"),
        ),
        None if !matches!(find(&name.value), Found::Nothing) => {
            diagnostic.help(format!("`{}` is a word: the argument before it lacks its value", name.value))
        }
        None => {
            let help = format!("declare it as a parameter, or with `let {} = …` before", name.value);
            let note = format!("the names known here are {}", list(visible));
            let diagnostic = diagnostic.help(help);
            if visible.is_empty() { diagnostic } else { diagnostic.note(note) }
        }
    }
}

/// A second definition of the same name.
pub(in crate::check) fn defined_twice(what: &str, name: &Ident, first: &Ident) -> Diagnostic {
    Diagnostic::error("E0210", name.span, format!("the {what} `{}` is defined twice", name.value))
        .label("second definition")
        .at(first.span, "first definition")
        .help("rename or delete one of them")
}

/// A definition with the name of a layer.
pub(in crate::check) fn taken_by_word(what: &str, name: &Ident) -> Diagnostic {
    Diagnostic::error("E0210", name.span, format!("`{}` is a word of the language", name.value))
        .label("cannot be redefined")
        .help(format!("give the {what} another name, such as `my_{}`", name.value))
}

/// A network whose name cannot be that of a Rust type.
pub(in crate::check) fn rust_keyword(name: &Ident) -> Diagnostic {
    Diagnostic::error("E0210", name.span, format!("`{}` is a keyword of Rust", name.value))
        .label("becomes the name of a Rust type")
        .help("give the network another name")
}

/// Longer circles are not named in full.
const LONG: usize = 8;

/// The word that closes a circle of definitions.
pub(in crate::check) fn circle(word: &Word, circle: &[Definition]) -> Diagnostic {
    let idents: Vec<&Ident> = circle.iter().filter_map(|one| one.name()).collect();
    let first = idents.first().map(|first| first.value.as_str());
    let names: Vec<&str> = idents.iter().map(|name| name.value.as_str()).chain(first).collect();
    let is_network = circle.iter().any(|one| matches!(one, Definition::Network(_)));
    let what = if is_network { "network" } else { "block" };
    let message = match names[..] {
        [name, _] => format!("the {what} `{name}` uses itself"),
        [first, second, .., last] if names.len() > LONG => {
            format!("{} {what}s use each other in a circle: {first} → {second} → … → {last}", idents.len())
        }
        _ => format!("{what}s use each other in a circle: {}", names.join(" → ")),
    };
    let help =
        format!("a {what} cannot use itself, as nothing would stop it; `repeat n {{ … }}` says how often");
    let diagnostic = Diagnostic::error("E0211", word.name.span, message).label("would never end").help(help);
    idents.iter().take(LONG).fold(diagnostic, |diagnostic, name| {
        diagnostic.at(name.span, format!("`{}` begins here", name.value))
    })
}
