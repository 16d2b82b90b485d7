//! All that emitted code uses, and nothing else does: [`cuda`] for GPUs, all else is the
//! [processor's](nnc_kernels::emitted).

pub mod cuda;

pub use nnc_kernels::emitted::*;
