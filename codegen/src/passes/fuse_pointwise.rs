//! Merges element-wise nodes into the element-wise and reducing nodes that read them.
//!
//! A fused node computes its producer's expression again instead of reading a stored tensor.
//! With k full tensors read by the producer and u readers, storing costs k reads, one write and u
//! reads, recomputing costs u·k reads; arithmetic is nearly free beside them. So a producer
//! is merged if all its readers can take it and u·k ≤ k + 1 + u. In training this is what
//! makes `bn relu` one pass over memory, and lets the backward pass recompute the
//! normalised values instead of keeping them. Operands that are spread over the extent cost next to
//! nothing to read again, so they do not count; but a producer that is itself spread over its
//! reader is not merged: it would be computed once per element instead of once per channel or
//! position.

use nnc_dsl::scalar::Expr;

use crate::graph::{Graph, MAX_OPERANDS, Node, Op, Operand, Section, Spread, Type, ValueId};
use crate::scalar::{compact, simplify, size, substitute};

/// A fused expression may not grow beyond this; rustc's time grows with it.
const MAX_SIZE: usize = 300;

/// Merges wherever it saves memory traffic.
pub(super) fn fuse_pointwise(graph: &mut Graph) {
    let consumers = graph.consumers();
    let mut merged: Vec<Option<Node>> = vec![None; graph.values.len()];
    let nodes = std::mem::take(&mut graph.nodes);
    let mut kept = Vec::with_capacity(nodes.len());
    for node in &nodes {
        let node = with_producers(graph, node, &|value| merged[value.0].as_ref());
        let readers: Vec<&Node> = consumers[node.outputs[0].0].iter().map(|index| &nodes[*index]).collect();
        if worthwhile(graph, &node, &readers, &merged) {
            let output = node.outputs[0];
            merged[output.0] = Some(node);
        } else {
            kept.push(node);
        }
    }
    graph.nodes = kept;
}

fn worthwhile(graph: &Graph, node: &Node, readers: &[&Node], merged: &[Option<Node>]) -> bool {
    let Op::Pointwise(exprs) = &node.op else { return false };
    let output = node.outputs[0];
    if exprs.len() != 1 || readers.is_empty() || graph.results().any(|result| result == output) {
        return false;
    }
    let reads = tensors_read(graph, node);
    let traffic = reads * readers.len() <= reads + 1 + readers.len();
    traffic
        && node.reads().next().is_some()
        && readers.iter().all(|reader| can_take(graph, node, reader, merged))
}

/// Number of operands of the full extent.
pub(super) fn tensors_read(graph: &Graph, node: &Node) -> usize {
    let extent = graph.ty(node.outputs[0]);
    node.reads().filter(|value| same_extent(graph.ty(*value), extent)).count()
}

fn can_take(graph: &Graph, node: &Node, reader: &Node, merged: &[Option<Node>]) -> bool {
    let same_part = (node.section == Section::Prepare) == (reader.section == Section::Prepare);
    let extent = match &reader.op {
        Op::Pointwise(_) => graph.ty(reader.outputs[0]),
        Op::Reduce { .. } => graph.ty(reader.input(0)),
        _ => return false,
    };
    if !same_part || !same_extent(graph.ty(node.outputs[0]), extent) {
        return false;
    }
    // What the reader will be with everything merged that was chosen so far, and this node too.
    let output = node.outputs[0];
    let fused = with_producers(graph, reader, &|value| {
        if value == output { Some(node) } else { merged[value.0].as_ref() }
    });
    let Some(exprs) = fused.op.exprs() else { return false };
    // The extent of a reduction is that of an operand.
    let is_full = |value: ValueId| Spread::of(graph.ty(value), extent) == Some(Spread::Full);
    if matches!(reader.op, Op::Reduce { .. }) && !fused.reads().any(is_full) {
        return false;
    }
    fused.inputs.len() <= MAX_OPERANDS && exprs.iter().map(size).sum::<usize>() <= MAX_SIZE
}

/// Whether what covers the one covers the other in the same way.
fn same_extent(a: &Type, b: &Type) -> bool {
    a.batched == b.batched && a.len() == b.len() && a.channels() == b.channels()
}

/// The node with the expressions of its merged inputs in place of these.
pub(super) fn with_producers<'a>(
    graph: &Graph,
    node: &Node,
    merged: &impl Fn(ValueId) -> Option<&'a Node>,
) -> Node {
    let producer = |operand: &Operand| operand.value().and_then(merged);
    let Some(exprs) = node.op.exprs() else { return node.clone() };
    if node.inputs.iter().all(|operand| producer(operand).is_none()) {
        return node.clone();
    }
    let mut inputs = Vec::new();
    let replacements: Vec<Expr> = node
        .inputs
        .iter()
        .map(|operand| match producer(operand) {
            Some(Node { op: Op::Pointwise(inner), inputs: read, .. }) => {
                let places: Vec<usize> = read.iter().map(|operand| place(&mut inputs, *operand)).collect();
                substitute(&inner[0], &|index| Expr::Var(places[index]))
            }
            _ => Expr::Var(place(&mut inputs, *operand)),
        })
        .collect();
    let exprs: Vec<Expr> =
        exprs.iter().map(|expr| simplify(&substitute(expr, &|index| replacements[index].clone()))).collect();
    let words = merged_words(node, &producer);
    let (exprs, inputs) = tidy(graph, node, exprs, inputs);
    let op = match node.op {
        Op::Reduce { keep, .. } => Op::Reduce { exprs, keep },
        Op::MaxPool { pool, .. } => Op::MaxPool { pool, expr: exprs[0].clone() },
        _ => Op::Pointwise(exprs),
    };
    Node { op, inputs, words, ..node.clone() }
}

fn place(inputs: &mut Vec<Operand>, operand: Operand) -> usize {
    inputs.iter().position(|found| *found == operand).unwrap_or_else(|| {
        inputs.push(operand);
        inputs.len() - 1
    })
}

/// Drops operands that the expressions no longer mention. A reduction or a maximum has one of the full
/// extent at the front, which tells its extent.
fn tidy(graph: &Graph, node: &Node, exprs: Vec<Expr>, inputs: Vec<Operand>) -> (Vec<Expr>, Vec<Operand>) {
    if let Op::Pointwise(_) = node.op {
        return compact(&exprs, &inputs, 0);
    }
    let extent = graph.ty(node.input(0)).clone();
    let is_full = |operand: &Operand| operand.value().is_some_and(|v| same_extent(graph.ty(v), &extent));
    let front = inputs.iter().position(is_full).unwrap_or_default();
    let swap = |index: usize| {
        if index == 0 {
            front
        } else if index == front {
            0
        } else {
            index
        }
    };
    let swapped: Vec<Operand> = (0..inputs.len()).map(|index| inputs[swap(index)]).collect();
    let exprs: Vec<Expr> =
        exprs.iter().map(|expr| substitute(expr, &|index| Expr::Var(swap(index)))).collect();
    compact(&exprs, &swapped, 1)
}

/// The words of forward producers, then the node's own. Of a backward node only its own word
/// and its producers' of the same kind, each once.
fn merged_words<'a>(node: &Node, producer: &impl Fn(&Operand) -> Option<&'a Node>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let producers = node.inputs.iter().filter_map(producer).filter(|p| p.section == node.section);
    let all = producers.flat_map(|producer| producer.words.iter()).chain(&node.words);
    for word in all {
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    words
}
