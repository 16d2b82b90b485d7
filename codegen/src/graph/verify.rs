//! The laws of a graph, checked after every pass in tests and debug builds.
//!
//! 1. Every value is written by exactly one node if its source is `Node`, by none otherwise;
//!    running statistics, which update states in place, are the exception.
//! 2. A node reads only what was written before it or comes from outside.
//! 3. Nodes stand in the order of their sections.
//! 4. Operand counts and types fit the op; expressions mention only operands that exist.
//! 5. Only convolutions and matrix products carry an epilogue, and it reads the result.
//! 6. Output, loss and gradients exist; a gradient has the extent of its parameter.

use super::{Graph, Node, Op, Operand, Source, Type, ValueId};
use crate::scalar::variables;

/// A broken law, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub String);

/// Checks every law of the graph.
///
/// # Errors
/// The first law that is broken, with the node.
pub fn verify(graph: &Graph) -> Result<(), Violation> {
    let mut written: Vec<bool> = graph.values.iter().map(|value| value.source != Source::Node).collect();
    for (index, node) in graph.nodes.iter().enumerate() {
        check_node(graph, node, &mut written)
            .map_err(|law| Violation(format!("node {index}, {}: {law}", graph.node_text(node))))?;
    }
    check_sections(graph)?;
    check_results(graph, &written)
}

fn check_node(graph: &Graph, node: &Node, written: &mut [bool]) -> Result<(), String> {
    if let Some(value) = node.reads().find(|value| !written[value.0]) {
        return Err(format!("reads `{}` before it is written", graph.value(value).name));
    }
    for output in &node.outputs {
        if written[output.0] && !node.has_effect() {
            return Err(format!("writes `{}` a second time", graph.value(*output).name));
        }
        written[output.0] = true;
    }
    check_epilogue(node)?;
    check_arity(node)?;
    check_types(graph, node)
}

fn check_sections(graph: &Graph) -> Result<(), Violation> {
    let ordered = graph.nodes.is_sorted_by_key(|node| node.section);
    if ordered { Ok(()) } else { Err(Violation("nodes are not in the order of their sections".to_owned())) }
}

fn check_results(graph: &Graph, written: &[bool]) -> Result<(), Violation> {
    if let Some(value) = graph.results().find(|value| !written[value.0]) {
        return Err(Violation(format!("result `{}` is never written", graph.value(value).name)));
    }
    for (parameter, gradient) in graph.parameters.iter().zip(&graph.gradients) {
        if *graph.ty(*gradient) != Type::fixed(&parameter.dims) {
            return Err(Violation(format!("gradient of `{}` has another extent", parameter.name)));
        }
    }
    Ok(())
}

fn check_epilogue(node: &Node) -> Result<(), String> {
    let Some(epilogue) = &node.epilogue else { return Ok(()) };
    if !matches!(node.op, Op::Conv2d(_) | Op::Linear) {
        return Err("has an epilogue but is no anchor".to_owned());
    }
    if !epilogue.inputs.contains(&Operand::Result) {
        return Err("the epilogue does not read the result".to_owned());
    }
    check_variables(&epilogue.expr, epilogue.inputs.len())
}

fn check_variables(expr: &nnc_dsl::scalar::Expr, operands: usize) -> Result<(), String> {
    match variables(expr).last() {
        Some(&last) if last >= operands => Err(format!("expression mentions operand {last} of {operands}")),
        _ => Ok(()),
    }
}

fn check_arity(node: &Node) -> Result<(), String> {
    let (inputs, outputs) = match &node.op {
        Op::Conv2d(_) | Op::Conv2dBackwardData(_) | Op::Conv2dBackwardWeight(_) => (2, 1),
        Op::Linear | Op::LinearBackwardData | Op::LinearBackwardWeight => (2, 1),
        Op::MaxPool(_) | Op::AvgPool(_) | Op::AvgPoolBackward(_) => (1, 1),
        Op::MaxPoolBackward(_) | Op::SoftmaxBackward => (2, 1),
        Op::BatchStatistics => (1, 2),
        Op::RunningStatistics { .. } => (4, 2),
        Op::BatchNorm => (5, 1),
        Op::Pointwise(exprs) | Op::ReduceChannels(exprs) => (node.inputs.len(), exprs.len()),
        Op::Softmax | Op::CrossEntropy | Op::CrossEntropyBackward => (1, 1),
        Op::LossTerms(_) | Op::LossTermsBackward(_) => (2, 1),
        Op::Concat => (node.inputs.len(), 1),
        Op::Split => (1, node.outputs.len()),
        Op::Flatten | Op::FlattenBackward | Op::Reshape => (1, 1),
    };
    let found = (node.inputs.len(), node.outputs.len());
    if found == (inputs, outputs) {
        Ok(())
    } else {
        Err(format!("has {found:?} inputs and outputs, expected {:?}", (inputs, outputs)))
    }
}

fn check_types(graph: &Graph, node: &Node) -> Result<(), String> {
    match &node.op {
        Op::Pointwise(exprs) => {
            let result = graph.ty(node.outputs[0]);
            exprs.iter().try_for_each(|expr| check_variables(expr, node.inputs.len()))?;
            node.inputs.iter().try_for_each(|operand| check_broadcast(graph, *operand, result))
        }
        Op::ReduceChannels(exprs) => {
            let extent = graph.ty(node.input(0)).clone();
            exprs.iter().try_for_each(|expr| check_variables(expr, node.inputs.len()))?;
            node.inputs.iter().try_for_each(|operand| check_broadcast(graph, *operand, &extent))
        }
        Op::Conv2d(conv) => check_len(graph, node.input(0), conv.input)
            .and_then(|()| check_len(graph, node.outputs[0], conv.output)),
        Op::Concat => {
            let channels: usize = node.reads().map(|value| graph.ty(value).channels()).sum();
            let expected = graph.ty(node.outputs[0]).channels();
            if channels == expected { Ok(()) } else { Err(format!("{channels} channels into {expected}")) }
        }
        Op::Reshape | Op::Flatten | Op::FlattenBackward => {
            let (from, to) = (graph.ty(node.input(0)), graph.ty(node.outputs[0]));
            if from.len() == to.len() { Ok(()) } else { Err(format!("{from} as {to}")) }
        }
        Op::Conv2dBackwardData(_) | Op::Conv2dBackwardWeight(_) => Ok(()),
        Op::Linear | Op::LinearBackwardData | Op::LinearBackwardWeight => Ok(()),
        Op::MaxPool(_) | Op::MaxPoolBackward(_) | Op::AvgPool(_) | Op::AvgPoolBackward(_) => Ok(()),
        Op::BatchStatistics | Op::RunningStatistics { .. } | Op::BatchNorm => Ok(()),
        Op::Softmax | Op::SoftmaxBackward | Op::CrossEntropy | Op::CrossEntropyBackward => Ok(()),
        Op::LossTerms(_) | Op::LossTermsBackward(_) | Op::Split => Ok(()),
    }
}

/// An operand has the extent of the result, or is a vector of its channels.
fn check_broadcast(graph: &Graph, operand: Operand, result: &Type) -> Result<(), String> {
    let Some(value) = operand.value() else { return Ok(()) };
    let ty = graph.ty(value);
    let full = ty.batched == result.batched && ty.len() == result.len();
    let channel = !ty.batched && ty.len() == result.channels();
    if full || channel { Ok(()) } else { Err(format!("`{}` is {ty}, not {result}", graph.value(value).name)) }
}

fn check_len(graph: &Graph, value: ValueId, map: [usize; 3]) -> Result<(), String> {
    let ty = graph.ty(value);
    if ty.as_map() == map {
        Ok(())
    } else {
        Err(format!("`{}` is {ty}, not {map:?}", graph.value(value).name))
    }
}
