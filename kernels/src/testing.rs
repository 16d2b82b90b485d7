//! What the tests of the kernels share.
//!
//! A test compares a kernel with its formula in double precision, on every instruction set of the
//! machine, and demands the same bits for any number of threads.

use crate::cpu::{Buffers, Isa, Pool};
use crate::emitted::{Pass, RandomKey, Region, Slot};

/// A kernel call: tensors in, lengths of the tensors out, the call itself.
pub(crate) struct Case<'a> {
    pub(crate) batch: usize,
    pub(crate) labels: &'a [u32],
    pub(crate) inputs: &'a [&'a [f32]],
    pub(crate) outputs: &'a [usize],
}

impl Case<'_> {
    /// The results of `call`, which gets the slots of the inputs and of the outputs. The outputs
    /// hold garbage before.
    pub(crate) fn run(&self, pool: &Pool, call: impl Fn(&Pass, &[Slot], &[Slot])) -> Vec<Vec<f32>> {
        self.run_with_last(self.tensors() - 1, pool, call)
    }

    /// The same with tensor `last`, counting inputs, then outputs, at the end of the memory: whoever reads or
    /// writes past it does so before the eyes of an address sanitizer.
    pub(crate) fn run_with_last(
        &self,
        last: usize,
        pool: &Pool,
        call: impl Fn(&Pass, &[Slot], &[Slot]),
    ) -> Vec<Vec<f32>> {
        let lens: Vec<usize> =
            self.inputs.iter().map(|input| input.len()).chain(self.outputs.iter().copied()).collect();
        let slots = slots(&lens, last);
        let (inputs, outputs) = slots.split_at(self.inputs.len());
        let mut memory = vec![-77.0; lens.iter().sum()];
        for (input, slot) in self.inputs.iter().zip(inputs) {
            memory[slot.offset..][..input.len()].copy_from_slice(input);
        }
        let buffers = Buffers::new(self.batch).with(Region::Fixed, &mut memory);
        let key = RandomKey { seed: 7, step: 3 };
        let pass = Pass::new(buffers, pool).with_labels(0, self.labels).with_random(key);
        call(&pass, inputs, outputs);
        outputs.iter().map(|&slot| pass.read(slot)).collect()
    }

    fn tensors(&self) -> usize {
        self.inputs.len() + self.outputs.len()
    }

    /// Runs `call` on every instruction set with 1, 2 and 3 threads; the results must be close to
    /// `expected`, within `tolerance` of the largest value, and the same bits for any threads.
    #[track_caller]
    pub(crate) fn check(
        &self,
        expected: &[Vec<f64>],
        tolerance: f64,
        call: impl Fn(&Pass, &[Slot], &[Slot]),
    ) {
        for isa in Isa::available() {
            let results = self.run(&Pool::with_isa(1, isa), &call);
            for (result, expected) in results.iter().zip(expected) {
                assert_close(result, expected, tolerance, isa.name());
            }
            for last in 0..self.tensors() {
                let threads = 2 + last % 2;
                let again = self.run_with_last(last, &Pool::with_isa(threads, isa), &call);
                assert!(bits(&again) == bits(&results), "{threads} threads, {}", isa.name());
            }
        }
    }
}

/// Slots of tensors that lie one after the other, `last` at the end.
fn slots(lens: &[usize], last: usize) -> Vec<Slot> {
    let mut slots = vec![Slot::new(Region::Fixed, 0, 0); lens.len()];
    let mut next = 0;
    for tensor in (last + 1..lens.len()).chain(0..=last) {
        slots[tensor] = Slot::new(Region::Fixed, next, lens[tensor]);
        next += lens[tensor];
    }
    slots
}

fn bits(results: &[Vec<f32>]) -> Vec<u32> {
    results.iter().flatten().map(|value| value.to_bits()).collect()
}

#[track_caller]
pub(crate) fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-3, |scale: f64, value| scale.max(value.abs()));
    for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs() / scale;
        let same = error <= tolerance || (found.is_nan() && expected.is_nan());
        assert!(same, "{what}: element {index} is {found}, expected {expected}");
    }
}

/// Numbers in (−1, 1) that look random; multiples of 2⁻¹², so that sums of products in double
/// precision are exact.
pub(crate) fn values(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as i64 % 4096) as f32 / 4096.0 * if state & 1 == 0 { 1.0 } else { -1.0 }
    };
    (0..len).map(|_| next()).collect()
}

/// A number in `range` from the same source as [`values`].
pub(crate) fn pick(seed: u64, range: std::ops::RangeInclusive<usize>) -> usize {
    let share = f64::from(values(seed, 3)[2].abs());
    range.start() + (share * (range.end() - range.start() + 1) as f64) as usize
}

pub(crate) fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// The gradient of Σ weights · f at `x`, by central differences.
pub(crate) fn gradient(f: impl Fn(&[f64]) -> Vec<f64>, x: &[f32], weights: &[f32]) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let mut x = widen(x);
    let weighted =
        |x: &[f64]| -> f64 { f(x).iter().zip(weights).map(|(y, &weight)| y * f64::from(weight)).sum() };
    (0..x.len())
        .map(|index| {
            let old = x[index];
            x[index] = old + STEP;
            let above = weighted(&x);
            x[index] = old - STEP;
            let below = weighted(&x);
            x[index] = old;
            (above - below) / (2.0 * STEP)
        })
        .collect()
}
