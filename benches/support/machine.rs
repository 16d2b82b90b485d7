//! The limits of the machine: multiply-adds from registers, and bandwidth of each level of memory.

use std::hint::black_box;

use nnc_kernels::cpu::{Isa, Pool, Vectorised};

use super::timing::best;

/// Multiply-adds from registers, in GFLOP/s on all threads of the pool.
pub(crate) fn peak(pool: &Pool, rounds: usize) -> f64 {
    const STEPS: usize = 20_000;
    let threads = pool.threads();
    let seconds = best(rounds, || {
        pool.for_each(threads, |_| {
            let isa = pool.isa();
            match isa {
                Isa::Portable => isa.run(Registers::<4, false> { steps: STEPS }),
                Isa::Neon => isa.run(Registers::<4, true> { steps: STEPS }),
                Isa::Avx2 => isa.run(Registers::<8, true> { steps: STEPS }),
                Isa::Avx512 => isa.run(Registers::<16, true> { steps: STEPS }),
            }
        });
    });
    let lanes = match pool.isa() {
        Isa::Portable | Isa::Neon => 4,
        Isa::Avx2 => 8,
        Isa::Avx512 => 16,
    };
    (2 * STEPS * CHAINS * lanes * threads) as f64 / seconds.as_secs_f64() / 1e9
}

/// Independent sums: enough to hide the latency of an instruction, few enough for the registers.
const CHAINS: usize = 12;

struct Registers<const LANES: usize, const FUSED: bool> {
    steps: usize,
}

impl<const LANES: usize, const FUSED: bool> Vectorised for Registers<LANES, FUSED> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (factor, term) = black_box(([0.999; LANES], [0.001; LANES]));
        // Variables of their own: the compiler keeps an array of sums in memory.
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h, mut i, mut j, mut k, mut l]: [_;
            CHAINS] = black_box([[1.0; LANES]; CHAINS]);
        for _ in 0..self.steps {
            a = multiply_add::<LANES, FUSED>(a, &factor, &term);
            b = multiply_add::<LANES, FUSED>(b, &factor, &term);
            c = multiply_add::<LANES, FUSED>(c, &factor, &term);
            d = multiply_add::<LANES, FUSED>(d, &factor, &term);
            e = multiply_add::<LANES, FUSED>(e, &factor, &term);
            f = multiply_add::<LANES, FUSED>(f, &factor, &term);
            g = multiply_add::<LANES, FUSED>(g, &factor, &term);
            h = multiply_add::<LANES, FUSED>(h, &factor, &term);
            i = multiply_add::<LANES, FUSED>(i, &factor, &term);
            j = multiply_add::<LANES, FUSED>(j, &factor, &term);
            k = multiply_add::<LANES, FUSED>(k, &factor, &term);
            l = multiply_add::<LANES, FUSED>(l, &factor, &term);
        }
        black_box([a, b, c, d, e, f, g, h, i, j, k, l]);
    }
}

#[inline(always)]
fn multiply_add<const LANES: usize, const FUSED: bool>(
    sum: [f32; LANES],
    factor: &[f32; LANES],
    term: &[f32; LANES],
) -> [f32; LANES] {
    std::array::from_fn(|lane| match FUSED {
        true => sum[lane].mul_add(factor[lane], term[lane]),
        false => sum[lane] * factor[lane] + term[lane],
    })
}

/// Bytes that no cache holds.
pub(crate) const MEMORY: usize = 192 << 20;

/// `a = b + s * c` on arrays of a size that each thread has for itself, in GB/s on all threads.
pub(crate) fn bandwidth(pool: &Pool, rounds: usize, bytes: usize) -> f64 {
    let (threads, len) = (pool.threads(), bytes / 12);
    let repetitions = (4_000_000 / len).max(1);
    let (b, c) = (vec![1.0; len], vec![2.0; len]);
    let mut memory: Vec<f32> = [b, c].concat().repeat(threads);
    let mut results = vec![0.0; len * threads];
    let seconds = best(rounds, || {
        pool.for_each_piece([&mut results, &mut memory], [len, 2 * len], |_, [a, memory]| {
            let (b, c) = memory.split_at(len);
            for _ in 0..repetitions {
                pool.isa().run(Triad { a: &mut *a, b, c, s: black_box(3.0) });
            }
        });
    });
    (12 * len * repetitions * threads) as f64 / seconds.as_secs_f64() / 1e9
}

struct Triad<'a> {
    a: &'a mut [f32],
    b: &'a [f32],
    c: &'a [f32],
    s: f32,
}

impl Vectorised for Triad<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((a, b), c) in self.a.iter_mut().zip(self.b).zip(self.c) {
            *a = b + self.s * c;
        }
    }
}
