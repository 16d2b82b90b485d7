//! Algebraic tidying of scalar expressions.
//!
//! Rules that hold for all finite operands; `0 * x` becomes 0 though x may be infinite, which
//! is what one wants of a derivative that is switched off. Nothing is reassociated, so the
//! rounding of what remains does not change.

use nnc_dsl::scalar::{Binary, Expr, Unary};

use super::map_children;

/// An equal expression, usually smaller.
pub fn simplify(expr: &Expr) -> Expr {
    let expr = map_children(expr, &mut |part| simplify(part));
    match &expr {
        Expr::Const(_) | Expr::Var(_) => expr,
        Expr::Unary(function, x) => unary(*function, x).unwrap_or(expr),
        Expr::Binary(function, a, b) => binary(*function, a, b).unwrap_or(expr),
        Expr::Select(_, parts) if parts[2] == parts[3] => parts[2].clone(),
        Expr::Select(..) => expr,
    }
}

fn unary(function: Unary, x: &Expr) -> Option<Expr> {
    match (function, x) {
        (_, Expr::Const(value)) => Some(Expr::Const(function.eval(*value))),
        (Unary::Neg, Expr::Unary(Unary::Neg, inner)) => Some((**inner).clone()),
        _ => None,
    }
}

fn binary(function: Binary, a: &Expr, b: &Expr) -> Option<Expr> {
    if let (Expr::Const(a), Expr::Const(b)) = (a, b) {
        return Some(Expr::Const(function.eval(*a, *b)));
    }
    match function {
        Binary::Add if is(a, 0.0) => Some(b.clone()),
        Binary::Add | Binary::Sub if is(b, 0.0) => Some(a.clone()),
        Binary::Add => negated(b).map(|b| a.clone() - b),
        Binary::Sub if is(a, 0.0) => Some(simplify(&b.clone().unary(Unary::Neg))),
        Binary::Sub => negated(b).map(|b| a.clone() + b),
        Binary::Mul => product(a, b).or_else(|| product(b, a)),
        Binary::Div if is(a, 0.0) => Some(Expr::Const(0.0)),
        Binary::Div if is(b, 1.0) => Some(a.clone()),
        Binary::Div | Binary::Max | Binary::Min => None,
    }
}

/// `x` of `-x`.
fn negated(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Unary(Unary::Neg, inner) => Some((**inner).clone()),
        _ => None,
    }
}

/// Rules of a product for one order of its factors.
fn product(a: &Expr, b: &Expr) -> Option<Expr> {
    match a {
        Expr::Const(0.0) => Some(Expr::Const(0.0)),
        Expr::Const(1.0) => Some(b.clone()),
        Expr::Const(-1.0) => Some(simplify(&b.clone().unary(Unary::Neg))),
        Expr::Unary(Unary::Neg, inner) => Some(simplify(&(b.clone() * (**inner).clone()).unary(Unary::Neg))),
        Expr::Select(compare, parts) if parts[2..].iter().all(|part| is(part, 0.0) || is(part, 1.0)) => {
            let [left, right, then, otherwise] = parts.as_ref().clone();
            let scaled = |switch: Expr| if is(&switch, 0.0) { switch } else { b.clone() };
            Some(Expr::select(*compare, left, right, scaled(then), scaled(otherwise)))
        }
        _ => None,
    }
}

fn is(expr: &Expr, value: f64) -> bool {
    matches!(expr, Expr::Const(found) if *found == value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::display;
    use nnc_dsl::scalar::Compare;

    #[test]
    fn a_switched_product_is_a_choice() {
        let (x, dy) = (Expr::var(0), Expr::var(1));
        let zero = Expr::Const(0.0);
        let mask = Expr::select(Compare::Greater, x, zero.clone(), Expr::Const(1.0), zero);
        let text = display(&simplify(&(dy * mask)), &["x".to_owned(), "dy".to_owned()]);
        assert_eq!(text, "select(x > 0, dy, 0)");
    }

    #[test]
    fn neutral_elements_vanish() {
        let x = Expr::var(0);
        let expr = (x.clone() * Expr::Const(1.0) + Expr::Const(0.0)) / Expr::Const(1.0);
        assert_eq!(simplify(&expr), x);
        assert_eq!(simplify(&(Expr::Const(0.0) - x.clone())), x.unary(Unary::Neg));
    }
}
