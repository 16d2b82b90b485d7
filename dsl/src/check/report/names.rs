//! Names: unknown, defined twice, taken, or circular (E0201, E0202, E0210, E0211).

use super::list;
use crate::ast::{Block, Ident, Word};
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
                [one] => diagnostic.note(format!("the only block of this text is `{one}`")),
                _ => diagnostic.note(format!("the blocks of this text are {}", list(blocks))),
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
            meant,
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

/// A block with the name of a layer.
pub(in crate::check) fn taken_by_word(name: &Ident) -> Diagnostic {
    Diagnostic::error("E0210", name.span, format!("`{}` is a word of the language", name.value))
        .label("cannot be redefined")
        .help(format!("give the block another name, such as `my_{}`", name.value))
}

/// A network whose name cannot be that of a Rust type.
pub(in crate::check) fn rust_keyword(name: &Ident) -> Diagnostic {
    Diagnostic::error("E0210", name.span, format!("`{}` is a keyword of Rust", name.value))
        .label("becomes the name of a Rust type")
        .help("give the network another name")
}

/// The word that closes a circle of blocks.
pub(in crate::check) fn circle(word: &Word, circle: &[&Block]) -> Diagnostic {
    let first = circle.first().map_or("", |block| block.name.value.as_str());
    let names: Vec<&str> = circle.iter().map(|block| block.name.value.as_str()).chain([first]).collect();
    let message = match circle {
        [block] => format!("the block `{}` uses itself", block.name.value),
        _ => format!("blocks use each other in a circle: {}", names.join(" → ")),
    };
    let diagnostic = Diagnostic::error("E0211", word.name.span, message)
        .label("would never end")
        .help("a block cannot use itself, as nothing would stop it; `repeat n { … }` says how often");
    circle.iter().fold(diagnostic, |diagnostic, block| {
        diagnostic.at(block.name.span, format!("`{}` begins here", block.name.value))
    })
}
