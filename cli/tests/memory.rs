//! What `nnc summary` says and what training takes, in bytes counted by the allocator, which needs the one
//! `unsafe` outside of the runtime.

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use nnc::runtime::program::Program;
use nnc::{Model, Targets};

nnc::network!("../benches/networks/mlp.nn");
nnc::network!("../benches/networks/resnet20.nn");
nnc::network!("../benches/networks/vgg32.nn");
nnc::network!("../examples/digits.nn");
nnc::network!("../examples/vgg.nn");

/// The system's allocator, with a count of bytes.
struct Counting;

static PRESENT: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all work is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let present = PRESENT.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(present, Ordering::Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        PRESENT.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

const THREADS: usize = 2;

/// A network as the macro has compiled it.
type Compiled = fn() -> &'static Program;

/// Bytes, as `nnc summary` prints them.
fn predicted(file: &str, batch: usize) -> f64 {
    let file = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
    let arguments = ["summary", "--format", "json", "--batch", &batch.to_string(), &file];
    let mut command = Command::new(env!("CARGO_BIN_EXE_nnc"));
    let output = command.env("NNC_THREADS", THREADS.to_string()).args(arguments).output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    summary["memory"]["training"].as_f64().unwrap()
}

/// Bytes at the peak of two steps of training and an evaluation, without the batch itself.
fn taken(program: &'static Program, batch: usize) -> f64 {
    let len = batch * program.inputs[0].shape.iter().product::<usize>();
    let inputs: Vec<f32> = (0..len).map(|index| (index % 17) as f32 / 8.0 - 1.0).collect();
    let labels: Vec<u32> = (0..batch as u32).map(|label| label % 10).collect();
    let before = PRESENT.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    // A pool of its own: the shared one has the scratch memory of the networks before.
    let mut model = Model::with_threads(program, 0, THREADS);
    for _ in 0..2 {
        model.train_step(&inputs, Targets::Classes(&labels)).unwrap();
        model.evaluate(&inputs, Targets::Classes(&labels)).unwrap();
    }
    (PEAK.load(Ordering::Relaxed) - before) as f64
}

// One test: another one would allocate at the same time.
#[test]
fn training_takes_what_the_summary_predicts() {
    let networks: [(Compiled, &str, usize, f64); 5] = [
        (|| Mlp::new(0).model().program(), "benches/networks/mlp.nn", 64, 0.05),
        (|| ResNet20::new(0).model().program(), "benches/networks/resnet20.nn", 64, 0.05),
        (|| Vgg32::new(0).model().program(), "benches/networks/vgg32.nn", 64, 0.05),
        // Scratch memory of kernels that cannot share it adds up: 1.4 MB, much for a network this small.
        (|| Digits::new(0).model().program(), "examples/digits.nn", 64, 0.16),
        (|| Vgg::new(0).model().program(), "examples/vgg.nn", 8, 0.05),
    ];
    for (program, file, batch, tolerance) in networks {
        let (predicted, taken) = (predicted(file, batch), taken(program(), batch));
        let share = taken / predicted;
        assert!((share - 1.0).abs() < tolerance, "{file}: {taken} bytes taken, {predicted} predicted");
    }
}
