//! Activations that are more than a function of each element.

use nnc_dsl::model::Init;
use nnc_dsl::scalar::{Compare, Expr, Unary};

use super::Lowering;
use super::build::Place;
use crate::graph::{Distribution, Keep, Op, Per, Role, Section, Type, ValueId};

impl Lowering {
    pub(super) fn prelu(&mut self, x: ValueId, initial: f64, place: &Place) -> ValueId {
        let channels = self.graph.ty(x).channels();
        let slope = self.parameter(place, "weight", &[channels], Role::Slope, Init::Constant(initial));
        self.elementwise("", rectified(Expr::var(1)), &[x, slope], place)
    }

    pub(super) fn rrelu(&mut self, x: ValueId, lower: f64, upper: f64, place: &Place) -> ValueId {
        if !self.is_training() {
            return self.map(x, rectified(Expr::Const((lower + upper) / 2.0)), place);
        }
        let slope = Expr::Const(lower) + Expr::Const(upper - lower) * Expr::var(1);
        self.random(x, rectified(slope), Distribution::Uniform, Per::Element, place)
    }

    pub(super) fn softmax(&mut self, x: ValueId, place: &Place) -> ValueId {
        let ty = self.graph.ty(x).clone();
        self.compute(place, "", ty, Op::Softmax, &[x])
    }

    /// x − log Σ exp x
    pub(super) fn log_softmax(&mut self, x: ValueId, place: &Place) -> ValueId {
        let kept = Keep::Positions.of(self.graph.ty(x));
        let log_sum = self.compute(place, "log_sum", kept, Op::LogSumExp, &[x]);
        self.elementwise("", Expr::var(0) - Expr::var(1), &[x, log_sum], place)
    }

    pub(super) fn glu(&mut self, x: ValueId, place: &Place) -> ValueId {
        let mut dims = self.graph.ty(x).dims.clone();
        dims.iter_mut().last().into_iter().for_each(|channels| *channels /= 2);
        let halves = ["value", "gate"].map(|role| self.value(place, role, Type::batched(&dims)));
        self.push(place, Op::Split, &[x], &halves, Section::Forward);
        self.elementwise("", Expr::var(0) * Expr::var(1).unary(Unary::Sigmoid), &halves, place)
    }
}

/// x where it is positive, slope · x elsewhere.
fn rectified(slope: Expr) -> Expr {
    let x = Expr::var(0);
    Expr::select(Compare::Greater, x.clone(), Expr::Const(0.0), x.clone(), slope * x)
}
