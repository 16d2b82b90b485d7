//! Arguments to their places.

use super::report::arguments::{self, Signature};
use super::sink::Sink;
use crate::ast::{Expr, Ident, Word};
use crate::diagnostic::Span;

/// The expression of each argument of the signature, by position first, where the text has one.
pub(super) fn bind<'w>(word: &'w Word, signature: &Signature, sink: &mut Sink) -> Vec<Option<&'w Expr>> {
    let takes = signature.positional.len();
    if word.positional.len() > takes {
        sink.report(arguments::too_many(word, signature));
    }
    let names: Vec<&str> = signature.positional.iter().chain(&signature.named).copied().collect();
    let mut bound: Vec<Option<&Expr>> = vec![None; names.len()];
    let mut first: Vec<Option<Span>> = vec![None; names.len()];
    for (index, expr) in word.positional.iter().take(takes).enumerate() {
        bound[index] = Some(expr);
        first[index] = Some(expr.span);
    }
    for (name, expr) in &word.named {
        match place(name, &names) {
            None => sink.report(arguments::unknown(word, name, signature)),
            Some(index) => match first[index] {
                Some(first) => sink.report(arguments::twice(word, name, first)),
                None => {
                    bound[index] = Some(expr);
                    first[index] = Some(name.span);
                }
            },
        }
    }
    bound
}

fn place(name: &Ident, names: &[&str]) -> Option<usize> {
    names.iter().position(|known| *known == name.value)
}
