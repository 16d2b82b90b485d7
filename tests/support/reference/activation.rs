//! Functions of each element, and their slopes by dual numbers.

use std::f64::consts::FRAC_2_SQRT_PI;

use nnc_dsl::scalar::{Binary, Compare, Expr, Unary};

use super::parallel::for_each_chunk;
use super::tensor::Tensor;

pub(super) fn forward(x: &Tensor, function: &Expr) -> Tensor {
    let mut y = x.clone();
    for_each_chunk(&mut y.data, x.positions(), |_, y| {
        y.iter_mut().for_each(|value| *value = function.eval(&[*value]));
    });
    y
}

pub(super) fn gradient(x: &Tensor, function: &Expr, dy: &Tensor) -> Tensor {
    let mut dx = dy.clone();
    for_each_chunk(&mut dx.data, x.positions(), |plane, dx| {
        for (dx, x) in dx.iter_mut().zip(x.plane(plane / x.channels(), plane % x.channels())) {
            *dx *= dual(function, *x).slope;
        }
    });
    dx
}

/// value + slope · ε, with ε² = 0.
#[derive(Clone, Copy)]
struct Dual {
    value: f64,
    slope: f64,
}

/// The function at x + ε.
fn dual(function: &Expr, x: f64) -> Dual {
    match function {
        Expr::Const(value) => Dual { value: *value, slope: 0.0 },
        Expr::Var(index) => {
            assert_eq!(*index, 0, "an activation has one operand");
            Dual { value: x, slope: 1.0 }
        }
        Expr::Unary(function, inner) => unary(*function, dual(inner, x)),
        Expr::Binary(function, a, b) => binary(*function, dual(a, x), dual(b, x)),
        Expr::Select(compare, parts) => {
            let [left, right, then, otherwise] = parts.as_ref();
            let (left, right) = (dual(left, x).value, dual(right, x).value);
            let chosen = match compare {
                Compare::Less => left < right,
                Compare::Greater => left > right,
            };
            dual(if chosen { then } else { otherwise }, x)
        }
    }
}

fn unary(function: Unary, x: Dual) -> Dual {
    let value = function.eval(x.value);
    let factor = match function {
        Unary::Neg => -1.0,
        Unary::Abs => x.value.signum(),
        Unary::Exp => value,
        Unary::Log => 1.0 / x.value,
        Unary::Sqrt => 0.5 / value,
        Unary::Tanh => 1.0 / x.value.cosh().powi(2),
        Unary::Sigmoid => (-x.value).exp() / (1.0 + (-x.value).exp()).powi(2),
        Unary::Erf => FRAC_2_SQRT_PI * (-x.value * x.value).exp(),
    };
    Dual { value, slope: factor * x.slope }
}

fn binary(function: Binary, a: Dual, b: Dual) -> Dual {
    let slope = match function {
        Binary::Add => a.slope + b.slope,
        Binary::Sub => a.slope - b.slope,
        Binary::Mul => a.slope * b.value + a.value * b.slope,
        Binary::Div => (a.slope * b.value - a.value * b.slope) / (b.value * b.value),
        // At a corner the second operand counts: relu is max(x, 0), and has slope 0 at 0.
        Binary::Max => {
            if a.value > b.value {
                a.slope
            } else {
                b.slope
            }
        }
        Binary::Min => {
            if a.value < b.value {
                a.slope
            } else {
                b.slope
            }
        }
    };
    Dual { value: function.eval(a.value, b.value), slope }
}
