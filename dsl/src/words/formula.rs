//! Formulas: from the language's arithmetic to a scalar expression.
//!
//! The meaning of an activation is written as the user would write it, over the element `x`
//! and the word's arguments: `select(x > 0, x, slope*x)`. Arguments become constants here;
//! the compiler differentiates and simplifies the rest.

use crate::ast::{BinaryOp, Expr as Ast, ExprKind, Ident};
use crate::diagnostic::Span;
use crate::scalar::{Binary, Compare, Expr, Unary};

/// Why a formula has no meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaError {
    /// Where.
    pub span: Span,
    /// What is wrong, as a sentence.
    pub message: String,
}

/// The scalar expression of a formula in which `x` is the element and the other names have values.
pub fn scalar(formula: &Ast, values: &[(&str, f64)]) -> Result<Expr, FormulaError> {
    let inner = |part: &Ast| scalar(part, values);
    match &formula.kind {
        ExprKind::Number(value) => Ok(Expr::Const(*value)),
        ExprKind::Name(name) if name == "x" => Ok(Expr::Var(0)),
        ExprKind::Name(name) => match values.iter().find(|(known, _)| known == name) {
            Some((_, value)) => Ok(Expr::Const(*value)),
            None => refuse(formula.span, format!("the formula has no `{name}`")),
        },
        ExprKind::Neg(part) => Ok(inner(part)?.unary(Unary::Neg)),
        ExprKind::Binary(op, left, right) => match infix(*op) {
            Some(function) => Ok(inner(left)?.binary(function, inner(right)?)),
            None => refuse(formula.span, "only `+ - * /` give a number".into()),
        },
        ExprKind::Call(name, arguments) if name.value == "select" => select(name, arguments, values),
        ExprKind::Call(name, arguments) => call(name, arguments, values),
        ExprKind::Bool(_) => refuse(formula.span, "a truth value is no number".into()),
    }
}

fn infix(op: BinaryOp) -> Option<Binary> {
    match op {
        BinaryOp::Add => Some(Binary::Add),
        BinaryOp::Sub => Some(Binary::Sub),
        BinaryOp::Mul => Some(Binary::Mul),
        BinaryOp::Div => Some(Binary::Div),
        BinaryOp::Rem | BinaryOp::Less | BinaryOp::Greater => None,
    }
}

fn select(name: &Ident, arguments: &[Ast], values: &[(&str, f64)]) -> Result<Expr, FormulaError> {
    let [condition, then, otherwise] = arguments else {
        return refuse(name.span, "`select` takes a comparison and two values".into());
    };
    let ExprKind::Binary(op, left, right) = &condition.kind else {
        return refuse(condition.span, "the first argument of `select` is a comparison".into());
    };
    let compare = match op {
        BinaryOp::Less => Compare::Less,
        BinaryOp::Greater => Compare::Greater,
        _ => return refuse(condition.span, "the first argument of `select` is a comparison".into()),
    };
    let part = |part: &Ast| scalar(part, values);
    Ok(Expr::select(compare, part(left)?, part(right)?, part(then)?, part(otherwise)?))
}

fn call(name: &Ident, arguments: &[Ast], values: &[(&str, f64)]) -> Result<Expr, FormulaError> {
    match (unary(&name.value), binary(&name.value), arguments) {
        (Some(function), _, [x]) => Ok(scalar(x, values)?.unary(function)),
        (_, Some(function), [a, b]) => Ok(scalar(a, values)?.binary(function, scalar(b, values)?)),
        (None, None, _) => refuse(name.span, format!("no function is called `{}`", name.value)),
        _ => refuse(name.span, format!("`{}` takes another number of values", name.value)),
    }
}

fn unary(name: &str) -> Option<Unary> {
    match name {
        "abs" => Some(Unary::Abs),
        "exp" => Some(Unary::Exp),
        "log" => Some(Unary::Log),
        "sqrt" => Some(Unary::Sqrt),
        "tanh" => Some(Unary::Tanh),
        "sigmoid" => Some(Unary::Sigmoid),
        "erf" => Some(Unary::Erf),
        _ => None,
    }
}

fn binary(name: &str) -> Option<Binary> {
    match name {
        "max" => Some(Binary::Max),
        "min" => Some(Binary::Min),
        _ => None,
    }
}

fn refuse<T>(span: Span, message: String) -> Result<T, FormulaError> {
    Err(FormulaError { span, message })
}
