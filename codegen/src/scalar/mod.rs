//! Working with scalar expressions: the one road of every activation, loss term and
//! optimiser update from formula to derivative to source text.

mod c;
mod derivative;
mod display;
mod print;
mod rust;
mod simplify;

use std::collections::BTreeSet;

use nnc_dsl::scalar::Expr;

pub use c::{CExpr, to_c};
pub use derivative::derivative;
pub use display::display;
pub use rust::{Let, RustExpr, to_rust};
pub use simplify::simplify;

/// The variables that an expression mentions, in order.
pub fn variables(expr: &Expr) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    collect(expr, &mut found);
    found
}

fn collect(expr: &Expr, found: &mut BTreeSet<usize>) {
    if let Expr::Var(index) = expr {
        found.insert(*index);
    }
    children(expr).into_iter().for_each(|child| collect(child, found));
}

/// The direct parts of an expression.
pub fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Const(_) | Expr::Var(_) => Vec::new(),
        Expr::Unary(_, x) => vec![x],
        Expr::Binary(_, a, b) => vec![a, b],
        Expr::Select(_, parts) => parts.iter().collect(),
    }
}

/// The expression with every part replaced by `change` of it; parts first.
pub fn map_children(expr: &Expr, change: &mut impl FnMut(&Expr) -> Expr) -> Expr {
    match expr {
        Expr::Const(_) | Expr::Var(_) => expr.clone(),
        Expr::Unary(function, x) => change(x).unary(*function),
        Expr::Binary(function, a, b) => {
            let (a, b) = (change(a), change(b));
            a.binary(*function, b)
        }
        Expr::Select(compare, parts) => {
            let [left, right, then, otherwise] = parts.as_ref();
            Expr::select(*compare, change(left), change(right), change(then), change(otherwise))
        }
    }
}

/// The expression with each variable replaced.
pub fn substitute(expr: &Expr, replace: &impl Fn(usize) -> Expr) -> Expr {
    match expr {
        Expr::Var(index) => replace(*index),
        _ => map_children(expr, &mut |part| substitute(part, replace)),
    }
}

/// Number of parts, leaves included.
pub fn size(expr: &Expr) -> usize {
    1 + children(expr).into_iter().map(size).sum::<usize>()
}

/// Drops operands that no expression mentions, but for the first `keep`.
pub fn compact<T: Clone>(exprs: &[Expr], operands: &[T], keep: usize) -> (Vec<Expr>, Vec<T>) {
    let mentioned: BTreeSet<usize> = exprs.iter().flat_map(variables).chain(0..keep).collect();
    let place = |old: usize| mentioned.iter().position(|index| *index == old).unwrap_or_default();
    let exprs = exprs.iter().map(|expr| substitute(expr, &|index| Expr::Var(place(index)))).collect();
    (exprs, mentioned.iter().map(|index| operands[*index].clone()).collect())
}
