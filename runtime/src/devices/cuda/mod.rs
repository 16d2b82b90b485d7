//! NVIDIA GPUs: the driver, device memory, kernels compiled where they run, captured steps.
//!
//! Nothing here is linked: driver and libraries are found at run time ([`Libraries`]), and any of them
//! may be missing. There are three floors. `cudarc::driver::sys` and `cudarc::nvrtc::sys` are the raw
//! calls; `raw` turns their results into [`CudaError`]s; all else is safe, but for what lets a GPU
//! touch memory that the compiler does not watch: launches, and copies that go on after the call. Two
//! conventions: a parameter of a kernel is eight bytes, and every call says in its error what it was
//! about.
//!
//! A GPU reports the mistakes of a kernel late, at some later call. With [`SYNC_VARIABLE`] set to 1
//! each launch is waited for, so that the error names the kernel.

mod availability;
mod compile;
mod context;
pub(crate) mod engine;
mod error;
mod graph;
mod libraries;
mod memory;
mod module;
mod raw;
mod stream;

pub use availability::{Availability, Gpu};
pub use compile::{Archive, Compiled, Compiler, Cubins, Kernel, Real};
pub use context::{Context, Properties, SYNC_VARIABLE};
pub use engine::{Measured, Measurements, compile_ahead};
pub use error::{CudaError, CudaErrorKind};
pub use graph::Graph;
pub use libraries::{Libraries, Library, LibraryKind, PATH_VARIABLE, Version, cudnn};
pub use memory::{Memory, Pinned};
pub use module::{Function, MOST_ARGUMENTS, Module};
pub use stream::{Event, Stream};
