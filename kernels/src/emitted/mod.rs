//! All that emitted code uses on the processor, and nothing else does.
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

pub use crate::conv::{
    Conv, Linear, conv, conv_backward_data, conv_backward_weight, conv_then, linear, linear_backward_data,
    linear_backward_weight, linear_then,
};
pub use crate::crop::{Crop, crop};
pub use crate::elementwise::{pointwise, reduce_channels, reduce_groups, reduce_positions, update};
pub use crate::layout::{concat_channels, split_channels};
pub use crate::loss::{CrossEntropy, cross_entropy, cross_entropy_backward, loss_terms, loss_terms_backward};
pub use crate::permute::{Permute, permute};
pub use crate::pool::{Pool, Windows, avg_pool, avg_pool_backward, max_pool, max_pool_backward, max_pool_of};
pub use crate::resize::{Interpolation, Resize, resize, resize_backward};
pub use crate::softmax::{log_sum_exp, softmax, softmax_backward};
pub use crate::statistics::{channel_statistics, group_statistics, position_statistics, running_statistics};
pub(crate) use operand::MAX_OPERANDS;
pub use operand::{Distribution, Extent, Operand, Per, Random, Unpooled};
pub use pass::{LayerPath, MAX_TARGETS, Pass, RandomKey, Trace};
pub use slot::{Region, Slot};
pub use update::{Flat, Update};
