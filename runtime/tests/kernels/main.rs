//! The runtime's own CUDA kernels on the processor, against plain Rust.
//!
//! Every kernel runs with the threads of a block forward and in reverse. Buffers are exactly as long as
//! their contents, with a value behind them that must stay.

mod gather;
mod guard;
mod report;

use std::fs;
use std::path::Path;

use nnc_emulator::{Launch, Library, Real, to_half};

/// `Step` of `runtime/src/emitted/cuda/common.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Step {
    seed: u64,
    step: u64,
    not_finite: u32,
    gradient_scale: f32,
    skipped: u64,
    scale: f32,
    good_steps: u32,
}

/// The kernels of one file.
struct Kernels(Library);

impl Kernels {
    fn new(file: &str, real: Real) -> Kernels {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text =
            fs::read_to_string(root.join("src/devices/cuda/kernels").join(file)).expect("a kernel file");
        Kernels(Library::build(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels"), &text, real))
    }

    fn run(&self, kernel: &str, blocks: usize, arguments: &[u64], reverse: bool) {
        let grid = [blocks as u32, 1, 1];
        // SAFETY: the tests give addresses of live buffers that are long enough for the kernel.
        unsafe { self.0.launch(Launch { kernel, grid, shared: 0, arguments, reverse }) };
    }
}

/// Numbers in memory that begin at a multiple of 64 bytes, as device buffers do, with a guard behind them.
#[derive(Clone, Debug)]
struct Buffer<T> {
    lines: Vec<[u64; 8]>,
    len: usize,
    kind: std::marker::PhantomData<T>,
}

const GUARD: u64 = 0x5ca1_ab1e_5ca1_ab1e;

impl<T: Copy> Buffer<T> {
    fn new(values: &[T]) -> Buffer<T> {
        let bytes = size_of_val(values);
        let mut buffer = Buffer {
            lines: vec![[GUARD; 8]; bytes.div_ceil(64) + 1],
            len: values.len(),
            kind: std::marker::PhantomData,
        };
        // SAFETY: the lines are longer than the values and overlap nothing.
        unsafe {
            std::ptr::copy_nonoverlapping(values.as_ptr(), buffer.lines.as_mut_ptr().cast(), values.len())
        };
        buffer
    }

    fn address(&mut self) -> u64 {
        self.lines.as_mut_ptr() as u64
    }

    /// The values.
    ///
    /// # Panics
    /// If a kernel wrote behind them.
    fn values(&self) -> Vec<T> {
        let bytes = self.len * size_of::<T>();
        let all: &[u8] =
            // SAFETY: bytes of integers, all of them.
            unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 64) };
        let guard = GUARD.to_ne_bytes();
        let stays = (bytes..all.len()).all(|index| all[index] == guard[index % 8]);
        assert!(stays, "a kernel wrote behind its buffer");
        // SAFETY: as many values were written when it was made, and kernels write the same type.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }.to_vec()
    }
}

/// To the nearest number of 16 bits, ties to even.
fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

#[test]
fn casts_round_to_nearest() {
    let value = |index: usize| (index as f32 * 0.37).sin() * 1e3;
    for (real, reverse) in [(Real::Float, false), (Real::Bf16, false), (Real::Bf16, true), (Real::Half, true)]
    {
        let narrow = if real == Real::Half { to_half } else { to_bf16 };
        let kernels = Kernels::new("cast.cu", real);
        for count in [1, 7, 8, 37, 4096, 4099] {
            let values: Vec<f32> = (0..count).map(value).collect();
            let blocks = count.div_ceil(8 * 256);
            let mut from = Buffer::new(&values);
            if real == Real::Float {
                let mut to = Buffer::new(&vec![0.0f32; count]);
                kernels.run("nnc_cast", blocks, &[from.address(), to.address(), count as u64], reverse);
                assert_eq!(to.values(), values);
            } else {
                let mut to = Buffer::new(&vec![0u16; count]);
                kernels.run("nnc_cast", blocks, &[from.address(), to.address(), count as u64], reverse);
                assert_eq!(to.values(), values.iter().map(|value| narrow(*value)).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn a_batch_that_was_sent_is_taken_apart() {
    for (real, reverse) in [(Real::Float, false), (Real::Bf16, true), (Real::Half, false)] {
        let kernels = Kernels::new("cast.cu", real);
        for counts in [[1, 0, 1], [37, 5, 0], [2051, 700, 900], [8, 0, 600]] {
            take_apart(&kernels, real, counts, reverse);
        }
    }
}

/// So many inputs, target values and labels.
fn take_apart(kernels: &Kernels, real: Real, counts: [usize; 3], reverse: bool) {
    let inputs: Vec<f32> = (0..counts[0]).map(|index| (index as f32 * 0.37).sin()).collect();
    let rest: Vec<u32> = (1..=counts[1] as u32 + counts[2] as u32).map(|word| !word).collect();
    let sent = [inputs.iter().map(|input| input.to_bits()).collect(), rest.clone()].concat();
    let mut from = Buffer::new(&sent);
    let [mut floats, mut targets, mut labels] = counts.map(|count| Buffer::new(&vec![0u32; count]));
    let mut halves = Buffer::new(&vec![0u16; counts[0]]);
    let to = if real == Real::Float { floats.address() } else { halves.address() };
    let [a, b, c] = counts.map(|count| count as u64);
    let arguments = [from.address(), to, targets.address(), labels.address(), a, b, c];
    kernels.run("nnc_take", counts[0].div_ceil(8 * 256), &arguments, reverse);
    let narrow = if real == Real::Half { to_half } else { to_bf16 };
    if real == Real::Float {
        assert_eq!(floats.values(), sent[..counts[0]]);
    } else {
        assert_eq!(halves.values(), inputs.iter().map(|input| narrow(*input)).collect::<Vec<_>>());
    }
    assert_eq!([targets.values(), labels.values()].concat(), rest);
}
