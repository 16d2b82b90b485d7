//! Two trials of a network side by side: evaluation, steps with their gradients, and what they leave.

use std::fmt;

use nnc::runtime::Precision;

use crate::Outcome;
use crate::trial::Trial;

/// Steps after which parameters are compared.
const STEPS: usize = 3;

/// A difference: where, and how large.
#[derive(Default)]
pub(crate) struct Difference {
    what: String,
    /// The root of the mean square of the difference over that of what is expected; infinite for what is no number.
    pub(crate) relative: f64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} is off by {:.1e}", self.what, self.relative)
    }
}

/// The largest difference between two trials, by the measure of the precision of `found`.
pub(crate) fn differ(expected: &mut Trial, found: &mut Trial, precision: Precision) -> Outcome<Difference> {
    let mut comparison = Comparison::default();
    comparison.evaluation(expected, found)?;
    for step in 1..=STEPS {
        comparison.add(&format!("the loss of step {step}"), &[found.train()?], &[expected.train()?])?;
        if step == 1 {
            comparison.gradients(expected, found, least_size(precision))?;
        }
    }
    comparison.tensors(expected, found)?;
    comparison.evaluation(expected, found)?;
    Ok(comparison.worst)
}

/// A gradient that is zero but for rounding, as of a norm before a norm, has no size of its own: this
/// part of the network's largest stands in.
fn least_size(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-3,
        Precision::Tf32 | Precision::F16 => 1e-2,
        Precision::Bf16 => 1e-1,
    }
}

/// The largest difference so far.
#[derive(Default)]
struct Comparison {
    worst: Difference,
}

impl Comparison {
    fn evaluation(&mut self, expected: &mut Trial, found: &mut Trial) -> Outcome<()> {
        for (found, expected) in found.predict()?.iter().zip(&expected.predict()?) {
            self.add("an output", found, expected)?;
        }
        self.add("the evaluated loss", &[found.evaluate()?], &[expected.evaluate()?])
    }

    fn gradients(&mut self, expected: &Trial, found: &Trial, least_size: f64) -> Outcome<()> {
        let gradient = |name: &str| expected.model.gradient(name).ok();
        let size = |name: &str| gradient(name).map_or(0.0, |gradient| root_mean_square(&gradient));
        let names = || expected.model.program().parameters.iter().map(|parameter| parameter.name);
        let largest = names().map(size).fold(0.0, f64::max);
        for name in names() {
            let Some(expected) = gradient(name) else { continue };
            let found = found.model.gradient(name)?;
            // A bias sums what a weight beside it sums times an input. Before a norm its sum is zero but for the rounding
            // of the terms, whose size the weight tells: a tenth of it stands in.
            let weight = name.strip_suffix("bias").map_or(0.0, |layer| size(&format!("{layer}weight")));
            let size = size(name).max(weight / 10.0).max(least_size * largest);
            self.compare(&format!("the gradient of {name}"), &found, &expected, size)?;
        }
        Ok(())
    }

    fn tensors(&mut self, expected: &Trial, found: &Trial) -> Outcome<()> {
        let program = expected.model.program();
        for parameter in program.parameters {
            let name = parameter.name;
            self.add(name, &found.model.parameter(name)?, &expected.model.parameter(name)?)?;
        }
        for state in program.states {
            self.add(state.name, &found.model.state(state.name)?, &expected.model.state(state.name)?)?;
        }
        Ok(())
    }

    fn add(&mut self, what: &str, found: &[f32], expected: &[f32]) -> Outcome<()> {
        self.compare(what, found, expected, root_mean_square(expected))
    }

    fn compare(&mut self, what: &str, found: &[f32], expected: &[f32], size: f64) -> Outcome<()> {
        if found.len() != expected.len() {
            return Err(format!("{what} has {} elements, not {}", found.len(), expected.len()).into());
        }
        let differences: Vec<f32> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
        let relative = root_mean_square(&differences) / size.max(1e-30);
        let relative = if relative.is_nan() { f64::INFINITY } else { relative };
        if relative > self.worst.relative {
            self.worst = Difference { what: what.to_owned(), relative };
        }
        Ok(())
    }
}

fn root_mean_square(values: &[f32]) -> f64 {
    let sum: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
    (sum / values.len().max(1) as f64).sqrt()
}
