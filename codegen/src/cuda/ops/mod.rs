//! The kernels of each operation, a file per family.

mod columns;
mod followers;
mod lanes;
mod layout;
mod losses;
mod merge;
mod pointwise;
mod pool;
mod products;
mod reduce;
mod resize;
mod softmax;
mod statistics;
mod update;

use super::{Count, Emitter, Step};
use crate::graph::{Node, Op, Type};
use statistics::Statistics;
pub(super) use update::update;

/// What the first of the nodes needs, and how many of them are computed with it.
pub(super) fn first(emitter: &mut Emitter, nodes: &[&Node]) -> (Vec<Step>, usize) {
    if let Some(statistics) = Statistics::first(emitter, nodes) {
        let launches = statistics.launches(emitter);
        return (launches.into_iter().map(Step::Launch).collect(), statistics.nodes());
    }
    match Statistics::of_first(emitter, nodes) {
        Some(statistics) => (products::product(emitter, nodes[0], Some(&statistics)), 1 + statistics.nodes()),
        None => (steps(emitter, nodes[0]), 1),
    }
}

fn steps(emitter: &mut Emitter, node: &Node) -> Vec<Step> {
    match &node.op {
        Op::Resize(resize) => resize::resize(emitter, node, resize),
        Op::ResizeBackward(resize) => resize::resize_backward(emitter, node, resize),
        Op::Softmax => softmax::softmax(emitter, node),
        Op::SoftmaxBackward => softmax::softmax_backward(emitter, node),
        Op::LogSumExp => softmax::log_sum_exp(emitter, node),
        Op::CrossEntropy(loss) => losses::cross_entropy(emitter, node, loss),
        Op::CrossEntropyBackward(loss) => losses::cross_entropy_backward(emitter, node, loss),
        Op::LossTerms(term) => losses::terms(emitter, node, term),
        Op::LossTermsBackward(slope) => losses::terms_backward(emitter, node, slope),
        Op::Concat => layout::concat(emitter, node),
        Op::Split => layout::split(emitter, node),
        Op::Permute(permute) => layout::permute(emitter, node, permute),
        Op::Crop(crop) => layout::crop(emitter, node, crop),
        Op::Conv(_)
        | Op::ConvBackwardData(_)
        | Op::ConvBackwardWeight(_)
        | Op::Linear
        | Op::LinearBackwardData
        | Op::LinearBackwardWeight => products::product(emitter, node, None),
        Op::Pointwise(exprs) => pointwise::pointwise(emitter, node, exprs),
        Op::MaxPool { pool, expr } => pool::max_pool(emitter, node, pool, expr),
        Op::MaxPoolBackward(pool) => pool::max_pool_backward(emitter, node, pool),
        Op::AvgPool(pool) => pool::avg_pool(emitter, node, pool),
        Op::AvgPoolBackward(pool) => pool::avg_pool_backward(emitter, node, pool),
        Op::Reduce { exprs, keep } => reduce::reduce(emitter, node, exprs, *keep),
        Op::Reshape => Vec::new(),
        Op::Normalize(_) => unreachable!("the pass `expand` leaves none"),
        Op::Statistics(_) => unreachable!("taken with what follows"),
        Op::RunningStatistics { .. } => unreachable!("stands right behind the statistics of a batch"),
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
