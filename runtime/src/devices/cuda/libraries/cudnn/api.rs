//! The calls of cuDNN, as `cudnn_graph.h` declares them.
//!
//! They are declared here, and not taken from cudarc: what cuDNN answers with grows with its versions (notes,
//! knobs, results), and a number that a binding's enum does not know would be undefined behaviour.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use crate::devices::cuda::error::{CudaError, CudaErrorKind};
use crate::devices::cuda::libraries::{LibraryKind, opened};

/// A handle, a descriptor: what cuDNN alone looks into.
pub(super) type Raw = *mut c_void;

/// What every call answers with.
pub(super) type Status = c_int;

/// What to do about a failure.
const HELP: &str = "nnc computes the same with kernels of its own; CUDNN_LOGLEVEL_DBG=3 makes cuDNN say more";

/// Declares the table of calls, and the list of their names, which says whether a library will do.
macro_rules! calls {
    ($($field:ident = $name:literal: fn($($argument:ty),*) -> $result:ty,)*) => {
        /// What the library must have.
        pub(in crate::devices::cuda) const FUNCTIONS: [&str; [$($name),*].len()] = [$($name),*];

        /// The calls of the library that was found.
        pub(super) struct Api {
            $(pub(super) $field: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl Api {
            /// # Safety
            /// The library is cuDNN 9.
            unsafe fn load(library: &libloading::Library) -> Result<Api, libloading::Error> {
                // SAFETY: cuDNN 9 declares its functions so.
                Ok(Api { $($field: *unsafe { library.get($name)? },)* })
            }
        }
    };
}

calls! {
    create = "cudnnCreate": fn(*mut Raw) -> Status,
    destroy = "cudnnDestroy": fn(Raw) -> Status,
    set_stream = "cudnnSetStream": fn(Raw, Raw) -> Status,
    error_name = "cudnnGetErrorString": fn(Status) -> *const c_char,
    last_error = "cudnnGetLastErrorString": fn(*mut c_char, usize) -> (),
    create_descriptor = "cudnnBackendCreateDescriptor": fn(c_int, *mut Raw) -> Status,
    destroy_descriptor = "cudnnBackendDestroyDescriptor": fn(Raw) -> Status,
    set_attribute = "cudnnBackendSetAttribute": fn(Raw, c_int, c_int, i64, *const c_void) -> Status,
    get_attribute = "cudnnBackendGetAttribute": fn(Raw, c_int, c_int, i64, *mut i64, *mut c_void) -> Status,
    finalize = "cudnnBackendFinalize": fn(Raw) -> Status,
    execute = "cudnnBackendExecute": fn(Raw, Raw, Raw) -> Status,
}

impl Api {
    /// The calls of the library, if it can be used.
    pub(super) fn find() -> Result<&'static Api, CudaError> {
        static FOUND: OnceLock<Api> = OnceLock::new();
        let library = opened(LibraryKind::Cudnn)?;
        if let Some(api) = FOUND.get() {
            return Ok(api);
        }
        // SAFETY: its version was looked at: it is cuDNN 9.
        let loaded = unsafe { Api::load(library) };
        let api = loaded.map_err(|error| {
            CudaError::new(CudaErrorKind::Unavailable, format!("cuDNN cannot be used: {error}"), HELP)
        })?;
        Ok(FOUND.get_or_init(|| api))
    }

    /// An error unless `status` is success; `doing` completes the sentence "cannot …".
    pub(super) fn check(&self, status: Status, doing: impl FnOnce() -> String) -> Result<(), CudaError> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the call answers with a constant text of the library, or with null.
        let name = unsafe { (self.error_name)(status).as_ref().map(|name| CStr::from_ptr(name)) };
        let name = name.unwrap_or_default().to_string_lossy();
        let message = format!("cannot {}: {} ({name}, {status})", doing(), self.last_words());
        Err(CudaError::new(meaning(status), message, HELP))
    }

    /// What the library says of the last failure in this thread.
    fn last_words(&self) -> String {
        let mut text: [c_char; 512] = [0; 512];
        // SAFETY: the call writes at most the given number of characters, a final zero among them.
        unsafe { (self.last_error)(text.as_mut_ptr(), text.len() - 1) };
        // SAFETY: the last character is still zero.
        let words = unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy();
        if words.trim().is_empty() { "cuDNN does not say why".to_owned() } else { words.trim().to_owned() }
    }
}

/// The kind of a failure, by the groups of `cudnnStatus_t`. An execution that fails is no more than refused: if
/// it has taken the GPU with it, the driver's next call says so.
fn meaning(status: Status) -> CudaErrorKind {
    match status {
        1000..2000 | 3000..4000 => CudaErrorKind::Unavailable,
        4003 | 4004 => CudaErrorKind::OutOfMemory,
        _ => CudaErrorKind::Refused,
    }
}
