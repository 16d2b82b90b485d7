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
pub use crate::kernels::layout::{concat_channels, split_channels, to_channels_first, to_channels_last};
pub use crate::kernels::loss::{loss_terms, loss_terms_backward};
pub use crate::kernels::pool2d::{Pool2d, avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward};
pub use crate::kernels::softmax::{cross_entropy, cross_entropy_backward, softmax, softmax_backward};
pub use crate::kernels::statistics::{batch_statistics, running_statistics};
pub use operand::Operand;
pub use pass::{Pass, RandomKey};
pub use slot::{Region, Slot};
pub use update::{Decay, Update};
