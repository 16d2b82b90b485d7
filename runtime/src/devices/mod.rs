//! Where kernels run.
//!
//! A device brings its threads, its memory and what its vector units can do. Kernels are written
//! against these; which kernel serves a call is decided in [`select`](nnc_kernels::select).

#[cfg(feature = "cuda")]
pub mod cuda;

pub use nnc_kernels::cpu;
