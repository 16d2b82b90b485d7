//! Training steps and evaluation, and what the processor has to do for them.

use std::sync::Arc;
use std::time::Instant;

use nnc::Model;
use nnc::runtime::data::{Augment, Dataset, LoaderOptions, Order, Samples, Statistics, Storage, Targets};
use nnc::runtime::program::Program;
use nnc::runtime::select::Mode;
use nnc::runtime::{Device, Epoch, Gpu, Precision};

use crate::{Outcome, Settings, networks};

/// Steps between two looks at the clock: an epoch of a data set that lies on the GPU.
const GROUP: usize = 20;

/// Small enough that many steps leave the parameters where they were.
const RATE: f32 = 1e-6;

/// Networks with larger samples are measured at a sixteenth of the batches.
const LARGE_SAMPLE: usize = 100_000;

pub(crate) fn run(settings: &Settings) -> Outcome<()> {
    println!(
        "| network | batch | precision | training step, ms | its floor | times | evaluation, ms | its floor | times \
         | host, µs per step |"
    );
    println!("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|");
    for program in networks::timed::all().into_iter().filter(|program| settings.wants(program.name)) {
        for &batch in &settings.batches {
            let batch = if sample_len(program) > LARGE_SAMPLE { batch.div_ceil(16) } else { batch };
            for &precision in &settings.precisions {
                measure(program, batch, precision, settings)
                    .map_err(|error| format!("{}, {batch} in {precision}: {error}", program.name))?;
            }
        }
    }
    Ok(())
}

fn measure(program: &'static Program, size: usize, precision: Precision, settings: &Settings) -> Outcome<()> {
    let floor = settings.peaks.floor(program, size, precision).ok_or("it was compiled without kernels")?;
    let device = Device::Cuda(Gpu { precision, mode: Mode::Benchmark, ..Gpu::default() });
    let mut model = Model::on(program, 0, &device)?;
    model.set_learning_rate(RATE)?;
    let dataset = dataset(program, size * GROUP)?;
    let options = options(&dataset, size);
    let mut epochs = |next: Next| epoch(&mut model, &dataset, &options, next);
    // The first step chooses algorithms, the second captures.
    for next in [Model::train_next as Next, Model::evaluate_next] {
        epochs(next)?;
    }
    let training = median(settings.rounds, || epochs(Model::train_next))?;
    let evaluation = median(settings.rounds, || epochs(Model::evaluate_next))?;
    let beside =
        |step: f64, floor: f64| format!("{:.3} | {:.3} | {:.1}", step * 1e3, floor * 1e3, step / floor);
    println!(
        "| {} | {size} | {precision} | {} | {} | {:.1} |",
        program.name.to_lowercase(),
        beside(training.step, floor.training),
        beside(evaluation.step, floor.evaluation),
        training.host * 1e6
    );
    Ok(())
}

/// Begins a batch of an epoch.
type Next = fn(&mut Model, &mut Epoch) -> Result<Option<nnc::StepReport>, nnc::Error>;

/// Seconds of a batch: all in all, and those that the processor needs to begin one for which it need not wait.
#[derive(Clone, Copy)]
struct Seconds {
    step: f64,
    host: f64,
}

fn epoch(model: &mut Model, dataset: &Arc<Dataset>, options: &LoaderOptions, next: Next) -> Outcome<Seconds> {
    let mut epoch = model.epoch(dataset, options)?.ok_or("the data set does not fit on the GPU")?;
    let start = Instant::now();
    next(model, &mut epoch)?;
    let host = start.elapsed().as_secs_f64();
    while !epoch.is_done() {
        next(model, &mut epoch)?;
    }
    while model.finish()?.is_some() {}
    Ok(Seconds { step: start.elapsed().as_secs_f64() / GROUP as f64, host })
}

fn median(rounds: usize, mut run: impl FnMut() -> Outcome<Seconds>) -> Outcome<Seconds> {
    let runs = (0..rounds).map(|_| run()).collect::<Outcome<Vec<Seconds>>>()?;
    let middle = |of: fn(&Seconds) -> f64| {
        let mut seconds: Vec<f64> = runs.iter().map(of).collect();
        seconds.sort_by(f64::total_cmp);
        seconds[rounds / 2]
    };
    Ok(Seconds { step: middle(|run| run.step), host: middle(|run| run.host) })
}

fn sample_len(program: &Program) -> usize {
    program.inputs[0].shape.iter().product()
}

/// Bytes that look like an image's.
fn dataset(program: &Program, count: usize) -> Outcome<Arc<Dataset>> {
    let classes = program.outputs[0].shape[0];
    let byte = |index: usize| ((index as u32).wrapping_mul(2_654_435_769) >> 24) as u8;
    let bytes = (0..count * sample_len(program)).map(byte).collect();
    let samples = Samples::new(program.inputs[0].shape, Storage::Bytes(bytes))?;
    let labels = Targets::Classes((0..count).map(|index| (index * 7 % classes) as u32).collect());
    let names = (0..classes).map(|class| class.to_string()).collect();
    Ok(Arc::new(Dataset::new(samples, labels, names)?))
}

fn options(dataset: &Dataset, batch: usize) -> LoaderOptions {
    LoaderOptions {
        order: Order::Sequential,
        batch,
        first_step: 0,
        augment: Augment::default(),
        seed: 0,
        epoch: 0,
        statistics: Statistics::of(dataset.samples()),
        input: dataset.shape().to_vec(),
    }
}
