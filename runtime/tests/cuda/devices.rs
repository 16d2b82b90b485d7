//! Memory, streams, launches, captured steps.

use nnc_runtime::devices::cuda::{Context, CudaErrorKind, Event, Memory, Pinned, Stream};

use crate::support::{Gpu, bytes};
use crate::{Case, is_fake};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a_gpu_says_what_it_is", a_gpu_says_what_it_is),
        Case::any("bytes_are_copied", bytes_are_copied),
        Case::new("ranges_are_checked", ranges_are_checked),
        Case::any("page_locked_memory_is_copied_while_others_work", pinned_copies),
        Case::any("kernels_run", kernels_run),
        Case::new("kernels_run_in_reverse", kernels_run).with("NNC_FAKE_REVERSE", "1"),
        Case::any("launches_that_no_gpu_serves_are_errors", wrong_launches),
        Case::any("streams_wait_for_events_alone", streams_wait_for_events_alone),
        Case::any("a_captured_step_runs_again_and_again", capture_and_replay),
        Case::any("captures_spread_over_streams", captures_spread_over_streams),
        Case::any("a_capture_that_fails_leaves_the_stream_usable", failing_captures),
        Case::new("too_little_memory_is_an_ordinary_error", out_of_memory).with("NNC_FAKE_MEMORY", "1000000"),
        Case::any("threads_share_a_gpu", threads_share_a_gpu),
    ]
}

fn a_gpu_says_what_it_is() {
    let context = Context::new(0).unwrap();
    let properties = context.properties();
    assert_eq!(properties.name, "Fake GPU 0");
    assert_eq!((properties.capability, properties.multiprocessors), ((9, 0), 4));
    assert_eq!((properties.shared_bytes, properties.l2_bytes), (232_448, 4 << 20));
    assert_eq!(properties.memory_bytes, 1 << 30);
    assert_eq!(properties.architecture(), "sm_90a");
    assert_eq!(context.to_string(), "GPU 0 (Fake GPU 0)");
    let memory = Memory::new(&context, 1000).unwrap();
    assert_eq!(context.free_bytes().unwrap(), (1 << 30) - 1000);
    drop(memory);
    assert_eq!(context.free_bytes().unwrap(), 1 << 30);
    let error = Context::new(1).err().unwrap();
    assert_eq!(error.to_string(), "there is no GPU 1: the driver shows 1, numbered from 0");
    assert_eq!(error.kind(), CudaErrorKind::Unavailable);
}

fn bytes_are_copied() {
    let gpu = Gpu::new().unwrap();
    let memory = gpu.numbers(&[1.0, 2.0, 3.0]).unwrap();
    assert_eq!(gpu.read(&memory).unwrap(), [1.0, 2.0, 3.0]);
    memory.fill_zero(4..8, &gpu.stream).unwrap();
    assert_eq!(gpu.read(&memory).unwrap(), [1.0, 0.0, 3.0]);
    memory.write(4, &bytes(&[5.0, 6.0]), &gpu.stream).unwrap();
    assert_eq!(gpu.read(&memory).unwrap(), [1.0, 5.0, 6.0]);
    // What was never written is no number, where a test decides it.
    let fresh = Memory::new(&gpu.context, 16).unwrap();
    assert!(!is_fake() || gpu.read(&fresh).unwrap().iter().all(|number| number.is_nan()));
    let empty = Memory::new(&gpu.context, 0).unwrap();
    assert!(gpu.read(&empty).unwrap().is_empty());
}

fn ranges_are_checked() {
    let gpu = Gpu::new().unwrap();
    let memory = gpu.numbers(&[1.0, 2.0]).unwrap();
    let stream = &gpu.stream;
    let errors = [
        memory.write(4, &[0; 8], stream),
        memory.write(usize::MAX, &[0; 8], stream),
        memory.read(9, &mut [], stream),
        memory.fill_zero(0..9, stream),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), CudaErrorKind::Refused);
        assert!(
            error.to_string().ends_with("do not lie in memory of 8 bytes on GPU 0 (Fake GPU 0)"),
            "{error}"
        );
    }
    assert_eq!(gpu.read(&memory).unwrap(), [1.0, 2.0]);
}

fn pinned_copies() {
    let gpu = Gpu::new().unwrap();
    let memory = Memory::new(&gpu.context, 12).unwrap();
    let (mut source, mut target) =
        (Pinned::new(&gpu.context, 12).unwrap(), Pinned::new(&gpu.context, 12).unwrap());
    assert_eq!(*source, [0; 12]);
    source.floats_mut().copy_from_slice(&[1.0, 2.0, 3.0]);
    // SAFETY: both are left alone until the stream has been waited for.
    unsafe {
        memory.write_from(0, &source, &gpu.stream).unwrap();
        memory.read_into(0, &mut target, &gpu.stream).unwrap();
    }
    // Nobody has waited for the stream, and the fake driver does nothing before that.
    assert!(!is_fake() || *target == [0; 12]);
    let done = Event::new(&gpu.context).unwrap();
    done.record(&gpu.stream).unwrap();
    done.synchronize().unwrap();
    assert_eq!(*target, bytes(&[1.0, 2.0, 3.0]));
}

fn kernels_run() {
    let gpu = Gpu::new().unwrap();
    let numbers: Vec<f32> = (0..1000).map(|number| number as f32).collect();
    let (a, b) = (gpu.numbers(&numbers).unwrap(), gpu.numbers(&[0.5; 1000]).unwrap());
    let c = Memory::new(&gpu.context, 4000).unwrap();
    let events = [(); 2].map(|()| Event::timed(&gpu.context).unwrap());
    events[0].record(&gpu.stream).unwrap();
    gpu.add(&gpu.stream, [&a, &b, &c]).unwrap();
    events[1].record(&gpu.stream).unwrap();
    assert!(gpu.read(&c).unwrap().iter().zip(&numbers).all(|(sum, number)| *sum == number + 0.5));
    assert!(events[1].since(&events[0]).unwrap().as_nanos() > 0);
    // More shared memory than any kernel may have without asking.
    let turned = gpu.numbers(&numbers[..256]).unwrap();
    gpu.turn(&turned, 128, 100 << 10).unwrap();
    let expected: Vec<f32> = (0..128).rev().chain((128..256).rev()).map(|number| number as f32).collect();
    assert_eq!(gpu.read(&turned).unwrap(), expected);
}

fn wrong_launches() {
    let gpu = Gpu::new().unwrap();
    let memory = gpu.numbers(&[0.0; 256]).unwrap();
    let large = gpu.turn(&memory, 256, 1024).unwrap_err();
    let start =
        "cannot launch kernel `turn` on 1x1x1 blocks of 256 threads with 1024 bytes of shared memory: ";
    assert!(large.to_string().starts_with(start), "{large}");
    assert!(large.help().contains("report"));
    let greedy = gpu.turn(&memory, 128, 300 << 10).unwrap_err().to_string();
    let most = gpu.context.properties().shared_bytes;
    let expected = format!("kernel `turn` 307200 bytes of shared memory per block (the GPU has {most})");
    assert!(greedy.contains(&expected), "{greedy}");
    // SAFETY: it is refused.
    let many = unsafe { gpu.stream.launch(gpu.function("turn"), [1; 3], 128, 0, &[0; 33]) };
    assert_eq!(many.unwrap_err().to_string(), "kernel `turn` takes 1 arguments and is given 33");
    assert_eq!([gpu.function("turn").parameters(), gpu.function("add").parameters()], [1, 4]);
    gpu.turn(&memory, 128, 512).unwrap();
    gpu.stream.synchronize().unwrap();
}

/// Two streams of which one reads what the other writes.
fn streams_wait_for_events_alone() {
    let gpu = Gpu::new().unwrap();
    let other = Stream::new(&gpu.context).unwrap();
    let ones = gpu.numbers(&[1.0; 100]).unwrap();
    let [first, second] = [(); 2].map(|()| Memory::new(&gpu.context, 400).unwrap());
    gpu.add(&other, [&ones, &ones, &first]).unwrap();
    let written = Event::new(&gpu.context).unwrap();
    written.record(&other).unwrap();
    gpu.add(&gpu.stream, [&first, &ones, &second]).unwrap();
    let early = gpu.read(&second).unwrap();
    assert!(!is_fake() || early[0].is_nan(), "nothing has made the stream wait");
    gpu.stream.wait(&written).unwrap();
    gpu.add(&gpu.stream, [&first, &ones, &second]).unwrap();
    assert_eq!(gpu.read(&second).unwrap(), [3.0; 100]);
}

fn capture_and_replay() {
    let gpu = Gpu::new().unwrap();
    let (ones, sum) = (gpu.numbers(&[1.0; 100]).unwrap(), gpu.numbers(&[0.0; 100]).unwrap());
    let (mut input, mut output) =
        (Pinned::new(&gpu.context, 400).unwrap(), Pinned::new(&gpu.context, 400).unwrap());
    let graph = gpu.stream.capture(|stream| {
        // SAFETY: page-locked memory is left alone while the graph runs.
        unsafe { ones.write_from(0, &input, stream)? };
        gpu.add(stream, [&sum, &ones, &sum])?;
        gpu.add(stream, [&sum, &ones, &sum])?;
        // SAFETY: as above.
        unsafe { sum.read_into(0, &mut output, stream) }
    });
    let graph = graph.unwrap();
    assert_eq!(gpu.read(&sum).unwrap(), [0.0; 100], "it was written down, and not done");
    graph.upload(&gpu.stream).unwrap();
    for step in 1..4 {
        input.floats_mut().fill(step as f32);
        // SAFETY: all memory of the step is there, and nobody else uses it.
        unsafe { graph.launch(&gpu.stream).unwrap() };
        gpu.stream.synchronize().unwrap();
        assert_eq!(output[396..], ((step * (step + 1)) as f32).to_le_bytes());
    }
}

fn captures_spread_over_streams() {
    let gpu = Gpu::new().unwrap();
    let side = Stream::new(&gpu.context).unwrap();
    let [begun, joined] = [(); 2].map(|()| Event::new(&gpu.context).unwrap());
    let ones = gpu.numbers(&[1.0; 10]).unwrap();
    let [first, second] = [(); 2].map(|()| Memory::new(&gpu.context, 40).unwrap());
    let fork = |stream: &Stream| {
        begun.record(stream)?;
        side.wait(&begun)?;
        gpu.add(&side, [&ones, &ones, &first])
    };
    let graph = gpu.stream.capture(|stream| {
        fork(stream)?;
        joined.record(&side)?;
        stream.wait(&joined)?;
        gpu.add(stream, [&first, &ones, &second])
    });
    // SAFETY: all memory of the step is there, and nobody else uses it.
    unsafe { graph.unwrap().launch(&gpu.stream).unwrap() };
    assert_eq!(gpu.read(&second).unwrap(), [3.0; 10]);
    let error = gpu.stream.capture(fork).err().unwrap().to_string();
    assert!(error.contains("unjoined"), "{error}");
}

fn failing_captures() {
    let gpu = Gpu::new().unwrap();
    let memory = gpu.numbers(&[1.0; 10]).unwrap();
    let error = gpu.stream.capture(|_| Memory::new(&gpu.context, 8).map(drop)).err().unwrap();
    assert!(error.to_string().contains("not permitted when stream is capturing"), "{error}");
    let error = gpu.stream.capture(|stream| stream.synchronize()).err().unwrap();
    assert!(error.to_string().starts_with("cannot finish the work"), "{error}");
    // A mistake that the body does not tell of is told by the end.
    let error = gpu.stream.capture(|stream| {
        let _ = stream.synchronize();
        Ok(())
    });
    assert!(error.err().unwrap().to_string().starts_with("cannot capture a stream"));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        gpu.stream.capture(|_| panic!("a mistake in the body")).is_ok()
    }));
    assert!(panicked.is_err());
    memory.write(0, &bytes(&[2.0; 10]), &gpu.stream).unwrap();
    assert_eq!(gpu.read(&memory).unwrap(), [2.0; 10]);
}

fn out_of_memory() {
    let gpu = Gpu::new().unwrap();
    let first = Memory::new(&gpu.context, 600_000).unwrap();
    let error = Memory::new(&gpu.context, 500_000).err().unwrap();
    assert_eq!(error.kind(), CudaErrorKind::OutOfMemory);
    let expected = "cannot allocate 0.50 MB on GPU 0 (Fake GPU 0), where 0.40 MB of 1.00 MB are free: \
                    out of memory (CUDA_ERROR_OUT_OF_MEMORY, 2)";
    assert_eq!(error.to_string(), expected);
    assert!(error.help().contains("--batch"));
    first.fill_zero(0..600_000, &gpu.stream).unwrap();
    let second = gpu.numbers(&[1.0; 10]).unwrap();
    gpu.add(&gpu.stream, [&second, &second, &second]).unwrap();
    assert_eq!(gpu.read(&second).unwrap(), [2.0; 10]);
    drop(first);
    Memory::new(&gpu.context, 500_000).unwrap();
}

/// Memory made here is freed there, and each thread has a stream of its own.
fn threads_share_a_gpu() {
    let gpu = Gpu::new().unwrap();
    let kept: Vec<Memory> = (0..4).map(|_| Memory::new(&gpu.context, 64).unwrap()).collect();
    let context = &gpu.context;
    let free = context.free_bytes().unwrap();
    std::thread::scope(|scope| {
        for memory in kept {
            scope.spawn(move || {
                let stream = Stream::new(context).unwrap();
                memory.write(0, &[7; 64], &stream).unwrap();
                let mut found = [0; 64];
                memory.read(0, &mut found, &stream).unwrap();
                assert_eq!(found, [7; 64]);
            });
        }
    });
    // A GPU gives memory back in larger pieces.
    assert!(!is_fake() || context.free_bytes().unwrap() == free + 4 * 64);
}
