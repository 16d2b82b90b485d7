//! What an optimiser makes of a gradient, with PyTorch's formulas.

use std::collections::BTreeMap;

use nnc_dsl::model::{self, OptimizerKind};

use super::spec::Spec;

/// The memory of an optimiser.
#[derive(Default)]
pub(crate) struct Optimizer {
    /// Steps so far.
    steps: i32,
    /// Two moving averages per element of each parameter.
    moments: BTreeMap<String, Vec<[f64; 2]>>,
}

impl Optimizer {
    /// Begins a step.
    pub(crate) fn begin(&mut self) {
        self.steps += 1;
    }

    /// Where the elements of a parameter move to.
    pub(crate) fn moved(
        &mut self,
        how: &model::Optimizer,
        spec: &Spec,
        values: &[f64],
        gradient: &[f64],
    ) -> Vec<f64> {
        let set = |name: &str| {
            let names = how.kind.hyperparameters().iter().map(|(name, _)| *name);
            let found = names.zip(&how.values).find(|(own, _)| *own == name);
            *found.expect("the optimiser has it").1
        };
        let is_weight = spec.shape.len() > 1;
        let (lr, decay) = (set("lr") * spec.learning_rate, if is_weight { set("weight_decay") } else { 0.0 });
        let steps = self.steps;
        let moments = self.moments.entry(spec.name.clone()).or_insert_with(|| vec![[0.0; 2]; values.len()]);
        let move_one = |((value, gradient), moments): ((&f64, &f64), &mut [f64; 2])| {
            let gradient = gradient + decay * value;
            let direction = match how.kind {
                OptimizerKind::Sgd => momentum(moments, gradient, set("momentum"), set("nesterov") != 0.0),
                OptimizerKind::Adam => {
                    adam(moments, gradient, [set("beta1"), set("beta2")], set("eps"), steps)
                }
                OptimizerKind::Adadelta => adadelta(moments, gradient, set("rho"), set("eps")),
            };
            value - lr * direction
        };
        values.iter().zip(gradient).zip(moments).map(move_one).collect()
    }
}

fn momentum([velocity, _]: &mut [f64; 2], gradient: f64, momentum: f64, nesterov: bool) -> f64 {
    *velocity = momentum * *velocity + gradient;
    if nesterov { gradient + momentum * *velocity } else { *velocity }
}

/// Kingma & Ba 2014, algorithm 1.
fn adam([mean, square]: &mut [f64; 2], gradient: f64, beta: [f64; 2], eps: f64, steps: i32) -> f64 {
    *mean = beta[0] * *mean + (1.0 - beta[0]) * gradient;
    *square = beta[1] * *square + (1.0 - beta[1]) * gradient.powi(2);
    let corrected = [*mean / (1.0 - beta[0].powi(steps)), *square / (1.0 - beta[1].powi(steps))];
    corrected[0] / (corrected[1].sqrt() + eps)
}

/// Zeiler 2012, algorithm 1.
fn adadelta([squares, moves]: &mut [f64; 2], gradient: f64, rho: f64, eps: f64) -> f64 {
    *squares = rho * *squares + (1.0 - rho) * gradient.powi(2);
    let direction = (*moves + eps).sqrt() / (*squares + eps).sqrt() * gradient;
    *moves = rho * *moves + (1.0 - rho) * direction.powi(2);
    direction
}
