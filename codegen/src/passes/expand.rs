//! Replaces composite nodes by element-wise expressions.
//!
//! They were kept whole so that differentiation could use their closed-form gradients. What a
//! mean over a whole map hands back is the same for all its positions: as an element-wise node it
//! is spread by its readers and need not be stored.

use nnc_dsl::scalar::Expr;

use crate::graph::{Graph, Op, Pool, Windows};

/// A normalisation becomes `(x - mean) * inverse_deviation * scale + shift`, the gradient of a mean over
/// a whole map its share.
pub(super) fn expand(graph: &mut Graph) {
    let [x, mean, inverse, scale, shift] = [0, 1, 2, 3, 4].map(Expr::var);
    let plain = (x - mean) * inverse;
    let affine = plain.clone() * scale + shift;
    for node in &mut graph.nodes {
        match &node.op {
            Op::Normalize(_) => {
                let expr = if node.inputs.len() == 5 { &affine } else { &plain };
                node.op = Op::Pointwise(vec![expr.clone()]);
            }
            Op::AvgPoolBackward(pool) if is_whole(pool) => {
                let positions: usize = pool.input[..3].iter().product();
                let share = Expr::var(0) * Expr::Const(1.0 / positions as f64);
                node.op = Op::Pointwise(vec![share]);
            }
            _ => {}
        }
    }
}

/// Whether one window covers the whole map and nothing else.
fn is_whole(pool: &Pool) -> bool {
    let covers = |axis: usize| match pool.windows[axis] {
        Windows::Adaptive => true,
        Windows::Sliding { size, pad, .. } => pad == 0 && size == pool.input[axis],
    };
    pool.output[..3] == [1, 1, 1] && (0..3).all(covers)
}
