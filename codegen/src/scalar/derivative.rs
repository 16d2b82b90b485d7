//! The symbolic derivative of a scalar expression.

use nnc_dsl::scalar::{Binary, Compare, Expr, Unary};

use super::simplify;

/// ∂expr/∂Var(variable), simplified.
///
/// Where a function has a corner, the derivative is that of the branch that the function
/// takes there: `max(x, 0)` has derivative 0 at 0, as in PyTorch.
pub fn derivative(expr: &Expr, variable: usize) -> Expr {
    simplify(&raw(expr, variable))
}

fn raw(expr: &Expr, variable: usize) -> Expr {
    match expr {
        Expr::Const(_) => Expr::Const(0.0),
        Expr::Var(index) => Expr::Const(if *index == variable { 1.0 } else { 0.0 }),
        Expr::Unary(function, x) => unary(*function, x) * raw(x, variable),
        Expr::Binary(function, a, b) => binary(*function, a, b, raw(a, variable), raw(b, variable)),
        Expr::Select(compare, parts) => {
            let [left, right, then, otherwise] = parts.as_ref();
            let (then, otherwise) = (raw(then, variable), raw(otherwise, variable));
            Expr::select(*compare, left.clone(), right.clone(), then, otherwise)
        }
    }
}

/// The derivative of the function at `x`.
fn unary(function: Unary, x: &Expr) -> Expr {
    let x = x.clone();
    let one = Expr::Const(1.0);
    let y = x.clone().unary(function);
    match function {
        Unary::Neg => Expr::Const(-1.0),
        Unary::Abs => Expr::select(Compare::Less, x, Expr::Const(0.0), Expr::Const(-1.0), one),
        Unary::Exp => y,
        Unary::Log => one / x,
        Unary::Sqrt => Expr::Const(0.5) / y,
        Unary::Tanh => one - y.clone() * y,
        Unary::Sigmoid => y.clone() * (one - y),
        Unary::Erf => {
            let square = x.clone() * x;
            Expr::Const(std::f64::consts::FRAC_2_SQRT_PI) * square.unary(Unary::Neg).unary(Unary::Exp)
        }
    }
}

fn binary(function: Binary, a: &Expr, b: &Expr, da: Expr, db: Expr) -> Expr {
    let (a, b) = (a.clone(), b.clone());
    match function {
        Binary::Add => da + db,
        Binary::Sub => da - db,
        Binary::Mul => da * b + a * db,
        Binary::Div => da / b.clone() - a * db / (b.clone() * b),
        Binary::Max => Expr::select(Compare::Greater, a, b, da, db),
        Binary::Min => Expr::select(Compare::Less, a, b, da, db),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::display;

    fn x() -> Expr {
        Expr::var(0)
    }

    fn shown(expr: &Expr) -> String {
        display(&derivative(expr, 0), &["x".to_owned()])
    }

    #[test]
    fn of_relu_is_a_choice() {
        assert_eq!(shown(&x().binary(Binary::Max, Expr::Const(0.0))), "select(x > 0, 1, 0)");
    }

    #[test]
    fn of_a_line_is_its_slope() {
        assert_eq!(shown(&(x() * Expr::Const(3.0) + Expr::Const(1.0))), "3");
    }

    #[test]
    fn agrees_with_differences_for_every_function() {
        let functions = [
            Unary::Neg,
            Unary::Abs,
            Unary::Exp,
            Unary::Log,
            Unary::Sqrt,
            Unary::Tanh,
            Unary::Sigmoid,
            Unary::Erf,
        ];
        let mut cases: Vec<Expr> = functions.iter().map(|function| x().unary(*function)).collect();
        cases.push(x() / (x() * x() + Expr::Const(1.0)));
        cases.push(x().unary(Unary::Sigmoid).binary(Binary::Max, x().unary(Unary::Tanh)));
        cases.push((x() * x()).binary(Binary::Min, x()));
        for expr in cases {
            for at in [0.3, 0.7, 1.9] {
                let step = 1e-6;
                let difference = (expr.eval(&[at + step]) - expr.eval(&[at - step])) / (2.0 * step);
                let exact = derivative(&expr, 0).eval(&[at]);
                assert!((difference - exact).abs() < 1e-7, "{expr:?} at {at}: {exact}, not {difference}");
            }
        }
    }
}
