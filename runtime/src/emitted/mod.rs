//! All that emitted code uses, and nothing else does.
//!
//! A pass is a list of calls, each naming its operands as [`Slot`]s: places in the planned
//! buffers. Every tensor is channels last. The functions here check that a call's outputs
//! overlap none of its other operands, then run the kernel on all cores; results do not
//! depend on the number of threads.

mod operand;
mod pass;
mod slot;
mod update;

pub mod math;

pub use crate::kernels::conv2d::{
    Conv2d, Linear, conv2d, conv2d_backward_data, conv2d_backward_weight, conv2d_then, linear,
    linear_backward_data, linear_backward_weight, linear_then,
};
pub use crate::kernels::elementwise::{pointwise, reduce_channels, update};
pub use operand::Operand;
pub use pass::{Pass, RandomKey};
pub use slot::{Region, Slot};
pub use update::{Decay, Update};
