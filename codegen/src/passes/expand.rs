//! Replaces composite nodes by element-wise expressions.
//!
//! They were kept whole so that differentiation could use their closed-form gradients.

use nnc_dsl::scalar::Expr;

use crate::graph::{Graph, Op};

/// Batch norm becomes `(x - mean) * inverse_deviation * scale + shift`.
pub(super) fn expand(graph: &mut Graph) {
    let [x, mean, inverse, scale, shift] = [0, 1, 2, 3, 4].map(Expr::var);
    let normalise = (x - mean) * inverse * scale + shift;
    for node in graph.nodes.iter_mut().filter(|node| node.op == Op::BatchNorm) {
        node.op = Op::Pointwise(vec![normalise.clone()]);
    }
}
