//! The GPU against the processor, network by network.

use std::path::Path;
use std::sync::Arc;

use nnc::Model;
use nnc::runtime::devices::cpu::Pool;
use nnc::runtime::program::Program;
use nnc::runtime::select::{Mode, Selector};
use nnc::runtime::{Device, Gpu, Precision};

use crate::data::{Batch, randomise};
use crate::{Outcome, Settings};

/// Samples of a batch: odd, so that no vector or tile comes out even.
const BATCH: usize = 5;

/// Steps after which parameters are compared.
const STEPS: usize = 3;

/// What the loss is multiplied by at half precision.
const LOSS_SCALE: f32 = 128.0;

pub(crate) fn run(settings: &Settings) -> Outcome<()> {
    let mut failures = 0;
    let networks = settings.networks();
    for &precision in &settings.precisions {
        let mut worst = Worst::default();
        for program in &networks {
            match compare(program, precision) {
                Ok(found) => worst.add(program, found),
                Err(error) => {
                    println!("- {} in {precision}: {error}", program.name);
                    failures += 1;
                }
            }
        }
        println!("- {} networks in {precision}: {worst}", networks.len());
    }
    if failures > 0 { Err(format!("{failures} comparisons").into()) } else { Ok(()) }
}

/// What a tensor may be off by: the root of the mean square of the difference over that of the tensor.
///
/// Single precision: other orders of summation, and inputs of kinks within rounding of them. TF32
/// and bf16 round factors to 10 and 7 bits, and activations to 7, at every layer; f16 rounds both to 10.
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-3,
        Precision::Tf32 => 5e-2,
        Precision::Bf16 => 3e-1,
        Precision::F16 => 5e-2,
    }
}

/// A gradient that is zero but for rounding, such as that of a bias before a norm, has no size of its own: this
/// part of the network's largest stands in.
fn least_size(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-3,
        Precision::Tf32 => 1e-2,
        Precision::Bf16 => 1e-1,
        Precision::F16 => 1e-2,
    }
}

/// The largest difference of a network: where, and how large.
type Difference = (String, f64);

fn compare(program: &'static Program, precision: Precision) -> Outcome<Difference> {
    // Winograd's rounding would put inputs on the other side of a kink.
    let pool = Pool::default().with_selector(Selector::new(Mode::Deterministic));
    let mut cpu = Model::on(program, 7, &Device::Cpu(Arc::new(pool)))?;
    let mut gpu = Model::on(program, 7, &device(precision))?;
    randomise(&mut [&mut cpu, &mut gpu], 11)?;
    start_low(&mut gpu)?;
    let worst = (String::new(), 0.0);
    let mut comparison =
        Comparison { tolerance: tolerance(precision), least_size: least_size(precision), worst };
    let batch = Batch::random(program, BATCH, 3);
    comparison.evaluation(&mut cpu, &mut gpu, &batch)?;
    for step in 1..=STEPS {
        let [expected, found] = [&mut cpu, &mut gpu]
            .map(|model| model.train_step_many(&batch.inputs(), &batch.targets()).map(|report| report.loss));
        comparison.add(&format!("loss of step {step}"), &[found?], &[expected?])?;
        if step == 1 {
            comparison.gradients(&cpu, &gpu)?;
        }
    }
    comparison.tensors(&cpu, &gpu)?;
    comparison.evaluation(&mut cpu, &mut gpu, &batch)?;
    Ok(comparison.worst)
}

/// Lets half precision begin with a loss scale at which no gradient overflows: the processor skips no step.
fn start_low(gpu: &mut Model) -> Outcome<()> {
    let mut checkpoint = gpu.checkpoint()?;
    if let Some(loss_scale) = &mut checkpoint.metadata.loss_scale {
        loss_scale.scale = LOSS_SCALE;
        gpu.restore(&checkpoint, Path::new("the checkpoint of a comparison"))?;
    }
    Ok(())
}

/// The first GPU, with algorithms that are chosen without measuring.
pub(crate) fn device(precision: Precision) -> Device {
    Device::Cuda(Gpu { precision, mode: Mode::Deterministic, ..Gpu::default() })
}

struct Comparison {
    tolerance: f64,
    least_size: f64,
    worst: Difference,
}

impl Comparison {
    fn evaluation(&mut self, cpu: &mut Model, gpu: &mut Model, batch: &Batch) -> Outcome<()> {
        let [expected, found] = [&mut *cpu, &mut *gpu].map(|model| model.predict_many(&batch.inputs()));
        for (found, expected) in found?.iter().zip(&expected?) {
            self.add("an output", found, expected)?;
        }
        let [expected, found] =
            [cpu, gpu].map(|model| model.evaluate_many(&batch.inputs(), &batch.targets()));
        self.add("the evaluated loss", &[found?.loss], &[expected?.loss])
    }

    fn gradients(&mut self, cpu: &Model, gpu: &Model) -> Outcome<()> {
        let learning =
            cpu.program().parameters.iter().filter(|parameter| cpu.gradient(parameter.name).is_ok());
        let of = |model: &Model, name: &str| model.gradient(name);
        let pairs: Vec<_> = learning
            .map(|parameter| Ok((parameter.name, of(gpu, parameter.name)?, of(cpu, parameter.name)?)))
            .collect::<Outcome<_>>()?;
        let largest = pairs.iter().map(|(_, _, expected)| root_mean_square(expected)).fold(0.0, f64::max);
        for (name, found, expected) in &pairs {
            let size = root_mean_square(expected).max(self.least_size * largest);
            self.compare(&format!("the gradient of {name}"), found, expected, size)?;
        }
        Ok(())
    }

    fn tensors(&mut self, cpu: &Model, gpu: &Model) -> Outcome<()> {
        for parameter in cpu.program().parameters {
            let name = parameter.name;
            self.add(name, &gpu.parameter(name)?, &cpu.parameter(name)?)?;
        }
        for state in cpu.program().states {
            self.add(state.name, &gpu.state(state.name)?, &cpu.state(state.name)?)?;
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
        if relative.is_nan() || relative > self.tolerance {
            return Err(format!("{what} is off by {relative:.1e}, at most {:.0e}", self.tolerance).into());
        }
        if relative > self.worst.1 {
            self.worst = (what.to_owned(), relative);
        }
        Ok(())
    }
}

fn root_mean_square(values: &[f32]) -> f64 {
    let sum: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
    (sum / values.len().max(1) as f64).sqrt()
}

/// The largest difference of all networks.
#[derive(Default)]
struct Worst(Option<(&'static str, Difference)>);

impl Worst {
    fn add(&mut self, program: &'static Program, found: Difference) {
        if self.0.as_ref().is_none_or(|(_, worst)| worst.1 < found.1) {
            self.0 = Some((program.name, found));
        }
    }
}

impl std::fmt::Display for Worst {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match &self.0 {
            None => f.write_str("nothing was compared"),
            Some((network, (what, relative))) => write!(f, "worst {relative:.1e}, {what} of {network}"),
        }
    }
}
