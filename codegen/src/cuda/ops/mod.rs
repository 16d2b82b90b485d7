//! The kernels of each operation, a file per family.

mod columns;
mod layout;
mod pointwise;
mod pool;
mod products;
mod reduce;
mod statistics;
mod update;

use super::{Count, Emitter, Step};
use crate::graph::{Node, Op, Type};
pub(super) use update::update;

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
        Op::Pointwise(exprs) => pointwise::pointwise(emitter, node, exprs),
        Op::MaxPool { pool, expr } => pool::max_pool(emitter, node, pool, expr),
        Op::MaxPoolBackward(pool) => pool::max_pool_backward(emitter, node, pool),
        Op::AvgPool(pool) => pool::avg_pool(emitter, node, pool),
        Op::AvgPoolBackward(pool) => pool::avg_pool_backward(emitter, node, pool),
        Op::Reduce { exprs, keep } => reduce::reduce(emitter, node, exprs, *keep),
        Op::Statistics(keep) => statistics::statistics(emitter, node, *keep),
        Op::RunningStatistics { momentum, positions } => {
            statistics::running(emitter, node, *momentum, *positions)
        }
        Op::Reshape => Vec::new(),
        _ => Vec::new(),
    }
}

/// So many things in each sample, or in a tensor that does not grow with the batch.
#[derive(Clone, Copy, Debug)]
struct Rows {
    batched: bool,
    count: usize,
}

impl Rows {
    /// `count` of them in a tensor of this type, per sample if it is batched.
    fn of(ty: &Type, count: usize) -> Rows {
        Rows { batched: ty.batched, count }
    }

    /// Their number as C, of type `int64`.
    fn text(self) -> String {
        match self {
            Rows { batched: false, count } => format!("(int64){count}"),
            Rows { count: 1, .. } => "batch".to_owned(),
            Rows { count, .. } => format!("batch * {count}"),
        }
    }

    /// Blocks that take `each` of them.
    fn blocks(self, each: usize) -> Count {
        if self.batched { Count::batched(self.count, each) } else { Count::fixed(self.count.div_ceil(each)) }
    }
}
