//! Branches that cannot be joined (E0303 to E0305, E0309).

use crate::ast::{Body, JoinWord, Spanned};
use crate::check::walk::last_word;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Shape;

/// What a residual's message shows of one of its branches.
pub(in crate::check) struct Branch<'a> {
    /// Its statements.
    pub(in crate::check) body: &'a Body,
    /// The shape that it ends in.
    pub(in crate::check) shape: &'a Shape,
}

/// A residual whose body and other branch end in different shapes. `mend` is a shortcut that
/// would give the body's shape.
pub(in crate::check) fn residual(
    keyword: Span,
    input: &Shape,
    body: Branch,
    shortcut: Option<Branch>,
    mend: Option<&str>,
) -> Diagnostic {
    let other = shortcut.as_ref().map_or(input, |shortcut| shortcut.shape);
    let message =
        format!("the branches of `residual` end in {} and {other}, which cannot be added", body.shape);
    let diagnostic = Diagnostic::error("E0303", keyword, message)
        .label(match shortcut {
            Some(_) => format!("gets {input}"),
            None => format!("adds its input {input}"),
        })
        .at(last_word(body.body).unwrap_or(body.body.span), format!("the body ends in {}", body.shape));
    match (shortcut, mend) {
        (Some(shortcut), mend) => {
            let end = last_word(shortcut.body).unwrap_or(shortcut.body.span);
            let diagnostic = diagnostic.at(end, format!("the shortcut ends in {other}"));
            suggest(diagnostic, shortcut.body.span, mend, "")
        }
        (None, mend) => {
            let end = Span::new(body.body.span.end, body.body.span.end);
            suggest(diagnostic, end, mend, " shortcut ")
        }
    }
}

fn suggest(diagnostic: Diagnostic, span: Span, mend: Option<&str>, before: &str) -> Diagnostic {
    match mend {
        Some(mend) => diagnostic.help(format!("this would fit: `shortcut {{ {mend} }}`")).fix(
            span,
            format!("{before}{{ {mend} }}"),
            "write the shortcut that fits",
        ),
        None => diagnostic.help("end both branches in the same shape"),
    }
}

/// Branches of `add` or `concat` that do not fit together. `ends` holds each branch's end and shape.
pub(in crate::check) fn branches(keyword: &Spanned<JoinWord>, ends: &[(Span, &Shape)]) -> Diagnostic {
    let (code, word, rule) = match keyword.value {
        JoinWord::Add => ("E0304", "add", "the same shape"),
        JoinWord::Concat => ("E0305", "concat", "the same height and width"),
    };
    let message = format!("the branches of `{word}` do not end in {rule}");
    let diagnostic = Diagnostic::error(code, keyword.span, message)
        .label(format!("needs {rule}"))
        .help("change strides, pools or channels of a branch until they agree");
    ends.iter().enumerate().fold(diagnostic, |diagnostic, (index, (span, shape))| {
        diagnostic.at(*span, format!("branch {} ends in {shape}", index + 1))
    })
}

/// A join of fewer than two branches.
pub(in crate::check) fn too_few(keyword: &Spanned<JoinWord>, braces: Span) -> Diagnostic {
    let word = word(keyword.value);
    Diagnostic::error("E0309", keyword.span, format!("`{word}` joins two branches or more, but has one"))
        .label("nothing to join")
        .at(braces, "one branch")
        .help(format!("separate branches by `|`, as in `{word} {{ conv3 16 | identity }}`"))
}

/// The joined channels are too many.
pub(in crate::check) fn too_large(keyword: &Spanned<JoinWord>) -> Diagnostic {
    let message = format!("the result of `{}` has too many elements", word(keyword.value));
    Diagnostic::error("E0308", keyword.span, message)
        .label("too large")
        .help("use fewer channels in the branches")
}

fn word(word: JoinWord) -> &'static str {
    match word {
        JoinWord::Add => "add",
        JoinWord::Concat => "concat",
    }
}
