//! All that emitted code uses, and nothing else does.
//!
//! A pass is a list of calls, each naming its operands as [`Slot`]s: places in the planned
//! buffers. Every tensor is channels last. The functions here check that a call's outputs
//! overlap none of its other operands, then run the kernel on all cores; results do not
//! depend on the number of threads.

mod slot;

pub use slot::{Region, Slot};
