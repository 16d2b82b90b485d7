//! Convolutions with a group for each channel: every result is a sum of a few products of its own, so
//! there is nothing for a matrix product to share; memory traffic is what they cost.

use super::parts::Parts;
use super::problem::{Kind, Problem};
use super::result::{finish, operands, sum, workspace};
use crate::cuda::emitter::THREADS;
use crate::cuda::text::{Vector, laid_out};
use crate::cuda::{Argument, Candidate, Count, Element, Emitter, Launch, Units};
use crate::graph::Node;

/// Positions that a thread computes: as many as leave its results in registers on every GPU.
fn pixels(vector: Vector) -> usize {
    if vector.width() == 8 { 2 } else { 4 }
}

/// Taps whose loop is written out.
const UNROLLED: usize = 9;

/// Taps of the weight's gradient that a thread sums; each takes a register per neighbour.
const SUMMED_TAPS: usize = 12;

/// The only way for such a problem.
pub(super) fn candidate(
    problem: &Problem,
    multiplier: usize,
    emitter: &mut Emitter,
    node: &Node,
    elements: [Element; 2],
) -> Candidate {
    let launches = match problem.kind {
        Kind::Forward | Kind::BackwardData => vec![map(problem, multiplier, emitter, node, elements)],
        Kind::BackwardWeight => weight(problem, multiplier, emitter, node, elements),
    };
    Candidate { name: "depthwise".to_owned(), units: Units::Simt, launches }
}

/// The result or the gradient of the operand.
fn map(
    problem: &Problem,
    multiplier: usize,
    emitter: &mut Emitter,
    node: &Node,
    elements: [Element; 2],
) -> Launch {
    let channels = problem.channels();
    let mut writer = operands(problem, emitter, node);
    // With several channels after for each before, neighbours before are no neighbours after.
    let extent = if problem.kind == Kind::BackwardData && multiplier > 1 { 1 } else { channels };
    let (vector, finish) = finish(problem, emitter, node, &mut writer, extent);
    writer.batch();
    let (pixels, residues) = (pixels(vector), Parts(problem.residues()));
    let (weights, products) = products(problem.kind, multiplier, vector, elements);
    let values = [
        ("WIDTH", vector.width().to_string()),
        ("PIXELS", pixels.to_string()),
        ("BLOCK", residues.block()),
        ("A_TYPE", elements[0].c_type().to_owned()),
        ("UNROLL", if problem.window() <= UNROLLED { "UNROLL " } else { "" }.to_owned()),
        ("WEIGHTS", weights),
        ("PRODUCTS", products),
        ("FINISH", finish),
    ];
    let body = laid_out(&problem.fill(include_str!("../../templates/products/depthwise.cu"), &values));
    let rows = Count { each: pixels, ..problem.rows() };
    // The last block has threads without rows if the batch is no multiple.
    let threads = problem.rows().scaled(channels / vector.width());
    let blocks = Count {
        each: THREADS * pixels,
        fixed: threads.fixed + channels / vector.width() * (rows.each - 1),
        ..threads
    };
    let launch = emitter.launch(node, "depthwise", THREADS, blocks, writer.finish(), &body);
    let [x, z] = residues.grid(blocks);
    Launch { grid: [x, Count::fixed(1), z], ..launch }
}

/// Loads the weights of a tap, and adds what they give with the elements at `from` to `sums[i]`.
fn products(kind: Kind, multiplier: usize, vector: Vector, [a, b]: [Element; 2]) -> (String, String) {
    let (width, one) = (vector.width(), Vector::ONE);
    if kind == Kind::BackwardData && multiplier > 1 {
        let (load_a, load_b) = (one.load(a), one.load(b));
        let products = format!(
            "for (int after = channel * {multiplier}; after < (channel + 1) * {multiplier}; after++) {{\n\
             float x, weight;\n\
             {load_a}(from + after, &x);\n\
             {load_b}(b + weight_place + after, &weight);\n\
             sums[i][0] += x * weight;\n}}"
        );
        return (String::new(), products);
    }
    let load = vector.load(b);
    let weights =
        format!("ALIGNED(16) float weights[{width}];\n{load}(b + weight_place + channel, weights);");
    (weights, added(multiplier, vector, a))
}

/// Adds the products of the elements of `from` that meet the channels of `weights` to `sums[i]`.
fn added(multiplier: usize, vector: Vector, element: Element) -> String {
    let width = vector.width();
    let load = if multiplier == 1 {
        format!("{}(from + channel, x);", vector.load(element))
    } else {
        format!(
            "UNROLL for (int v = 0; v < {width}; v++) {}(from + (channel + v) / {multiplier}, x + v);",
            Vector::ONE.load(element)
        )
    };
    format!(
        "ALIGNED(16) float x[{width}];\n{load}\nUNROLL for (int v = 0; v < {width}; v++) sums[i][v] += x[v] * weights[v];"
    )
}

/// The gradient of the weight: parts over shares of the positions, and their sum.
fn weight(
    problem: &Problem,
    multiplier: usize,
    emitter: &mut Emitter,
    node: &Node,
    elements: [Element; 2],
) -> Vec<Launch> {
    /// Blocks that keep the processors of a large GPU busy.
    const BUSY: usize = 1024;
    let (channels, window) = (problem.channels(), problem.window());
    let vector = Vector::dividing(&[channels]).at_most(4);
    let lanes = (channels / vector.width()).next_power_of_two().min(THREADS / 4);
    let across = (channels / vector.width()).div_ceil(lanes);
    let groups = window.div_ceil(SUMMED_TAPS);
    let taps = window.div_ceil(groups);
    let each = THREADS / lanes * 16;
    let splits = Count::batched(problem.depth(), each).at_most((BUSY / (across * groups)).max(1));
    let mut writer = operands(problem, emitter, node);
    writer.parameter("float *__restrict__ workspace", Argument::Workspace);
    writer.batch();
    let values = [
        ("WIDTH", vector.width().to_string()),
        ("LANES", lanes.to_string()),
        ("THREADS", THREADS.to_string()),
        ("GROUP_TAPS", taps.to_string()),
        ("FIRST_TAP", if groups == 1 { "0".to_owned() } else { format!("(int)blockIdx.z * {taps}") }),
        ("A_TYPE", elements[0].c_type().to_owned()),
        ("B_LOAD", vector.load(elements[1])),
        ("PRODUCTS", added(multiplier, vector, elements[0])),
        ("STORE", vector.store(Element::Float)),
    ];
    let body = laid_out(&problem.fill(include_str!("../../templates/products/depthwise_weight.cu"), &values));
    let blocks = Count::fixed(across);
    let launch = emitter.launch(node, "depthwise", THREADS, blocks, writer.finish(), &body);
    let grid = [blocks, splits, Count::fixed(groups)];
    let partial = Launch { grid, workspace: workspace(problem, splits), ..launch };
    vec![partial, sum(problem, emitter, node, splits)]
}
