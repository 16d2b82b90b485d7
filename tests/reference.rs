//! The reference against itself: its gradients are those of its own loss, by finite differences.

#[expect(dead_code, unused_imports, unused_macros, reason = "the compiled side is for other tests")]
mod support;

use nnc_dsl::{CheckedModel, Entry, Options, check};
use support::reference::{self, Draw, Tensors, Values};
use support::values::{self, Batch, Generator};

/// Small enough for the difference to be the slope, large enough to leave ten digits of the loss.
const DISTANCE: f64 = 1e-5;

#[test]
fn gradients_of_words_are_slopes_of_the_loss() {
    gradients_are_slopes_of_the_loss(include_str!("networks/words.nn"));
}

#[test]
fn gradients_of_structures_are_slopes_of_the_loss() {
    gradients_are_slopes_of_the_loss(include_str!("networks/structure.nn"));
}

fn gradients_are_slopes_of_the_loss(text: &str) {
    let failures: Vec<String> = models(text).iter().flat_map(wrong_slopes).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// The gradients of a network that are not slopes, at a few elements of each parameter.
fn wrong_slopes(model: &CheckedModel) -> Vec<String> {
    let mut generator = Generator::new(1);
    let parameters = values::parameters(model, &mut generator);
    let states = values::states(model, &mut generator);
    let batch = Batch::random(model, 5, &mut generator);
    let step = |parameters: &Tensors| {
        let values = Values { parameters, states: &states };
        reference::train_step(model, values, &batch.inputs, &batch.targets, DRAW)
    };
    let mut wrong = Vec::new();
    for (name, gradient) in step(&parameters).gradients {
        let largest = gradient.iter().fold(0.0, |largest: f64, slope| largest.max(slope.abs()));
        for index in [0, gradient.len() / 3, gradient.len() - 1] {
            let loss_at = |distance: f64| {
                let mut moved = parameters.clone();
                moved.get_mut(&name).expect("a gradient has its parameter")[index] += distance;
                step(&moved).loss
            };
            let slope = (loss_at(DISTANCE) - loss_at(-DISTANCE)) / (2.0 * DISTANCE);
            if (slope - gradient[index]).abs() > 1e-5 * largest + 1e-9 {
                let (network, found) = (&model.name, gradient[index]);
                wrong.push(format!("{network}: {name}[{index}] is {found}, the slope is {slope}"));
            }
        }
    }
    wrong
}

/// With zero weights every class is as likely as the others.
#[test]
fn loss_of_no_opinion_is_the_logarithm_of_the_classes() {
    let model = &models("network Guess<3x4x4 -> 10> { conv3 10 gap }")[0];
    let mut generator = Generator::new(2);
    let mut parameters = values::parameters(model, &mut generator);
    parameters.values_mut().for_each(|tensor| tensor.fill(0.0));
    let states = values::states(model, &mut generator);
    let values = Values { parameters: &parameters, states: &states };
    let batch = Batch::random(model, 4, &mut generator);
    let step = reference::train_step(model, values, &batch.inputs, &batch.targets, DRAW);
    assert!((step.loss - 10_f64.ln()).abs() < 1e-12, "{}", step.loss);
    assert!(reference::evaluate(model, values, &batch.inputs)[0].iter().all(|output| *output == 0.0));
}

/// The running statistics after a step normalise like the batch's own where momentum is 1, but for
/// the unbiased variance.
#[test]
fn evaluation_uses_the_running_statistics() {
    let model = &models("network Norm<2x3x3 -> 2x3x3> { bn momentum=1 eps=0.001 }")[0];
    let mut generator = Generator::new(3);
    let parameters = values::parameters(model, &mut generator);
    let states = values::states(model, &mut generator);
    let batch = Batch::random(model, 3, &mut generator);
    let values = Values { parameters: &parameters, states: &states };
    let step = reference::train_step(model, values, &batch.inputs, &batch.targets, DRAW);
    let values = Values { parameters: &parameters, states: &step.states };
    let outputs = &reference::evaluate(model, values, &batch.inputs)[0];
    let (scale, shift) = (&parameters["bn1.weight"], &parameters["bn1.bias"]);
    for channel in 0..2 {
        let own = outputs.chunks(9).skip(channel).step_by(2).flatten();
        let normal: Vec<f64> = own.map(|y| (y - shift[channel]) / scale[channel]).collect();
        let mean = normal.iter().sum::<f64>() / 27.0;
        let variance = normal.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 26.0;
        let expected = step.states["bn1.running_var"][channel];
        assert!(mean.abs() < 1e-12, "{mean}");
        assert!((variance - expected / (expected + 0.001)).abs() < 1e-12, "{variance}");
    }
}

/// The checked networks of a text.
fn models(text: &str) -> Vec<CheckedModel> {
    let outcome = check(text, Entry::File, &Options::default());
    assert!(!outcome.models.is_empty(), "{:#?}", outcome.diagnostics);
    outcome.models
}

/// Random numbers that depend on their place alone.
const DRAW: Draw = Draw { uniform: &uniform, normal: &normal };

fn uniform(stream: usize, element: u64) -> f64 {
    Generator::new((stream as u64) << 32 | element).uniform(0.0, 1.0)
}

fn normal(stream: usize, element: u64) -> f64 {
    Generator::new((stream as u64) << 32 | element).normal(1.0)
}
