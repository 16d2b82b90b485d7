//! Arithmetic that has no value, and functions that do not exist (E0208, E0209).

use super::{count, list};
use crate::ast::{Expr, Ident};
use crate::check::value::{FUNCTIONS, Fault, Function};
use crate::diagnostic::Diagnostic;
use crate::words::{Found, find, nearest};

/// An operation without a value.
pub(in crate::check) fn fault(expr: &Expr, fault: Fault) -> Diagnostic {
    let (message, help) = match fault {
        Fault::Overflow => ("this number is too large", "use a smaller one"),
        Fault::DivisionByZero => ("this divides by zero", "make the divisor another number"),
        Fault::NotNumbers => (
            "this calculates with a truth value",
            "use numbers, or choose one with `select(condition, a, b)`",
        ),
        Fault::NotTruthValues => {
            ("this takes a number for a truth value", "compare it, as in `n > 0`, or write `true` or `false`")
        }
        Fault::Undefined => ("this has no value", "the function is not defined for this number"),
    };
    Diagnostic::error("E0208", expr.span, message).label("here").help(help)
}

/// Several numbers where one value belongs.
pub(in crate::check) fn several(expr: &Expr) -> Diagnostic {
    Diagnostic::error("E0206", expr.span, "these are several numbers, but one value belongs here")
        .label("more than one")
        .help("write a single number")
}

/// A whole number that is too large to be held exactly.
pub(in crate::check) fn too_large(expr: &Expr, value: f64) -> Diagnostic {
    fault(expr, Fault::Overflow).label(format!("is {value}"))
}

/// A function that does not exist.
pub(in crate::check) fn unknown_function(name: &Ident) -> Diagnostic {
    let names = || FUNCTIONS.iter().map(|function| function.name);
    let diagnostic = Diagnostic::error("E0209", name.span, format!("no function is called `{}`", name.value))
        .label("unknown function");
    match nearest(&name.value, names()) {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).fix(
            name.span,
            meant,
            format!("replace it by `{meant}`"),
        ),
        None if !matches!(find(&name.value), Found::Nothing) => {
            diagnostic.help(format!("`{}` is a word: the expression before it lacks a value", name.value))
        }
        None => diagnostic.help(format!("the functions are {}", list(names()))),
    }
}

/// A function with too few or too many values.
pub(in crate::check) fn wrong_arity(name: &Ident, function: &Function, given: usize) -> Diagnostic {
    let takes = count(function.arity, "value");
    let verb = if given == 1 { "is" } else { "are" };
    Diagnostic::error("E0209", name.span, format!("`{}` takes {takes}, but {given} {verb} given", name.value))
        .label(format!("takes {takes}"))
        .help("separate the values by commas")
}
