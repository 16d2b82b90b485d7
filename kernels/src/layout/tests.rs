//! Each element at its place.

use super::*;
use crate::testing::{Case, values, widen};

#[test]
fn parts_are_put_side_by_side_and_cut_apart() {
    for (positions, [a, b, c]) in [(1, [1, 1, 1]), (7, [3, 1, 5]), (3000, [2, 8, 1])] {
        let parts = [values(1, positions * a), values(2, positions * b), values(3, positions * c)];
        let mut whole = Vec::new();
        for position in 0..positions {
            for (part, channels) in parts.iter().zip([a, b, c]) {
                whole.extend_from_slice(&part[position * channels..][..channels]);
            }
        }
        let inputs = parts.each_ref().map(Vec::as_slice);
        let case = Case { batch: 1, labels: &[], inputs: &inputs, outputs: &[whole.len()] };
        case.check(&[widen(&whole)], 0.0, |p, i, o| {
            concat_channels(p, [(i[0], a), (i[1], b), (i[2], c)], o[0]);
        });
        let lens = parts.each_ref().map(Vec::len);
        let case = Case { batch: 1, labels: &[], inputs: &[&whole], outputs: &lens };
        case.check(&parts.each_ref().map(|part| widen(part)), 0.0, |p, i, o| {
            split_channels(p, i[0], [(o[0], a), (o[1], b), (o[2], c)]);
        });
    }
}
