//! Normalisations, and the learnt scale of its own.

use nnc_dsl::model::Init;
use nnc_dsl::scalar::{Expr, Unary};

use super::Lowering;
use super::build::Place;
use crate::graph::{Keep, Op, Pool, Role, Section, Type, ValueId, Windows};

impl Lowering {
    /// Ioffe & Szegedy 2015, algorithm 1; the running statistics follow PyTorch's convention. A frozen
    /// one takes the running statistics in training too.
    pub(super) fn batch_norm(&mut self, x: ValueId, settings: [f64; 3], place: &Place) -> ValueId {
        let [eps, momentum, gamma] = settings;
        let channels = self.graph.ty(x).channels();
        let affine = self.scale_and_shift(channels, gamma, place);
        let running = [("running_mean", 0.0), ("running_var", 1.0)]
            .map(|(name, initial)| self.state(place, name, &[channels], initial));
        if self.is_training() && !place.is_frozen() {
            self.norm_of_batch(x, affine, running, [eps, momentum], place)
        } else {
            self.norm_of_running(x, affine, running, eps, place)
        }
    }

    fn norm_of_batch(
        &mut self,
        x: ValueId,
        affine: [ValueId; 2],
        running: [ValueId; 2],
        [eps, momentum]: [f64; 2],
        place: &Place,
    ) -> ValueId {
        let positions = self.graph.ty(x).positions();
        let [mean, variance] = self.statistics(x, Keep::Channels, place);
        let update = Op::RunningStatistics { momentum, positions };
        let read = [mean, variance, running[0], running[1]];
        self.push(place, update, &read, &running, Section::Forward);
        self.normalize(x, [mean, variance], eps, Keep::Channels, &affine, place)
    }

    /// The same with fixed statistics: x · factor + offset, both known before any sample.
    fn norm_of_running(
        &mut self,
        x: ValueId,
        [scale, shift]: [ValueId; 2],
        [mean, variance]: [ValueId; 2],
        eps: f64,
        place: &Place,
    ) -> ValueId {
        let channels = Type::fixed(&[self.graph.ty(x).channels()]);
        let section = if self.is_training() { Section::Forward } else { Section::Prepare };
        let [a, b, c] = [0, 1, 2].map(Expr::var);
        let factor = self.value(place, "factor", channels.clone());
        let expr = a.clone() * inverse_deviation(b.clone(), eps);
        self.push(place, Op::Pointwise(vec![expr]), &[scale, variance], &[factor], section);
        let offset = self.value(place, "offset", channels);
        let expr = a.clone() - b.clone() * c.clone();
        self.push(place, Op::Pointwise(vec![expr]), &[shift, mean, factor], &[offset], section);
        self.elementwise("", a * b + c, &[x, factor, offset], place)
    }

    pub(super) fn layer_norm(&mut self, x: ValueId, eps: f64, place: &Place) -> ValueId {
        let statistics = self.statistics(x, Keep::Positions, place);
        let affine = self.scale_and_shift(self.graph.ty(x).channels(), 1.0, place);
        self.normalize(x, statistics, eps, Keep::Positions, &affine, place)
    }

    pub(super) fn group_norm(
        &mut self,
        x: ValueId,
        groups: usize,
        eps: f64,
        affine: bool,
        place: &Place,
    ) -> ValueId {
        let keep = Keep::Groups(groups);
        let statistics = self.statistics(x, keep, place);
        let channels = self.graph.ty(x).channels();
        let affine = affine.then(|| self.scale_and_shift(channels, 1.0, place));
        self.normalize(x, statistics, eps, keep, affine.as_ref().map_or(&[], |pair| pair), place)
    }

    pub(super) fn rms_norm(&mut self, x: ValueId, eps: f64, place: &Place) -> ValueId {
        let [a, b, c] = [0, 1, 2].map(Expr::var);
        let ty = self.graph.ty(x).clone();
        let sum = Op::Reduce { exprs: vec![a.clone() * a.clone()], keep: Keep::Positions };
        let sum = self.compute(place, "square_sum", Keep::Positions.of(&ty), sum, &[x]);
        let mean = a.clone() * Expr::Const(1.0 / ty.channels() as f64);
        let inverse = self.elementwise("inverse", inverse_deviation(mean, eps), &[sum], place);
        let scale = self.parameter(place, "weight", &[ty.channels()], Role::Scale, Init::Constant(1.0));
        self.elementwise("", a * b * c, &[x, inverse, scale], place)
    }

    /// The mean of squares over neighbouring channels is an average pooling along the channels, seen as
    /// a spatial axis of a map with one channel.
    pub(super) fn local_response_norm(
        &mut self,
        x: ValueId,
        size: usize,
        [alpha, beta, k]: [f64; 3],
        place: &Place,
    ) -> ValueId {
        let [a, b] = [0, 1].map(Expr::var);
        let ty = self.graph.ty(x).clone();
        let square = self.elementwise("square", a.clone() * a.clone(), &[x], place);
        let extent = [1, ty.positions(), ty.channels(), 1];
        let one = Windows::Sliding { size: 1, stride: 1, pad: 0 };
        let along = Windows::Sliding { size, stride: 1, pad: size / 2 };
        let pool = Pool { input: extent, output: extent, windows: [one, one, along], count_pad: true };
        let mean = self.compute(place, "mean", ty, Op::AvgPool(pool), &[square]);
        // base^−beta = e^(−beta · ln base)
        let base = Expr::Const(k) + Expr::Const(alpha) * b;
        let power = (Expr::Const(-beta) * base.unary(Unary::Log)).unary(Unary::Exp);
        self.elementwise("", a * power, &[x, mean], place)
    }

    pub(super) fn scale(&mut self, x: ValueId, initial: f64, place: &Place) -> ValueId {
        let channels = self.graph.ty(x).channels();
        let scale = self.parameter(place, "weight", &[channels], Role::Scale, Init::Constant(initial));
        self.elementwise("", Expr::var(0) * Expr::var(1), &[x, scale], place)
    }

    fn statistics(&mut self, x: ValueId, keep: Keep, place: &Place) -> [ValueId; 2] {
        let ty = keep.of(self.graph.ty(x));
        let kept = ["mean", "variance"].map(|role| self.value(place, role, ty.clone()));
        self.push(place, Op::Statistics(keep), &[x], &kept, Section::Forward);
        kept
    }

    fn normalize(
        &mut self,
        x: ValueId,
        [mean, variance]: [ValueId; 2],
        eps: f64,
        keep: Keep,
        affine: &[ValueId],
        place: &Place,
    ) -> ValueId {
        let expr = inverse_deviation(Expr::var(0), eps);
        let inverse = self.elementwise("inverse_deviation", expr, &[variance], place);
        let ty = self.graph.ty(x).clone();
        let inputs = [&[x, mean, inverse], affine].concat();
        self.compute(place, "", ty, Op::Normalize(keep), &inputs)
    }

    fn scale_and_shift(&mut self, channels: usize, gamma: f64, place: &Place) -> [ValueId; 2] {
        [
            self.parameter(place, "weight", &[channels], Role::Scale, Init::Constant(gamma)),
            self.parameter(place, "bias", &[channels], Role::Shift, Init::Constant(0.0)),
        ]
    }
}

/// 1 / √(variance + eps)
fn inverse_deviation(variance: Expr, eps: f64) -> Expr {
    Expr::Const(1.0) / (variance + Expr::Const(eps)).unary(Unary::Sqrt)
}
