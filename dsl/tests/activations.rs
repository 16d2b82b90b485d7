//! Activations against PyTorch's definitions, and their behaviour in single precision.

use nnc_dsl::model::{Layer, StepKind};
use nnc_dsl::scalar::{Binary, Compare, Expr, Unary};
use nnc_dsl::words::{Meaning, WORDS};
use nnc_dsl::{Entry, Options, check};

fn formula(word: &str) -> Expr {
    let text = format!("network N<2 -> 2> {{ {word} }}");
    let outcome = check(&text, Entry::File, &Options::default());
    let model =
        outcome.models.into_iter().next().unwrap_or_else(|| panic!("{word}: {:?}", outcome.diagnostics));
    match &model.body.steps[0].kind {
        StepKind::Layer(Layer::Activation(formula)) => formula.clone(),
        other => panic!("{word}: {other:?}"),
    }
}

#[test]
fn values_are_those_of_the_definitions() {
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let softplus = |x: f64| x.exp().ln_1p();
    type Case<'c> = (&'c str, &'c dyn Fn(f64) -> f64);
    let cases: [Case; 18] = [
        ("relu", &|x: f64| x.max(0.0)),
        ("relu6", &|x: f64| x.clamp(0.0, 6.0)),
        ("lrelu", &|x: f64| if x > 0.0 { x } else { 0.01 * x }),
        ("elu alpha=2", &|x: f64| if x > 0.0 { x } else { 2.0 * x.exp_m1() }),
        ("selu", &|x: f64| 1.0507009873554805 * if x > 0.0 { x } else { 1.6732632423543772 * x.exp_m1() }),
        ("celu alpha=2", &|x: f64| x.max(0.0) + (2.0 * (x / 2.0).exp_m1()).min(0.0)),
        ("gelu_tanh", &|x: f64| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }),
        ("silu", &|x: f64| x * logistic(x)),
        ("mish", &|x: f64| x * softplus(x).tanh()),
        ("softplus", &softplus),
        ("softplus beta=3", &|x: f64| softplus(3.0 * x) / 3.0),
        ("softsign", &|x: f64| x / (1.0 + x.abs())),
        ("sigmoid", &logistic),
        ("hard_sigmoid", &|x: f64| {
            if x <= -3.0 {
                0.0
            } else if x >= 3.0 {
                1.0
            } else {
                x / 6.0 + 0.5
            }
        }),
        ("hard_swish", &|x: f64| {
            if x <= -3.0 {
                0.0
            } else if x >= 3.0 {
                x
            } else {
                x * (x + 3.0) / 6.0
            }
        }),
        ("tanh", &f64::tanh),
        ("hard_tanh", &|x: f64| x.clamp(-1.0, 1.0)),
        ("hard_tanh low=-2 high=0.5", &|x: f64| x.clamp(-2.0, 0.5)),
    ];
    for (word, expected) in cases {
        let formula = formula(word);
        for x in [-7.0, -3.0, -1.5, -0.25, 0.0, 0.5, 1.0, 2.5, 3.0, 9.0] {
            let (found, expected) = (formula.eval(&[x]), expected(x));
            assert!((found - expected).abs() < 1e-9, "{word}({x}) = {found}, not {expected}");
        }
    }
}

#[test]
fn nothing_overflows_in_single_precision() {
    for word in WORDS.iter().filter(|word| matches!(word.meaning, Meaning::Formula(_))) {
        let formula = formula(word.name);
        for x in [-1e10, -1e4, -200.0, -90.0, 90.0, 200.0, 1e4, 1e10] {
            let (single, double) = (single(&formula, x as f32), formula.eval(&[x]));
            let error = (f64::from(single) - double).abs() / double.abs().max(1.0);
            assert!(error < 1e-5, "{}({x}) = {single}, not {double}", word.name);
        }
    }
}

/// The value in single precision, every step rounded.
fn single(formula: &Expr, x: f32) -> f32 {
    match formula {
        Expr::Const(value) => *value as f32,
        Expr::Var(_) => x,
        Expr::Unary(function, part) => {
            let part = single(part, x);
            match function {
                Unary::Exp => part.exp(),
                Unary::Log => part.ln(),
                Unary::Sigmoid => 1.0 / (1.0 + (-part).exp()),
                Unary::Tanh => part.tanh(),
                Unary::Neg | Unary::Abs | Unary::Sqrt | Unary::Erf => function.eval(f64::from(part)) as f32,
            }
        }
        Expr::Binary(function, a, b) => {
            let (a, b) = (single(a, x), single(b, x));
            match function {
                Binary::Add => a + b,
                Binary::Sub => a - b,
                Binary::Mul => a * b,
                Binary::Div => a / b,
                Binary::Max => a.max(b),
                Binary::Min => a.min(b),
            }
        }
        Expr::Select(compare, parts) => {
            let [left, right, then, otherwise] = parts.as_ref();
            let (left, right) = (single(left, x), single(right, x));
            let holds = match compare {
                Compare::Less => left < right,
                Compare::Greater => left > right,
            };
            single(if holds { then } else { otherwise }, x)
        }
    }
}
