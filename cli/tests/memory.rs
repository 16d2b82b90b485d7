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

/// The share that the prediction may be off by.
const TOLERANCE: f64 = 0.05;

/// Steps after which a thread that has not taken part in a kernel never will.
const MOST_STEPS: usize = 50;

/// Bytes, as `nnc summary` prints them.
fn predicted(file: &str, batch: usize) -> f64 {
    let file = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
    let arguments = ["summary", "--format", "json", "--batch", &batch.to_string(), &file];
    let mut command = Command::new(env!("CARGO_BIN_EXE_nnc"));
    let output = command.env("NNC_THREADS", THREADS.to_string()).args(arguments).output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    summary["memory"]["training"].as_f64().unwrap()
}

/// Bytes at the peak of some steps of training with an evaluation after each, without the batch itself: two of
/// them, and more while it is `too_little`, since it is left to chance in which one a thread first takes part in a
/// kernel and borrows memory for it.
fn taken(program: &'static Program, batch: usize, too_little: impl Fn(f64) -> bool) -> f64 {
    let len = batch * program.inputs[0].shape.iter().product::<usize>();
    let inputs: Vec<f32> = (0..len).map(|index| (index % 17) as f32 / 8.0 - 1.0).collect();
    let labels: Vec<u32> = (0..batch as u32).map(|label| label % 10).collect();
    let before = PRESENT.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    // A pool of its own: the shared one has the scratch memory of the networks before.
    let mut model = Model::with_threads(program, 0, THREADS);
    let peak = || (PEAK.load(Ordering::Relaxed) - before) as f64;
    for step in 0..MOST_STEPS {
        if step >= 2 && !too_little(peak()) {
            break;
        }
        model.train_step(&inputs, Targets::Classes(&labels)).unwrap();
        model.evaluate(&inputs, Targets::Classes(&labels)).unwrap();
    }
    peak()
}

/// A network, its file and the batch.
type Case = (fn() -> &'static Program, &'static str, usize);

// One test: another one would allocate at the same time.
#[expect(clippy::print_stdout, reason = "the measured share is wanted beside the verdict")]
#[test]
fn training_takes_what_the_summary_predicts() {
    let networks: [Case; 5] = [
        (|| Mlp::new(0).model().program(), "benches/networks/mlp.nn", 64),
        (|| ResNet20::new(0).model().program(), "benches/networks/resnet20.nn", 64),
        (|| Vgg32::new(0).model().program(), "benches/networks/vgg32.nn", 64),
        (|| Digits::new(0).model().program(), "examples/digits.nn", 64),
        (|| Vgg::new(0).model().program(), "examples/vgg.nn", 8),
    ];
    for (program, file, batch) in networks {
        let predicted = predicted(file, batch);
        let taken = taken(program(), batch, |taken| taken < (1.0 - TOLERANCE) * predicted);
        let share = taken / predicted;
        println!("{file}: {share:.3} of what was predicted");
        assert!((share - 1.0).abs() < TOLERANCE, "{file}: {taken} bytes taken, {predicted} predicted");
    }
}
