//! Merges an element-wise node into the convolution or matrix product whose result it reads.
//!
//! The kernel applies it to each tile of the result while that is in the cache. It fires if
//! nothing else reads the raw result, which in training is so for a bias but not before an
//! activation that the backward pass looks at again. The fused node stands where the
//! element-wise node stood, since that may read tensors made in between.

use crate::graph::{Epilogue, Graph, Node, Op, Operand};

/// Merges wherever the raw result has one reader.
pub(super) fn fuse_epilogue(graph: &mut Graph) {
    let consumers = graph.consumers();
    let mut nodes: Vec<Option<Node>> = std::mem::take(&mut graph.nodes).into_iter().map(Some).collect();
    for anchor in 0..nodes.len() {
        let Some(node) = &nodes[anchor] else { continue };
        let result = node.outputs[0];
        let is_result = graph.results().any(|value| value == result);
        let is_anchor = matches!(node.op, Op::Conv(_) | Op::Linear);
        if let ([reader], false, true) = (&consumers[result.0][..], is_result, is_anchor) {
            fuse(graph, &mut nodes, anchor, *reader);
        }
    }
    graph.nodes = nodes.into_iter().flatten().collect();
}

fn fuse(graph: &Graph, nodes: &mut [Option<Node>], anchor: usize, reader: usize) {
    let (Some(node), Some(pointwise)) = (&nodes[anchor], &nodes[reader]) else { return };
    let result = node.outputs[0];
    let Op::Pointwise(exprs) = &pointwise.op else { return };
    let (ty, extent) = (graph.ty(result), graph.ty(pointwise.outputs[0]));
    let same_extent = ty.len() == extent.len() && ty.channels() == extent.channels();
    if exprs.len() != 1 || !same_extent || node.section != pointwise.section || node.epilogue.is_some() {
        return;
    }
    let own = |operand: &Operand| if *operand == Operand::Value(result) { Operand::Result } else { *operand };
    let epilogue = Epilogue { inputs: pointwise.inputs.iter().map(own).collect(), expr: exprs[0].clone() };
    let mut words = node.words.clone();
    words.extend(pointwise.words.iter().filter(|word| !node.words.contains(word)).cloned());
    let outputs = pointwise.outputs.clone();
    let fused = Node { outputs, epilogue: Some(epilogue), words, ..node.clone() };
    nodes[anchor] = None;
    nodes[reader] = Some(fused);
}
