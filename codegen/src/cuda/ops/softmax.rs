//! Softmax along the channels, its gradient, and the logarithm of its sum.
//!
//! The maximum is subtracted before the exponential, so that no finite logits overflow.

use super::super::text::{Vector, fill};
use super::super::{Emitter, Step};
use super::lanes::Lanes;
use crate::graph::Node;

/// x → y
pub(super) fn softmax(emitter: &mut Emitter, node: &Node) -> Vec<Step> {
    rows(
        emitter,
        node,
        "softmax",
        Kept::Exponentials,
        include_str!("../templates/softmax_result.cu"),
        |rows| rows.vector,
    )
}

/// x → log Σ exp x
pub(super) fn log_sum_exp(emitter: &mut Emitter, node: &Node) -> Vec<Step> {
    rows(
        emitter,
        node,
        "log_sum_exp",
        Kept::Logits,
        include_str!("../templates/log_sum_exp_result.cu"),
        |_| Vector::ONE,
    )
}

/// A kernel that ends with the text `result`, which stores as `stored` says.
fn rows(
    emitter: &mut Emitter,
    node: &Node,
    suffix: &str,
    kept: Kept,
    result: &str,
    stored: fn(Lanes) -> Vector,
) -> Vec<Step> {
    let (rows, ty) = (Lanes::new(emitter.ty(node.input(0)).channels()), emitter.ty(node.input(0)));
    let mut writer = emitter.writer();
    let (from, to) = (writer.read(node.input(0), "x"), writer.write(node.outputs[0], "y"));
    writer.batch();
    let accesses = [
        ("POSITIONS", ty.positions().to_string()),
        ("LOAD", rows.vector.load(from)),
        ("STORE", stored(rows).store(to)),
    ];
    let body = fill(&template(kept, result), &[&rows.values()[..], &accesses].concat());
    let (blocks, parts) = (rows.blocks(ty.positions()), writer.finish());
    vec![Step::Launch(emitter.launch(node, suffix, rows.threads, blocks, parts, &body))]
}

/// What the registers hold after the sum of a row's exponentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// x
    Logits,
    /// exp(x − maximum)
    Exponentials,
}

/// A kernel over rows with their maximum and the sum of exponentials, which ends with the text `result`.
pub(super) fn template(kept: Kept, result: &str) -> String {
    let exponential = match kept {
        Kept::Logits => "expf(values[i][j] - maximum)",
        Kept::Exponentials => "values[i][j] = expf(values[i][j] - maximum)",
    };
    let template = include_str!("../templates/softmax.cu").replace("@EXPONENTIAL@", exponential);
    template.replace("@RESULT@\n", result)
}

/// (y, dy) → dx
pub(super) fn softmax_backward(emitter: &mut Emitter, node: &Node) -> Vec<Step> {
    let ty = emitter.ty(node.outputs[0]);
    let rows = Lanes::new(ty.channels());
    let mut writer = emitter.writer();
    let (y, dy) = (writer.read(node.input(0), "y"), writer.read(node.input(1), "dy"));
    let to = writer.write(node.outputs[0], "dx");
    writer.batch();
    let accesses = [
        ("POSITIONS", ty.positions().to_string()),
        ("LOAD", rows.vector.load(y)),
        ("LOAD_SLOPE", rows.vector.load(dy)),
        ("STORE", rows.vector.store(to)),
    ];
    let template = include_str!("../templates/softmax_backward.cu");
    let body = fill(template, &[&rows.values()[..], &accesses].concat());
    let (blocks, parts) = (rows.blocks(ty.positions()), writer.finish());
    let launch = emitter.launch(node, "softmax_backward", rows.threads, blocks, parts, &body);
    vec![Step::Launch(launch)]
}
