//! Several inputs and outputs, labels per position, groups of parameters.

use std::path::Path;

use nnc_runtime::{Error, Model, StepReport, Targets};

use crate::programs::{classifier, pair};
use crate::support::{Folder, Session};

/// Factors of the map's channels.
const SCALE: [f32; 2] = [1.0, -0.5];
/// Weights of the frozen linear layer: 2 values, 3 features.
const LINEAR: [f32; 6] = [1.0, 0.0, 2.0, 0.0, -1.0, 0.0];

/// Two samples of each input, channels first.
const MAP: [f32; 16] = [1.0, 2.0, 3.0, 4.0, 4.0, 0.0, 0.0, 8.0, -1.0, 0.0, 1.0, 0.0, 0.0, 3.0, 0.0, -3.0];
const META: [f32; 6] = [1.0, 2.0, 3.0, 0.0, 0.0, -1.0];
/// Two samples of each target.
const CLASSES: [u32; 8] = [1, 0, 0, 1, 0, 1, 1, 0];
const VALUES: [f32; 4] = [7.0, 0.0, -1.5, 0.5];

fn model() -> Model {
    let mut model = Model::with_threads(&pair::PROGRAM, 1, 2);
    model.set_parameter("scale1.weight", &SCALE).unwrap();
    model.set_parameter("linear1.weight", &LINEAR).unwrap();
    model
}

fn train(model: &mut Model) -> StepReport {
    model.train_step_many(&[&MAP, &META], &[Targets::Classes(&CLASSES), Targets::Values(&VALUES)]).unwrap()
}

fn pixel(sample: usize, channel: usize, position: usize) -> f64 {
    f64::from(MAP[sample * 8 + channel * 4 + position])
}

/// The scores of the classes at a position of a sample.
fn scores(sample: usize, position: usize) -> [f64; 2] {
    [0, 1].map(|class| f64::from(SCALE[class]) * pixel(sample, class, position))
}

/// Loss by the formula, and the gradients of the scale and of the bias.
fn formula() -> (f64, [f64; 2], [f64; 2]) {
    let (mut loss, mut scale, mut bias) = (0.0, [0.0; 2], [0.0; 2]);
    for (index, label) in CLASSES.iter().enumerate() {
        let (sample, position) = (index / 4, index % 4);
        let scores = scores(sample, position);
        let sum: f64 = scores.iter().map(|score| score.exp()).sum();
        loss += (sum.ln() - scores[*label as usize]) / 8.0;
        for (class, score) in scores.iter().enumerate() {
            let d = score.exp() / sum - if class == *label as usize { 1.0 } else { 0.0 };
            scale[class] += d / 8.0 * pixel(sample, class, position);
        }
    }
    // Predictions of the frozen layer with a bias of 0.5.
    for (index, (found, wanted)) in [7.5, -1.5, -1.5, 0.5].into_iter().zip(VALUES).enumerate() {
        let error: f64 = found - f64::from(wanted);
        loss += 0.5 * error * error / 4.0;
        bias[index % 2] += error / 4.0;
    }
    (loss, scale, bias)
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() < 1e-5, "{found}, expected {expected}");
    }
}

#[test]
fn every_output_comes_in_the_order_of_the_signature() {
    let outputs = model().predict_many(&[&MAP, &META]).unwrap();
    assert_eq!(outputs.len(), 2);
    for sample in 0..2 {
        for position in 0..4 {
            let found = [0, 1].map(|class| f64::from(outputs[0][sample * 8 + class * 4 + position]));
            assert_eq!(found, scores(sample, position));
        }
    }
    assert_eq!(outputs[1], [7.5, -1.5, -1.5, 0.5]);
}

#[test]
fn losses_add_up_and_labels_count_by_position() {
    let mut model = model();
    let targets = [Targets::Classes(&CLASSES), Targets::Values(&VALUES)];
    let report = model.evaluate_many(&[&MAP, &META], &targets).unwrap();
    let (loss, scale, bias) = formula();
    assert_close(&[report.loss], &[loss]);
    // The first of equal scores counts.
    let right = |index: &usize| {
        let scores = scores(index / 4, index % 4);
        usize::from(scores[1] > scores[0]) == CLASSES[*index] as usize
    };
    let correct = (0..8).filter(right).count();
    assert!((1..8).contains(&correct));
    assert_eq!((report.correct, report.labels, report.samples), (correct, 8, 2));
    assert_eq!(train(&mut model), report);
    assert_close(&model.gradient("scale1.weight").unwrap(), &scale);
    assert_close(&model.gradient("linear1.bias").unwrap(), &bias);
}

#[test]
fn groups_learn_at_their_own_rate_and_frozen_parameters_not_at_all() {
    let mut model = model();
    train(&mut model);
    let (_, scale, bias) = formula();
    let moved: Vec<f64> =
        SCALE.iter().zip(scale).map(|(w, d)| f64::from(*w) - 0.1 * (d + 0.01 * f64::from(*w))).collect();
    assert_close(&model.parameter("scale1.weight").unwrap(), &moved);
    // Half the rate, and no decay.
    assert_close(&model.parameter("linear1.bias").unwrap(), &bias.map(|d| 0.5 - 0.05 * d));
    for _ in 0..20 {
        train(&mut model);
    }
    assert_eq!(model.parameter("linear1.weight").unwrap(), LINEAR);
    let error = model.gradient("linear1.weight").unwrap_err();
    assert!(error.to_string().contains("`linear1.weight` is frozen"), "{error}");
    assert!(train(&mut model).loss < formula().0 as f32);
}

#[test]
fn memory_leaves_out_what_does_not_learn() {
    let memory = model().memory();
    assert_eq!((memory.parameters, memory.gradients, memory.optimizer), (40, 16, 16));
}

#[test]
fn checkpoints_hold_the_states_of_what_learns() {
    let folder = Folder::new();
    let path = folder.join("pair.safetensors");
    let mut model = model();
    train(&mut model);
    model.save(&path).unwrap();
    let mut read = Model::load(&pair::PROGRAM, &path).unwrap();
    let checkpoint = read.checkpoint().unwrap();
    assert_eq!(checkpoint, model.checkpoint().unwrap());
    assert_eq!(checkpoint.tensor("optimizer.momentum_buffer").unwrap().shape, [4]);
    train(&mut read);
    train(&mut model);
    assert_eq!(read.checkpoint().unwrap(), model.checkpoint().unwrap());
}

#[test]
fn states_of_a_network_that_froze_other_parts_are_left_out() {
    let mut model = model();
    train(&mut model);
    let mut other = model.checkpoint().unwrap();
    other.metadata.optimizer_layout = Some("of all ten".into());
    let state = other.tensors.iter_mut().find(|tensor| tensor.name.starts_with("optimizer.")).unwrap();
    (state.shape, state.values) = (vec![10], vec![1.0; 10]);
    model.restore(&other, Path::new("x")).unwrap();
    let checkpoint = model.checkpoint().unwrap();
    let state = checkpoint.tensor("optimizer.momentum_buffer").unwrap();
    assert_eq!((&state.shape[..], &state.values[..]), (&[4][..], &[0.0; 4][..]));
}

#[test]
fn checkpoints_from_before_layouts_are_read() {
    let mut model = model();
    train(&mut model);
    let new = model.checkpoint().unwrap();
    let mut old = new.clone();
    old.metadata.optimizer_layout = None;
    let mut read = self::model();
    read.restore(&old, Path::new("x")).unwrap();
    assert_eq!(read.checkpoint().unwrap(), new);
}

#[test]
fn mistakes_name_the_port() {
    let mut model = model();
    let (classes, values) = (Targets::Classes(&CLASSES), Targets::Values(&VALUES));
    let mut check = |inputs: &[&[f32]], targets: &[Targets], expected: &str| {
        let error = model.train_step_many(inputs, targets).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let both: &[&[f32]] = &[&MAP, &META];
    check(&[&MAP], &[classes, values], "the network has 2 inputs (`map`, `meta`), found 1");
    check(both, &[classes], "the network has 2 targets (`class`, `value`), found 1");
    check(
        &[&MAP[1..], &META],
        &[classes, values],
        "expected a multiple of 8 elements of the input `map`, found 15",
    );
    check(
        &[&MAP, &META[..3]],
        &[classes, values],
        "expected 6 (2 samples of 3) elements of the input `meta`, found 3",
    );
    check(
        both,
        &[Targets::Classes(&CLASSES[..2]), values],
        "expected 8 elements of the labels of output `class` (one per sample and position), found 2",
    );
    check(
        both,
        &[classes, Targets::Values(&VALUES[1..])],
        "expected 4 elements of the target values of output `value`, found 3",
    );
    check(
        both,
        &[Targets::Classes(&[0, 1, 0, 1, 0, 1, 2, 1]), values],
        "the label of sample 1, position 2 of output `class` is 2, expected one below 2",
    );
    check(both, &[values, classes], "the loss compares output `class` with classes, found values");
}

#[test]
fn the_short_calls_ask_for_the_long_ones() {
    let mut model = model();
    let helps = |error: Error| error.help().unwrap();
    assert!(
        helps(model.train_step(&MAP, Targets::Classes(&CLASSES)).unwrap_err()).contains("`train_step_many`")
    );
    assert!(helps(model.predict(&MAP).unwrap_err()).contains("`predict_many`"));
    let mut single = Model::with_threads(&classifier::PROGRAM, 0, 1);
    let (input, extra) = ([0.5; 64], [0.5; 64]);
    assert_eq!(single.predict_many(&[&input]).unwrap(), [single.predict(&input).unwrap()]);
    assert!(single.predict_many(&[&input, &extra]).unwrap_err().to_string().contains("1 input, found 2"));
}

#[test]
fn a_run_on_a_data_set_points_to_the_library() {
    let folder = Folder::new();
    let error = Session::new(&pair::PROGRAM, folder.path()).run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a data set feeds one input and one target, but the network has 2 inputs (`map`, `meta`) and \
         2 targets (`value`, `class`)"
    );
    assert!(error.help().unwrap().contains("`train_step_many`"), "{error}");
    let error = Session::new(&pair::SEGMENTS, folder.path()).run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a data set has one class per sample, but the network's output 2x2x2 takes one per position"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
