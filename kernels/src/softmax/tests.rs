//! Softmax against its formula and finite differences.

use super::*;
use crate::testing::{Case, gradient, values, widen};

fn exact_softmax(channels: usize, x: &[f64]) -> Vec<f64> {
    let row = |row: &[f64]| {
        let maximum = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|x| (x - maximum).exp()).sum();
        row.iter().map(|x| (x - maximum).exp() / sum).collect::<Vec<_>>()
    };
    x.chunks(channels).flat_map(row).collect()
}

const SIZES: [(usize, usize); 6] = [(1, 3), (2, 1), (7, 5), (10, 4), (33, 3), (1000, 40)];

#[test]
fn softmax_and_its_gradient_agree_with_the_formula() {
    for (channels, rows) in SIZES {
        let x: Vec<f32> = values(1, channels * rows).iter().map(|x| 20.0 * x).collect();
        let y = exact_softmax(channels, &widen(&x));
        let case = Case { batch: rows, labels: &[], inputs: &[&x], outputs: &[x.len()] };
        case.check(std::slice::from_ref(&y), 1e-6, |p, i, o| softmax(p, channels, i[0], o[0]));
        if x.len() > 1000 {
            continue;
        }
        let dy = values(2, x.len());
        let expected = gradient(|x| exact_softmax(channels, x), &x, &dy);
        let y: Vec<f32> = y.iter().map(|&y| y as f32).collect();
        let case = Case { batch: rows, labels: &[], inputs: &[&y, &dy], outputs: &[x.len()] };
        case.check(&[expected], 1e-5, |p, i, o| softmax_backward(p, channels, i[0], i[1], o[0]));
    }
}

#[test]
fn the_logarithm_of_the_sum_agrees_with_the_formula() {
    for (channels, rows) in SIZES {
        let x: Vec<f32> = values(1, channels * rows).iter().map(|x| 20.0 * x + 500.0).collect();
        let row = |row: &[f64]| 500.0 + row.iter().map(|x| (x - 500.0).exp()).sum::<f64>().ln();
        let expected = widen(&x).chunks(channels).map(row).collect();
        let case = Case { batch: rows, labels: &[], inputs: &[&x], outputs: &[rows] };
        case.check(&[expected], 1e-6, |p, i, o| log_sum_exp(p, channels, i[0], o[0]));
    }
}

#[test]
fn large_logits_do_not_overflow_and_nan_shows() {
    let run = |logits: &[f32]| {
        let case = Case { batch: 1, labels: &[], inputs: &[logits], outputs: &[2, 1] };
        let results = case.run(&Pool::new(1), |p, i, o| {
            softmax(p, 2, i[0], o[0]);
            log_sum_exp(p, 2, i[0], o[1]);
        });
        (results[0].clone(), results[1][0])
    };
    assert_eq!(run(&[1e30, -1e30]), (vec![1.0, 0.0], 1e30));
    let (softmax, sum) = run(&[f32::NAN, 1.0]);
    assert!(softmax.iter().chain([&sum]).all(|x| x.is_nan()));
}
