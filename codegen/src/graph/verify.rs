//! The laws of a graph, checked after every pass in tests and debug builds.
//!
//! 1. Every value is written by exactly one node if its source is `Node`, by none otherwise;
//!    running statistics, which update states in place, are the exception.
//! 2. A node reads only what was written before it or comes from outside.
//! 3. Nodes stand in the order of their sections.
//! 4. Operand counts and types fit the op; expressions mention only operands that exist.
//! 5. Only convolutions and matrix products carry an epilogue, and it reads the result.
//! 6. An element-wise operand covers its node's extent as one of the spreads, or is unpooled to it; the
//!    first operand of a reduction or a maximum has the full extent, and its results what that keeps.
//!    There are no more operands than the runtime takes.
//! 7. Outputs, loss and gradients exist; a gradient has the extent of its parameter, and a frozen
//!    parameter has none.

use super::{Graph, Keep, MAX_OPERANDS, Node, Op, Operand, Source, Spread, Type, ValueId};
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
        if gradient.is_some_and(|gradient| *graph.ty(gradient) != Type::fixed(&parameter.dims)) {
            return Err(Violation(format!("gradient of `{}` has another extent", parameter.name)));
        }
        if gradient.is_some() == parameter.is_frozen() {
            return Err(Violation(format!("gradient of `{}`: frozen ones alone have none", parameter.name)));
        }
    }
    Ok(())
}

fn check_epilogue(node: &Node) -> Result<(), String> {
    let Some(epilogue) = &node.epilogue else { return Ok(()) };
    if !matches!(node.op, Op::Conv(_) | Op::Linear) {
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
        Op::Conv(_) | Op::ConvBackwardData(_) | Op::ConvBackwardWeight(_) => (2, 1),
        Op::Linear | Op::LinearBackwardData | Op::LinearBackwardWeight => (2, 1),
        Op::MaxPool { pool, .. } if pool.tiles() && node.outputs.len() == 2 => (node.inputs.len(), 2),
        Op::MaxPool { .. } => (node.inputs.len(), 1),
        Op::AvgPool(_) | Op::AvgPoolBackward(_) => (1, 1),
        Op::Resize(_) | Op::ResizeBackward(_) | Op::Permute(_) | Op::Crop(_) | Op::Reshape => (1, 1),
        Op::MaxPoolBackward(_) | Op::SoftmaxBackward => (2, 1),
        Op::Statistics(_) => (1, 2),
        Op::RunningStatistics { .. } => (4, 2),
        Op::Normalize(_) if node.inputs.len() == 3 => (3, 1),
        Op::Normalize(_) => (5, 1),
        Op::Pointwise(exprs) | Op::Reduce { exprs, .. } => (node.inputs.len(), exprs.len()),
        Op::Softmax | Op::LogSumExp | Op::CrossEntropy(_) | Op::CrossEntropyBackward(_) => (1, 1),
        Op::LossTerms(_) | Op::LossTermsBackward(_) => (2, 1),
        Op::Concat => (node.inputs.len(), 1),
        Op::Split => (1, node.outputs.len()),
    };
    let found = (node.inputs.len(), node.outputs.len());
    if found == (inputs, outputs) {
        Ok(())
    } else {
        Err(format!("has {found:?} inputs and outputs, expected {:?}", (inputs, outputs)))
    }
}

fn check_types(graph: &Graph, node: &Node) -> Result<(), String> {
    let output = node.outputs[0];
    match &node.op {
        Op::Pointwise(exprs) => {
            check_variables_of(node, exprs)?;
            check_spreads(graph, node, graph.ty(output))?;
            node.outputs.iter().try_for_each(|value| check_type(graph, *value, graph.ty(output)))
        }
        Op::Reduce { exprs, keep } => {
            let extent = graph.ty(node.input(0));
            check_variables_of(node, exprs)?;
            check_spreads(graph, node, extent)?;
            node.outputs.iter().try_for_each(|value| check_type(graph, *value, &keep.of(extent)))
        }
        Op::Statistics(keep) => {
            let kept = keep.of(graph.ty(node.input(0)));
            node.outputs.iter().try_for_each(|value| check_type(graph, *value, &kept))
        }
        Op::LogSumExp => check_type(graph, output, &Keep::Positions.of(graph.ty(node.input(0)))),
        Op::Normalize(_) => check_spreads(graph, node, graph.ty(output)),
        Op::Conv(conv) => check_lens(graph, node, &conv.input, &conv.output),
        Op::ConvBackwardData(conv) => check_lens(graph, node, &conv.output, &conv.input),
        Op::ConvBackwardWeight(conv) => check_len(graph, node.input(0), &conv.input)
            .and_then(|()| check_len(graph, node.input(1), &conv.output)),
        Op::MaxPool { pool, expr } => {
            check_variables(expr, node.inputs.len())?;
            check_spreads(graph, node, graph.ty(node.input(0)))?;
            check_lens(graph, node, &pool.input, &pool.output)?;
            node.outputs.iter().try_for_each(|value| check_len(graph, *value, &pool.output))
        }
        Op::AvgPool(pool) => check_lens(graph, node, &pool.input, &pool.output),
        Op::MaxPoolBackward(pool) => check_lens(graph, node, &pool.input, &pool.input)
            .and_then(|()| check_len(graph, node.input(1), &pool.output)),
        Op::AvgPoolBackward(pool) => check_lens(graph, node, &pool.output, &pool.input),
        Op::Resize(resize) => check_lens(graph, node, &resize.input, &resize.output),
        Op::ResizeBackward(resize) => check_lens(graph, node, &resize.output, &resize.input),
        Op::Permute(permute) => check_lens(graph, node, &permute.dims, &permute.dims),
        Op::Crop(crop) => check_lens(graph, node, &crop.input, &crop.output),
        Op::Concat => check_parts(graph, node.reads(), output),
        Op::Split => check_parts(graph, node.outputs.iter().copied(), node.input(0)),
        Op::Reshape => {
            let (from, to) = (graph.ty(node.input(0)), graph.ty(output));
            if from.len() == to.len() { Ok(()) } else { Err(format!("{from} as {to}")) }
        }
        Op::Linear | Op::LinearBackwardData | Op::LinearBackwardWeight => Ok(()),
        Op::RunningStatistics { .. } | Op::Softmax | Op::SoftmaxBackward => Ok(()),
        Op::CrossEntropy(_) | Op::CrossEntropyBackward(_) => Ok(()),
        Op::LossTerms(_) | Op::LossTermsBackward(_) => Ok(()),
    }
}

fn check_variables_of(node: &Node, exprs: &[nnc_dsl::scalar::Expr]) -> Result<(), String> {
    exprs.iter().try_for_each(|expr| check_variables(expr, node.inputs.len()))
}

/// Every operand covers the extent; that of a reduction's first one is the extent.
fn check_spreads(graph: &Graph, node: &Node, extent: &Type) -> Result<(), String> {
    if node.inputs.len() > 2 * MAX_OPERANDS {
        return Err(format!("has {} operands", node.inputs.len()));
    }
    node.inputs.iter().try_for_each(|operand| check_unpooled(graph, *operand, extent))?;
    let uncovered = |value: &ValueId| Spread::of(graph.ty(*value), extent).is_none();
    match node.inputs.iter().filter_map(|operand| operand.value()).find(uncovered) {
        None => Ok(()),
        Some(value) => Err(format!(
            "`{}` is {}, which does not cover {extent}",
            graph.value(value).name,
            graph.ty(value)
        )),
    }
}

fn check_unpooled(graph: &Graph, operand: Operand, extent: &Type) -> Result<(), String> {
    let Operand::Unpooled { pool, dy, place } = operand else { return Ok(()) };
    if !pool.tiles() || extent.len() != pool.input.iter().product::<usize>() {
        return Err(format!("windows of {:?} do not tile {extent}", pool.input));
    }
    [dy, place].iter().try_for_each(|value| check_len(graph, *value, &pool.output))
}

fn check_type(graph: &Graph, value: ValueId, expected: &Type) -> Result<(), String> {
    let ty = graph.ty(value);
    if ty.batched == expected.batched && ty.len() == expected.len() {
        Ok(())
    } else {
        Err(format!("`{}` is {ty}, not {expected}", graph.value(value).name))
    }
}

/// Extents of the first input and the first output.
fn check_lens(graph: &Graph, node: &Node, input: &[usize], output: &[usize]) -> Result<(), String> {
    check_len(graph, node.input(0), input).and_then(|()| check_len(graph, node.outputs[0], output))
}

fn check_len(graph: &Graph, value: ValueId, dims: &[usize]) -> Result<(), String> {
    let ty = graph.ty(value);
    if ty.len() == dims.iter().product::<usize>() {
        Ok(())
    } else {
        Err(format!("`{}` is {ty}, not {dims:?}", graph.value(value).name))
    }
}

fn check_parts(graph: &Graph, parts: impl Iterator<Item = ValueId>, whole: ValueId) -> Result<(), String> {
    let channels: usize = parts.map(|part| graph.ty(part).channels()).sum();
    let expected = graph.ty(whole).channels();
    if channels == expected { Ok(()) } else { Err(format!("{channels} channels for {expected}")) }
}
