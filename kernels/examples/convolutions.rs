//! How fast the convolutions are on this machine, in GFLOP/s.
//!
//! `cargo run --release -p nnc-kernels --example convolutions [THREADS] [portable|avx2|avx512] [WORD]`.
//! Each layer is measured with every algorithm that supports it, the best of a few repetitions, counted on
//! the operations of the formula; a star marks what the selection would take. With a word, only the
//! layers that contain it.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::fmt::{Display, Formatter};
use std::time::{Duration, Instant};

use nnc_kernels::cpu::{Buffer, Buffers, Isa, Pool};
use nnc_kernels::emitted::{Conv, Pass, Region, Slot, conv, conv_backward_data, conv_backward_weight};
use nnc_kernels::select::{Algorithm, Mode, Operation, Problem, Selector};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let threads = arguments.first().and_then(|threads| threads.parse().ok());
    let wanted = arguments.get(1).map(String::as_str);
    let isa = Isa::available().into_iter().find(|isa| Some(isa.name()) == wanted);
    let threads = threads.unwrap_or_else(Pool::default_threads);
    let pool = Pool::with_isa(threads, isa.unwrap_or_else(Isa::detect));
    let bench = Bench { pool, word: arguments.get(2).cloned().unwrap_or_default() };
    println!("{} threads, {}", bench.pool.threads(), bench.pool.isa().name());
    for layer in LAYERS {
        bench.convolution(layer);
    }
}

struct Bench {
    pool: Pool,
    word: String,
}

/// A square convolution, padded to keep the size.
#[derive(Clone, Copy)]
struct Layer {
    batch: usize,
    axes: usize,
    size: usize,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    groups: usize,
}

const fn dense(
    batch: usize,
    size: usize,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
) -> Layer {
    Layer { batch, axes: 2, size, inputs, outputs, kernel, stride, dilation: 1, groups: 1 }
}

const fn depthwise(batch: usize, size: usize, channels: usize, kernel: usize, stride: usize) -> Layer {
    grouped(batch, size, channels, kernel, stride, channels)
}

const fn grouped(
    batch: usize,
    size: usize,
    channels: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
) -> Layer {
    Layer { groups, ..dense(batch, size, channels, channels, kernel, stride) }
}

/// Layers of common networks.
const LAYERS: [Layer; 43] = [
    dense(64, 28, 1, 8, 5, 1),
    dense(64, 14, 8, 16, 5, 1),
    dense(8, 64, 32, 1, 3, 1),
    dense(128, 8, 1, 32, 3, 1),
    dense(128, 8, 32, 64, 3, 1),
    dense(128, 32, 3, 32, 3, 1),
    dense(128, 32, 16, 16, 3, 1),
    dense(128, 32, 32, 32, 3, 1),
    dense(128, 16, 64, 64, 3, 1),
    dense(128, 16, 64, 128, 3, 2),
    dense(128, 8, 128, 128, 3, 1),
    dense(16, 56, 64, 64, 3, 1),
    dense(16, 56, 128, 128, 3, 1),
    dense(32, 28, 256, 256, 3, 1),
    dense(32, 14, 512, 512, 3, 1),
    dense(1, 14, 512, 512, 3, 1),
    dense(8, 224, 3, 64, 7, 2),
    dense(128, 8, 64, 256, 1, 1),
    dense(128, 8, 256, 10, 1, 1),
    dense(128, 1, 1024, 1024, 1, 1),
    dense(16, 56, 64, 128, 1, 2),
    dense(16, 32, 64, 128, 4, 2),
    Layer { dilation: 2, ..dense(8, 28, 256, 256, 3, 1) },
    Layer { dilation: 12, ..dense(2, 33, 512, 256, 3, 1) },
    Layer { axes: 1, ..dense(16, 4096, 64, 64, 9, 1) },
    Layer { axes: 3, ..dense(4, 16, 32, 64, 3, 1) },
    Layer { axes: 3, ..dense(4, 16, 64, 64, 3, 2) },
    depthwise(8, 112, 32, 3, 1),
    depthwise(8, 112, 96, 3, 2),
    depthwise(16, 56, 144, 3, 1),
    depthwise(32, 14, 512, 3, 1),
    depthwise(1, 14, 512, 3, 1),
    depthwise(1, 14, 480, 3, 1),
    depthwise(32, 7, 1024, 3, 1),
    depthwise(32, 14, 480, 5, 1),
    depthwise(16, 28, 384, 7, 1),
    Layer { outputs: 128, ..depthwise(16, 28, 64, 3, 1) },
    grouped(16, 56, 128, 3, 1, 32),
    grouped(16, 28, 256, 3, 1, 32),
    grouped(16, 14, 512, 3, 1, 32),
    grouped(16, 14, 1024, 3, 1, 32),
    grouped(16, 28, 240, 1, 1, 3),
    Layer { outputs: 240, ..grouped(16, 28, 64, 1, 1, 8) },
];

impl Layer {
    fn spec(self) -> Conv {
        let per_axis = |value: usize, without: usize| {
            std::array::from_fn(|axis| if axis + self.axes >= 3 { value } else { without })
        };
        let size = |size: usize, channels: usize| {
            let [depth, height, width] = per_axis(size, 1);
            [depth, height, width, channels]
        };
        let reach = (self.kernel - 1) * self.dilation;
        let after = (self.size + reach / 2 * 2 - reach - 1) / self.stride + 1;
        Conv {
            input: size(self.size, self.inputs),
            output: size(after, self.outputs),
            kernel: per_axis(self.kernel, 1),
            stride: per_axis(self.stride, 1),
            pad: per_axis(reach / 2, 0),
            dilation: per_axis(self.dilation, 1),
            groups: self.groups,
        }
    }
}

impl Display for Layer {
    fn fmt(&self, f: &mut Formatter) -> std::fmt::Result {
        let Layer { batch, axes, size, inputs, outputs, kernel, stride, dilation, groups } = self;
        let kind = match groups {
            1 => format!("dense {axes}d"),
            _ if groups == inputs => format!("depthwise {axes}d"),
            _ => format!("{groups} groups {axes}d"),
        };
        write!(f, "{kind} window {kernel} stride {stride} dilation {dilation} of {batch}x{size} ")?;
        write!(f, "{inputs} to {outputs}")
    }
}

impl Bench {
    fn convolution(&self, layer: Layer) {
        if !layer.to_string().contains(&self.word) {
            return;
        }
        println!("{layer}");
        let (spec, batch) = (layer.spec(), layer.batch);
        for algorithm in Algorithm::ALL.into_iter().filter(|&algorithm| algorithm != Algorithm::Reference) {
            let problem = |operation: Operation| Problem { operation, spec, batch, packed: false };
            let rate = |operation: Operation| match algorithm.supports(&problem(operation)) {
                true => format!("{:6.1}", self.rate(algorithm, operation, &spec, batch)),
                false => "     -".to_owned(),
            };
            let rates = [Operation::Forward, Operation::BackwardData, Operation::BackwardWeight].map(rate);
            let chosen = |operation| {
                let problem = Problem { operation, spec, batch, packed: false };
                self.pool.selector().choose(&problem, self.pool.machine(), &mut |_| ()) == algorithm
            };
            let mark = |operation| if chosen(operation) { "*" } else { " " };
            if rates.iter().all(|rate| rate.ends_with('-')) {
                continue;
            }
            let [forward, data, weight] = &rates;
            println!(
                "  {:16} forward {forward}{} data {data}{} weight {weight}{} GFLOP/s",
                algorithm.name(),
                mark(Operation::Forward),
                mark(Operation::BackwardData),
                mark(Operation::BackwardWeight),
            );
        }
    }

    /// GFLOP/s of one product by one algorithm.
    fn rate(&self, algorithm: Algorithm, operation: Operation, spec: &Conv, batch: usize) -> f64 {
        let pool = Pool::with_isa(self.pool.threads(), self.pool.isa())
            .with_selector(Selector::new(Mode::Always(algorithm)));
        let lens = [batch * spec.input_len(), spec.weight_len(), batch * spec.output_len()];
        let time = time(&pool, batch, &lens, |p, s| match operation {
            Operation::Forward => conv(p, spec, s[0], s[1], s[2]),
            Operation::BackwardData => conv_backward_data(p, spec, s[2], s[1], s[0]),
            Operation::BackwardWeight => conv_backward_weight(p, spec, s[0], s[2], s[1]),
        });
        2.0 * (batch * spec.macs()) as f64 / time.as_secs_f64() / 1e9
    }
}

/// The best time of a call on tensors of the given lengths.
fn time(pool: &Pool, batch: usize, lens: &[usize], call: impl Fn(&Pass, &[Slot])) -> Duration {
    let mut memory: Buffer = Buffer::zeroed(lens.iter().sum());
    memory.iter_mut().enumerate().for_each(|(index, x)| *x = (index % 1013) as f32 / 500.0 - 1.0);
    let mut next = 0;
    let slots: Vec<Slot> = lens
        .iter()
        .map(|&len| {
            next += len;
            Slot::new(Region::Fixed, next - len, len)
        })
        .collect();
    let pass = Pass::new(Buffers::new(batch).with(Region::Fixed, &mut memory), pool);
    let (begin, mut best) = (Instant::now(), Duration::MAX);
    while begin.elapsed() < Duration::from_millis(200) {
        let start = Instant::now();
        call(&pass, &slots);
        best = best.min(start.elapsed());
    }
    best
}
