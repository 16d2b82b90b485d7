//! Compiled kernels on a GPU.

use std::ffi::CString;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::context::Context;
use super::error::{CudaError, CudaErrorKind, REPORT};
use super::raw::{check, sys};

/// The parameters that a kernel has at most.
pub const MOST_ARGUMENTS: usize = 32;

/// A cubin that is loaded. Cloning is cheap; it is unloaded with its last function.
#[derive(Clone)]
pub struct Module {
    loaded: Arc<Loaded>,
}

struct Loaded {
    context: Context,
    raw: sys::CUmodule,
}

/// A kernel that can be launched.
pub struct Function {
    name: String,
    raw: sys::CUfunction,
    parameters: usize,
    /// Dynamic shared memory that launches may have so far.
    shared: AtomicU32,
    module: Module,
}

// SAFETY: a module is a handle that the driver lets any thread use.
unsafe impl Send for Loaded {}
// SAFETY: as above; the driver locks where it must.
unsafe impl Sync for Loaded {}
// SAFETY: a function is a handle that the driver lets any thread use.
unsafe impl Send for Function {}
// SAFETY: as above; the driver locks where it must.
unsafe impl Sync for Function {}

/// The dynamic shared memory that any kernel may have without asking.
const COMMON_SHARED: u32 = 48 << 10;

impl Module {
    /// Loads a cubin.
    pub fn load(context: &Context, cubin: &[u8]) -> Result<Module, CudaError> {
        context.enter()?;
        // The driver takes it for the image of a file: aligned, and it reads its length from itself. Zeros
        // behind it end a text, should it be one.
        let mut image = vec![0u64; cubin.len().div_ceil(size_of::<u64>()) + 1];
        for (word, bytes) in image.iter_mut().zip(cubin.chunks(size_of::<u64>())) {
            let mut whole = [0; size_of::<u64>()];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_ne_bytes(whole);
        }
        if !is_whole(cubin) {
            let message =
                format!("cannot load kernels on {context}: their file of {} bytes is damaged", cubin.len());
            return Err(CudaError::new(CudaErrorKind::Image, message, REPORT));
        }
        let mut raw = ptr::null_mut();
        // SAFETY: the image is as long as it says itself.
        let loaded = unsafe { sys::cuModuleLoadData(&mut raw, image.as_ptr().cast()) };
        check(loaded, || format!("load kernels on {context}"))?;
        Ok(Module { loaded: Arc::new(Loaded { context: context.clone(), raw }) })
    }

    /// The kernel of this name.
    pub fn function(&self, name: &str) -> Result<Function, CudaError> {
        self.loaded.context.enter()?;
        let text = CString::new(name).unwrap_or_default();
        let mut raw = ptr::null_mut();
        // SAFETY: the module is loaded; the name ends with a zero.
        let found = unsafe { sys::cuModuleGetFunction(&mut raw, self.loaded.raw, text.as_ptr()) };
        check(found, || format!("find kernel `{name}` among those that were compiled"))?;
        Ok(Function {
            name: name.to_owned(),
            raw,
            parameters: parameters(raw, name)?,
            shared: AtomicU32::new(COMMON_SHARED),
            module: self.clone(),
        })
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: loaded in `Module::load`; no function of it is left. A failure leaves nothing to do.
        let _ = self.context.enter().map(|()| unsafe { sys::cuModuleUnload(self.raw) });
    }
}

impl Function {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many arguments it takes.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// Lets launches have `bytes` of dynamic shared memory.
    pub(super) fn allow_shared(&self, bytes: u32) -> Result<(), CudaError> {
        if bytes <= self.shared.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.module.loaded.context.enter()?;
        let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        // SAFETY: the function is loaded.
        let allowed = unsafe { sys::cuFuncSetAttribute(self.raw, attribute, bytes as i32) };
        let most = self.module.loaded.context.properties().shared_bytes;
        check(allowed, || {
            format!(
                "give kernel `{}` {bytes} bytes of shared memory per block (the GPU has {most})",
                self.name
            )
        })?;
        self.shared.fetch_max(bytes, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn raw(&self) -> sys::CUfunction {
        self.raw
    }
}

/// How many parameters a kernel has, each of which must be eight bytes.
fn parameters(raw: sys::CUfunction, name: &str) -> Result<usize, CudaError> {
    for index in 0..=MOST_ARGUMENTS {
        let (mut offset, mut bytes) = (0, 0);
        // SAFETY: the function is loaded; the call writes two numbers, if there is such a parameter.
        let told = unsafe { sys::cuFuncGetParamInfo(raw, index, &mut offset, &mut bytes) };
        if told == sys::CUresult::CUDA_ERROR_INVALID_VALUE {
            return Ok(index);
        }
        check(told, || format!("ask kernel `{name}` for its parameters"))?;
        if (offset, bytes) != (index * size_of::<u64>(), size_of::<u64>()) {
            let message = format!("parameter {index} of kernel `{name}` has {bytes} bytes, expected 8");
            return Err(CudaError::new(CudaErrorKind::Kernel, message, REPORT));
        }
    }
    let message = format!("kernel `{name}` has more than {MOST_ARGUMENTS} parameters");
    Err(CudaError::new(CudaErrorKind::Kernel, message, REPORT))
}

/// Whether a cubin, an ELF file, has all of the parts that its head counts. The driver would read on.
fn is_whole(cubin: &[u8]) -> bool {
    let number = |at: usize, bytes: usize| {
        let part = cubin.get(at..at + bytes)?;
        Some(part.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    let end = |[start, size, count]: [(usize, usize); 3]| {
        number(start.0, start.1)?.checked_add(number(size.0, size.1)? * number(count.0, count.1)?)
    };
    // Where the tables of segments and of sections begin, and the size and number of their rows.
    let ends = [[(0x20, 8), (0x36, 2), (0x38, 2)], [(0x28, 8), (0x3a, 2), (0x3c, 2)]].map(end);
    let is_elf = cubin.starts_with(b"\x7fELF\x02\x01");
    is_elf && ends.iter().all(|end| end.is_some_and(|end| end <= cubin.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cubin_that_is_cut_off_is_seen() {
        let mut cubin = b"\x7fELF\x02\x01".to_vec();
        cubin.resize(64, 0);
        cubin[0x20] = 64;
        cubin[0x28..0x2a].copy_from_slice(&[64, 0]);
        (cubin[0x3a], cubin[0x3c]) = (64, 2);
        assert!(!is_whole(&cubin));
        cubin.resize(64 + 128, 0);
        assert!(is_whole(&cubin));
        assert!(!is_whole(&cubin[..191]));
        assert!(!is_whole(b""));
        assert!(!is_whole(b"//\n"));
    }
}
