//! The squared error against its formula and finite differences.

use super::*;
use crate::testing::{Case, gradient, values, widen};

fn squared_error(features: usize, prediction: &[f64], target: &[f64]) -> Vec<f64> {
    let rows = prediction.chunks(features).zip(target.chunks(features));
    let mean = |(prediction, target): (&[f64], &[f64])| {
        prediction.iter().zip(target).map(|(p, t)| (p - t).powi(2)).sum::<f64>() / features as f64
    };
    rows.map(mean).collect()
}

#[test]
fn the_squared_error_and_its_gradient_agree_with_the_formula() {
    for (features, batch) in [(1, 1), (1, 300), (5, 7), (700, 30)] {
        let (prediction, target) = (values(1, features * batch), values(2, features * batch));
        let loss = squared_error(features, &widen(&prediction), &widen(&target));
        let case = Case { batch, labels: &[], inputs: &[&prediction, &target], outputs: &[batch] };
        case.check(&[loss], 1e-6, |p, i, o| {
            loss_terms(p, features, i[0], i[1], o[0], |prediction, target| {
                (prediction - target) * (prediction - target)
            });
        });
        let expected = if features * batch > 1000 {
            let scale = 2.0 / (features * batch) as f64;
            let terms = widen(&prediction).into_iter().zip(widen(&target));
            terms.map(|(prediction, target)| scale * (prediction - target)).collect()
        } else {
            let mean = vec![1.0 / batch as f32; batch];
            gradient(|x| squared_error(features, x, &widen(&target)), &prediction, &mean)
        };
        let case = Case { batch, labels: &[], inputs: &[&prediction, &target], outputs: &[prediction.len()] };
        case.check(&[expected], 1e-5, |p, i, o| {
            loss_terms_backward(p, features, i[0], i[1], o[0], |prediction, target| {
                2.0 * (prediction - target)
            });
        });
    }
}
