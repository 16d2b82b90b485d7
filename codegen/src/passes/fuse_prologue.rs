//! Merges an element-wise node into the maximum over windows that alone reads its result.
//!
//! The kernel applies it to a few rows at a time, which stay in the cache: the map itself is not stored.
//! It runs after epilogues were formed, since one costs nothing, and a prologue a copy of those rows.

use super::fuse_pointwise::{tensors_read, with_producers};
use crate::graph::{Graph, Node, Op};

/// Merges wherever a map of the full extent remains among the operands.
pub(super) fn fuse_prologue(graph: &mut Graph) {
    let (producers, consumers) = (graph.producers(), graph.consumers());
    for pool in 0..graph.nodes.len() {
        let Op::MaxPool { .. } = graph.nodes[pool].op else { continue };
        let x = graph.nodes[pool].input(0);
        let is_result = graph.results().any(|result| result == x);
        let producer = producers[x.0].filter(|_| !is_result && consumers[x.0].len() == 1);
        if let Some(producer) = producer.filter(|index| is_prologue(graph, &graph.nodes[*index])) {
            let node = &graph.nodes[producer];
            graph.nodes[pool] =
                with_producers(graph, &graph.nodes[pool], &|value| (value == x).then_some(node));
        }
    }
}

fn is_prologue(graph: &Graph, node: &Node) -> bool {
    let is_single = matches!(&node.op, Op::Pointwise(exprs) if exprs.len() == 1);
    is_single && tensors_read(graph, node) > 0
}
