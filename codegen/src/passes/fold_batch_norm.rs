//! In evaluation, moves the factor of a batch norm into the weights before it.
//!
//! ```text
//! (x * w) * factor + offset          =  x * (w * factor) + offset
//! (x * w + bias) * factor + offset   =  x * (w * factor) + (bias * factor + offset)
//! ```
//!
//! It holds with groups too, since each output channel has weights of its own. The new weights depend on parameters and running statistics alone, so they are computed in
//! `prepare`. Jacob et al. 2018, section 3.2.

use nnc_dsl::scalar::Expr;

use crate::graph::{Graph, Mode, Node, Op, Operand, Section, Source, ValueId, join_path};

/// Folds every batch norm whose input comes from one convolution or matrix product.
pub(super) fn fold_batch_norm(graph: &mut Graph) {
    if graph.mode == Mode::Training {
        return;
    }
    let mut prepared = Vec::new();
    for index in 0..graph.nodes.len() {
        if let Some(found) = find(graph, index) {
            prepared.extend(fold(graph, &found));
        }
    }
    let forward = graph.nodes.partition_point(|node| node.section == Section::Prepare);
    graph.nodes.splice(forward..forward, prepared);
}

/// A batch norm that can be folded: node indices, and its operands.
struct Foldable {
    norm: usize,
    anchor: usize,
    bias: Option<ValueId>,
    factor: ValueId,
    offset: ValueId,
}

fn find(graph: &Graph, norm: usize) -> Option<Foldable> {
    let [a, b, c] = [0, 1, 2].map(Expr::var);
    let node = &graph.nodes[norm];
    if node.section != Section::Forward || node.op != Op::Pointwise(vec![a.clone() * b.clone() + c]) {
        return None;
    }
    let (producers, consumers) = (graph.producers(), graph.consumers());
    let only_reader = |value: ValueId| consumers[value.0].len() == 1 && !graph.outputs.contains(&value);
    let producer = |value: ValueId| producers[value.0].filter(|_| only_reader(value));
    let mut anchor = producer(node.input(0))?;
    let mut bias = None;
    if graph.nodes[anchor].op == Op::Pointwise(vec![a + b]) {
        bias = Some(graph.nodes[anchor].input(1)).filter(|v| !graph.ty(*v).batched);
        bias?;
        anchor = producer(graph.nodes[anchor].input(0))?;
    }
    let is_norm = graph.ty(node.input(1)).batched == graph.ty(node.input(2)).batched
        && !graph.ty(node.input(1)).batched;
    (is_norm && outputs_lie_last(&graph.nodes[anchor].op)).then(|| Foldable {
        norm,
        anchor,
        bias,
        factor: node.input(1),
        offset: node.input(2),
    })
}

/// Whether the last axis of the op's weight is that of its output's channels, so that the factors are
/// spread over it. In the weight of a transposed convolution that axis has the input's channels, which
/// are the output's only if each channel is convolved for itself.
fn outputs_lie_last(op: &Op) -> bool {
    match op {
        Op::Conv(_) | Op::Linear => true,
        Op::ConvBackwardData(mirror) => mirror.groups == mirror.input[3] && mirror.groups == mirror.output[3],
        _ => false,
    }
}

/// Rewrites anchor and norm; returns the nodes to prepare.
fn fold(graph: &mut Graph, found: &Foldable) -> Vec<Node> {
    let [a, b, c] = [0, 1, 2].map(Expr::var);
    let weight = graph.nodes[found.anchor].input(1);
    let x = graph.nodes[found.anchor].outputs[0];
    let (folded, scaling) =
        prepare(graph, found.norm, weight, "folded", a.clone() * b.clone(), &[weight, found.factor]);
    graph.nodes[found.anchor].inputs[1] = Operand::Value(folded);
    let mut nodes = vec![scaling];
    let mut offset = found.offset;
    if let Some(bias) = found.bias {
        let inputs = [bias, found.factor, found.offset];
        let (moved, shifting) =
            prepare(graph, found.norm, bias, "folded", a.clone() * b.clone() + c, &inputs);
        offset = moved;
        nodes.push(shifting);
    }
    let norm = &mut graph.nodes[found.norm];
    norm.op = Op::Pointwise(vec![a + b]);
    norm.inputs = vec![Operand::Value(x), Operand::Value(offset)];
    nodes
}

/// A new value like `like`, computed from parameters and states alone.
fn prepare(
    graph: &mut Graph,
    norm: usize,
    like: ValueId,
    role: &str,
    expr: Expr,
    inputs: &[ValueId],
) -> (ValueId, Node) {
    let name = join_path(&graph.value(like).name, role);
    let value = graph.add_value(&name, graph.ty(like).clone(), Source::Node);
    let node = Node {
        op: Op::Pointwise(vec![expr]),
        inputs: inputs.iter().map(|value| Operand::Value(*value)).collect(),
        outputs: vec![value],
        epilogue: None,
        section: Section::Prepare,
        origin: graph.nodes[norm].origin,
        words: vec!["fold".to_owned()],
    };
    (value, node)
}
