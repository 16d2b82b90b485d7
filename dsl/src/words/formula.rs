//! Formulas: from the language's arithmetic to a scalar expression.
//!
//! The meaning of an activation is written as the user would write it, over the element
//! and its arguments: `select(x > 0, x, slope*x)`. Arguments become constants here;
//! the compiler differentiates and simplifies the rest.

use crate::ast::{BinaryOp, Expr as Ast, ExprKind, Ident};
use crate::diagnostic::Span;
use crate::scalar::{Binary, Compare, Expr, Unary};

/// The functions that a formula may call, in the order of the documentation.
pub const FORMULA_FUNCTIONS: [&str; 10] =
    ["abs", "exp", "log", "sqrt", "tanh", "sigmoid", "erf", "min", "max", "select"];

/// Why a formula has no meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaError {
    /// Where.
    pub span: Span,
    /// What is wrong, as a sentence.
    pub message: String,
}

/// The scalar expression of a formula in which `element` is the element and the other names have values.
pub fn scalar(formula: &Ast, element: &str, values: &[(&str, f64)]) -> Result<Expr, FormulaError> {
    Names { element, values }.number(formula)
}

/// The names that a formula knows.
#[derive(Clone, Copy)]
struct Names<'a> {
    element: &'a str,
    values: &'a [(&'a str, f64)],
}

impl Names<'_> {
    fn number(self, formula: &Ast) -> Result<Expr, FormulaError> {
        match &formula.kind {
            ExprKind::Number(value) => Ok(Expr::Const(*value)),
            ExprKind::Name(name) if name == self.element => Ok(Expr::Var(0)),
            ExprKind::Name(name) => match self.values.iter().find(|(known, _)| known == name) {
                Some((_, value)) => Ok(Expr::Const(*value)),
                None => refuse(formula.span, format!("the formula has no `{name}`")),
            },
            ExprKind::Neg(part) => Ok(self.number(part)?.unary(Unary::Neg)),
            ExprKind::Binary(op, left, right) => match infix(*op) {
                Some(function) => Ok(self.number(left)?.binary(function, self.number(right)?)),
                None => refuse(formula.span, "only `+ - * /` give a number".into()),
            },
            ExprKind::Call(name, arguments) if name.value == "select" => self.select(name, arguments),
            ExprKind::Call(name, arguments) => self.call(name, arguments),
            ExprKind::Bool(_) | ExprKind::Not(_) => refuse(formula.span, "a truth value is no number".into()),
            ExprKind::Sides(_) | ExprKind::List(_) => {
                refuse(formula.span, "several numbers are no number".into())
            }
        }
    }

    fn select(self, name: &Ident, arguments: &[Ast]) -> Result<Expr, FormulaError> {
        let [condition, then, otherwise] = arguments else {
            return refuse(name.span, "`select` takes a condition and two values".into());
        };
        let (then, otherwise) = (self.number(then)?, self.number(otherwise)?);
        if let Some((compare, left, right)) = self.comparison(condition)? {
            return Ok(Expr::select(compare, left, right, then, otherwise));
        }
        let holds = self.indicator(condition)?;
        Ok(Expr::select(Compare::Greater, holds, Expr::Const(0.5), then, otherwise))
    }

    /// `a < b` or `a > b`
    fn comparison(self, condition: &Ast) -> Result<Option<(Compare, Expr, Expr)>, FormulaError> {
        let ExprKind::Binary(op, left, right) = &condition.kind else { return Ok(None) };
        let compare = match op {
            BinaryOp::Less => Compare::Less,
            BinaryOp::Greater => Compare::Greater,
            _ => return Ok(None),
        };
        Ok(Some((compare, self.number(left)?, self.number(right)?)))
    }

    /// A condition as 1 where it holds and 0 where it does not. So conditions of conditions grow no faster
    /// than their text, which they would if each one chose between copies of both values.
    fn indicator(self, condition: &Ast) -> Result<Expr, FormulaError> {
        if let Some((compare, left, right)) = self.comparison(condition)? {
            return Ok(Expr::select(compare, left, right, Expr::Const(1.0), Expr::Const(0.0)));
        }
        let swapped = |compare, left: &Ast, right: &Ast| {
            let (left, right) = (self.number(left)?, self.number(right)?);
            Ok(Expr::select(compare, left, right, Expr::Const(0.0), Expr::Const(1.0)))
        };
        match &condition.kind {
            ExprKind::Binary(BinaryOp::LessEqual, left, right) => swapped(Compare::Greater, left, right),
            ExprKind::Binary(BinaryOp::GreaterEqual, left, right) => swapped(Compare::Less, left, right),
            ExprKind::Binary(BinaryOp::And, a, b) => {
                Ok(self.indicator(a)?.binary(Binary::Min, self.indicator(b)?))
            }
            ExprKind::Binary(BinaryOp::Or, a, b) => {
                Ok(self.indicator(a)?.binary(Binary::Max, self.indicator(b)?))
            }
            ExprKind::Not(inner) => Ok(Expr::Const(1.0) - self.indicator(inner)?),
            ExprKind::Bool(value) => Ok(Expr::Const(f64::from(u8::from(*value)))),
            ExprKind::Binary(BinaryOp::Equal | BinaryOp::NotEqual, ..) => {
                let reason = "compare with `<`, `>`, `<=` or `>=`: no two computed elements are surely equal";
                refuse(condition.span, reason.into())
            }
            _ => refuse(condition.span, "the first argument of `select` is a condition".into()),
        }
    }

    fn call(self, name: &Ident, arguments: &[Ast]) -> Result<Expr, FormulaError> {
        match (unary(&name.value), binary(&name.value), arguments) {
            (Some(function), _, [x]) => Ok(self.number(x)?.unary(function)),
            (_, Some(function), [a, b]) => Ok(self.number(a)?.binary(function, self.number(b)?)),
            (None, None, _) => refuse(name.span, format!("no function is called `{}`", name.value)),
            _ => refuse(name.span, format!("`{}` takes another number of values", name.value)),
        }
    }
}

fn infix(op: BinaryOp) -> Option<Binary> {
    match op {
        BinaryOp::Add => Some(Binary::Add),
        BinaryOp::Sub => Some(Binary::Sub),
        BinaryOp::Mul => Some(Binary::Mul),
        BinaryOp::Div => Some(Binary::Div),
        BinaryOp::Rem
        | BinaryOp::Less
        | BinaryOp::Greater
        | BinaryOp::LessEqual
        | BinaryOp::GreaterEqual
        | BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::And
        | BinaryOp::Or => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse_formula;

    #[test]
    fn conditions_may_be_joined() {
        let formula = parse_formula("select(not (x <= 0) and x < 2 or x >= 5, 1, k)").unwrap();
        let formula = scalar(&formula, "x", &[("k", -1.0)]).unwrap();
        let values = [-1.0, 0.0, 1.0, 2.0, 5.0].map(|x| formula.eval(&[x]));
        assert_eq!(values, [-1.0, -1.0, 1.0, -1.0, 1.0]);
    }

    #[test]
    fn mistakes_have_places() {
        for (text, part) in [
            ("x + y", "no `y`"),
            ("select(x == 0, 1, 2)", "surely equal"),
            ("x % 2", "`+ - * /`"),
            ("tan(x)", "no function"),
            ("exp(x, 2)", "another number"),
            ("true", "truth value"),
        ] {
            let message = scalar(&parse_formula(text).unwrap(), "x", &[]).unwrap_err().message;
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn every_listed_function_is_known() {
        for name in FORMULA_FUNCTIONS {
            assert!(unary(name).is_some() || binary(name).is_some() || name == "select", "{name}");
        }
    }
}
