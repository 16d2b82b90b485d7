//! The table of optimisers: each update as scalar expressions over one element of the flat
//! buffers. A new optimiser is one row here and one in the language's list of names.

use nnc_dsl::model::OptimizerKind;
use nnc_dsl::scalar::{Compare, Expr, Unary};

/// An update rule.
pub struct UpdateRule {
    /// Names of the states, each a flat buffer that starts at zero.
    pub states: &'static [&'static str],
    /// The new parameter, then the new states, over the variables of [`variable_names`].
    pub exprs: Vec<Expr>,
}

/// Names of the variables of an optimiser's expressions, in order.
pub fn variable_names(kind: OptimizerKind) -> Vec<&'static str> {
    let own = ["parameter", "gradient", "decay", "step"].into_iter();
    own.chain(states(kind).iter().copied()).chain(hyperparameters(kind)).collect()
}

/// The variables that are the same for all elements of a step: the decay, the step and the
/// hyperparameters.
pub fn is_uniform(kind: OptimizerKind, variable: usize) -> bool {
    variable == 2 || variable == 3 || variable >= 4 + states(kind).len()
}

/// The rule of an optimiser.
pub fn update_rule(kind: OptimizerKind) -> UpdateRule {
    let exprs = match kind {
        OptimizerKind::Adadelta => adadelta(&Variables(kind)),
        OptimizerKind::Sgd => sgd(&Variables(kind)),
        OptimizerKind::Adam => adam(&Variables(kind)),
    };
    UpdateRule { states: states(kind), exprs }
}

/// Weight decay comes as the variable `decay`, since only weights take it.
fn hyperparameters(kind: OptimizerKind) -> impl Iterator<Item = &'static str> {
    kind.hyperparameters().iter().map(|(name, _)| *name).filter(|name| *name != "weight_decay")
}

fn states(kind: OptimizerKind) -> &'static [&'static str] {
    match kind {
        OptimizerKind::Adadelta => &["square_average", "accumulated_delta"],
        OptimizerKind::Sgd => &["momentum_buffer"],
        OptimizerKind::Adam => &["first_moment", "second_moment"],
    }
}

struct Variables(OptimizerKind);

impl Variables {
    fn get(&self, name: &str) -> Expr {
        let index = variable_names(self.0).iter().position(|found| *found == name);
        Expr::Var(index.unwrap_or_else(|| unreachable!("`{name}` stands in the table above")))
    }

    /// The gradient with the derivative of ½ · decay · parameter².
    fn decayed_gradient(&self) -> Expr {
        self.get("gradient") + self.get("decay") * self.get("parameter")
    }
}

fn one() -> Expr {
    Expr::Const(1.0)
}

fn sqrt(x: Expr) -> Expr {
    x.unary(Unary::Sqrt)
}

/// rate · old + (1 − rate) · new
fn average(rate: &Expr, old: Expr, new: Expr) -> Expr {
    rate.clone() * old + (one() - rate.clone()) * new
}

/// Zeiler 2012, algorithm 1, with PyTorch's learning rate and place of eps.
fn adadelta(v: &Variables) -> Vec<Expr> {
    let (gradient, rho, eps) = (v.decayed_gradient(), v.get("rho"), v.get("eps"));
    let square = average(&rho, v.get("square_average"), gradient.clone() * gradient.clone());
    let scale = sqrt(v.get("accumulated_delta") + eps.clone()) / sqrt(square.clone() + eps);
    let delta = scale * gradient;
    let accumulated = average(&rho, v.get("accumulated_delta"), delta.clone() * delta.clone());
    vec![v.get("parameter") - v.get("lr") * delta, square, accumulated]
}

/// Sutskever et al. 2013 in PyTorch's form: v ← momentum · v + g, then a step along v, or along
/// g + momentum · v with Nesterov.
fn sgd(v: &Variables) -> Vec<Expr> {
    let (gradient, momentum) = (v.decayed_gradient(), v.get("momentum"));
    let buffer = momentum.clone() * v.get("momentum_buffer") + gradient.clone();
    let ahead = gradient + momentum * buffer.clone();
    let direction =
        Expr::select(Compare::Greater, v.get("nesterov"), Expr::Const(0.0), ahead, buffer.clone());
    vec![v.get("parameter") - v.get("lr") * direction, buffer]
}

/// Kingma & Ba 2014, algorithm 1. βᵗ is written e^(t·ln β).
fn adam(v: &Variables) -> Vec<Expr> {
    let gradient = v.decayed_gradient();
    let (beta1, beta2) = (v.get("beta1"), v.get("beta2"));
    let correction = |beta: &Expr| one() - (v.get("step") * beta.clone().unary(Unary::Log)).unary(Unary::Exp);
    let first = average(&beta1, v.get("first_moment"), gradient.clone());
    let second = average(&beta2, v.get("second_moment"), gradient.clone() * gradient);
    let deviation = sqrt(second.clone()) / sqrt(correction(&beta2)) + v.get("eps");
    let rate = v.get("lr") / correction(&beta1);
    vec![v.get("parameter") - rate * (first.clone() / deviation), first, second]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of PyTorch 2.15 in double precision on one parameter of 1.5 with gradients 0.5, −0.25, 1.0
    /// and weight decay 0.01 (`tests/pytorch/optimizers.py` prints them).
    fn steps(kind: OptimizerKind) -> Vec<f64> {
        let rule = update_rule(kind);
        let hyper: Vec<f64> = kind
            .hyperparameters()
            .iter()
            .filter(|(name, _)| *name != "weight_decay")
            .map(|(_, value)| *value)
            .collect();
        let mut parameter = 1.5;
        let mut states = vec![0.0; rule.states.len()];
        let mut seen = Vec::new();
        for (step, gradient) in [0.5, -0.25, 1.0].into_iter().enumerate() {
            let mut operands = vec![parameter, gradient, 0.01, step as f64 + 1.0];
            operands.extend(states.iter().chain(&hyper));
            let results: Vec<f64> = rule.exprs.iter().map(|expr| expr.eval(&operands)).collect();
            parameter = results[0];
            states.copy_from_slice(&results[1..]);
            seen.push(parameter);
        }
        seen
    }

    #[test]
    fn agree_with_pytorch() {
        let expected = [
            (OptimizerKind::Adadelta, [1.4968377819531455, 1.4987764288941154, 1.4945210951821186]),
            (OptimizerKind::Sgd, [1.451075, 1.45258897875, 1.3469745838451874]),
            (OptimizerKind::Adam, [1.4990000000194175, 1.4986995194062434, 1.4980284311027945]),
        ];
        for (kind, values) in expected {
            for (found, wanted) in steps(kind).into_iter().zip(values) {
                assert!((found - wanted).abs() < 1e-12, "{kind:?}: {found}, PyTorch has {wanted}");
            }
        }
    }
}
