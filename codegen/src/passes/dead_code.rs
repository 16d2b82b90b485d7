//! Removes nodes whose outputs nothing reads.

use crate::graph::Graph;

/// Keeps nodes that have an effect or lead to a result.
pub(super) fn remove_dead_code(graph: &mut Graph) {
    let mut wanted = vec![false; graph.values.len()];
    graph.results().collect::<Vec<_>>().into_iter().for_each(|value| wanted[value.0] = true);
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for node in std::mem::take(&mut graph.nodes).into_iter().rev() {
        if node.has_effect() || node.outputs.iter().any(|output| wanted[output.0]) {
            node.reads().for_each(|value| wanted[value.0] = true);
            kept.push(node);
        }
    }
    kept.reverse();
    graph.nodes = kept;
}
