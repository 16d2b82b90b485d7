//! Calls that fail, and kernels that do.

use nnc_runtime::devices::cuda::{Compiler, CudaError, CudaErrorKind, Event, Memory, Pinned, Real};

use crate::support::{ADD, Gpu, bytes};
use crate::{Case, fake};

pub(crate) fn cases() -> Vec<Case> {
    let failing = CALLS.iter().map(|call| {
        let name: &'static str = format!("{call}_fails").leak();
        Case::new(name, a_call_that_fails_is_an_error).with("NNC_FAKE_FAIL", format!("{call}:1"))
    });
    let others = [
        // Out of the cache it would be taken for damaged, and be compiled again.
        Case::new("cuModuleLoadData_fails", a_call_that_fails_is_an_error)
            .with("NNC_FAKE_FAIL", "cuModuleLoadData:1")
            .with("NNC_CACHE_DIR", "/dev/null/nowhere"),
        Case::new("everything_that_can_fail_is_called", everything_is_called),
        Case::new("a_stray_kernel_is_found_later", stray_kernel),
        Case::new("a_stray_kernel_is_named", named_stray_kernel).with("NNC_CUDA_SYNC", "1"),
        Case::new("a_launch_that_fails_names_its_kernel", named_launch)
            .with("NNC_FAKE_FAIL", "cuLaunchKernel:2:719"),
    ];
    failing.chain(others).collect()
}

/// Calls whose failure a session must survive; all but those that only free.
const CALLS: [&str; 26] = [
    "cuInit",
    "cuDeviceGetCount",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDeviceTotalMem",
    "cuDevicePrimaryCtxRetain",
    "cuCtxSetCurrent",
    "cuMemAlloc",
    "cuMemHostAlloc",
    "cuMemsetD8Async",
    "cuMemcpyHtoDAsync",
    "cuMemcpyDtoHAsync",
    "cuModuleGetFunction",
    "cuFuncGetParamInfo",
    "cuFuncSetAttribute",
    "cuStreamCreate",
    "cuStreamSynchronize",
    "cuEventCreate",
    "cuEventRecord",
    "cuLaunchKernel",
    "cuStreamBeginCapture",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuMemGetInfo",
];

/// A session with all of these calls.
fn session() -> Result<(), CudaError> {
    let gpu = Gpu::new()?;
    gpu.context.free_bytes()?;
    let memory = gpu.numbers(&[1.0; 256])?;
    let other = Memory::new(&gpu.context, memory.bytes())?;
    other.write(0, &bytes(&[1.0; 256]), &gpu.stream)?;
    other.fill_zero(0..4, &gpu.stream)?;
    gpu.turn(&other, 128, 64 << 10)?;
    let event = Event::new(&gpu.context)?;
    event.record(&gpu.stream)?;
    let mut output = Pinned::new(&gpu.context, memory.bytes())?;
    let graph = gpu.stream.capture(|stream| {
        gpu.add(stream, [&memory, &other, &memory])?;
        // SAFETY: the output is left alone until the stream has been waited for.
        unsafe { memory.read_into(0, &mut output, stream) }
    })?;
    // SAFETY: all memory of the step is there, and nobody else uses it.
    unsafe { graph.launch(&gpu.stream)? };
    gpu.stream.synchronize()?;
    assert_eq!(output[..8], bytes(&[2.0, 2.0]));
    Ok(())
}

fn everything_is_called() {
    session().unwrap();
}

fn a_call_that_fails_is_an_error() {
    let error = session().unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("cannot ") && message.ends_with("(CUDA_ERROR_UNKNOWN, 999)"), "{message}");
    assert!(!error.help().is_empty());
}

/// As on a GPU: the launch succeeds, and whoever waits is told, without a name.
fn stray_kernel() {
    let gpu = Gpu::new().unwrap();
    let memory = gpu.numbers(&[1.0; 4]).unwrap();
    gpu.stray(&memory).unwrap();
    let error = gpu.stream.synchronize().unwrap_err();
    assert_eq!(error.kind(), CudaErrorKind::Lost);
    assert!(error.to_string().contains("an illegal memory access"), "{error}");
    assert!(error.help().contains("NNC_CUDA_SYNC=1"));
    assert_eq!(Memory::new(&gpu.context, 4).err().unwrap().kind(), CudaErrorKind::Lost);
}

fn named_stray_kernel() {
    let gpu = Gpu::new().unwrap();
    let memory = gpu.numbers(&[1.0; 4]).unwrap();
    assert!(gpu.context.is_synchronous());
    gpu.add(&gpu.stream, [&memory, &memory, &memory]).unwrap();
    let error = gpu.stray(&memory).unwrap_err();
    assert_eq!(error.kind(), CudaErrorKind::Lost);
    let start =
        "cannot run kernel `stray` on 1x1x1 blocks of 32 threads with 0 bytes of shared memory: an illegal";
    assert!(error.to_string().starts_with(start), "{error}");
}

fn named_launch() {
    let gpu = Gpu::new().unwrap();
    let memory = gpu.numbers(&[1.0; 4]).unwrap();
    let all = [&memory; 3];
    gpu.add(&gpu.stream, all).unwrap();
    let error = gpu.add(&gpu.stream, all).unwrap_err();
    assert!(error.to_string().starts_with("cannot launch kernel `add` on"), "{error}");
    memory.write(0, &bytes(&[1.0; 4]), &gpu.stream).unwrap();
    let compiled = Compiler::new(&gpu.context).compile(&[ADD], Real::Float).unwrap();
    assert_eq!(compiled.functions.len(), 1);
    assert!(fake::cache().exists());
}
