//! A compiled network beside the reference.
//!
//! The convention of every comparison: both sides start from the very values that the compiled
//! network holds, so that a difference is one of this computation and not of those before it.

use std::fmt;

use nnc::runtime::program::Program;
use nnc::runtime::random::{Purpose, Stream};
use nnc::{Model, Targets};
use nnc_dsl::{CheckedModel, Entry, Options, check};

use super::reference::{self, Spec, Tensors, Values};
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
    seed: u64,
}

/// The largest differences of a network's results.
#[derive(Default)]
pub(crate) struct Report(Vec<Difference>);

/// How far a tensor is off, relative to its largest magnitude.
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) relative: f64,
}

impl Network {
    /// The network of `program` with random parameters and running statistics.
    pub(crate) fn random(program: &'static Program, seed: u64) -> Network {
        let options = Options { network: Some(program.name.to_owned()), ..Options::default() };
        let outcome = check(program.source, Entry::File, &options);
        let checked = outcome.models.into_iter().next().expect("a compiled text is correct");
        let mut network = Network { checked, compiled: Model::new(program, seed), seed };
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
        let found = self.compiled.predict(&single(&batch.inputs)).expect("the batch fits");
        let expected_loss = reference::loss(&self.checked, &expected, batch.targets());
        let found_loss = with_targets(batch, |targets| {
            self.compiled.evaluate(&single(&batch.inputs), targets).expect("the batch fits").loss
        });
        let mut report = Report::default();
        report.compare("evaluated output", &found, &expected);
        report.compare("evaluated loss", &[found_loss], &[expected_loss]);
        report
    }

    /// Takes a step of training, and compares loss, gradients and running statistics.
    pub(crate) fn step(&mut self, batch: &Batch) -> Report {
        let (parameters, states) = self.values();
        let values = Values { parameters: &parameters, states: &states };
        let (seed, step) = (self.seed, self.compiled.step());
        // The numbers are the runtime's; what dropout makes of them is the reference's own.
        let uniform = |dropout: usize, element: u64| {
            f64::from(Stream::new(seed, Purpose::Dropout, dropout as u32, step).uniform(element))
        };
        let expected = reference::train_step(&self.checked, values, &batch.inputs, batch.targets(), &uniform);
        let found = with_targets(batch, |targets| {
            self.compiled.train_step(&single(&batch.inputs), targets).expect("the batch fits")
        });
        let mut report = Report::default();
        report.compare("loss", &[found.loss], &[expected.loss]);
        report.compare_gradients(&self.compiled, &expected.gradients);
        for (name, expected) in &expected.states {
            report.compare(name, &self.compiled.state(name).expect("it is a state"), expected);
        }
        report
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
        let spec = |name: &str, shape: &[usize]| Spec { name: name.to_owned(), shape: shape.to_vec() };
        let parameters: Vec<Spec> = program.parameters.iter().map(|p| spec(p.name, p.shape)).collect();
        let states: Vec<Spec> = program.states.iter().map(|s| spec(s.name, s.shape)).collect();
        assert_eq!(parameters, reference::parameters(&self.checked), "{}", program.name);
        assert_eq!(states, reference::states(&self.checked), "{}", program.name);
    }
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

    fn compare_at_scale(&mut self, what: &str, found: &[f32], expected: &[f64], scale: f64) {
        assert_eq!(found.len(), expected.len(), "{what}");
        let differences =
            found.iter().zip(expected).map(|(found, expected)| (f64::from(*found) - expected).abs());
        // `total_cmp` puts NaN above everything: it must not hide behind a comparison that is false.
        let difference = differences.max_by(f64::total_cmp).unwrap_or(0.0);
        let relative = if difference == 0.0 { 0.0 } else { difference / scale };
        self.0.push(Difference { what: what.to_owned(), relative });
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:.1e} ({})", self.relative, self.what)
    }
}

/// Calls `body` with the targets in the form that the compiled network takes.
pub(crate) fn with_targets<T>(batch: &Batch, body: impl FnOnce(Targets) -> T) -> T {
    match batch.targets() {
        reference::Targets::Classes(classes) => body(Targets::Classes(classes)),
        reference::Targets::Values(values) => body(Targets::Values(&single(values))),
    }
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
