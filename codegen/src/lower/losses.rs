//! What is minimised: a loss per sample and term, and their sum.

use nnc_dsl::model::{CheckedModel, Loss, LossTerm};
use nnc_dsl::scalar::{Compare, Expr, Unary};

use super::Lowering;
use super::build::Place;
use crate::graph::{CrossEntropy, Op, Origin, Section, Source, Type, ValueId, join_path};

impl Lowering {
    /// Every term with its weight, and the sum in [`crate::graph::Graph::loss`].
    pub(super) fn losses(&mut self, model: &CheckedModel) {
        // In the order of the outputs, whose targets then lie in that order too.
        let mut terms: Vec<&LossTerm> = model.train.losses.iter().collect();
        terms.sort_by_key(|term| term.output);
        let terms: Vec<ValueId> = terms.into_iter().map(|term| self.loss_term(model, term)).collect();
        let sum = |this: &mut Self, sum: ValueId, term: ValueId| {
            let place = this.loss_place("");
            let total = this.value(&place, "", Type::batched(&[]));
            let op = Op::Pointwise(vec![Expr::var(0) + Expr::var(1)]);
            this.push(&place, op, &[sum, term], &[total], Section::Loss);
            total
        };
        let (first, others) = (terms[0], &terms[1..]);
        self.graph.loss = others.iter().fold(first, |total, term| sum(self, total, *term));
    }

    fn loss_term(&mut self, model: &CheckedModel, term: &LossTerm) -> ValueId {
        let place = self.loss_place(&model.outputs[term.output].name);
        let output = self.graph.outputs[term.output];
        let value = self.value(&place, "", Type::batched(&[]));
        let (op, inputs) = match &term.loss {
            Loss::CrossEntropy { label_smoothing, class_weights } => {
                let loss = CrossEntropy {
                    target: term.output,
                    label_smoothing: *label_smoothing,
                    class_weights: class_weights.clone(),
                    weight: term.weight,
                };
                (Op::CrossEntropy(loss), vec![output])
            }
            Loss::BinaryCrossEntropy
            | Loss::MeanSquaredError
            | Loss::MeanAbsoluteError
            | Loss::Huber { .. } => {
                let name = join_path("target", &model.outputs[term.output].name);
                let ty = self.graph.ty(output).clone();
                let target = self.graph.add_value(&name, ty, Source::Target(term.output));
                (Op::LossTerms(weighted(term.weight, elementwise(&term.loss))), vec![output, target])
            }
        };
        self.push(&place, op, &inputs, &[value], Section::Loss);
        value
    }

    fn loss_place(&mut self, output: &str) -> Place {
        let step = join_path("loss", output);
        let (word, text) = ("loss".to_owned(), "loss".to_owned());
        let origin = Origin { scope: String::new(), step: step.clone(), word, text };
        self.place_of(origin, step, 1.0)
    }
}

/// The loss of one element over prediction and target.
fn elementwise(loss: &Loss) -> Expr {
    let (prediction, target) = (Expr::var(0), Expr::var(1));
    let difference = prediction.clone() - target.clone();
    match loss {
        Loss::MeanSquaredError => difference.clone() * difference,
        Loss::MeanAbsoluteError => difference.unary(Unary::Abs),
        Loss::BinaryCrossEntropy => binary_cross_entropy(prediction, target),
        Loss::Huber { delta } => huber(difference, *delta),
        Loss::CrossEntropy { .. } => unreachable!("has an op of its own"),
    }
}

/// max(z, 0) − z · t + ln(1 + e^−|z|), which no logit overflows. The maximum is written (z + |z|) / 2,
/// so that the derivative takes the same side of both corners at 0.
fn binary_cross_entropy(z: Expr, target: Expr) -> Expr {
    let magnitude = z.clone().unary(Unary::Abs);
    let positive = Expr::Const(0.5) * (z.clone() + magnitude.clone());
    let tail = (Expr::Const(1.0) + magnitude.unary(Unary::Neg).unary(Unary::Exp)).unary(Unary::Log);
    positive - z * target + tail
}

/// d² / 2 within `delta`, delta · (|d| − delta / 2) beyond.
fn huber(difference: Expr, delta: f64) -> Expr {
    let magnitude = difference.clone().unary(Unary::Abs);
    let near = Expr::Const(0.5) * difference.clone() * difference;
    let far = Expr::Const(delta) * (magnitude.clone() - Expr::Const(0.5 * delta));
    Expr::select(Compare::Less, magnitude, Expr::Const(delta), near, far)
}

fn weighted(weight: f64, loss: Expr) -> Expr {
    if weight == 1.0 { loss } else { Expr::Const(weight) * loss }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::derivative;

    #[test]
    fn binary_cross_entropy_is_that_of_the_sigmoid() {
        let loss = elementwise(&Loss::BinaryCrossEntropy);
        for (z, t) in [(0.0, 1.0), (2.5, 0.0), (-3.0, 0.3), (-1e-9, 1.0)] {
            let sigmoid: f64 = 1.0 / (1.0 + f64::exp(-z));
            let expected = -(t * sigmoid.ln() + (1.0 - t) * (1.0 - sigmoid).ln());
            assert!((loss.eval(&[z, t]) - expected).abs() < 1e-12, "at {z}, {t}");
            assert!((derivative(&loss, 0).eval(&[z, t]) - (sigmoid - t)).abs() < 1e-12, "slope at {z}, {t}");
        }
        assert_eq!(loss.eval(&[1000.0, 1.0]), 0.0);
    }

    #[test]
    fn huber_is_smooth_where_its_halves_meet() {
        let loss = elementwise(&Loss::Huber { delta: 0.5 });
        assert_eq!(loss.eval(&[1.25, 1.0]), 0.5 * 0.25 * 0.25);
        assert_eq!(loss.eval(&[3.0, 1.0]), 0.5 * (2.0 - 0.25));
        let slopes = [0.499_999, 0.500_001].map(|d| derivative(&loss, 0).eval(&[d, 0.0]));
        assert!((slopes[0] - slopes[1]).abs() < 1e-5);
    }
}
