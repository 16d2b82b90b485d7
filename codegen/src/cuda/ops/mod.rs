//! The kernels of each operation, a file per family.

mod layout;
mod losses;
mod resize;
mod rows;
mod softmax;

use super::{Emitter, Step};
use crate::graph::{Node, Op};

/// What a node needs.
pub(super) fn steps(emitter: &mut Emitter, node: &Node) -> Vec<Step> {
    match &node.op {
        Op::Resize(resize) => resize::resize(emitter, node, resize),
        Op::ResizeBackward(resize) => resize::resize_backward(emitter, node, resize),
        Op::Softmax => softmax::softmax(emitter, node),
        Op::SoftmaxBackward => softmax::softmax_backward(emitter, node),
        Op::LogSumExp => softmax::log_sum_exp(emitter, node),
        Op::CrossEntropy(loss) => losses::cross_entropy(emitter, node, loss),
        Op::CrossEntropyBackward(loss) => losses::cross_entropy_backward(emitter, node, loss),
        Op::Concat => layout::concat(emitter, node),
        Op::Split => layout::split(emitter, node),
        Op::Permute(permute) => layout::permute(emitter, node, permute),
        Op::Crop(crop) => layout::crop(emitter, node, crop),
        Op::Reshape => Vec::new(),
        _ => Vec::new(),
    }
}
