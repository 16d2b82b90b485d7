//! Random words. They are nothing in evaluation.
//!
//! No mask is ever stored: the backward pass draws the same numbers again.

use nnc_dsl::scalar::{Compare, Expr};

use super::Lowering;
use super::build::Place;
use crate::graph::{Distribution, Op, Operand, Per, Section, ValueId};

impl Lowering {
    /// Inverted dropout (Srivastava et al. 2014).
    pub(super) fn dropout(&mut self, x: ValueId, rate: f64, place: &Place) -> ValueId {
        self.dropped(x, rate, Per::Element, place)
    }

    /// Tompson et al. 2015.
    pub(super) fn spatial_dropout(&mut self, x: ValueId, rate: f64, place: &Place) -> ValueId {
        self.dropped(x, rate, Per::SampleChannel, place)
    }

    /// Huang et al. 2016, with the scale of inverted dropout.
    pub(super) fn stochastic_depth(&mut self, x: ValueId, rate: f64, place: &Place) -> ValueId {
        self.dropped(x, rate, Per::Sample, place)
    }

    fn dropped(&mut self, x: ValueId, rate: f64, per: Per, place: &Place) -> ValueId {
        if !self.is_training() || rate == 0.0 {
            return x;
        }
        let kept = Expr::var(0) * Expr::Const(1.0 / (1.0 - rate));
        self.random(x, below(rate, Expr::Const(0.0), kept), Distribution::Uniform, per, place)
    }

    /// Klambauer et al. 2017, section 3: dropped elements take the value −λα at which SELU saturates; an
    /// affine map brings mean 0 and variance 1 back.
    pub(super) fn alpha_dropout(&mut self, x: ValueId, rate: f64, place: &Place) -> ValueId {
        const SATURATED: f64 = -1.758_099_340_847_376_6;
        if !self.is_training() || rate == 0.0 {
            return x;
        }
        let scale = ((1.0 - rate) * (1.0 + rate * SATURATED * SATURATED)).sqrt().recip();
        let shift = -scale * SATURATED * rate;
        let dropped = below(rate, Expr::Const(SATURATED), Expr::var(0));
        let expr = Expr::Const(scale) * dropped + Expr::Const(shift);
        self.random(x, expr, Distribution::Uniform, Per::Element, place)
    }

    pub(super) fn gaussian_noise(&mut self, x: ValueId, std: f64, place: &Place) -> ValueId {
        if !self.is_training() || std == 0.0 {
            return x;
        }
        let expr = Expr::var(0) + Expr::Const(std) * Expr::var(1);
        self.random(x, expr, Distribution::Normal, Per::Element, place)
    }

    /// A function of `x` and of numbers of a random stream of its own.
    pub(super) fn random(
        &mut self,
        x: ValueId,
        expr: Expr,
        distribution: Distribution,
        per: Per,
        place: &Place,
    ) -> ValueId {
        let output = self.value(place, "", self.graph.ty(x).clone());
        let random = Operand::Random { stream: self.streams, distribution, per };
        self.streams += 1;
        let op = Op::Pointwise(vec![expr]);
        self.push_node(place, op, vec![Operand::Value(x), random], &[output], Section::Forward);
        output
    }
}

/// `then` with probability `rate`, else `otherwise`: the random number is operand 1.
fn below(rate: f64, then: Expr, otherwise: Expr) -> Expr {
    Expr::select(Compare::Less, Expr::var(1), Expr::Const(rate), then, otherwise)
}
