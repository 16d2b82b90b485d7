//! Functions of each element.
//!
//! A thread computes one vector of neighbours of every output. Vectors follow the channels if an operand
//! does, and memory alone otherwise.

use nnc_dsl::scalar::Expr;

use super::super::emitter::THREADS;
use super::super::fused::Fused;
use super::super::text::{Vector, fill, indented};
use super::super::{Emitter, Launch, Step};
use super::Rows;
use crate::graph::{Node, Op, Section, ValueId};

/// One expression per output over the inputs.
pub(super) fn pointwise(emitter: &mut Emitter, node: &Node, exprs: &[Expr]) -> Vec<Step> {
    launches(emitter, node, exprs, &node.outputs).into_iter().map(Step::Launch).collect()
}

/// One launch, or more if there are too many parameters for one.
fn launches(emitter: &mut Emitter, node: &Node, exprs: &[Expr], outputs: &[ValueId]) -> Vec<Launch> {
    let ty = emitter.ty(outputs[0]);
    let mut writer = emitter.writer();
    let fused = Fused::new(emitter.graph(), &mut writer, exprs, &node.inputs, ty);
    let stores: Vec<_> =
        (0..outputs.len()).map(|index| writer.write(outputs[index], &format!("y{index}_at"))).collect();
    if ty.batched {
        writer.batch();
    }
    if begins_gradients(node) {
        writer.step();
    }
    if !writer.fits() {
        let half = exprs.len() / 2;
        let first = launches(emitter, node, &exprs[..half], &outputs[..half]);
        return [first, launches(emitter, node, &exprs[half..], &outputs[half..])].concat();
    }
    let (len, channels) = (ty.len(), ty.channels());
    let along_channels = fused.vector(&[channels]);
    let is_flat = fused.is_flat() || along_channels.width() == 1;
    let vector = if is_flat { fused.vector(&[len]) } else { along_channels };
    let width = vector.width();
    let names: Vec<String> = (0..outputs.len()).map(|index| format!("y{index}")).collect();
    let results: Vec<&str> = names.iter().map(String::as_str).collect();
    let (place, text) = if is_flat {
        (String::new(), fused.flat_text(vector, &results))
    } else {
        let pixel = format!("    const int64 pixel = index / {channels};\n");
        (
            pixel + &format!("    const int channel = (int)(index % {channels});\n"),
            fused.text(vector, &results),
        )
    };
    let store = |(name, element): (&String, &_)| {
        format!("    {}({name}_at + index, {name});\n", vector.store(*element))
    };
    let vectors = Rows::of(ty, len / width);
    let body = fill(
        include_str!("../templates/pointwise.cu"),
        &[
            ("VECTORS", vectors.text()),
            ("WIDTH", width.to_string()),
            ("PLACE", place),
            ("RESULTS", names.iter().map(|name| format!("{name}[{width}]")).collect::<Vec<_>>().join(", ")),
            ("FUSED", indented(&text) + &scaled(node, vector)),
            ("STORES", names.iter().zip(&stores).map(store).collect()),
        ],
    );
    let suffix = if node.section == Section::Backward { "gradient" } else { "" };
    let blocks = vectors.blocks(THREADS);
    vec![emitter.launch(node, suffix, THREADS, blocks, writer.finish(), &body)]
}

/// Whether the result is a gradient that does not come from another one.
fn begins_gradients(node: &Node) -> bool {
    matches!(node.op, Op::LossTermsBackward(_))
}

/// Such a gradient is that of the loss times its scale, which is 1 but at half precision.
fn scaled(node: &Node, vector: Vector) -> String {
    if !begins_gradients(node) {
        return String::new();
    }
    format!("    UNROLL for (int i = 0; i < {}; i++) y0[i] *= loss_scale(step);\n", vector.width())
}
