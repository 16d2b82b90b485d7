//! What the operations compute, on the processor.
//!
//! One folder or file per family of operations, with its formulas, its loops and its tests. The
//! kernels see slices and sizes; which slices, the functions of [`emitted`] say, which emitted code calls. They
//! are written against the threads and vector units of [`cpu`]; which kernel serves a call is decided in [`select`].

mod cache_folder;
mod conv;
pub mod cpu;
mod crop;
mod elementwise;
pub mod emitted;
mod gemm;
mod layout;
mod loss;
mod permute;
mod pool;
pub mod random;
mod resize;
pub mod select;
mod softmax;
mod statistics;

#[cfg(test)]
mod testing;

pub use cache_folder::cache_folder;
pub use conv::PackedWeights;
