//! The kernels of each operation, a file per family.

mod layout;

use super::{Emitter, Step};
use crate::graph::{Node, Op};

/// What a node needs.
pub(super) fn steps(emitter: &mut Emitter, node: &Node) -> Vec<Step> {
    match &node.op {
        Op::Concat => layout::concat(emitter, node),
        Op::Split => layout::split(emitter, node),
        Op::Permute(permute) => layout::permute(emitter, node, permute),
        Op::Crop(crop) => layout::crop(emitter, node, crop),
        Op::Reshape => Vec::new(),
        _ => Vec::new(),
    }
}
