//! What went wrong on a GPU, during what, and what to do about it.

use std::fmt;

/// A failure of the driver, of a library or of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaError {
    kind: CudaErrorKind,
    message: String,
    help: &'static str,
}

/// What a caller may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CudaErrorKind {
    /// A driver, a library or a GPU that is not there or cannot be used.
    Unavailable,
    /// Too little memory on the GPU. Everything that was allocated before is still usable.
    OutOfMemory,
    /// A cubin that the driver cannot load: damaged, or for another GPU.
    Image,
    /// A kernel that does not compile, a launch that no GPU can serve: a mistake of nnc.
    Kernel,
    /// The work on the GPU has failed. Nothing that it holds can be used any more.
    Lost,
    /// The driver has refused a call.
    Refused,
}

impl CudaError {
    pub(super) fn new(kind: CudaErrorKind, message: impl Into<String>, help: &'static str) -> CudaError {
        CudaError { kind, message: message.into(), help }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> CudaErrorKind {
        self.kind
    }

    /// What the user can do.
    pub fn help(&self) -> &'static str {
        self.help
    }

    /// The result `code` of the driver, known there as `name` and explained as `words`, while `doing`
    /// something.
    pub(super) fn of_driver(code: u32, name: &str, words: &str, doing: &str) -> CudaError {
        let (kind, help) = meaning(code);
        CudaError::new(kind, format!("cannot {doing}: {words} ({name}, {code})"), help)
    }
}

/// What to add to a mistake of nnc.
pub(super) const REPORT: &str = "this is a mistake of nnc: please report it with this message and the model";

/// The results that a user can do something about, by the groups of `CUresult` in `cuda.h`.
fn meaning(code: u32) -> (CudaErrorKind, &'static str) {
    use CudaErrorKind::{Image, Lost, OutOfMemory, Refused, Unavailable};
    match code {
        2 => (
            OutOfMemory,
            "use a smaller `--batch`, or end other programs on the GPU (`nvidia-smi` lists them)",
        ),
        3 | 34 | 803 | 804 => (
            Unavailable,
            "the driver's library and its kernel module differ: reboot, or install the driver again",
        ),
        46 | 802 => (Unavailable, "another program holds the GPU, or it is not ready yet: see `nvidia-smi`"),
        100 | 101 => (Unavailable, "`nvidia-smi` lists the GPUs; CUDA_VISIBLE_DEVICES hides some"),
        200 | 209 | 218 | 222..=223 => {
            (Image, "install a newer driver, or an NVRTC of the driver's CUDA version")
        }
        214 | 220 => {
            (Lost, "the GPU's memory or its links are faulty: see `nvidia-smi -q` and the system's log")
        }
        700 | 714..=719 => (
            Lost,
            "this is a mistake of nnc: please report it; NNC_CUDA_SYNC=1 makes the message name the kernel",
        ),
        702 => (Lost, "the GPU also drives a display, which ends long kernels: use a smaller `--batch`"),
        _ => (Refused, REPORT),
    }
}

impl fmt::Display for CudaError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CudaError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_was_done_and_what_to_do() {
        let error = CudaError::of_driver(700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal access", "run `f`");
        assert_eq!(error.to_string(), "cannot run `f`: an illegal access (CUDA_ERROR_ILLEGAL_ADDRESS, 700)");
        assert_eq!(error.kind(), CudaErrorKind::Lost);
        assert!(error.help().contains("NNC_CUDA_SYNC=1"));
    }
}
