//! A GPU that is in use.

use std::env;
use std::ffi::{CStr, c_char};
use std::ptr;
use std::sync::Arc;

use super::availability::Availability;
use super::error::{CudaError, CudaErrorKind};
use super::raw::{check, sys};

/// Set to 1, every launch is waited for, and an error names the kernel that caused it. It is slow, and
/// steps are not captured.
pub const SYNC_VARIABLE: &str = "NNC_CUDA_SYNC";

/// The primary context of a GPU, which all users of the GPU in this process share. Cloning is cheap;
/// the context lives as long as any memory, stream or module in it.
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
}

struct Shared {
    ordinal: usize,
    device: sys::CUdevice,
    raw: sys::CUcontext,
    properties: Properties,
    synchronous: bool,
}

// SAFETY: a context is a handle that the driver lets any thread use.
unsafe impl Send for Shared {}
// SAFETY: as above; the driver locks where it must.
unsafe impl Sync for Shared {}

/// What a GPU is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Its name.
    pub name: String,
    /// Compute capability: major and minor.
    pub capability: (u32, u32),
    /// Streaming multiprocessors.
    pub multiprocessors: u32,
    /// Bytes of shared memory that a block can have where a kernel opts in.
    pub shared_bytes: u32,
    /// Bytes of the second-level cache.
    pub l2_bytes: u64,
    /// Bytes of memory, used or not.
    pub memory_bytes: u64,
}

impl Context {
    /// The GPU with this number among those that the driver shows.
    pub fn new(ordinal: usize) -> Result<Context, CudaError> {
        let device = device(ordinal)?;
        let properties = Properties::of(device, ordinal)?;
        let mut raw = ptr::null_mut();
        // SAFETY: the driver is initialised and the device is one of its own.
        let retained = unsafe { sys::cuDevicePrimaryCtxRetain(&mut raw, device) };
        check(retained, || format!("use GPU {ordinal} ({})", properties.name))?;
        let synchronous = env::var_os(SYNC_VARIABLE).is_some_and(|value| value == "1");
        let context = Context { shared: Arc::new(Shared { ordinal, device, raw, properties, synchronous }) };
        context.enter()?;
        Ok(context)
    }

    /// What the GPU is.
    pub fn properties(&self) -> &Properties {
        &self.shared.properties
    }

    /// Bytes of memory that nobody uses, now.
    pub fn free_bytes(&self) -> Result<u64, CudaError> {
        self.enter()?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: the context is current.
        let asked = unsafe { sys::cuMemGetInfo_v2(&mut free, &mut total) };
        check(asked, || format!("ask for the free memory of {self}"))?;
        Ok(free as u64)
    }

    /// Whether every launch is waited for; see [`SYNC_VARIABLE`].
    pub fn is_synchronous(&self) -> bool {
        self.shared.synchronous
    }

    /// Makes it the context of this thread, which the calls of the driver go to.
    pub(super) fn enter(&self) -> Result<(), CudaError> {
        // SAFETY: the context is retained until `Shared` is dropped.
        check(unsafe { sys::cuCtxSetCurrent(self.shared.raw) }, || format!("use {self}"))
    }
}

impl std::fmt::Display for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "GPU {} ({})", self.shared.ordinal, self.shared.properties.name)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: retained once in `Context::new`. A failure leaves nothing to do.
        let _ = unsafe { sys::cuDevicePrimaryCtxRelease_v2(self.device) };
    }
}

impl Properties {
    /// Of the GPU with this number, without using it.
    pub fn of_gpu(ordinal: usize) -> Result<Properties, CudaError> {
        Properties::of(device(ordinal)?, ordinal)
    }

    /// How NVRTC calls the GPU. For compute capability 9.0 with the instructions that no later one has
    /// (`wgmma`): it is this very GPU that the code is for.
    pub fn architecture(&self) -> String {
        let (major, minor) = self.capability;
        let suffix = if self.capability == (9, 0) { "a" } else { "" };
        format!("sm_{major}{minor}{suffix}")
    }

    /// The architectures whose code it runs, its own first: those of the same major version up to its
    /// own minor one.
    pub fn compatible(&self) -> Vec<String> {
        let (major, minor) = self.capability;
        let earlier = (0..=minor).rev().map(|minor| format!("sm_{major}{minor}"));
        let mut all: Vec<String> = [self.architecture()].into_iter().chain(earlier).collect();
        all.dedup();
        all
    }

    fn of(device: sys::CUdevice, ordinal: usize) -> Result<Properties, CudaError> {
        use sys::CUdevice_attribute as Attribute;
        let ask = |attribute| attribute_of(device, ordinal, attribute);
        Ok(Properties {
            name: name(device, ordinal)?,
            capability: (
                ask(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
                ask(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
            ),
            multiprocessors: ask(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
            shared_bytes: ask(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?,
            l2_bytes: ask(Attribute::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)?.into(),
            memory_bytes: memory_of(device, ordinal)?,
        })
    }
}

/// The handle of a GPU, if there is a driver and a GPU of this number.
fn device(ordinal: usize) -> Result<sys::CUdevice, CudaError> {
    let count = Availability::gpu_count()?;
    if ordinal >= count {
        let message = format!("there is no GPU {ordinal}: the driver shows {count}, numbered from 0");
        return Err(CudaError::new(
            CudaErrorKind::Unavailable,
            message,
            "`nnc devices` lists the GPUs; CUDA_VISIBLE_DEVICES hides some",
        ));
    }
    let mut device = 0;
    // SAFETY: the driver is initialised, as it has counted its GPUs.
    check(unsafe { sys::cuDeviceGet(&mut device, ordinal as i32) }, || format!("find GPU {ordinal}"))?;
    Ok(device)
}

fn name(device: sys::CUdevice, ordinal: usize) -> Result<String, CudaError> {
    let mut text: [c_char; 256] = [0; 256];
    // SAFETY: the call writes at most the given number of characters, a final zero among them.
    let asked = unsafe { sys::cuDeviceGetName(text.as_mut_ptr(), text.len() as i32 - 1, device) };
    check(asked, || format!("ask for the name of GPU {ordinal}"))?;
    // SAFETY: the last character is still zero.
    Ok(unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned())
}

fn attribute_of(
    device: sys::CUdevice,
    ordinal: usize,
    attribute: sys::CUdevice_attribute,
) -> Result<u32, CudaError> {
    let mut value = 0;
    // SAFETY: the device is one of the driver's; the call writes one number.
    let asked = unsafe { sys::cuDeviceGetAttribute(&mut value, attribute, device) };
    check(asked, || format!("ask GPU {ordinal} for {attribute:?}"))?;
    Ok(u32::try_from(value).unwrap_or(0))
}

fn memory_of(device: sys::CUdevice, ordinal: usize) -> Result<u64, CudaError> {
    let mut bytes = 0;
    // SAFETY: the device is one of the driver's; the call writes one number.
    let asked = unsafe { sys::cuDeviceTotalMem_v2(&mut bytes, device) };
    check(asked, || format!("ask for the memory of GPU {ordinal}"))?;
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_capability(capability: (u32, u32)) -> Properties {
        Properties {
            name: "GPU".to_owned(),
            capability,
            multiprocessors: 1,
            shared_bytes: 0,
            l2_bytes: 0,
            memory_bytes: 0,
        }
    }

    #[test]
    fn code_for_earlier_gpus_of_a_family_runs() {
        assert_eq!(with_capability((9, 0)).compatible(), ["sm_90a", "sm_90"]);
        assert_eq!(with_capability((8, 6)).architecture(), "sm_86");
        assert_eq!(
            with_capability((8, 6)).compatible()[1..],
            ["sm_85", "sm_84", "sm_83", "sm_82", "sm_81", "sm_80"]
        );
    }
}
