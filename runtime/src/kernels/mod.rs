//! What the operations compute, on the processor.
//!
//! One folder or file per family of operations, with its formulas, its loops and its tests. The
//! kernels see slices and sizes; which slices, the functions that emitted code calls say.

pub(crate) mod conv;
pub(crate) mod crop;
pub(crate) mod elementwise;
pub(crate) mod gemm;
pub(crate) mod layout;
pub(crate) mod loss;
pub(crate) mod permute;
pub(crate) mod pool;
pub(crate) mod resize;
pub(crate) mod softmax;
pub(crate) mod statistics;

#[cfg(test)]
pub(crate) mod testing;
