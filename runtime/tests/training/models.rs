//! Single steps of a model.

use std::sync::Arc;

use nnc_runtime::devices::cpu::Pool;
use nnc_runtime::select::Operation;
use nnc_runtime::{Error, Model, Phase, Targets};

use crate::programs::{classifier, regression};

/// Images whose class is the brightest of the first ten pixels.
fn batch(samples: usize) -> (Vec<f32>, Vec<u32>) {
    let labels: Vec<u32> = (0..samples as u32).map(|sample| sample % 10).collect();
    let mut inputs: Vec<f32> = (0..samples * 64).map(|index| (index as f32 * 0.7).sin() * 0.5).collect();
    for (sample, label) in labels.iter().enumerate() {
        inputs[sample * 64 + *label as usize] += 3.0;
    }
    (inputs, labels)
}

fn model() -> Model {
    Model::with_threads(&classifier::PROGRAM, 3, 1)
}

#[test]
fn a_fresh_network_knows_nothing() {
    let (inputs, labels) = batch(50);
    let report = model().evaluate(&inputs, Targets::Classes(&labels)).unwrap();
    assert!((report.loss - 10f32.ln()).abs() < 1.0, "{report:?}");
    assert_eq!(report.samples, 50);
}

#[test]
fn training_lowers_the_loss() {
    let (inputs, labels) = batch(50);
    let mut model = model();
    for _ in 0..60 {
        model.train_step(&inputs, Targets::Classes(&labels)).unwrap();
    }
    let report = model.evaluate(&inputs, Targets::Classes(&labels)).unwrap();
    assert!(report.loss < 0.1, "{report:?}");
    assert_eq!(report.correct, 50);
    assert_eq!(model.step(), 60);
}

#[test]
fn the_right_answers_are_counted() {
    let (inputs, _) = batch(20);
    let mut model = model();
    let outputs = model.predict(&inputs).unwrap();
    let best = |output: &[f32]| (0..10).max_by(|a, b| output[*a].total_cmp(&output[*b])).unwrap() as u32;
    let mut labels: Vec<u32> = outputs.chunks_exact(10).map(best).collect();
    assert_eq!(model.evaluate(&inputs, Targets::Classes(&labels)).unwrap().correct, 20);
    labels.iter_mut().take(5).for_each(|label| *label = (*label + 1) % 10);
    assert_eq!(model.evaluate(&inputs, Targets::Classes(&labels)).unwrap().correct, 15);
}

#[test]
fn gradients_are_those_of_the_formula() {
    let mut model = Model::with_threads(&regression::PROGRAM, 0, 1);
    model.set_parameter("linear1.weight", &[2.0, -1.0]).unwrap();
    model.set_parameter("linear1.bias", &[0.5]).unwrap();
    let report = model.train_step(&[1.0, 2.0, 3.0, -1.0], Targets::Values(&[0.0, 8.0])).unwrap();
    // Predictions 0.5 and 7.5, errors 0.5 and -0.5, loss 0.25.
    assert_eq!(report.loss, 0.25);
    assert_eq!(model.gradient("linear1.weight").unwrap(), [0.5 - 1.5, 1.0 + 0.5]);
    assert_eq!(model.gradient("linear1.bias").unwrap(), [0.0]);
    assert_eq!(model.parameter("linear1.weight").unwrap(), [2.05, -1.075]);
}

#[test]
fn the_mean_does_not_depend_on_how_samples_are_cut_into_batches() {
    let (inputs, labels) = batch(23);
    let mut model = model();
    let whole = model.evaluate(&inputs, Targets::Classes(&labels)).unwrap();
    let mut sum = 0.0;
    for (inputs, labels) in inputs.chunks(7 * 64).zip(labels.chunks(7)) {
        let part = model.evaluate(inputs, Targets::Classes(labels)).unwrap();
        sum += part.loss * part.samples as f32;
    }
    assert!((whole.loss - sum / 23.0).abs() < 1e-5, "{whole:?} {sum}");
}

#[test]
fn batches_may_grow_and_shrink() {
    let (inputs, labels) = batch(40);
    let train = |sizes: &[usize]| {
        let mut model = model();
        for size in sizes {
            model.train_step(&inputs[..size * 64], Targets::Classes(&labels[..*size])).unwrap();
        }
        model.parameter("linear1.weight").unwrap()
    };
    // A large arena that is already there changes nothing.
    let mut large = model();
    large.evaluate(&inputs, Targets::Classes(&labels)).unwrap();
    for size in [3, 40, 5] {
        large.train_step(&inputs[..size * 64], Targets::Classes(&labels[..size])).unwrap();
    }
    assert_eq!(large.parameter("linear1.weight").unwrap(), train(&[3, 40, 5]));
}

#[test]
fn evaluation_sees_new_parameters() {
    let (inputs, _) = batch(1);
    let mut model = model();
    let before = model.predict(&inputs).unwrap();
    model.set_state("bn1.running_mean", &[1.0; 24]).unwrap();
    let after = model.predict(&inputs).unwrap();
    assert_ne!(before, after);
    model.set_parameter("linear2.weight", &[0.0; 240]).unwrap();
    assert_eq!(model.predict(&inputs).unwrap(), [0.0; 10]);
}

#[test]
fn bad_inputs_stop_the_step_and_change_nothing() {
    let (mut inputs, labels) = batch(10);
    let mut model = model();
    model.train_step(&inputs, Targets::Classes(&labels)).unwrap();
    let before = model.checkpoint().unwrap();
    let good = inputs[5];
    inputs[5] = f32::NAN;
    let error = model.train_step(&inputs, Targets::Classes(&labels)).unwrap_err();
    let Error::NonFinite(failure) = &error else { panic!("{error}") };
    assert!(failure.input && failure.loss.is_nan());
    assert_eq!(
        (failure.phase, failure.step, failure.layer.as_deref()),
        (Phase::Training, 2, Some("linear1"))
    );
    assert!(error.help().unwrap().contains("data"), "{error}");
    assert_eq!(model.checkpoint().unwrap(), before);
    inputs[5] = good;
    assert!(model.train_step(&inputs, Targets::Classes(&labels)).is_ok());
}

#[test]
fn an_infinite_loss_names_the_first_layer() {
    let (inputs, labels) = batch(10);
    let mut model = model();
    model.set_parameter("linear2.weight", &[f32::MAX; 240]).unwrap();
    let error = model.train_step(&inputs, Targets::Classes(&labels)).unwrap_err();
    let Error::NonFinite(failure) = &error else { panic!("{error}") };
    assert_eq!((failure.layer.as_deref(), failure.parameter, failure.input), (Some("linear2"), None, false));
    assert!(error.to_string().contains("at step 1") && error.to_string().contains("`linear2`"), "{error}");
    assert!(error.help().unwrap().contains("learning rate"));
    let error = model.evaluate(&inputs, Targets::Classes(&labels)).unwrap_err();
    assert!(error.to_string().contains("in evaluation"), "{error}");
}

#[test]
fn an_infinite_gradient_under_a_finite_loss_stops_the_step() {
    let mut model = Model::with_threads(&regression::PROGRAM, 0, 1);
    model.set_parameter("linear1.weight", &[0.0, 0.0]).unwrap();
    let before = model.checkpoint().unwrap();
    // The prediction is 0, the loss 10⁴, the gradient −200 · 3·10³⁸.
    let error = model.train_step(&[3e38, 0.0], Targets::Values(&[100.0])).unwrap_err();
    let Error::NonFinite(failure) = &error else { panic!("{error}") };
    assert_eq!((failure.loss, failure.gradient, failure.input), (1e4, Some("linear1.weight"), false));
    assert_eq!(
        (failure.phase, failure.step, failure.layer.as_deref()),
        (Phase::Training, 1, Some("linear1"))
    );
    assert_eq!(
        error.to_string(),
        "the gradient of `linear1.weight` is not finite at step 1 (the loss is 10000): \
         the first result that is not finite is that of `linear1`"
    );
    assert_eq!(model.checkpoint().unwrap(), before);
    assert!(model.train_step(&[1.0, 0.0], Targets::Values(&[100.0])).is_ok());
}

#[test]
fn a_broken_parameter_is_named() {
    let (inputs, labels) = batch(10);
    let mut model = model();
    model.set_parameter("bn1.bias", &[f32::NAN; 24]).unwrap();
    let error = model.evaluate(&inputs, Targets::Classes(&labels)).unwrap_err();
    assert!(error.to_string().contains("parameter `bn1.bias`"), "{error}");
}

#[test]
fn wrong_lengths_are_errors() {
    let (inputs, labels) = batch(4);
    let mut model = model();
    let message =
        |result: Result<_, Error>| result.map(|_: nnc_runtime::StepReport| ()).unwrap_err().to_string();
    assert_eq!(
        message(model.train_step(&inputs[1..], Targets::Classes(&labels))),
        "expected a multiple of 64 elements of the inputs, found 255"
    );
    assert_eq!(
        message(model.evaluate(&inputs, Targets::Classes(&labels[..3]))),
        "expected 4 elements of the labels (one per sample), found 3"
    );
    assert!(message(model.train_step(&[], Targets::Classes(&[]))).contains("found 0"));
    assert!(message(model.train_step(&inputs, Targets::Classes(&[0, 1, 10, 2]))).contains("sample 2 is 10"));
    assert!(
        message(model.train_step(&inputs, Targets::Values(&[0.0; 40])))
            .contains("with classes, found values")
    );
    assert!(model.set_parameter("bn1.bias", &[0.0]).is_err());
    let mut plane = Model::with_threads(&regression::PROGRAM, 0, 1);
    assert!(message(plane.train_step(&[0.0; 4], Targets::Values(&[0.0; 3]))).contains("found 3"));
}

#[test]
fn unknown_names_are_errors_that_list_the_known_ones() {
    let mut model = model();
    let error = model.set_hyperparameter("rho", 0.5).unwrap_err();
    assert_eq!(error.to_string(), "the network has no hyperparameter `rho`");
    assert!(error.help().unwrap().contains("lr, momentum, weight_decay"));
    assert!(model.parameter("linear3.weight").is_err());
    assert!(model.state("bn2.running_mean").is_err());
    model.set_learning_rate(0.5).unwrap();
    assert_eq!(model.hyperparameter("lr").unwrap(), 0.5);
}

#[test]
fn memory_is_known_before_anything_runs() {
    let memory = model().memory();
    let parameters = 4 * (64 * 24 + 24 * 10 + 24 + 24 + 10);
    assert_eq!(memory.parameters, parameters);
    assert_eq!(memory.optimizer, parameters);
    assert_eq!(memory.training(2) - memory.training(1), 4 * (64 + 93), "a sample, and the larger arena");
}

#[test]
fn a_model_tells_its_products_and_stays_as_it_was() {
    let mut model = model();
    let before = model.checkpoint().unwrap();
    let products = model.products(5).unwrap();
    assert!(
        model.checkpoint().unwrap().tensors.iter().zip(&before.tensors).all(|(a, b)| a.values == b.values)
    );
    let seen = products.iter().map(|product| {
        assert_eq!(product.problem.batch, 5);
        (product.phase, &*product.layer, product.problem.operation)
    });
    let expected = [
        (Phase::Training, "linear1", Operation::Forward),
        (Phase::Training, "linear2", Operation::Forward),
        (Phase::Training, "linear2", Operation::BackwardWeight),
        (Phase::Training, "linear2", Operation::BackwardData),
        (Phase::Training, "linear1", Operation::BackwardWeight),
        (Phase::Evaluation, "linear1", Operation::Forward),
        (Phase::Evaluation, "linear2", Operation::Forward),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
}

#[test]
fn two_models_learn_and_predict_at_once_on_one_pool() {
    let pool = Arc::new(Pool::new(2));
    let on_pool = || Model::with_pool(&classifier::PROGRAM, 3, Arc::clone(&pool));
    let (images, labels) = batch(32);
    let run = |model: &mut Model| {
        let losses: Vec<f32> =
            (0..20).map(|_| model.train_step(&images, Targets::Classes(&labels)).unwrap().loss).collect();
        (losses, model.predict(&images).unwrap())
    };
    let alone = run(&mut on_pool());
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..3).map(|_| scope.spawn(|| run(&mut on_pool()))).collect();
        for other in others {
            assert_eq!(other.join().unwrap(), alone);
        }
    });
}
