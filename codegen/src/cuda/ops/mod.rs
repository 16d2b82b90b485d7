//! The kernels of each operation, a file per family.

mod layout;
mod products;

use super::{Emitter, Step};
use crate::graph::{Node, Op};

/// What a node needs.
pub(super) fn steps(emitter: &mut Emitter, node: &Node) -> Vec<Step> {
    match &node.op {
        Op::Crop(crop) => layout::crop(emitter, node, crop),
        Op::Conv(_)
        | Op::ConvBackwardData(_)
        | Op::ConvBackwardWeight(_)
        | Op::Linear
        | Op::LinearBackwardData
        | Op::LinearBackwardWeight => products::product(emitter, node),
        Op::Reshape => Vec::new(),
        _ => Vec::new(),
    }
}
