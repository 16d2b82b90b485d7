//! Pooling and resizing.

use nnc_dsl::model::{Interpolation, Step, Window};
use nnc_dsl::scalar::Expr;

use super::build::Place;
use super::window::{axes, volume};
use super::{Lowering, batched};
use crate::graph::{Op, Pool, Resize, Section, ValueId, Windows};

impl Lowering {
    pub(super) fn max_pool(&mut self, window: &Window, step: &Step, x: ValueId, place: &Place) -> ValueId {
        self.maximum(pool(step, sliding(window), false), step, x, place)
    }

    pub(super) fn avg_pool(
        &mut self,
        window: &Window,
        count_pad: bool,
        step: &Step,
        x: ValueId,
        place: &Place,
    ) -> ValueId {
        let op = Op::AvgPool(pool(step, sliding(window), count_pad));
        self.compute(place, "", batched(&step.output), op, &[x])
    }

    /// Also over the whole map, whose one bin per axis leaves a vector.
    pub(super) fn adaptive_max_pool(&mut self, step: &Step, x: ValueId, place: &Place) -> ValueId {
        self.maximum(pool(step, [Windows::Adaptive; 3], false), step, x, place)
    }

    /// In training windows that tile the map keep the places of their maxima: the gradient needs nothing
    /// else of the map, which then is not stored.
    fn maximum(&mut self, pool: Pool, step: &Step, x: ValueId, place: &Place) -> ValueId {
        let ty = batched(&step.output);
        let mut outputs = vec![self.value(place, "", ty.clone())];
        if self.is_training() && pool.tiles() {
            outputs.push(self.value(place, "place", ty));
        }
        self.push(place, Op::MaxPool { pool, expr: Expr::var(0) }, &[x], &outputs, Section::Forward);
        outputs[0]
    }

    pub(super) fn adaptive_avg_pool(&mut self, step: &Step, x: ValueId, place: &Place) -> ValueId {
        let op = Op::AvgPool(pool(step, [Windows::Adaptive; 3], false));
        self.compute(place, "", batched(&step.output), op, &[x])
    }

    pub(super) fn resize(
        &mut self,
        interpolation: Interpolation,
        step: &Step,
        x: ValueId,
        place: &Place,
    ) -> ValueId {
        let (input, output) = (volume(&step.input), volume(&step.output));
        let op = Op::Resize(Resize { input, output, interpolation });
        self.compute(place, "", batched(&step.output), op, &[x])
    }
}

fn pool(step: &Step, windows: [Windows; 3], count_pad: bool) -> Pool {
    Pool { input: volume(&step.input), output: volume(&step.output), windows, count_pad }
}

fn sliding(window: &Window) -> [Windows; 3] {
    let (sizes, strides, pads) = (axes(&window.size, 1), axes(&window.stride, 1), axes(&window.pad, 0));
    [0, 1, 2].map(|axis| Windows::Sliding { size: sizes[axis], stride: strides[axis], pad: pads[axis] })
}
