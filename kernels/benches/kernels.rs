//! How fast matrix products and convolutions are on this machine.
//!
//! `cargo bench --package nnc-kernels --bench kernels -- [WORDS] [--threads N] [--rounds N] [--isa NAME]`.
//! Each result is compared with the formula in double precision before its time is taken. GFLOP/s count
//! the operations of the formula, whatever the algorithm; shares are of the peak and of the memory's
//! bandwidth measured in the same run, the latter for what has to be read and written at least.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

#[path = "../../benches/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use nnc_kernels::cpu::{Buffer, Buffers, Pool};
use nnc_kernels::emitted::{Conv, Pass, Region, Slot, conv, conv_backward_data, conv_backward_weight};
use nnc_kernels::select::{Algorithm, Operation, Problem};
use support::options::Options;
use support::{machine, timing};

/// Side and channels of the map, channels after, side of the window.
type Layer = (usize, usize, usize, usize);

/// The convolutions of the small VGG for 32x32 images, and of `examples/vgg.nn`.
const NETWORKS: [(&str, usize, &[Layer]); 2] = [
    ("vgg32", 64, &[(32, 3, 32, 3), (16, 32, 64, 3), (8, 64, 128, 3), (4, 128, 256, 3), (4, 256, 10, 1)]),
    (
        "seed224",
        8,
        &[
            (224, 3, 32, 3),
            (112, 32, 64, 3),
            (56, 64, 128, 3),
            (28, 128, 256, 3),
            (14, 256, 512, 3),
            (7, 512, 512, 3),
            (7, 512, 10, 1),
        ],
    ),
];

/// Rows, inner size and columns of matrix products.
const PRODUCTS: [[usize; 3]; 5] = [[128; 3], [256; 3], [512; 3], [1024; 3], [2048; 3]];

/// Batch and features before and after of linear layers.
const LINEAR: [[usize; 3]; 5] =
    [[1, 784, 512], [128, 784, 512], [128, 512, 256], [128, 256, 10], [64, 256, 120]];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let options = Options::read(5)?;
    let pool = Pool::with_isa(options.threads, options.isa);
    let limits = Limits::measure(&pool, options.rounds);
    println!("\n| kernel | pass | algorithm | µs | GFLOP/s | share of the peak | share of the bandwidth |");
    println!("|---|---|---|---:|---:|---:|---:|");
    for [rows, inner, columns] in PRODUCTS {
        let label = format!("matrix product {rows}x{inner}x{columns}");
        let spec = spec(1, inner, columns, 1);
        measure(&options, &pool, &limits, &label, rows, spec, &[Operation::Forward])?;
    }
    for [batch, inputs, outputs] in LINEAR {
        let label = format!("linear {batch}x{inputs} to {outputs}");
        measure(&options, &pool, &limits, &label, batch, spec(1, inputs, outputs, 1), &PASSES)?;
    }
    for (network, batch, layers) in NETWORKS {
        for &(side, inputs, outputs, window) in layers {
            let label = format!("{network} conv{window} {batch}x{inputs}x{side}x{side} to {outputs}");
            let spec = spec(side, inputs, outputs, window);
            // The first layer's gradient of the data is the image's, which nobody wants.
            let passes =
                if inputs == 3 { &[Operation::Forward, Operation::BackwardWeight][..] } else { &PASSES };
            measure(&options, &pool, &limits, &label, batch, spec, passes)?;
        }
    }
    Ok(())
}

const PASSES: [Operation; 3] = [Operation::Forward, Operation::BackwardData, Operation::BackwardWeight];

/// What the machine can do.
struct Limits {
    /// GFLOP/s.
    peak: f64,
    /// GB/s of the memory behind the caches.
    bandwidth: f64,
}

impl Limits {
    fn measure(pool: &Pool, rounds: usize) -> Limits {
        const LEVELS: [(&str, usize); 3] =
            [("first level", 24 << 10), ("second level", 512 << 10), ("memory", machine::MEMORY)];
        let peak = machine::peak(pool, rounds);
        println!("{} threads, {}", pool.threads(), pool.isa().name());
        println!("multiply-adds from registers: {peak:.0} GFLOP/s");
        let rates = LEVELS.map(|(level, bytes)| {
            let rate = machine::bandwidth(pool, rounds, bytes);
            println!("triad, {level}: {rate:.0} GB/s");
            rate
        });
        println!("fork and join: {:.2} µs", fork_and_join(pool, rounds).as_secs_f64() * 1e6);
        Limits { peak, bandwidth: rates[2] }
    }
}

/// What it costs to share work among the threads: a job of one empty task for each.
fn fork_and_join(pool: &Pool, rounds: usize) -> Duration {
    const JOBS: u32 = 1000;
    let mut jobs = || (0..JOBS).for_each(|_| pool.for_each(pool.threads(), |_| ()));
    timing::medians(rounds, &mut [&mut jobs])[0] / JOBS
}

/// A square convolution with stride 1 that keeps the size.
fn spec(side: usize, inputs: usize, outputs: usize, window: usize) -> Conv {
    Conv {
        input: [1, side, side, inputs],
        output: [1, side, side, outputs],
        kernel: [1, window, window],
        stride: [1; 3],
        pad: [0, window / 2, window / 2],
        dilation: [1; 3],
        groups: 1,
    }
}

/// Checks and times the passes of one layer.
fn measure(
    options: &Options,
    pool: &Pool,
    limits: &Limits,
    label: &str,
    batch: usize,
    spec: Conv,
    passes: &[Operation],
) -> Result<(), String> {
    if !options.wants(label) {
        return Ok(());
    }
    let mut case = Case::new(batch, spec);
    for &operation in passes {
        let problem = Problem { operation, spec, batch, packed: false };
        let algorithm = pool.selector().choose(&problem, pool.machine(), &mut |_| ());
        case.run(pool, operation);
        case.check(operation, algorithm)
            .map_err(|error| format!("{label}, {}: {error}", title(operation)))?;
        let time = timing::medians(options.rounds, &mut [&mut || case.run(pool, operation)])[0];
        case.line(label, operation, algorithm, time, limits);
    }
    Ok(())
}

fn title(operation: Operation) -> &'static str {
    match operation {
        Operation::Forward => "forward",
        Operation::BackwardData => "backward, data",
        Operation::BackwardWeight => "backward, weight",
    }
}

/// A convolution with its tensors: the data, the weight, the result, and the output of a pass.
struct Case {
    batch: usize,
    spec: Conv,
    memory: Buffer,
}

impl Case {
    fn new(batch: usize, spec: Conv) -> Case {
        let mut case = Case { batch, spec, memory: Buffer::zeroed(0) };
        let lens = case.lens();
        case.memory = Buffer::zeroed(lens.iter().sum());
        let mut state = 1u64;
        case.memory.iter_mut().for_each(|value| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *value = (state >> 40) as f32 / (1 << 23) as f32 - 1.0;
        });
        case
    }

    fn lens(&self) -> [usize; 4] {
        let [x, w, y] =
            [self.batch * self.spec.input_len(), self.spec.weight_len(), self.batch * self.spec.output_len()];
        [x, w, y, x.max(w).max(y)]
    }

    fn slots(&self, operation: Operation) -> [Slot; 4] {
        let lens = self.lens();
        let result = match operation {
            Operation::Forward => lens[2],
            Operation::BackwardData => lens[0],
            Operation::BackwardWeight => lens[1],
        };
        let at = |index: usize, len| Slot::new(Region::Fixed, lens[..index].iter().sum(), len);
        [at(0, lens[0]), at(1, lens[1]), at(2, lens[2]), at(3, result)]
    }

    fn run(&mut self, pool: &Pool, operation: Operation) {
        let [x, w, y, result] = self.slots(operation);
        let buffers = Buffers::new(self.batch).with(Region::Fixed, &mut self.memory);
        let (pass, spec) = (Pass::new(buffers, pool), &self.spec);
        match operation {
            Operation::Forward => conv(&pass, spec, x, w, result),
            Operation::BackwardData => conv_backward_data(&pass, spec, y, w, result),
            Operation::BackwardWeight => conv_backward_weight(&pass, spec, x, y, result),
        }
    }

    /// Compares samples of the result with the formula. The sum of the products' magnitudes is what an
    /// error is relative to: the rounding of a sum grows with it.
    fn check(&self, operation: Operation, algorithm: Algorithm) -> Result<(), String> {
        const SAMPLES: usize = 200;
        let tolerance = match algorithm {
            Algorithm::Winograd2 => 1e-4,
            Algorithm::Winograd4 => 1e-3,
            _ => 1e-5,
        };
        let [x, w, y, result] =
            self.slots(operation).map(|slot| &self.memory[slot.offset..slot.offset + slot.len]);
        for sample in 0..SAMPLES {
            // Primes reach every row, column and channel.
            let index = (sample * 7_368_787) % result.len();
            let terms = match operation {
                Operation::Forward => self.forward_terms(x, w, index),
                Operation::BackwardData => self.data_terms(y, w, index),
                Operation::BackwardWeight => self.weight_terms(x, y, index),
            };
            let (found, wanted) = (f64::from(result[index]), terms.sum);
            // Not the other way round: nothing is close to NaN.
            let is_close = (found - wanted).abs() <= tolerance * terms.magnitude;
            if !is_close {
                return Err(format!("element {index} by {} is {found}, not {wanted}", algorithm.name()));
            }
        }
        Ok(())
    }

    fn forward_terms(&self, x: &[f32], w: &[f32], index: usize) -> Terms {
        let [_, height, width, outputs] = self.spec.output;
        let (position, to) = (index / outputs, index % outputs);
        let (sample, row, column) =
            (position / (height * width), position / width % height, position % width);
        let mut terms = Terms::default();
        for (tap_row, tap_column) in self.taps() {
            for from in 0..self.spec.input[3] {
                let x = self.input(x, sample, row + tap_row, column + tap_column, from);
                terms.add(x, self.weight(w, tap_row, tap_column, from, to));
            }
        }
        terms
    }

    fn data_terms(&self, dy: &[f32], w: &[f32], index: usize) -> Terms {
        let [_, height, width, inputs] = self.spec.input;
        let (position, from) = (index / inputs, index % inputs);
        let (sample, row, column) =
            (position / (height * width), position / width % height, position % width);
        let [_, pad, _] = self.spec.pad;
        let mut terms = Terms::default();
        for (tap_row, tap_column) in self.taps() {
            let (row, column) = ((row + pad).wrapping_sub(tap_row), (column + pad).wrapping_sub(tap_column));
            if row < height && column < width {
                for to in 0..self.spec.output[3] {
                    let dy = dy[((sample * height + row) * width + column) * self.spec.output[3] + to];
                    terms.add(dy, self.weight(w, tap_row, tap_column, from, to));
                }
            }
        }
        terms
    }

    fn weight_terms(&self, x: &[f32], dy: &[f32], index: usize) -> Terms {
        let ([_, height, width, outputs], inputs) = (self.spec.output, self.spec.input[3]);
        let (tap, from, to) = (index / outputs / inputs, index / outputs % inputs, index % outputs);
        let (tap_row, tap_column) = (tap / self.spec.kernel[2], tap % self.spec.kernel[2]);
        let mut terms = Terms::default();
        for position in 0..self.batch * height * width {
            let (sample, row, column) =
                (position / (height * width), position / width % height, position % width);
            let x = self.input(x, sample, row + tap_row, column + tap_column, from);
            terms.add(x, dy[position * outputs + to]);
        }
        terms
    }

    fn taps(&self) -> impl Iterator<Item = (usize, usize)> {
        let [_, rows, columns] = self.spec.kernel;
        (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
    }

    /// An input of the padded map.
    fn input(&self, x: &[f32], sample: usize, row: usize, column: usize, channel: usize) -> f32 {
        let ([_, height, width, channels], [_, pad, _]) = (self.spec.input, self.spec.pad);
        let (row, column) = (row.wrapping_sub(pad), column.wrapping_sub(pad));
        if row >= height || column >= width {
            return 0.0;
        }
        x[((sample * height + row) * width + column) * channels + channel]
    }

    fn weight(&self, w: &[f32], row: usize, column: usize, from: usize, to: usize) -> f32 {
        let (columns, [inputs, outputs]) = (self.spec.kernel[2], [self.spec.input[3], self.spec.output[3]]);
        w[((row * columns + column) * inputs + from) * outputs + to]
    }

    fn line(&self, label: &str, operation: Operation, algorithm: Algorithm, time: Duration, limits: &Limits) {
        let seconds = time.as_secs_f64();
        let rate = 2.0 * (self.batch * self.spec.macs()) as f64 / seconds / 1e9;
        let [x, w, y, _] = self.lens();
        let moved = (4 * (x + w + y)) as f64 / seconds / 1e9;
        println!(
            "| {label} | {} | {} | {:.1} | {rate:.0} | {:.0} % | {:.0} % |",
            title(operation),
            algorithm.name(),
            seconds * 1e6,
            100.0 * rate / limits.peak,
            100.0 * moved / limits.bandwidth,
        );
    }
}

/// A sum of products in double precision.
#[derive(Default)]
struct Terms {
    sum: f64,
    magnitude: f64,
}

impl Terms {
    fn add(&mut self, a: f32, b: f32) {
        let product = f64::from(a) * f64::from(b);
        self.sum += product;
        self.magnitude += product.abs();
    }
}
