//! How fast whole networks train and evaluate on this machine.
//!
//! `cargo bench --package nnc --bench networks -- [NAMES] [--threads N] [--rounds N]`. The results of
//! each network are checked before its times are taken. GFLOP/s count the multiply-adds of the
//! convolutions and linear layers as two operations, a training step as three times the forward pass
//! without the gradient of the input; the share is of the peak measured in the same run.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

mod support;

use std::process::ExitCode;
use std::time::Duration;

use nnc::{Model, Targets, network};
use nnc_codegen::summary::{Summary, summary};
use nnc_dsl::{Entry, check};
use nnc_runtime::devices::cpu::{Isa, Pool};
use nnc_runtime::program::Program;
use support::options::Options;
use support::{machine, timing};

/// The type of each file, and a table of all of them.
macro_rules! networks {
    ($($file:literal $network:ident),* $(,)?) => {
        $(network!($file);)*

        const NETWORKS: &[Network] = &[$(Network {
            text: include_str!(concat!("../", $file)),
            name: stringify!($network),
            program: || $network::new(0).model().program(),
        }),*];
    };
}

networks! {
    "benches/networks/vgg32.nn" Vgg32,
    "benches/networks/seed224.nn" Seed224,
    "benches/networks/mlp.nn" Mlp,
    "benches/networks/resnet20.nn" ResNet20,
    "benches/networks/lenet.nn" LeNet,
    "benches/networks/resnet18.nn" ResNet18,
}

struct Network {
    name: &'static str,
    text: &'static str,
    program: fn() -> &'static Program,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let options = Options::read(9)?;
    if options.isa != Isa::detect() {
        return Err("networks use the best instruction set; `--isa` is for the bench `kernels`".into());
    }
    let pool = Pool::new(options.threads);
    let peak = machine::peak(&pool, options.rounds);
    let bandwidth = machine::bandwidth(&pool, options.rounds, machine::MEMORY);
    println!("{} threads, {}", pool.threads(), pool.isa().name());
    println!("peak {peak:.0} GFLOP/s, memory {bandwidth:.0} GB/s\n");
    println!("| network, batch | work | ms | GFLOP/s | share of the peak |\n|---|---|---:|---:|---:|");
    for network in NETWORKS.iter().filter(|network| options.wants(&network.name.to_lowercase())) {
        network.measure(&options, peak).map_err(|error| format!("{}: {error}", network.name))?;
    }
    Ok(())
}

impl Network {
    fn measure(&self, options: &Options, peak: f64) -> Outcome<()> {
        let program = (self.program)();
        let (batch, work) = (program.defaults.batch, Work::of(&self.summary()?));
        let data = Data::new(program, batch);
        data.check(program, options.threads)?;
        let [mut training, mut evaluation, mut single] =
            [0; 3].map(|seed| Model::with_threads(program, seed, options.threads));
        training.set_learning_rate(TIMED_RATE)?;
        let one = &data.inputs[..data.sample];
        let times = timing::medians(
            options.rounds,
            &mut [
                &mut || drop(training.train_step(&data.inputs, data.targets())),
                &mut || drop(evaluation.predict(&data.inputs)),
                &mut || drop(single.predict(one)),
            ],
        );
        let label = format!("{}, {batch}", self.name);
        line(&label, "training step", times[0], batch * work.training, peak);
        line(&label, "evaluation", times[1], batch * work.evaluation, peak);
        line(&label, "evaluation of one", times[2], work.evaluation, peak);
        Ok(())
    }

    /// What `nnc summary` shows.
    fn summary(&self) -> Outcome<Summary> {
        let outcome = check(self.text, Entry::File, &nnc_dsl::Options::default());
        let model = outcome.models.last().ok_or("the file holds no network")?;
        Ok(summary(model, &nnc_codegen::compile(model)))
    }
}

fn line(label: &str, work: &str, time: Duration, flops: usize, peak: f64) {
    let rate = flops as f64 / time.as_secs_f64() / 1e9;
    let share = 100.0 * rate / peak;
    println!("| {label} | {work} | {:.3} | {rate:.0} | {share:.0} % |", time.as_secs_f64() * 1e3);
}

/// Operations of a sample.
struct Work {
    training: usize,
    evaluation: usize,
}

impl Work {
    fn of(summary: &Summary) -> Work {
        let mut costs = summary.rows.iter().filter_map(|row| row.cost.as_ref());
        let first = costs.find(|cost| cost.macs > 0).map_or(0, |cost| cost.macs);
        let evaluation = 2 * summary.macs;
        // The gradient of the input is not computed.
        let training = 3 * evaluation - 2 * first;
        Work { training: training as usize, evaluation: evaluation as usize }
    }
}

/// Small enough that many steps on one batch leave the parameters where they were.
const TIMED_RATE: f32 = 1e-6;

/// A batch.
struct Data {
    inputs: Vec<f32>,
    labels: Vec<u32>,
    /// Elements of a sample.
    sample: usize,
    classes: usize,
}

impl Data {
    fn new(program: &Program, batch: usize) -> Data {
        let sample = program.inputs[0].shape.iter().product();
        let classes = program.outputs[0].shape.iter().product();
        let mut state = 1;
        let inputs = (0..batch * sample).map(|_| normal(&mut state)).collect();
        let labels = (0..batch).map(|index| (index * 7 % classes) as u32).collect();
        Data { inputs, labels, sample, classes }
    }

    fn targets(&self) -> Targets<'_> {
        Targets::Classes(&self.labels)
    }

    /// That the numbers do not depend on the threads, that evaluation's loss is the cross-entropy of its
    /// outputs, and that a sample's outputs do not depend on the batch that it comes in.
    fn check(&self, program: &'static Program, threads: usize) -> Outcome<()> {
        let [mut model, mut single] = [threads, 1].map(|threads| Model::with_threads(program, 0, threads));
        for step in 1..=2 {
            let losses =
                [&mut model, &mut single].map(|model| model.train_step(&self.inputs, self.targets()));
            let [found, wanted] =
                [losses[0].as_ref(), losses[1].as_ref()].map(|report| report.map(|r| r.loss));
            match (found, wanted) {
                (Ok(found), Ok(wanted)) if found.to_bits() == wanted.to_bits() => {}
                (found, wanted) => {
                    return Err(format!("step {step}: loss {found:?}, on one thread {wanted:?}").into());
                }
            }
        }
        let outputs = model.predict(&self.inputs)?;
        if outputs != single.predict(&self.inputs)? {
            return Err("the outputs differ on one thread".into());
        }
        let (found, wanted) = (model.evaluate(&self.inputs, self.targets())?.loss, self.loss(&outputs));
        if (f64::from(found) - wanted).abs() > 1e-5 * wanted.abs().max(1.0) {
            return Err(format!("evaluation's loss is {found}, its outputs' {wanted}").into());
        }
        let first = model.predict(&self.inputs[..self.sample])?;
        let largest = first.iter().fold(0f32, |largest, x| largest.max(x.abs()));
        match first.iter().zip(&outputs).find(|(a, b)| (*a - *b).abs() > 1e-3 * largest) {
            Some((alone, among)) => {
                Err(format!("an output is {alone} alone and {among} in the batch").into())
            }
            None => Ok(()),
        }
    }

    /// Mean cross-entropy in double precision.
    fn loss(&self, outputs: &[f32]) -> f64 {
        let rows = outputs.chunks_exact(self.classes).zip(&self.labels);
        let losses = rows.map(|(row, label)| {
            let sum: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
            sum.ln() - f64::from(row[*label as usize])
        });
        losses.sum::<f64>() / self.labels.len() as f64
    }
}

/// Nearly normal: a sum of twelve uniform numbers of a linear congruential generator.
fn normal(state: &mut u64) -> f32 {
    let mut uniform = || {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 40) as f32 / (1 << 24) as f32
    };
    (0..12).map(|_| uniform()).sum::<f32>() - 6.0
}
