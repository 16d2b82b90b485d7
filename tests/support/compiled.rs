//! A compiled network beside the reference.
//!
//! The convention of every comparison: both sides start from the very values that the compiled
//! network holds, so that a difference is one of this computation and not of those before it.

use std::fmt;
use std::sync::Arc;

use nnc::runtime::devices::cpu::Pool;
use nnc::runtime::program::{Parameter, Program};
use nnc::runtime::random::{Purpose, Stream};
use nnc::runtime::select::{Mode, Selector};
use nnc::{Model, Targets};
use nnc_dsl::{CheckedModel, Entry, Options, check};

use super::reference::{self, Draw, Optimizer, Tensors, Values};
use super::values::{self, Batch, Generator};

/// The programs of networks that `network!` has made.
macro_rules! programs {
    ($($network:ident)*) => { [$($network::new(0).model().program()),*] };
}
pub(crate) use programs;

/// A network in both forms.
pub(crate) struct Network {
    pub(crate) checked: CheckedModel,
    pub(crate) compiled: Model,
    optimizer: Optimizer,
    seed: u64,
}

/// The largest differences of a network's results.
#[derive(Default)]
pub(crate) struct Report(Vec<Difference>);

/// The name of a training step's loss in a report.
const LOSS: &str = "loss";

/// How far a tensor is off, relative to its largest magnitude.
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) relative: f64,
}

impl Network {
    /// The network of `program` with random parameters and running statistics. Gradients ask for
    /// [`Mode::Deterministic`]: Winograd's rounding would put inputs on the other side of a kink than the
    /// reference has them.
    pub(crate) fn random(program: &'static Program, mode: Mode, seed: u64) -> Network {
        let options = Options { network: Some(program.name.to_owned()), ..Options::default() };
        let outcome = check(program.source, Entry::File, &options);
        let checked = outcome.models.into_iter().next().expect("a compiled text is correct");
        let pool = Arc::new(Pool::default().with_selector(Selector::new(mode)));
        let compiled = Model::with_pool(program, seed, pool);
        let mut network = Network { checked, compiled, optimizer: Optimizer::default(), seed };
        let mut generator = Generator::new(seed);
        for (name, tensor) in values::parameters(&network.checked, &mut generator) {
            network
                .compiled
                .set_parameter(&name, &single(&tensor))
                .expect("the reference knows the parameters");
        }
        for (name, tensor) in values::states(&network.checked, &mut generator) {
            network.compiled.set_state(&name, &single(&tensor)).expect("the reference knows the states");
        }
        network.has_just_the_tensors_of_the_reference();
        network
    }

    /// Compares the outputs in evaluation mode.
    pub(crate) fn evaluation(&mut self, batch: &Batch) -> Report {
        let (parameters, states) = self.values();
        let values = Values { parameters: &parameters, states: &states };
        let expected = reference::evaluate(&self.checked, values, &batch.inputs);
        let expected_loss = reference::loss(&self.checked, &expected, &batch.targets);
        let compiled = &mut self.compiled;
        let (found, found_loss) = with_batch(batch, |inputs, targets| {
            let outputs = compiled.predict_many(inputs).expect("the batch fits");
            (outputs, compiled.evaluate_many(inputs, targets).expect("the batch fits").loss)
        });
        let mut report = Report::default();
        for (output, (found, expected)) in self.checked.outputs.iter().zip(found.iter().zip(&expected)) {
            report.compare(&format!("evaluated output {}", output.name), found, expected);
        }
        report.compare("evaluated loss", &[found_loss], &[expected_loss]);
        report
    }

    /// Takes a step of training, and compares loss, gradients, running statistics and where the
    /// parameters have moved.
    pub(crate) fn step(&mut self, batch: &Batch) -> Report {
        let (parameters, states) = self.values();
        let values = Values { parameters: &parameters, states: &states };
        let (seed, step) = (self.seed, self.compiled.step());
        // The numbers are the runtime's; what the words make of them is the reference's own.
        let stream = |id: usize| Stream::new(seed, Purpose::Dropout, id as u32, step);
        let uniform = |id, element| f64::from(stream(id).uniform(element));
        let normal = |id, element| normal(&stream(id), element);
        let draw = Draw { uniform: &uniform, normal: &normal };
        let expected = reference::train_step(&self.checked, values, &batch.inputs, &batch.targets, draw);
        let compiled = &mut self.compiled;
        let found = with_batch(batch, |inputs, targets| {
            compiled.train_step_many(inputs, targets).expect("the batch fits")
        });
        let mut report = Report::default();
        report.compare(LOSS, &[found.loss], &[expected.loss]);
        report.compare_gradients(&self.compiled, &expected.gradients);
        for (name, expected) in &expected.states {
            report.compare(name, &self.compiled.state(name).expect("it is a state"), expected);
        }
        self.compare_update(&parameters, &mut report);
        report
    }

    /// Compares the parameters with what the optimiser should have made of the compiled gradients.
    fn compare_update(&mut self, before: &Tensors, report: &mut Report) {
        self.optimizer.begin();
        for spec in reference::parameters(&self.checked) {
            let (name, before) = (&spec.name, &before[&spec.name]);
            let found = self.compiled.parameter(name).expect("it is its own");
            let expected = match spec.learning_rate {
                0.0 => before.clone(),
                _ => {
                    let gradient = double(&self.compiled.gradient(name).expect("it learns"));
                    self.optimizer.moved(&self.checked.train.optimizer, &spec, before, &gradient)
                }
            };
            report.compare_moved(name, &found, &expected, before);
        }
    }

    /// Parameters and states as they are.
    fn values(&self) -> (Tensors, Tensors) {
        let program = self.compiled.program();
        let parameters = program.parameters.iter().map(|parameter| {
            (
                parameter.name.to_owned(),
                double(&self.compiled.parameter(parameter.name).expect("it is its own")),
            )
        });
        let states = program.states.iter().map(|state| {
            (state.name.to_owned(), double(&self.compiled.state(state.name).expect("it is its own")))
        });
        (parameters.collect(), states.collect())
    }

    fn has_just_the_tensors_of_the_reference(&self) {
        let program = self.compiled.program();
        let own = program.parameters.iter().map(|own| (own.name, own.shape, learning_rate(program, own)));
        let expected = reference::parameters(&self.checked);
        let expected =
            expected.iter().map(|spec| (&spec.name[..], &spec.shape[..], spec.learning_rate as f32));
        assert!(own.eq(expected), "{}: the parameters differ", program.name);
        let own = program.states.iter().map(|own| (own.name, own.shape));
        let expected = reference::states(&self.checked);
        let expected = expected.iter().map(|spec| (&spec.name[..], &spec.shape[..]));
        assert!(own.eq(expected), "{}: the states differ", program.name);
    }
}

/// Outputs and losses in the default mode, which may take Winograd's algorithm: those of an evaluation, of a
/// step of training, and of an evaluation after it.
pub(crate) fn forward_by_default(program: &'static Program, seed: u64, [first, last]: [&Batch; 2]) -> Report {
    let mut network = Network::random(program, Mode::default(), seed);
    let mut report = network.evaluation(first);
    report.extend(network.step(last).of_loss());
    report.extend(network.evaluation(last));
    report
}

/// How far outputs and losses may be off there, relative to the largest: what [`Mode`] promises.
pub(crate) const FORWARD_TOLERANCE: f64 = 3e-5;

/// The factor on the learning rate of a parameter. Those that are frozen lie behind all that learn.
fn learning_rate(program: &Program, parameter: &Parameter) -> f32 {
    let group = program.groups.iter().find(|group| parameter.offset < group.end);
    group.map_or(0.0, |group| group.learning_rate)
}

impl Report {
    /// Adds what another comparison has found.
    pub(crate) fn extend(&mut self, other: Report) {
        self.0.extend(other.0);
    }

    /// The largest difference.
    pub(crate) fn worst(&self) -> &Difference {
        let worst = self.0.iter().max_by(|a, b| a.relative.total_cmp(&b.relative));
        worst.expect("something was compared")
    }

    /// What was found for the loss alone.
    fn of_loss(mut self) -> Report {
        self.0.retain(|difference| difference.what == LOSS);
        self
    }

    fn compare(&mut self, what: &str, found: &[f32], expected: &[f64]) {
        self.compare_at_scale(what, found, expected, largest(expected));
    }

    fn compare_gradients(&mut self, compiled: &Model, expected: &Tensors) {
        let of_all = expected.values().map(|gradient| largest(gradient)).fold(0.0, f64::max);
        for (name, expected) in expected {
            // A gradient that is zero but for rounding, such as that of a bias right before batch
            // norm, has no magnitude of its own: that of the network's largest stands in.
            let own = largest(expected);
            let scale = if own > 1e-12 * of_all { own } else { of_all };
            let found = compiled.gradient(name).expect("every parameter has a gradient");
            self.compare_at_scale(&format!("gradient of {name}"), &found, expected, scale);
        }
    }

    /// Compares what was added to a parameter. That the sum is rounded is no mistake of it.
    fn compare_moved(&mut self, name: &str, found: &[f32], expected: &[f64], before: &[f64]) {
        let movement: Vec<f64> = expected.iter().zip(before).map(|(after, before)| after - before).collect();
        let beyond_rounding = |(found, expected): (&f32, &f64)| {
            let difference = (f64::from(*found) - expected).abs();
            (difference - f64::from(f32::EPSILON) * expected.abs()).max(0.0)
        };
        // `max` hides NaN, and one that is found must not be hidden.
        assert!(found.iter().all(|value| value.is_finite()), "{name} is not finite");
        let difference = found.iter().zip(expected).map(beyond_rounding).fold(0.0, f64::max);
        self.add(&format!("update of {name}"), difference, largest(&movement));
    }

    fn compare_at_scale(&mut self, what: &str, found: &[f32], expected: &[f64], scale: f64) {
        assert_eq!(found.len(), expected.len(), "{what}");
        let differences =
            found.iter().zip(expected).map(|(found, expected)| (f64::from(*found) - expected).abs());
        // `total_cmp` puts NaN above everything: it must not hide behind a comparison that is false.
        let difference = differences.max_by(f64::total_cmp).unwrap_or(0.0);
        self.add(what, difference, scale);
    }

    fn add(&mut self, what: &str, difference: f64, scale: f64) {
        let relative = if difference == 0.0 { 0.0 } else { difference / scale };
        self.0.push(Difference { what: what.to_owned(), relative });
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:.1e} ({})", self.relative, self.what)
    }
}

/// Calls `body` with inputs and targets in the form that the compiled network takes.
pub(crate) fn with_batch<T>(batch: &Batch, body: impl FnOnce(&[&[f32]], &[Targets]) -> T) -> T {
    let inputs: Vec<Vec<f32>> = batch.inputs.iter().map(|input| single(input)).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let values: Vec<Vec<f32>> = batch
        .targets
        .iter()
        .map(|targets| match targets {
            reference::Targets::Classes(_) => Vec::new(),
            reference::Targets::Values(values) => single(values),
        })
        .collect();
    let targets = batch.targets.iter().zip(&values).map(|(targets, values)| match targets {
        reference::Targets::Classes(classes) => Targets::Classes(classes),
        reference::Targets::Values(_) => Targets::Values(values),
    });
    body(&inputs, &targets.collect::<Vec<Targets>>())
}

/// A normal number of a stream by Box and Muller's formula: √(−2 ln u) · (cos, sin)(2π t) from two words of
/// a block, with u in (0, 1] from the upper 24 bits of the first, t from all of the second.
pub(crate) fn normal(stream: &Stream, element: u64) -> f64 {
    let block = stream.block((element / 4) as u32);
    let pair = (element % 4 / 2 * 2) as usize;
    let unit = f64::from((block[pair] >> 8) + 1) / f64::from(1 << 24);
    let angle = f64::from(block[pair + 1]) / 2_f64.powi(32) * std::f64::consts::TAU;
    let part = if element.is_multiple_of(2) { angle.cos() } else { angle.sin() };
    (-2.0 * unit.ln()).sqrt() * part
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// As the compiled network holds them; nothing is lost, see [`values`].
pub(crate) fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

fn double(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}
