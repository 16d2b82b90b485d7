//! Expressions as C, in the subset that kernel texts are written in.
//!
//! The functions are the C library's in single precision, and those that `common.h` of the kernel
//! language defines where that has none or treats NaN otherwise.

use nnc_dsl::scalar::Expr;

use super::print::{Printed, Syntax, print};

/// Several expressions over the same operands as C.
#[derive(Clone, Debug)]
pub struct CExpr {
    /// Shared parts, in order: `const float t0 = …;`
    pub declarations: Vec<String>,
    /// One result per expression.
    pub results: Vec<String>,
}

/// Prints expressions with `names` for the variables and `prefix` for the shared parts.
pub fn to_c(exprs: &[Expr], names: &[String], prefix: &str) -> CExpr {
    let Printed { shared, results } = print(C { names, prefix }, exprs);
    let declaration = |(index, value)| format!("const float {prefix}{index} = {value};");
    CExpr { declarations: shared.into_iter().enumerate().map(declaration).collect(), results }
}

struct C<'a> {
    names: &'a [String],
    prefix: &'a str,
}

impl Syntax for C<'_> {
    type Text = String;

    fn variable(&self, index: usize) -> String {
        self.names[index].clone()
    }

    fn shared(&self, index: usize) -> String {
        format!("{}{index}", self.prefix)
    }

    fn literal(&self, magnitude: f32) -> String {
        format!("{magnitude:?}f")
    }

    fn nan(&self) -> String {
        "as_float(0x7fc00000u)".to_owned()
    }

    /// Two signs in a row would be a decrement.
    fn negation(&self, x: String) -> String {
        if x.starts_with('-') { format!("-({x})") } else { format!("-{x}") }
    }

    fn parentheses(&self, x: String) -> String {
        format!("({x})")
    }

    fn infix(&self, a: String, sign: char, b: String) -> String {
        format!("{a} {sign} {b}")
    }

    fn call(&self, function: &str, arguments: &[String]) -> String {
        let arguments = arguments.join(", ");
        match function {
            "abs" => format!("fabsf({arguments})"),
            "sigmoid" | "max" | "min" => format!("nnc_{function}({arguments})"),
            _ => format!("{function}f({arguments})"),
        }
    }

    fn choice(&self, sign: char, [left, right, then, otherwise]: [String; 4]) -> String {
        format!("{left} {sign} {right} ? {then} : {otherwise}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_dsl::scalar::{Binary, Compare, Unary};

    fn printed(expr: &Expr) -> String {
        let names = ["x", "y"].map(str::to_owned);
        let CExpr { declarations, results } = to_c(std::slice::from_ref(expr), &names, "t");
        [declarations, results].concat().join(" ")
    }

    #[test]
    fn parts_and_functions() {
        let [x, y] = [0, 1].map(Expr::var);
        let s = x.clone().unary(Unary::Sigmoid);
        assert_eq!(
            printed(&(s.clone() * (Expr::Const(1.0) - s))),
            "const float t0 = nnc_sigmoid(x); t0 * (1.0f - t0)"
        );
        let functions =
            x.clone().unary(Unary::Abs).unary(Unary::Log).binary(Binary::Min, y.unary(Unary::Erf));
        assert_eq!(printed(&functions), "nnc_min(logf(fabsf(x)), erff(y))");
    }

    #[test]
    fn numbers() {
        let numbers = [1.0, 1e-5, 0.1, 1e300, f64::NAN, f64::NEG_INFINITY].map(|value| {
            let expr = Expr::var(0) + Expr::Const(value);
            printed(&expr).split_once(" + ").map(|(_, number)| number.to_owned()).unwrap_or_default()
        });
        let largest = "3.4028235e38f";
        let expected = ["1.0f", "1e-5f", "0.1f", largest, "as_float(0x7fc00000u)", "-3.4028235e38f"];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn signs_and_choices_keep_apart() {
        let x = || Expr::var(0);
        let twice = x().unary(Unary::Neg).unary(Unary::Neg);
        assert_eq!(printed(&twice), "-(-x)");
        assert_eq!(printed(&(x() - Expr::Const(-2.0))), "x - -2.0f");
        let choice = |then| Expr::select(Compare::Greater, x(), Expr::Const(0.0), then, Expr::Const(-1.0));
        assert_eq!(printed(&(choice(choice(x())) * x())), "(x > 0.0f ? x > 0.0f ? x : -1.0f : -1.0f) * x");
    }
}
