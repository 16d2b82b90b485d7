//! Expressions to values.

use super::report::numbers;
use super::report::{arguments, names, shapes};
use super::scope::{Scope, Side};
use super::sink::Sink;
use super::value::{FUNCTIONS, Value};
use crate::ast::{Expr, ExprKind, Ident};
use crate::words::{Range, nearest};

/// The value of an expression; none after a mistake, which has been reported.
pub(super) fn evaluate(expr: &Expr, scope: &mut Scope, sink: &mut Sink) -> Option<Value> {
    let result = match &expr.kind {
        ExprKind::Number(value) => Value::number(*value),
        ExprKind::Bool(value) => Ok(Value::Bool(*value)),
        ExprKind::Name(name) => return find(name, expr, scope, sink),
        ExprKind::Neg(inner) => evaluate(inner, scope, sink)?.negated(),
        ExprKind::Not(inner) => evaluate(inner, scope, sink)?.inverted(),
        ExprKind::Binary(op, left, right) => {
            let left = evaluate(left, scope, sink);
            let right = evaluate(right, scope, sink)?;
            left?.infix(*op, right)
        }
        ExprKind::Call(name, arguments) => return call(name, arguments, expr, scope, sink),
        ExprKind::Sides(_) | ExprKind::List(_) => {
            sink.report(numbers::several(expr));
            return None;
        }
    };
    result.map_err(|fault| sink.report(numbers::fault(expr, fault))).ok()
}

fn find(name: &str, expr: &Expr, scope: &mut Scope, sink: &mut Sink) -> Option<Value> {
    if let Some(value) = scope.find(name) {
        return value;
    }
    match scope.side(name) {
        Side::Size(size) => return Value::number(size as f64).ok(),
        Side::Unknown => return None,
        Side::Missing(shape) => {
            sink.report(shapes::no_side(name, expr.span, &shape));
            return None;
        }
        Side::NoName => {}
    }
    let mut visible: Vec<&str> = scope.visible().collect();
    visible.extend(scope.sides().iter().filter(|side| !scope.visible().any(|name| name == **side)));
    let meant = nearest(name, visible.iter().copied());
    if meant.is_none() && scope.is_incomplete() {
        return None;
    }
    let ident = Ident { value: name.to_owned(), span: expr.span };
    sink.report(names::unknown_name(&ident, meant, &visible));
    None
}

fn call(name: &Ident, arguments: &[Expr], expr: &Expr, scope: &mut Scope, sink: &mut Sink) -> Option<Value> {
    let values: Vec<Option<Value>> =
        arguments.iter().map(|argument| evaluate(argument, scope, sink)).collect();
    let Some(function) = FUNCTIONS.iter().find(|function| function.name == name.value) else {
        sink.report(numbers::unknown_function(name));
        return None;
    };
    if function.arity != values.len() {
        sink.report(numbers::wrong_arity(name, function, values.len()));
        return None;
    }
    let values: Vec<Value> = values.into_iter().collect::<Option<_>>()?;
    function.apply(&values).map_err(|fault| sink.report(numbers::fault(expr, fault))).ok()
}

/// A place that takes a value: what messages call it, and what else one could do there.
pub(super) struct Place<'a> {
    /// Such as ``the `stride` of `conv3` ``.
    pub(super) name: &'a str,
    /// Help for a value out of range.
    pub(super) advice: &'a str,
    /// The whole text.
    pub(super) text: &'a str,
}

/// A value as a whole number in a range.
pub(super) fn whole(value: Value, expr: &Expr, range: Range, place: &Place, sink: &mut Sink) -> Option<i64> {
    match value {
        Value::Int(number) if range.contains(number as f64) => return Some(number),
        Value::Int(_) => {
            sink.report(arguments::out_of_range(place.name, range, value, expr.span, place.advice));
        }
        Value::Real(number) if number.fract() == 0.0 => sink.report(numbers::too_large(expr, number)),
        Value::Real(number) => {
            let source = place.text.get(expr.span.range()).unwrap_or_default();
            sink.report(arguments::not_whole(place.name, number, expr.span, source));
        }
        Value::Bool(_) => {
            sink.report(arguments::wrong_kind(place.name, "a whole number", value, expr.span));
        }
    }
    None
}

/// A value as a number in a range.
pub(super) fn real(value: Value, expr: &Expr, range: Range, place: &Place, sink: &mut Sink) -> Option<f64> {
    let Some(number) = value.real() else {
        sink.report(arguments::wrong_kind(place.name, "a number", value, expr.span));
        return None;
    };
    if range.contains(number) {
        return Some(number);
    }
    sink.report(arguments::out_of_range(place.name, range, value, expr.span, place.advice));
    None
}

/// A value as a truth value.
pub(super) fn flag(value: Value, expr: &Expr, place: &Place, sink: &mut Sink) -> Option<bool> {
    let Value::Bool(flag) = value else {
        sink.report(arguments::wrong_kind(place.name, "`true` or `false`", value, expr.span));
        return None;
    };
    Some(flag)
}
