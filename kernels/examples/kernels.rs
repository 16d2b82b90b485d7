//! How fast the element-wise and the other small kernels are on this machine, in GB/s.
//!
//! `cargo run --release -p nnc-kernels --example kernels [THREADS] [portable|avx2|avx512]`. Each line
//! is the best of a few repetitions on buffers that are larger than the second-level cache.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::{Duration, Instant};

use nnc_kernels::cpu::{Buffer, Buffers, Isa, Pool};
use nnc_kernels::emitted::{
    self, Distribution, Extent, Operand, Pass, Per, Random, Region, Slot, Windows, channel_statistics, math,
    pointwise, reduce_channels,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let threads = arguments.first().and_then(|threads| threads.parse().ok());
    let wanted = arguments.get(1).map(String::as_str);
    let isa = Isa::available().into_iter().find(|isa| Some(isa.name()) == wanted);
    let threads = threads.unwrap_or_else(Pool::default_threads);
    let bench = Bench { pool: Pool::with_isa(threads, isa.unwrap_or_else(Isa::detect)) };
    println!("{} threads, {}", bench.pool.threads(), bench.pool.isa().name());
    for channels in [10, 64] {
        bench.element_wise(channels, 1 << 20);
        bench.element_wise(channels, 1 << 24);
    }
    for (batch, size, channels) in
        [(32, 8, 256), (16, 32, 32), (64, 14, 16), (64, 28, 8), (64, 32, 3), (128, 28, 1)]
    {
        bench.maps(batch, size, channels);
    }
}

/// A kernel call on the slots of its tensors.
type Call<'a> = &'a dyn Fn(&Pass, &[Slot]);

struct Bench {
    pool: Pool,
}

impl Bench {
    fn element_wise(&self, channels: usize, elements: usize) {
        let elements = elements / channels / 4 * channels * 4;
        println!("{elements} elements in {channels} channels");
        let extent = Extent { positions: elements / channels, channels };
        let lens = [elements, elements, elements, channels, channels, elements / 4, channels, channels];
        let line = |name: &str, tensors: f64, call: Call| {
            let seconds = self.time(1, &lens, call).as_secs_f64();
            let bytes = tensors * elements as f64 * 4.0;
            println!("  {name:24} {:6.1} GB/s {:8.1} µs", bytes / seconds / 1e9, seconds * 1e6);
        };
        use Operand::{Channel, Full, Value};
        line("relu", 2.0, &|p, s| pointwise(p, extent, [Full(s[0])], [s[1]], |[x]| [math::max(x, 0.0)]));
        line("scale, shift, relu", 2.0, &|p, s| {
            let inputs = [Full(s[0]), Channel(s[3]), Channel(s[4])];
            pointwise(p, extent, inputs, [s[1]], |[x, a, b]| [math::max(a * x + b, 0.0)]);
        });
        line("relu backward", 3.0, &|p, s| {
            let f = |[x, dy]: [f32; 2]| [if x > 0.0 { dy } else { 0.0 }];
            pointwise(p, extent, [Full(s[0]), Full(s[1])], [s[2]], f);
        });
        line("silu", 2.0, &|p, s| {
            pointwise(p, extent, [Full(s[0])], [s[1]], |[x]| [x * math::sigmoid(x)]);
        });
        line("gelu backward", 3.0, &|p, s| {
            pointwise(p, extent, [Full(s[0]), Full(s[1])], [s[2]], gelu_backward);
        });
        line("elu", 2.0, &|p, s| {
            let f = |[x]: [f32; 1]| [if x > 0.0 { x } else { math::exp(x) - 1.0 }];
            pointwise(p, extent, [Full(s[0])], [s[1]], f);
        });
        line("bn relu backward, sums", 2.0, &|p, s| {
            let inputs = [Full(s[0]), Channel(s[3]), Channel(s[4]), Channel(s[3]), Channel(s[4]), Full(s[1])];
            let f = |[x, mean, inverse, weight, bias, dy]: [f32; 6]| {
                let normal = (x - mean) * inverse;
                let dy = if normal * weight + bias > 0.0 { dy } else { 0.0 };
                [dy * normal, dy]
            };
            reduce_channels(p, extent, s[0], inputs, [s[6], s[7]], f);
        });
        line("bn relu backward", 3.0, &|p, s| {
            let inputs = [Full(s[0]), Channel(s[3]), Channel(s[4]), Channel(s[3]), Channel(s[4]), Full(s[1])];
            let [a, b, c, d, e, f] = inputs;
            let inputs = [a, b, c, d, e, f, Channel(s[3]), Channel(s[4]), Value(0.1)];
            pointwise(p, extent, inputs, [s[2]], |[x, mean, inverse, weight, bias, dy, dw, db, n]| {
                let normal = (x - mean) * inverse;
                let dy = if normal * weight + bias > 0.0 { dy } else { 0.0 };
                [weight * inverse * (dy - n * (db + normal * dw))]
            });
        });
        line("dropout", 2.0, &|p, s| {
            let f = |[x, u, rate]: [f32; 3]| [if u < rate { 0.0 } else { x * 2.0 }];
            let inputs = [Full(s[0]), random(Distribution::Uniform), Value(0.5)];
            pointwise(p, extent, inputs, [s[1]], f);
        });
        line("noise", 2.0, &|p, s| {
            pointwise(p, extent, [Full(s[0]), random(Distribution::Normal)], [s[1]], |[x, n]| [x + n]);
        });
        line("two sums per channel", 2.0, &|p, s| {
            let inputs = [Full(s[0]), Full(s[1])];
            reduce_channels(p, extent, s[0], inputs, [s[3], s[4]], |[x, dy]| [dy, x * dy]);
        });
        line("channel statistics", 1.0, &|p, s| channel_statistics(p, extent, s[0], s[3], s[4]));
    }

    /// Operations that tell samples and positions apart, on square maps.
    fn maps(&self, batch: usize, size: usize, channels: usize) {
        println!("{batch}x{size}x{size}x{channels}");
        let extent = Extent { positions: size * size, channels };
        let (elements, columns, pixels) = (batch * extent.len(), batch * channels, batch * size * size);
        let lens = [elements, elements, columns, columns, pixels, pixels, elements * 4];
        let line = |name: &str, tensors: f64, call: Call| {
            let seconds = self.time(batch, &lens, call).as_secs_f64();
            let bytes = tensors * elements as f64 * 4.0;
            println!("  {name:24} {:6.1} GB/s {:8.1} µs", bytes / seconds / 1e9, seconds * 1e6);
        };
        use Operand::{Full, Position, SampleChannel};
        line("times a sample's channel", 2.0, &|p, s| {
            pointwise(p, extent, [Full(s[0]), SampleChannel(s[2])], [s[1]], |[x, scale]| [x * scale]);
        });
        line("layer norm", 2.0, &|p, s| {
            let inputs = [Full(s[0]), Position(s[4]), Position(s[5])];
            pointwise(p, extent, inputs, [s[1]], |[x, mean, scale]| [(x - mean) * scale]);
        });
        let both = |s: &[Slot]| [Full(s[0]), Full(s[1])];
        line("sums per group", 2.0, &|p, s| {
            emitted::reduce_groups(p, extent, channels, s[0], both(s), [s[2]], |[x, dy]| [x * dy]);
        });
        line("sums per position", 2.0, &|p, s| {
            emitted::reduce_positions(p, extent, s[0], both(s), [s[4]], |[x, dy]| [x * dy]);
        });
        line("group statistics", 1.0, &|p, s| emitted::group_statistics(p, extent, 1, s[0], s[2], s[3]));
        line("position statistics", 1.0, &|p, s| emitted::position_statistics(p, extent, s[0], s[4], s[5]));
        self.pools(&line, size, channels);
        let (input, output) = ([1, size, size, channels], [1, 2 * size, 2 * size, channels]);
        let interpolation = emitted::Interpolation::Linear;
        let twice = emitted::Resize { input, output, interpolation };
        line("bilinear, twice", 5.0, &|p, s| emitted::resize(p, &twice, s[0], s[6]));
        line("bilinear, twice, backward", 5.0, &|p, s| emitted::resize_backward(p, &twice, s[6], s[0]));
        let dims: &'static [usize] = Box::leak(Box::new([size * size, channels]));
        let first = emitted::Permute { dims, order: &[1, 0] };
        line("channels first", 2.0, &|p, s| emitted::permute(p, &first, s[0], s[1]));
    }

    fn pools(&self, line: &dyn Fn(&str, f64, Call), size: usize, channels: usize) {
        let input = [1, size, size, channels];
        let one = Windows::Sliding { size: 1, stride: 1, pad: 0 };
        let two = Windows::Sliding { size: 2, stride: 2, pad: 0 };
        let three = Windows::Sliding { size: 3, stride: 1, pad: 1 };
        let half = [1, size / 2, size / 2, channels];
        let pool = |output, windows| emitted::Pool { input, output, windows, count_pad: true };
        let (halves, same) = (pool(half, [one, two, two]), pool(input, [one, three, three]));
        Self::maximum_of_function(line, &halves, Extent { positions: size * size, channels });
        let whole = pool([1, 1, 1, channels], [Windows::Adaptive; 3]);
        let output = |s: &[Slot], len| Slot { len, ..s[1] };
        for (name, spec) in [("2x2", halves), ("3x3 stride 1", same), ("of the whole map", whole)] {
            let share = spec.output.iter().product::<usize>() as f64 / (size * size * channels) as f64;
            let y = |p: &Pass, s: &[Slot]| output(s, p.batch() * spec.output.iter().product::<usize>());
            line(&format!("maximum {name}"), 1.0 + share, &|p, s| emitted::max_pool(p, &spec, s[0], y(p, s)));
            line(&format!("mean {name}"), 1.0 + share, &|p, s| emitted::avg_pool(p, &spec, s[0], y(p, s)));
            line(&format!("maximum {name}, backward"), 2.0 + share, &|p, s| {
                emitted::max_pool_backward(p, &spec, s[0], y(p, s), Slot { len: p.len(s[0]), ..s[6] });
            });
            line(&format!("mean {name}, backward"), 1.0 + share, &|p, s| {
                emitted::avg_pool_backward(p, &spec, y(p, s), s[0]);
            });
        }
    }

    /// A maximum that takes a norm with its activation before it, and the gradient of the activation.
    fn maximum_of_function(line: &dyn Fn(&str, f64, Call), spec: &emitted::Pool, extent: Extent) {
        let len = |p: &Pass| p.batch() * spec.output.iter().product::<usize>();
        let parts = |p: &Pass, s: &[Slot]| {
            [0, 1].map(|part| Slot { len: len(p), offset: s[1].offset + part * len(p), ..s[1] })
        };
        let scale = |s: &[Slot]| Operand::Channel(Slot { len: extent.channels, ..s[2] });
        line("of a norm and relu", 1.5, &|p, s| {
            let inputs = [Operand::Full(s[0]), scale(s)];
            emitted::max_pool_of(p, spec, inputs, parts(p, s), |[x, scale]| {
                [math::max(x * scale + 1.0, 0.0)]
            });
        });
        line("and backward", 2.5, &|p, s| {
            let [dy, place] = parts(p, s);
            let gradient = Operand::Unpooled(emitted::Unpooled { pool: *spec, dy, place });
            let dx = Slot { len: p.len(s[0]), ..s[6] };
            pointwise(p, extent, [Operand::Full(s[0]), scale(s), gradient], [dx], |[x, scale, dy]| {
                [if x * scale + 1.0 > 0.0 { dy } else { 0.0 }]
            });
        });
    }

    /// The best time of a call on tensors of the given lengths.
    fn time(&self, batch: usize, lens: &[usize], call: impl Fn(&Pass, &[Slot])) -> Duration {
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
        let pass = Pass::new(Buffers::new(batch).with(Region::Fixed, &mut memory), &self.pool);
        let (begin, mut best) = (Instant::now(), Duration::MAX);
        while begin.elapsed() < Duration::from_millis(200) {
            let start = Instant::now();
            call(&pass, &slots);
            best = best.min(start.elapsed());
        }
        best
    }
}

fn random(distribution: Distribution) -> Operand {
    Operand::Random(Random { stream: 1, distribution, per: Per::Element })
}

#[inline(always)]
fn gelu_backward([x, dy]: [f32; 2]) -> [f32; 1] {
    let phi = math::exp(-0.5 * x * x) * 0.398_942_3;
    [dy * (0.5 * (1.0 + math::erf(x * std::f32::consts::FRAC_1_SQRT_2)) + x * phi)]
}
