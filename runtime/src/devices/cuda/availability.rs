//! Whether there is a GPU to compute on, and if not, why not.

use super::compile::{serves, unserved};
use super::context::Properties;
use super::error::{CudaError, CudaErrorKind};
use super::libraries::{Libraries, LibraryKind, usable};
use super::raw::{check, sys};
use crate::emitted::cuda::Ahead;

/// What of CUDA this machine has.
pub struct Availability {
    /// Driver and libraries, found or missing.
    pub libraries: Libraries,
    /// The GPUs by their numbers, or why there are none.
    pub gpus: Result<Vec<Gpu>, CudaError>,
}

/// A GPU, or why it cannot be asked.
pub type Gpu = Result<Properties, CudaError>;

impl Availability {
    /// Looks for everything.
    pub fn find() -> Availability {
        let gpus = Availability::gpu_count();
        let gpus = gpus.map(|count| (0..count).map(Properties::of_gpu).collect());
        Availability { libraries: Libraries::find(), gpus }
    }

    /// How many GPUs there are: at least one. It looks for the driver alone.
    pub fn gpu_count() -> Result<usize, CudaError> {
        usable(LibraryKind::Driver)?;
        let mut count = 0;
        // SAFETY: the driver is loaded. Initialising it again does nothing.
        check(unsafe { sys::cuInit(0) }, || "start the NVIDIA driver".to_owned())?;
        // SAFETY: the driver is initialised; the call writes one number.
        check(unsafe { sys::cuDeviceGetCount(&mut count) }, || "count the GPUs".to_owned())?;
        if count < 1 {
            return Err(CudaError::new(
                CudaErrorKind::Unavailable,
                "the NVIDIA driver shows no GPU",
                "`nvidia-smi` lists the GPUs; CUDA_VISIBLE_DEVICES hides some",
            ));
        }
        Ok(count as usize)
    }

    /// The line for a machine where only the processor can compute; none if there is a GPU and a compiler for it, or if one
    /// of `ahead` serves the first GPU.
    pub fn missing(ahead: &[Ahead]) -> Option<String> {
        let reason = Availability::gpu_count().and_then(|_| code(ahead)).err()?;
        Some(format!("no CUDA, running on the CPU: {reason}"))
    }
}

/// Whether kernels can be had.
fn code(ahead: &[Ahead]) -> Result<(), CudaError> {
    let Err(error) = usable(LibraryKind::Nvrtc) else { return Ok(()) };
    if ahead.is_empty() {
        return Err(error);
    }
    let properties = Properties::of_gpu(0)?;
    if serves(ahead, &properties) { Ok(()) } else { Err(unserved(ahead, &properties, &error)) }
}
