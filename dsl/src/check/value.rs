//! Values of expressions, and arithmetic that stays exact as long as it can.
//!
//! Whole numbers are `i64` and overflow is a mistake, not a wrap; a quotient that comes out
//! even stays whole, any other is real. What a place accepts is not decided here.

use std::fmt;

use crate::ast::BinaryOp;

/// The value of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// A whole number.
    Int(i64),
    /// Any other number, finite.
    Real(f64),
    /// A truth value.
    Bool(bool),
}

/// Why an operation has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The result is too large to be held.
    Overflow,
    /// The divisor is zero.
    DivisionByZero,
    /// An operand is no number.
    NotNumbers,
    /// An operand is no truth value.
    NotTruthValues,
    /// The function has no value there, such as the root of a negative number.
    Undefined,
}

impl Value {
    /// The value of a literal or of a computation: whole if it is, real otherwise.
    pub(super) fn number(value: f64) -> Result<Value, Fault> {
        // Beyond 2^53 neighbouring whole numbers share one f64, so it says nothing exact any more.
        let exact = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
        match value {
            value if exact => Ok(Value::Int(value as i64)),
            value if value.is_finite() => Ok(Value::Real(value)),
            value if value.is_nan() => Err(Fault::Undefined),
            _ => Err(Fault::Overflow),
        }
    }

    /// As a number; truth values have none.
    pub(super) fn real(self) -> Option<f64> {
        match self {
            Value::Int(value) => Some(value as f64),
            Value::Real(value) => Some(value),
            Value::Bool(_) => None,
        }
    }

    /// As the checked model keeps it: a truth value is 0 or 1.
    pub(super) fn stored(self) -> f64 {
        self.real().unwrap_or(f64::from(u8::from(self == Value::Bool(true))))
    }

    /// `-self`
    pub(super) fn negated(self) -> Result<Value, Fault> {
        match self {
            Value::Int(value) => value.checked_neg().map(Value::Int).ok_or(Fault::Overflow),
            Value::Real(value) => Ok(Value::Real(-value)),
            Value::Bool(_) => Err(Fault::NotNumbers),
        }
    }

    /// `not self`
    pub(super) fn inverted(self) -> Result<Value, Fault> {
        match self {
            Value::Bool(value) => Ok(Value::Bool(!value)),
            Value::Int(_) | Value::Real(_) => Err(Fault::NotTruthValues),
        }
    }

    /// `self OP other`
    pub(super) fn infix(self, op: BinaryOp, other: Value) -> Result<Value, Fault> {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => truths(op, a, b),
            (Value::Int(a), Value::Int(b)) => whole(op, a, b),
            _ => match (self.real(), other.real()) {
                (Some(a), Some(b)) => reals(op, a, b),
                _ if matches!(op, BinaryOp::And | BinaryOp::Or) => Err(Fault::NotTruthValues),
                _ => Err(Fault::NotNumbers),
            },
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Value::Int(value) => write!(f, "{value}"),
            Value::Real(value) => write!(f, "{value}"),
            Value::Bool(value) => write!(f, "{value}"),
        }
    }
}

fn whole(op: BinaryOp, a: i64, b: i64) -> Result<Value, Fault> {
    let divides = matches!(op, BinaryOp::Div | BinaryOp::Rem);
    if divides && b == 0 {
        return Err(Fault::DivisionByZero);
    }
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        BinaryOp::Mul => a.checked_mul(b),
        BinaryOp::Div if a.checked_rem(b).is_none_or(|rest| rest == 0) => a.checked_div(b),
        BinaryOp::Div => return Value::number(a as f64 / b as f64),
        BinaryOp::Rem => a.checked_rem(b),
        BinaryOp::Less => return Ok(Value::Bool(a < b)),
        BinaryOp::Greater => return Ok(Value::Bool(a > b)),
        BinaryOp::LessEqual => return Ok(Value::Bool(a <= b)),
        BinaryOp::GreaterEqual => return Ok(Value::Bool(a >= b)),
        BinaryOp::Equal => return Ok(Value::Bool(a == b)),
        BinaryOp::NotEqual => return Ok(Value::Bool(a != b)),
        BinaryOp::And | BinaryOp::Or => return Err(Fault::NotTruthValues),
    };
    result.map(Value::Int).ok_or(Fault::Overflow)
}

fn reals(op: BinaryOp, a: f64, b: f64) -> Result<Value, Fault> {
    match op {
        BinaryOp::Add => Value::number(a + b),
        BinaryOp::Sub => Value::number(a - b),
        BinaryOp::Mul => Value::number(a * b),
        BinaryOp::Div | BinaryOp::Rem if b == 0.0 => Err(Fault::DivisionByZero),
        BinaryOp::Div => Value::number(a / b),
        BinaryOp::Rem => Value::number(a % b),
        BinaryOp::Less => Ok(Value::Bool(a < b)),
        BinaryOp::Greater => Ok(Value::Bool(a > b)),
        BinaryOp::LessEqual => Ok(Value::Bool(a <= b)),
        BinaryOp::GreaterEqual => Ok(Value::Bool(a >= b)),
        BinaryOp::Equal => Ok(Value::Bool(a == b)),
        BinaryOp::NotEqual => Ok(Value::Bool(a != b)),
        BinaryOp::And | BinaryOp::Or => Err(Fault::NotTruthValues),
    }
}

fn truths(op: BinaryOp, a: bool, b: bool) -> Result<Value, Fault> {
    match op {
        BinaryOp::And => Ok(Value::Bool(a && b)),
        BinaryOp::Or => Ok(Value::Bool(a || b)),
        BinaryOp::Equal => Ok(Value::Bool(a == b)),
        BinaryOp::NotEqual => Ok(Value::Bool(a != b)),
        _ => Err(Fault::NotNumbers),
    }
}

/// A function of numbers that expressions may call.
pub(super) struct Function {
    /// Its name.
    pub(super) name: &'static str,
    /// How many values it takes.
    pub(super) arity: usize,
    apply: fn(&[Value]) -> Result<Value, Fault>,
}

/// All of them, in the order of the documentation.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "min", arity: 2, apply: |v| choose(v, BinaryOp::Less) },
    Function { name: "max", arity: 2, apply: |v| choose(v, BinaryOp::Greater) },
    Function { name: "abs", arity: 1, apply: |v| if sign(v)? { v[0].negated() } else { Ok(v[0]) } },
    Function { name: "floor", arity: 1, apply: |v| rounded(v, f64::floor) },
    Function { name: "ceil", arity: 1, apply: |v| rounded(v, f64::ceil) },
    Function { name: "round", arity: 1, apply: |v| rounded(v, f64::round) },
    Function { name: "sqrt", arity: 1, apply: |v| real(v, f64::sqrt) },
    Function { name: "exp", arity: 1, apply: |v| real(v, f64::exp) },
    Function { name: "log", arity: 1, apply: |v| real(v, f64::ln) },
    Function { name: "select", arity: 3, apply: select },
];

impl Function {
    /// Its value at the given ones, which are as many as it takes.
    pub(super) fn apply(&self, values: &[Value]) -> Result<Value, Fault> {
        (self.apply)(values)
    }
}

fn choose(values: &[Value], op: BinaryOp) -> Result<Value, Fault> {
    let first = values[0].infix(op, values[1])?;
    Ok(if first == Value::Bool(true) { values[0] } else { values[1] })
}

fn sign(values: &[Value]) -> Result<bool, Fault> {
    Ok(values[0].infix(BinaryOp::Less, Value::Int(0))? == Value::Bool(true))
}

fn rounded(values: &[Value], function: fn(f64) -> f64) -> Result<Value, Fault> {
    match values[0] {
        Value::Int(value) => Ok(Value::Int(value)),
        _ => real(values, function),
    }
}

fn real(values: &[Value], function: fn(f64) -> f64) -> Result<Value, Fault> {
    Value::number(function(values[0].real().ok_or(Fault::NotNumbers)?))
}

fn select(values: &[Value]) -> Result<Value, Fault> {
    match values[0] {
        Value::Bool(true) => Ok(values[1]),
        Value::Bool(false) => Ok(values[2]),
        _ => Err(Fault::NotNumbers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, values: &[Value]) -> Result<Value, Fault> {
        FUNCTIONS.iter().find(|function| function.name == name).unwrap().apply(values)
    }

    #[test]
    fn whole_numbers_stay_whole() {
        assert_eq!(Value::Int(10).infix(BinaryOp::Div, Value::Int(5)), Ok(Value::Int(2)));
        assert_eq!(Value::Int(10).infix(BinaryOp::Div, Value::Int(4)), Ok(Value::Real(2.5)));
        assert_eq!(Value::Real(0.5).infix(BinaryOp::Mul, Value::Int(64)), Ok(Value::Int(32)));
        assert_eq!(call("floor", &[Value::Real(3.7)]), Ok(Value::Int(3)));
        assert_eq!(call("max", &[Value::Int(3), Value::Real(3.5)]), Ok(Value::Real(3.5)));
        assert_eq!(call("abs", &[Value::Int(-3)]), Ok(Value::Int(3)));
        assert_eq!(call("sqrt", &[Value::Int(2)]), Ok(Value::Real(2_f64.sqrt())));
    }

    #[test]
    fn comparisons_and_truth_values() {
        let holds = |a, op, b| Value::infix(a, op, b) == Ok(Value::Bool(true));
        assert!(holds(Value::Int(2), BinaryOp::LessEqual, Value::Int(2)));
        assert!(holds(Value::Int(2), BinaryOp::GreaterEqual, Value::Real(1.5)));
        assert!(holds(Value::Int(2), BinaryOp::NotEqual, Value::Int(3)));
        assert!(holds(Value::Real(0.5), BinaryOp::Equal, Value::Real(0.5)));
        // Both zeros are one number, although their bits differ.
        assert!(holds(Value::Real(-0.0), BinaryOp::Equal, Value::Int(0)));
        assert!(holds(Value::Bool(true), BinaryOp::NotEqual, Value::Bool(false)));
        assert!(holds(Value::Bool(true), BinaryOp::And, Value::Bool(false).inverted().unwrap()));
        assert!(!holds(Value::Bool(false), BinaryOp::Or, Value::Bool(false)));
    }

    #[test]
    fn faults_are_found() {
        let max = Value::Int(i64::MAX);
        assert_eq!(max.infix(BinaryOp::Add, Value::Int(1)), Err(Fault::Overflow));
        assert_eq!(Value::Int(i64::MIN).infix(BinaryOp::Div, Value::Int(-1)), Err(Fault::Overflow));
        assert_eq!(Value::Int(1).infix(BinaryOp::Rem, Value::Int(0)), Err(Fault::DivisionByZero));
        assert_eq!(Value::Bool(true).infix(BinaryOp::Add, Value::Int(0)), Err(Fault::NotNumbers));
        assert_eq!(Value::Int(1).infix(BinaryOp::And, Value::Int(0)), Err(Fault::NotTruthValues));
        assert_eq!(Value::Bool(true).infix(BinaryOp::Or, Value::Int(0)), Err(Fault::NotTruthValues));
        assert_eq!(Value::Int(1).inverted(), Err(Fault::NotTruthValues));
        assert_eq!(call("sqrt", &[Value::Int(-1)]), Err(Fault::Undefined));
        assert_eq!(call("exp", &[Value::Int(1000)]), Err(Fault::Overflow));
    }
}
