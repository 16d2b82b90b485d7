//! Files that a text uses (E0105, E0510, E0511).

use crate::ast::Ident;
use crate::check::load::MAX_FILES;
use crate::diagnostic::Diagnostic;
use crate::syntax::MAX_TEXT;

/// A file that cannot be read.
pub(in crate::check) fn unreadable(path: &Ident, why: &str) -> Diagnostic {
    Diagnostic::error("E0510", path.span, format!("the file \"{}\" cannot be read: {why}", path.value))
        .label("not there")
        .help("a path is relative to the file that it is written in")
}

/// Files that use each other.
pub(in crate::check) fn circle(path: &Ident, circle: &[&str]) -> Diagnostic {
    let first = circle.first().copied().unwrap_or_default();
    let message = match circle {
        [_] => "the file uses itself".to_owned(),
        _ => format!("files use each other in a circle: {} → {first}", circle.join(" → ")),
    };
    Diagnostic::error("E0511", path.span, message)
        .label("closes the circle")
        .help("put what both need into a third file")
}

/// More files, or more text in all of them, than a model has.
pub(in crate::check) fn too_many(path: &Ident) -> Diagnostic {
    let message = format!("the files together are more than {MAX_FILES}, or longer than {MAX_TEXT} bytes");
    Diagnostic::error("E0105", path.span, message)
        .label("the limit is passed here")
        .help("is this a model? one holds a few thousand bytes")
}
