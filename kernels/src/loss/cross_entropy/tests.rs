//! Cross-entropy against its formula and finite differences.

use super::*;
use crate::cpu::Pool;
use crate::testing::{Case, gradient, values, widen};

const PLAIN: CrossEntropy = CrossEntropy {
    classes: 2,
    positions: 1,
    target: 0,
    label_smoothing: 0.0,
    class_weights: &[],
    weight: 1.0,
};

/// PyTorch's `cross_entropy(reduction="mean")`, as its documentation has it, shared out over the
/// samples.
fn exact(spec: &CrossEntropy, labels: &[u32], x: &[f64]) -> Vec<f64> {
    let smoothing = f64::from(spec.label_smoothing);
    let weight = |class: usize| spec.class_weights.get(class).map_or(1.0, |&weight| f64::from(weight));
    let row = |(row, &label): (&[f64], &u32)| {
        let sum: f64 = row.iter().map(|x| x.exp()).sum();
        let surprise = |class: usize| weight(class) * (sum.ln() - row[class]);
        let all: f64 = (0..spec.classes).map(surprise).sum();
        (1.0 - smoothing) * surprise(label as usize) + smoothing / spec.classes as f64 * all
    };
    let rows: Vec<f64> = x.chunks(spec.classes).zip(labels).map(row).collect();
    let total: f64 = labels.iter().map(|&label| weight(label as usize)).sum();
    let samples = rows.chunks(spec.positions);
    let batch = samples.len() as f64;
    samples.map(|rows| f64::from(spec.weight) * batch / total * rows.iter().sum::<f64>()).collect()
}

const WEIGHTS: [f32; 33] = {
    let mut weights = [0.5; 33];
    weights[1] = 3.0;
    weights[2] = 0.0;
    weights
};

fn specs() -> Vec<CrossEntropy> {
    let sizes = [(2, 1), (3, 1), (3, 35), (7, 4), (10, 1), (33, 3), (1000, 1)];
    let mut specs = Vec::new();
    for (classes, positions) in sizes {
        let plain = CrossEntropy { classes, positions, ..PLAIN };
        specs.push(plain);
        specs.push(CrossEntropy { label_smoothing: 0.1, weight: 0.25, ..plain });
        if let Some(class_weights) = WEIGHTS.get(..classes) {
            specs.push(CrossEntropy { class_weights, ..plain });
            specs.push(CrossEntropy { class_weights, label_smoothing: 0.3, ..plain });
        }
    }
    specs
}

#[test]
fn cross_entropy_and_its_gradient_agree_with_the_formula() {
    for (spec, batch) in specs().iter().flat_map(|spec| [(*spec, 1), (*spec, 5), (*spec, 300)]) {
        let rows = batch * spec.positions;
        let x: Vec<f32> = values(1, spec.classes * rows).iter().map(|x| 5.0 * x).collect();
        let labels: Vec<u32> = (0..rows).map(|row| (row * 7 % spec.classes.min(10)) as u32).collect();
        let loss = exact(&spec, &labels, &widen(&x));
        let case = Case { batch, labels: &labels, inputs: &[&x], outputs: &[batch] };
        case.check(&[loss], 2e-6, |p, i, o| cross_entropy(p, &spec, i[0], o[0]));
        if x.len() > 600 {
            continue;
        }
        let mean = vec![1.0 / batch as f32; batch];
        let expected = gradient(|x| exact(&spec, &labels, x), &x, &mean);
        let case = Case { batch, labels: &labels, inputs: &[&x], outputs: &[x.len()] };
        case.check(&[expected], 1e-5, |p, i, o| cross_entropy_backward(p, &spec, i[0], o[0]));
    }
}

#[test]
fn large_logits_do_not_overflow_and_nan_shows() {
    let run = |logits: &[f32], label: u32| {
        let case = Case { batch: 1, labels: &[label], inputs: &[logits], outputs: &[1, 2] };
        let results = case.run(&Pool::new(1), |p, i, o| {
            cross_entropy(p, &PLAIN, i[0], o[0]);
            cross_entropy_backward(p, &PLAIN, i[0], o[1]);
        });
        (results[0][0], results[1].clone())
    };
    assert_eq!(run(&[1e30, -1e30], 0), (0.0, vec![0.0; 2]));
    assert_eq!(run(&[300.0, 100.0], 1).0, 200.0);
    assert!(run(&[f32::NAN, 1.0], 1).0.is_nan());
    let (loss, _) = run(&[0.0, 1.0], 2);
    assert!(loss.is_nan(), "a label that is no class");
}

#[test]
fn each_target_has_labels_of_its_own() {
    let logits = [1.0, 2.0, 4.0, 8.0];
    let spec = CrossEntropy { target: 3, ..PLAIN };
    let case = Case { batch: 2, labels: &[0, 0], inputs: &[&logits], outputs: &[2] };
    let found = case.run(&Pool::new(1), |p, i, o| {
        assert!(p.labels(3).is_empty() && p.labels(0) == [0, 0] && p.labels(99).is_empty());
        // Without labels nothing is written.
        cross_entropy(p, &spec, i[0], o[0]);
    });
    assert_eq!(found[0], [-77.0; 2]);
}
