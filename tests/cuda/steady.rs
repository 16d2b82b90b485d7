//! The loop once it is warm: a batch costs the processor few calls of the driver, no memory and little time.

use std::time::{Duration, Instant};

use nnc::runtime::data::Order;
use nnc::runtime::program::Program;
use nnc::{Model, Precision, StepReport, Targets};

use crate::counting::allocations;
use crate::kept::{dataset, options};
use crate::networks::{Batch, convolution, digits, loaded, pair, resnet20};

/// The first batch of a size is given kernel by kernel, the second captured, the third fills the last slot, and the fourth
/// waits for a report. From then on nothing is new.
const WARM: usize = 4;

/// Where the fake driver writes down its calls, but for the number of the process.
pub(crate) const LOG: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/calls");

/// Begins a batch; the report is that of an earlier one.
type Begin<'a> = &'a mut dyn FnMut() -> Option<StepReport>;

/// Every way of batches of two samples to a GPU that works on three of them. `check` may begin as many batches of each
/// as it likes, but no more than `most`.
fn each_way(program: &'static Program, most: usize, mut check: impl FnMut(&str, Begin)) {
    let [_, mut gpu] = pair(program, Precision::F32);
    let gpu = &mut gpu;
    let mut batch = loaded(program, 2, 1);
    let finish = |gpu: &mut Model| while gpu.finish().expect("it goes on").is_some() {};
    check("training, sent", &mut || gpu.train_ahead(&mut batch).expect("it fits"));
    check("evaluation, sent", &mut || gpu.evaluate_ahead(&mut batch).expect("it fits"));
    finish(gpu);
    let dataset = dataset(program, 2 * most, None);
    let options = |order| nnc::runtime::data::LoaderOptions { batch: 2, ..options(&dataset, order, 0, 0) };
    let mut epoch = gpu.epoch(&dataset, &options(Order::Shuffled)).expect("it fits").expect("it has room");
    check("training, kept", &mut || gpu.train_next(&mut epoch).expect("it goes on"));
    finish(gpu);
    let mut epoch = gpu.epoch(&dataset, &options(Order::Sequential)).expect("it fits").expect("it has room");
    check("evaluation, kept", &mut || gpu.evaluate_next(&mut epoch).expect("it goes on"));
    finish(gpu);
}

/// A batch is copied in a stream of its own, taken from where it has come, started as a graph and reported; the report that is
/// waited for is that of the batch before the last.
pub(crate) fn calls() {
    let copied = ["cuStreamWaitEvent", "cuMemcpyHtoDAsync", "cuEventRecord", "cuStreamWaitEvent"];
    let taken = ["cuLaunchKernel", "cuEventRecord"];
    let done = ["cuGraphLaunch", "cuMemcpyDtoHAsync", "cuEventRecord"];
    each_way(convolution(), 10, |way, begin| {
        (0..WARM).for_each(|_| _ = begin());
        let before = logged("cu").len();
        (0..2).for_each(|_| assert!(begin().is_some(), "{way}: no report"));
        let sent = if way.ends_with("sent") { [&copied[..], &taken].concat() } else { Vec::new() };
        let batch = [&["cuEventSynchronize"][..], &sent, &done].concat();
        assert_eq!(logged("cu")[before..], batch.repeat(2), "{way}");
    });
    std::fs::remove_file(log_file()).expect("the driver has written it");
}

/// Of three batches under way, the third is copied before the pass of the second has begun.
pub(crate) fn overlap() {
    let program = convolution();
    let [_, mut gpu] = pair(program, Precision::F32);
    let mut batch = loaded(program, 2, 1);
    (0..WARM).for_each(|_| _ = gpu.train_ahead(&mut batch).expect("it fits"));
    while gpu.finish().expect("it goes on").is_some() {}
    let before = logged("has").len();
    (0..3).for_each(|_| _ = gpu.train_ahead(&mut batch).expect("it fits"));
    let (copied, first_report) = ("has copied to the device", "has copied from the device");
    assert_eq!(logged("has")[before..], [copied, copied, "has begun a graph", first_report, copied]);
    std::fs::remove_file(log_file()).expect("the driver has written it");
}

/// The lines of the driver's log that begin so, but for the choice of the context, which is a variable of the thread.
fn logged(start: &str) -> Vec<String> {
    let text = std::fs::read_to_string(log_file()).expect("the driver writes it");
    let lines = text.lines().filter(|line| line.starts_with(start) && *line != "cuCtxSetCurrent");
    lines.map(str::to_owned).collect()
}

fn log_file() -> String {
    format!("{LOG}.{}", std::process::id())
}

/// Nothing is allocated, be the batch waited for or not.
pub(crate) fn memory() {
    let program = convolution();
    let quiet = |way: &str, begin: Begin| {
        let first = allocations(|| _ = begin());
        assert!(first > 0, "{way}: is the count broken?");
        (1..WARM).for_each(|_| _ = begin());
        assert_eq!(allocations(|| (0..10).for_each(|_| _ = begin())), 0, "{way}");
    };
    each_way(program, 20, quiet);
    let [_, mut gpu] = pair(program, Precision::F32);
    let batch = Batch::random(program, 2, 1);
    let (inputs, labels) = (batch.inputs()[0], [0, 3]);
    let targets = Targets::Classes(&labels);
    quiet("training, waited for", &mut || Some(gpu.train_step(inputs, targets).expect("it fits")));
    quiet("evaluation, waited for", &mut || Some(gpu.evaluate(inputs, targets).expect("it fits")));
}

/// What a batch may take of the processor's time, the copy of its few samples included: half of the 20 µs that are allowed in
/// all, because the fake driver takes next to nothing and a real one takes some.
const MOST: Duration = Duration::from_micros(10);

/// Runs of some batches each, of which the fastest counts, as others work on the machine, too.
const RUNS: usize = 100;
const TURNS: usize = 5;

/// Batches on a device that takes no time.
pub(crate) fn time() {
    for program in [digits(), resnet20()] {
        each_way(program, WARM + RUNS * TURNS, |way, begin| {
            let least = least(begin);
            crate::report(&format!("{}: {way}: {least:?} a batch", program.name));
            assert!(least < MOST, "{}: {way}: {least:?} a batch", program.name);
        });
    }
    tell_bandwidth(digits());
}

/// Tells what copying a large batch to page-locked memory adds: the only work of the processor that grows with the batch.
fn tell_bandwidth(program: &'static Program) {
    let [_, mut gpu] = pair(program, Precision::F32);
    let [few, many] = [2, 4096].map(|size| {
        let mut batch = loaded(program, size, 1);
        (size_of_val(&batch.inputs[..]), least(&mut || gpu.train_ahead(&mut batch).expect("it fits")))
    });
    let (bytes, time) = (many.0 - few.0, many.1.saturating_sub(few.1));
    let bandwidth = bytes as f64 / time.as_secs_f64() / 1e9;
    crate::report(&format!("{}: {bytes} bytes more take {time:?}: {bandwidth:.1} GB/s", program.name));
}

/// Of a batch.
fn least(begin: Begin) -> Duration {
    (0..WARM).for_each(|_| _ = begin());
    let run = |_| {
        let start = Instant::now();
        (0..TURNS).for_each(|_| _ = begin());
        start.elapsed() / TURNS as u32
    };
    (0..RUNS).map(run).min().expect("some runs")
}
