//! Training steps and evaluation, and what the processor has to do for them.

use std::time::Instant;

use nnc::Model;
use nnc::runtime::data;
use nnc::runtime::program::Program;
use nnc::runtime::select::Mode;
use nnc::runtime::{Device, Gpu, Precision};

use crate::data::Generator;
use crate::{Outcome, Settings, networks};

/// Steps between two looks at the clock.
const GROUP: usize = 20;

/// Small enough that many steps on one batch leave the parameters where they were.
const RATE: f32 = 1e-6;

pub(crate) fn run(settings: &Settings) -> Outcome<()> {
    println!("| network | batch | precision | training step, ms | evaluation, ms | host, µs per step |");
    println!("|---|---:|---|---:|---:|---:|");
    for program in networks::timed::all().into_iter().filter(|program| settings.wants(program.name)) {
        for &batch in &settings.batches {
            for precision in Precision::ALL {
                measure(program, batch, precision, settings.rounds)
                    .map_err(|error| format!("{}, {batch} in {precision}: {error}", program.name))?;
            }
        }
    }
    Ok(())
}

fn measure(program: &'static Program, size: usize, precision: Precision, rounds: usize) -> Outcome<()> {
    let device = Device::Cuda(Gpu { ordinal: 0, precision, mode: Mode::Benchmark });
    let mut model = Model::on(program, 0, &device)?;
    model.set_learning_rate(RATE)?;
    let mut batch = batch(program, size);
    for _ in 0..3 {
        model.train_batch(&mut batch)?;
        model.evaluate_batch(&mut batch)?;
    }
    let training = median(rounds, || group(&mut model, &mut batch, Model::train_ahead))?;
    let evaluation = median(rounds, || group(&mut model, &mut batch, Model::evaluate_ahead))?;
    let host = median(rounds, || first(&mut model, &mut batch))?;
    println!(
        "| {} | {size} | {precision} | {:.3} | {:.3} | {:.1} |",
        program.name.to_lowercase(),
        training * 1e3,
        evaluation * 1e3,
        host * 1e6
    );
    Ok(())
}

/// Begins a step.
type Begin = fn(&mut Model, &mut data::Batch) -> Result<Option<nnc::StepReport>, nnc::Error>;

/// Seconds of a step among many.
fn group(model: &mut Model, batch: &mut data::Batch, begin: Begin) -> Outcome<f64> {
    let start = Instant::now();
    for _ in 0..GROUP {
        begin(model, batch)?;
    }
    while model.finish()?.is_some() {}
    Ok(start.elapsed().as_secs_f64() / GROUP as f64)
}

/// Seconds that the processor is busy with a step for which it need not wait.
fn first(model: &mut Model, batch: &mut data::Batch) -> Outcome<f64> {
    let start = Instant::now();
    model.train_ahead(batch)?;
    let busy = start.elapsed().as_secs_f64();
    while model.finish()?.is_some() {}
    Ok(busy)
}

fn median(rounds: usize, mut run: impl FnMut() -> Outcome<f64>) -> Outcome<f64> {
    let mut seconds = (0..rounds).map(|_| run()).collect::<Outcome<Vec<f64>>>()?;
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[rounds / 2])
}

fn batch(program: &Program, size: usize) -> data::Batch {
    let generator = &mut Generator(5);
    let sample: usize = program.inputs[0].shape.iter().product();
    let classes = program.outputs[0].shape[0];
    let inputs = (0..size * sample).map(|_| generator.uniform(-1.7, 1.7)).collect();
    let labels = (0..size).map(|index| (index * 7 % classes) as u32).collect();
    data::Batch { inputs, targets: data::Targets::Classes(labels), size }
}
