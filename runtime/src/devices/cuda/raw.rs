//! The floor between cudarc's raw calls and the rest: results become errors that say what was done.

use std::ffi::CStr;
use std::ptr;

pub(super) use cudarc::driver::sys;

use super::error::CudaError;

/// Every function of the driver that is called here. cudarc panics where one is missing, so a driver
/// without one of them is not used at all.
pub(super) const FUNCTIONS: [&str; 41] = [
    "cuCtxSetCurrent",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDeviceTotalMem_v2",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventElapsedTime_v2",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuFuncGetParamInfo",
    "cuFuncSetAttribute",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuGraphUpload",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAlloc_v2",
    "cuMemFreeHost",
    "cuMemFree_v2",
    "cuMemGetInfo_v2",
    "cuMemHostAlloc",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemsetD8Async",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuStreamBeginCapture_v2",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamEndCapture",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
];

/// An error unless `result` is success; `doing` completes the sentence "cannot …".
pub(super) fn check(result: sys::CUresult, doing: impl FnOnce() -> String) -> Result<(), CudaError> {
    if result == sys::CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    let [name, words] = [sys::cuGetErrorName, sys::cuGetErrorString].map(|explain| {
        let mut text = ptr::null();
        // SAFETY: the call writes an address of a constant text of the driver, or leaves it null.
        let known = unsafe { explain(result, &mut text) } == sys::CUresult::CUDA_SUCCESS && !text.is_null();
        // SAFETY: a text that is there ends with a zero.
        known.then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    });
    let name = name.unwrap_or_else(|| format!("{result:?}"));
    let words = words.unwrap_or_else(|| "the driver does not say why".to_owned());
    Err(CudaError::of_driver(result as u32, &name, &words, &doing()))
}

#[cfg(test)]
pub(super) mod testing {
    /// The functions of a library that these texts call, whose names follow `sys::` and begin with `start`.
    pub(in crate::devices::cuda) fn called(texts: &[&str], start: &str) -> Vec<String> {
        let mark = format!("sys::{start}");
        let name_of = |rest: &str| {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
            rest[length..].starts_with('(').then(|| format!("{start}{}", &rest[..length]))
        };
        let pieces = texts.iter().flat_map(|text| text.split(&mark).skip(1));
        let mut names: Vec<String> = pieces.filter_map(name_of).collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_that_is_called_is_looked_for() {
        let files = [
            include_str!("availability.rs"),
            include_str!("context.rs"),
            include_str!("graph.rs"),
            include_str!("memory.rs"),
            include_str!("module.rs"),
            include_str!("raw.rs"),
            include_str!("stream.rs"),
        ];
        // Two are called under another name.
        let mut called = testing::called(&files, "cu");
        called.extend(["cuGetErrorName", "cuGetErrorString"].map(str::to_owned));
        called.sort();
        assert_eq!(called, FUNCTIONS);
    }
}
