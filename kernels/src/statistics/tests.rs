//! Statistics against two plain loops in double precision.

use super::*;
use crate::cpu::Buffers;
use crate::emitted::Region;
use crate::testing::{Case, assert_close, values};

/// Mean and variance of the elements that `place` puts together.
fn moments(x: &[f32], places: usize, place: impl Fn(usize) -> usize) -> [Vec<f64>; 2] {
    let count = (x.len() / places) as f64;
    let (mut mean, mut variance) = (vec![0.0; places], vec![0.0; places]);
    x.iter().enumerate().for_each(|(index, &x)| mean[place(index)] += f64::from(x) / count);
    for (index, &x) in x.iter().enumerate() {
        variance[place(index)] += (f64::from(x) - mean[place(index)]).powi(2) / count;
    }
    [mean, variance]
}

/// Channels, positions, batch.
const SIZES: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (1, 5000, 10),
    (3, 7, 5),
    (10, 12_345, 1),
    (12, 5, 700),
    (64, 100, 20),
    (300, 50, 10),
    (768, 1, 33),
    (4500, 3, 3),
];

#[test]
fn channel_statistics_agree_with_plain_loops() {
    for (channels, positions, batch) in SIZES {
        let x = values(1, batch * channels * positions);
        let case = Case { batch, labels: &[], inputs: &[&x], outputs: &[channels; 2] };
        case.check(&moments(&x, channels, |index| index % channels), 1e-5, |p, i, o| {
            channel_statistics(p, Extent { positions, channels }, i[0], o[0], o[1]);
        });
    }
}

#[test]
fn group_statistics_agree_with_plain_loops() {
    for (channels, positions, batch) in SIZES {
        let x = values(1, batch * channels * positions);
        for groups in [1, 3, channels].into_iter().filter(|groups| channels.is_multiple_of(*groups)) {
            let size = channels / groups;
            let place = |index| index / (positions * channels) * groups + index % channels / size;
            let spread = |moments: Vec<f64>| -> Vec<f64> {
                let place = |index| index / channels * groups + index % channels / size;
                (0..batch * channels).map(|index| moments[place(index)]).collect()
            };
            let expected = moments(&x, batch * groups, place).map(spread);
            let case = Case { batch, labels: &[], inputs: &[&x], outputs: &[batch * channels; 2] };
            case.check(&expected, 1e-5, |p, i, o| {
                group_statistics(p, Extent { positions, channels }, groups, i[0], o[0], o[1]);
            });
        }
    }
}

#[test]
fn position_statistics_agree_with_plain_loops() {
    for (channels, positions, batch) in SIZES {
        let x = values(1, batch * channels * positions);
        let case = Case { batch, labels: &[], inputs: &[&x], outputs: &[batch * positions; 2] };
        case.check(&moments(&x, batch * positions, |index| index / channels), 1e-5, |p, i, o| {
            position_statistics(p, Extent { positions, channels }, i[0], o[0], o[1]);
        });
    }
}

#[test]
fn a_large_mean_does_not_swallow_the_variance() {
    let x: Vec<f32> = values(1, 100_000).iter().map(|x| x + 4000.0).collect();
    let case = Case { batch: 1, labels: &[], inputs: &[&x], outputs: &[2, 2, 2, 2, 100, 100] };
    let found = case.run(&Pool::new(2), |p, i, o| {
        let extent = Extent { positions: 50_000, channels: 2 };
        channel_statistics(p, extent, i[0], o[0], o[1]);
        group_statistics(p, extent, 1, i[0], o[2], o[3]);
        position_statistics(p, Extent { positions: 100, channels: 1000 }, i[0], o[4], o[5]);
    });
    assert_close(&found[1], &moments(&x, 2, |index| index % 2)[1], 1e-4, "channels");
    assert_close(&found[3], &[moments(&x, 1, |_| 0)[1][0]; 2], 1e-4, "groups");
    let [mean, variance] = moments(&x, 100, |index| index / 1000);
    assert_close(&found[4], &mean, 1e-7, "positions, mean");
    assert_close(&found[5], &variance, 1e-4, "positions");
}

/// Running statistics 1 and 2 after a batch of two samples with mean 3 and `variance`.
fn running(positions: usize, variance: f32) -> Vec<Vec<f32>> {
    let (mut memory, pool) = ([3.0, variance, 1.0, 2.0], Pool::new(1));
    let slot = |offset| Slot::new(Region::Fixed, offset, 1);
    let pass = Pass::new(Buffers::new(2).with(Region::Fixed, &mut memory), &pool);
    running_statistics(&pass, 1, positions, 0.1, slot(0), slot(1), slot(2), slot(3));
    vec![pass.read(slot(2)), pass.read(slot(3))]
}

#[test]
fn running_statistics_move_towards_the_batch() {
    // The unbiased variance is 6 · 4/3 = 8.
    assert_eq!(running(2, 6.0), [[1.2], [2.6]]);
}

#[test]
fn running_statistics_stay_without_a_usable_batch() {
    assert_eq!(running(2, f32::NAN), [[1.0], [2.0]]);
    assert_eq!(running(2, f32::INFINITY), [[1.0], [2.0]]);
    assert_eq!(running(0, 6.0), [[1.0], [2.0]]);
}
