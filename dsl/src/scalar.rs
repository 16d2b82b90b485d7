//! Scalar expressions: the meaning of every element-wise operation.
//!
//! An activation, a loss term or an optimiser update is an [`Expr`] over numbered
//! variables. This module is the data type alone; the compiler differentiates,
//! simplifies, fuses and prints it.

/// A scalar function of the variables `Var(0)`, `Var(1)`, …
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A literal.
    Const(f64),
    /// The n-th operand.
    Var(usize),
    /// A function of one argument.
    Unary(Unary, Box<Expr>),
    /// A function of two arguments.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `if left OP right { then } else { otherwise }`. A comparison with NaN is false.
    Select(Compare, Box<[Expr; 4]>),
}

/// Functions of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unary {
    /// −x
    Neg,
    /// |x|
    Abs,
    /// eˣ
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root.
    Sqrt,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// The Gauss error function.
    Erf,
}

/// Functions of two arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Binary {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a · b
    Mul,
    /// a / b
    Div,
    /// The larger one; NaN if either is.
    Max,
    /// The smaller one; NaN if either is.
    Min,
}

/// Comparisons, used by [`Expr::Select`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compare {
    /// a < b
    Less,
    /// a > b
    Greater,
}

impl Expr {
    /// `Var(index)`.
    pub fn var(index: usize) -> Expr {
        Expr::Var(index)
    }

    /// `function(self)`.
    pub fn unary(self, function: Unary) -> Expr {
        Expr::Unary(function, Box::new(self))
    }

    /// `function(self, other)`.
    pub fn binary(self, function: Binary, other: Expr) -> Expr {
        Expr::Binary(function, Box::new(self), Box::new(other))
    }

    /// `if left OP right { then } else { otherwise }`.
    pub fn select(compare: Compare, left: Expr, right: Expr, then: Expr, otherwise: Expr) -> Expr {
        Expr::Select(compare, Box::new([left, right, then, otherwise]))
    }

    /// The value at the given operands, in double precision.
    ///
    /// # Panics
    /// If a variable has no operand.
    pub fn eval(&self, operands: &[f64]) -> f64 {
        match self {
            Expr::Const(value) => *value,
            Expr::Var(index) => operands[*index],
            Expr::Unary(function, x) => function.eval(x.eval(operands)),
            Expr::Binary(function, a, b) => function.eval(a.eval(operands), b.eval(operands)),
            Expr::Select(compare, parts) => {
                let [left, right, then, otherwise] = parts.as_ref();
                let chosen = match compare {
                    Compare::Less => left.eval(operands) < right.eval(operands),
                    Compare::Greater => left.eval(operands) > right.eval(operands),
                };
                if chosen { then } else { otherwise }.eval(operands)
            }
        }
    }
}

impl Unary {
    /// The value at `x`.
    pub fn eval(self, x: f64) -> f64 {
        match self {
            Unary::Neg => -x,
            Unary::Abs => x.abs(),
            Unary::Exp => x.exp(),
            Unary::Log => x.ln(),
            Unary::Sqrt => x.sqrt(),
            Unary::Tanh => x.tanh(),
            Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Unary::Erf => erf(x),
        }
    }
}

impl Binary {
    /// The value at `(a, b)`.
    pub fn eval(self, a: f64, b: f64) -> f64 {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Max if a.is_nan() || b.is_nan() => f64::NAN,
            Binary::Max => a.max(b),
            Binary::Min if a.is_nan() || b.is_nan() => f64::NAN,
            Binary::Min => a.min(b),
        }
    }
}

/// erf by its Maclaurin series for |x| < 3, by the continued fraction of erfc
/// beyond (Abramowitz & Stegun 7.1.6 and 7.1.14); about 1e-15 relative.
fn erf(x: f64) -> f64 {
    let magnitude = x.abs();
    let two_over_sqrt_pi = std::f64::consts::FRAC_2_SQRT_PI;
    if x.is_nan() {
        x
    } else if magnitude < 3.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..100 {
            term *= 2.0 * x * x / (2 * n + 1) as f64;
            sum += term;
        }
        two_over_sqrt_pi * (-x * x).exp() * sum
    } else {
        let fraction = (1..=60).rev().fold(magnitude, |tail, n| magnitude + n as f64 / 2.0 / tail);
        let erfc = (-x * x).exp() / fraction * two_over_sqrt_pi / 2.0;
        (1.0 - erfc).copysign(x)
    }
}

macro_rules! operator {
    ($($trait:ident, $method:ident, $function:ident;)*) => {$(
        impl std::ops::$trait for Expr {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                self.binary(Binary::$function, other)
            }
        }
    )*};
}

operator! {
    Add, add, Add;
    Sub, sub, Sub;
    Mul, mul, Mul;
    Div, div, Div;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_matches_known_values() {
        // Abramowitz & Stegun, table 7.1.
        for (x, expected) in [
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (3.5, 0.999_999_256_901_627_7),
            (-1.0, -0.842_700_792_949_714_9),
        ] {
            assert!((erf(x) - expected).abs() < 1e-14, "erf({x}) = {}", erf(x));
        }
    }
}
