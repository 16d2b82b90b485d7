//! Words that move elements: all are a permutation, a part or padding, or only another shape.

use nnc_dsl::model::{Shape, Step};

use super::build::Place;
use super::{Lowering, batched};
use crate::graph::{Crop, Op, Permute, Type, ValueId};

impl Lowering {
    /// Flatten and reshape: the order of elements is that of channels first on both sides.
    pub(super) fn reshape(&mut self, step: &Step, x: ValueId, place: &Place) -> ValueId {
        let result = batched(&step.output);
        match &reorders(&step.input, &step.output)[..] {
            [] => self.compute(place, "", result, Op::Reshape, &[x]),
            [only] => self.compute(place, "", result, Op::Permute(only.clone()), &[x]),
            [first, second, ..] => {
                let flat = Type::batched(&[step.input.len()]);
                let between = self.compute(place, "flat", flat, Op::Permute(first.clone()), &[x]);
                self.compute(place, "", result, Op::Permute(second.clone()), &[between])
            }
        }
    }

    pub(super) fn permute(&mut self, order: &[usize], step: &Step, x: ValueId, place: &Place) -> ValueId {
        let dims = self.graph.ty(x).dims.clone();
        let rank = dims.len();
        // Axis 0 of the language, the channels, is the last one here.
        let inside = |axis: usize| (axis + rank - 1) % rank;
        let order: Vec<usize> = (0..rank).map(|axis| inside(order[(axis + 1) % rank])).collect();
        self.reordered(&dims, &order, batched(&step.output), x, place)
    }

    /// Shi et al. 2016, equation 4, in PyTorch's order: channel c · rⁿ + i goes to place i of the block of
    /// channel c.
    pub(super) fn pixel_shuffle(&mut self, factor: usize, step: &Step, x: ValueId, place: &Place) -> ValueId {
        let (spatial, channels) = (step.input.spatial(), step.output.channels());
        let rank = spatial.len();
        let dims = [spatial, &[channels], &vec![factor; rank][..]].concat();
        let pairs = (0..rank).flat_map(|axis| [axis, rank + 1 + axis]);
        let order: Vec<usize> = pairs.chain([rank]).collect();
        self.reordered(&dims, &order, batched(&step.output), x, place)
    }

    pub(super) fn channel_shuffle(&mut self, groups: usize, x: ValueId, place: &Place) -> ValueId {
        let ty = self.graph.ty(x).clone();
        let dims = [ty.positions(), groups, ty.channels() / groups];
        self.reordered(&dims, &[0, 2, 1], ty, x, place)
    }

    fn reordered(
        &mut self,
        dims: &[usize],
        order: &[usize],
        result: Type,
        x: ValueId,
        place: &Place,
    ) -> ValueId {
        let op = Permute::new(dims, order).map_or(Op::Reshape, Op::Permute);
        self.compute(place, "", result, op, &[x])
    }

    pub(super) fn pad(&mut self, before: &[usize], step: &Step, x: ValueId, place: &Place) -> ValueId {
        let offset = before.iter().map(|zeros| -(*zeros as isize)).chain([0]).collect();
        self.part(offset, step, x, place)
    }

    pub(super) fn crop(&mut self, before: &[usize], step: &Step, x: ValueId, place: &Place) -> ValueId {
        let offset = before.iter().map(|left_out| *left_out as isize).chain([0]).collect();
        self.part(offset, step, x, place)
    }

    pub(super) fn slice(
        &mut self,
        axis: usize,
        start: usize,
        step: &Step,
        x: ValueId,
        place: &Place,
    ) -> ValueId {
        let rank = step.input.0.len();
        let mut offset = vec![0; rank];
        offset[(axis + rank - 1) % rank] = start as isize;
        self.part(offset, step, x, place)
    }

    fn part(&mut self, offset: Vec<isize>, step: &Step, x: ValueId, place: &Place) -> ValueId {
        let result = batched(&step.output);
        let crop = Crop { input: self.graph.ty(x).dims.clone(), output: result.dims.clone(), offset };
        self.compute(place, "", result, Op::Crop(crop), &[x])
    }
}

/// The changes of order between channels last under one shape and under another, if the order is the
/// same with channels first.
///
/// Where the channels of one divide those of the other, one change does; else the elements go through
/// channels first.
fn reorders(from: &Shape, to: &Shape) -> Vec<Permute> {
    let (inner, outer) = (from.channels(), to.channels());
    let changes = if inner.is_multiple_of(outer) {
        [Permute::new(&[from.positions(), outer, inner / outer], &[2, 0, 1]), None]
    } else if outer.is_multiple_of(inner) {
        [Permute::new(&[outer / inner, to.positions(), inner], &[1, 2, 0]), None]
    } else {
        let there = Permute::new(&[from.positions(), inner], &[1, 0]);
        [there, Permute::new(&[outer, to.positions()], &[1, 0])]
    };
    changes.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positions in the channels-first order, as they lie with channels last.
    fn channels_last(shape: &Shape) -> Vec<usize> {
        let (channels, positions) = (shape.channels(), shape.positions());
        (0..positions).flat_map(|p| (0..channels).map(move |c| c * positions + p)).collect()
    }

    fn apply(permute: &Permute, from: &[usize]) -> Vec<usize> {
        let output = permute.output();
        (0..from.len())
            .map(|index| {
                let (mut rest, mut place) = (index, vec![0; output.len()]);
                for axis in (0..output.len()).rev() {
                    place[permute.order[axis]] = rest % output[axis];
                    rest /= output[axis];
                }
                let at = place.iter().zip(&permute.dims).fold(0, |at, (place, dim)| at * dim + place);
                from[at]
            })
            .collect()
    }

    #[test]
    fn the_order_with_channels_first_is_kept() {
        let cases = [
            ("12", vec![12], vec![3, 2, 2], 1),
            ("flatten", vec![3, 2, 2], vec![12], 1),
            ("unchanged", vec![3, 2, 2], vec![3, 4], 0),
            ("one channel", vec![1, 3, 4], vec![12], 0),
            ("fewer", vec![6, 2, 2], vec![3, 2, 4], 1),
            ("more", vec![3, 2, 4], vec![6, 2, 2], 1),
            ("neither divides", vec![4, 3, 2], vec![6, 4], 2),
        ];
        for (name, from, to, count) in cases {
            let (from, to) = (Shape(from), Shape(to));
            let changes = reorders(&from, &to);
            let found = changes.iter().fold(channels_last(&from), |values, change| apply(change, &values));
            assert_eq!(found, channels_last(&to), "{name}");
            assert_eq!(changes.len(), count, "{name}");
        }
    }
}
