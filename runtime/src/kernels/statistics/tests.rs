//! Statistics against two plain loops in double precision.

use super::*;
use crate::devices::cpu::Buffers;
use crate::emitted::Region;
use crate::kernels::testing::{Case, assert_close, values};

fn moments(channels: usize, x: &[f32]) -> [Vec<f64>; 2] {
    let count = (x.len() / channels) as f64;
    let (mut mean, mut variance) = (vec![0.0; channels], vec![0.0; channels]);
    x.iter().enumerate().for_each(|(index, &x)| mean[index % channels] += f64::from(x) / count);
    for (index, &x) in x.iter().enumerate() {
        variance[index % channels] += (f64::from(x) - mean[index % channels]).powi(2) / count;
    }
    [mean, variance]
}

#[test]
fn batch_statistics_agree_with_plain_loops() {
    for (channels, positions) in
        [(1, 1), (1, 50_000), (3, 7), (10, 12_345), (64, 2000), (300, 500), (4500, 9)]
    {
        let x = values(1, channels * positions);
        let case = Case { batch: 1, labels: &[], inputs: &[&x], outputs: &[channels; 2] };
        case.check(&moments(channels, &x), 1e-5, |p, i, o| {
            batch_statistics(p, channels, i[0], o[0], o[1]);
        });
    }
}

#[test]
fn a_large_mean_does_not_swallow_the_variance() {
    let x: Vec<f32> = values(1, 100_000).iter().map(|x| x + 4000.0).collect();
    let case = Case { batch: 1, labels: &[], inputs: &[&x], outputs: &[2; 2] };
    let found = case.run(&Pool::new(2), |p, i, o| batch_statistics(p, 2, i[0], o[0], o[1]));
    assert_close(&found[1], &moments(2, &x)[1], 1e-4, "variance");
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
