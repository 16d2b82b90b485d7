//! Branches that cannot be joined (E0303 to E0305, E0309, E0505).

use crate::ast::{Body, JoinWord, Spanned};
use crate::check::join::spreads;
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
    let mut diagnostic = Diagnostic::error("E0303", keyword, message)
        .label(match shortcut {
            Some(_) => format!("gets {input}"),
            None => format!("adds its input {input}"),
        })
        .at(last_word(body.body).unwrap_or(body.body.span), format!("the body ends in {}", body.shape));
    if let Some(shortcut) = &shortcut {
        let end = last_word(shortcut.body).unwrap_or(shortcut.body.span);
        diagnostic = diagnostic.at(end, format!("the shortcut ends in {other}"));
    }
    let Some(mend) = mend else { return diagnostic.help("end both branches in the same shape") };
    let diagnostic = diagnostic.help(format!("this would fit: `shortcut {{ {mend} }}`"));
    let (braces, message) = (format!("{{ {mend} }}"), "write the shortcut that fits");
    match shortcut {
        Some(shortcut) => diagnostic.suggest(shortcut.body.span, braces, message),
        None => {
            let end = Span::new(body.body.span.end, body.body.span.end);
            diagnostic.fix(end, format!(" shortcut {braces}"), message)
        }
    }
}

/// A value that a join reads.
pub(in crate::check) struct Operand {
    /// Where it comes from.
    pub(in crate::check) span: Span,
    /// What a message says before its shape.
    pub(in crate::check) what: String,
    /// Its shape, if it is known.
    pub(in crate::check) shape: Option<Shape>,
}

/// Values that do not fit together.
pub(in crate::check) fn operands(keyword: &Spanned<JoinWord>, operands: &[Operand]) -> Diagnostic {
    let word = keyword.value.name();
    let (code, rule) = match keyword.value {
        JoinWord::Add => ("E0304", "the same shape"),
        JoinWord::Concat => ("E0305", "the same height and width"),
        JoinWord::Mul => ("E0505", "the shape of the first, one number per channel or one per position"),
    };
    let is_named = operands.first().is_some_and(|first| first.what.starts_with("the present"));
    let message = match (keyword.value, is_named) {
        (JoinWord::Mul, _) => "`mul` cannot spread its factors over the first value".to_owned(),
        (_, true) => format!("the values of `{word}` do not have {rule}"),
        (_, false) => format!("the branches of `{word}` do not end in {rule}"),
    };
    let diagnostic = Diagnostic::error(code, keyword.span, message).label(format!("needs {rule}"));
    let diagnostic = operands.iter().fold(diagnostic, |diagnostic, operand| match &operand.shape {
        Some(shape) => diagnostic.at(operand.span, format!("{} {shape}", operand.what)),
        None => diagnostic,
    });
    match operands.iter().map(|operand| operand.shape.as_ref()).collect::<Vec<_>>()[..] {
        [Some(first), Some(second)] => advise(diagnostic, keyword, first, second, is_named),
        _ => diagnostic.help("change strides, pools or channels of a branch until they agree"),
    }
}

fn advise(
    diagnostic: Diagnostic,
    keyword: &Spanned<JoinWord>,
    first: &Shape,
    second: &Shape,
    is_named: bool,
) -> Diagnostic {
    let before = Span::new(keyword.span.start, keyword.span.start);
    let is_same_size = first.spatial() == second.spatial() && first.0.len() == second.0.len();
    match (keyword.value, ratio(first, second)) {
        (JoinWord::Mul, _) if spreads(first, second) => {
            diagnostic.help("the first value has the shape of the result: swap the two")
        }
        (JoinWord::Concat | JoinWord::Add, Some(factor)) if is_named => {
            let word = format!("upsample {factor}");
            let help = format!(
                "make the present value {factor} times as large before, with `{word}` or `deconv{factor}`"
            );
            diagnostic.help(help).suggest(before, format!("{word} "), format!("insert `{word}`"))
        }
        (JoinWord::Add, None) if is_named && is_same_size => {
            let word = format!("conv1 {}", second.channels());
            diagnostic.help(format!("put `{word}` before it")).suggest(
                before,
                format!("{word} "),
                format!("insert `{word}`"),
            )
        }
        _ => diagnostic.help("change strides, pools or channels of a branch until they agree"),
    }
}

/// How many times as large the second map is, along each axis.
fn ratio(first: &Shape, second: &Shape) -> Option<usize> {
    let (small, large) = (first.spatial(), second.spatial());
    let factor = large.first()?.checked_div(*small.first()?).filter(|factor| *factor > 1)?;
    (small.len() == large.len() && small.iter().zip(large).all(|(a, b)| a * factor == *b)).then_some(factor)
}

/// A join of fewer than two branches.
pub(in crate::check) fn too_few(keyword: &Spanned<JoinWord>, braces: Span) -> Diagnostic {
    let word = keyword.value.name();
    Diagnostic::error("E0309", keyword.span, format!("`{word}` joins two branches or more, but has one"))
        .label("nothing to join")
        .at(braces, "one branch")
        .help(format!("separate branches by `|`, as in `{word} {{ conv3 16 | identity }}`"))
}

/// The joined channels are too many.
pub(in crate::check) fn too_large(keyword: &Spanned<JoinWord>) -> Diagnostic {
    let message = format!("the result of `{}` has too many elements", keyword.value.name());
    Diagnostic::error("E0308", keyword.span, message)
        .label("too large")
        .help("use fewer channels in the branches")
}
