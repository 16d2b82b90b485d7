//! What is computed of a channel's statistics by the thread that has them.
//!
//! Behind the statistics of a batch stand a few numbers per channel that follow from them: the running
//! averages, the inverse deviation. Each would be a launch of its own, so they are computed where the
//! statistics are stored.
//!
//! Convention: a thread holds mean and variance of the channels from `channel` on in arrays as wide as
//! its vector.

use nnc_dsl::scalar::Expr;

use super::super::fused::Fused;
use super::super::text::{Vector, Writer, fill};
use super::super::{Emitter, Place};
use crate::emit::operand_name;
use crate::graph::{Node, Op, Operand, ValueId};

/// The most of them: each brings parameters.
const MOST: usize = 4;

/// The nodes right behind `node` that follow from its statistics alone.
pub(super) fn followers<'n>(emitter: &Emitter, node: &Node, behind: &'n [&'n Node]) -> &'n [&'n Node] {
    let place = |value: &ValueId| emitter.memory().place(*value);
    let mut known = node.outputs.clone();
    let mut used: Vec<Place> = node.reads().chain(known.iter().copied()).map(|value| place(&value)).collect();
    let joins = |follower: &&&Node| {
        let joins = match &follower.op {
            Op::RunningStatistics { .. } => true,
            Op::Pointwise(_) => {
                let read = |operand: &Operand| operand.value().is_some_and(|value| known.contains(&value));
                // One that took the place of another number would have to wait for all who read it.
                let is_apart = |place: Place| !used.iter().any(|other| overlap(&place, other));
                follower.inputs.iter().all(read) && follower.outputs.iter().map(place).all(is_apart)
            }
            _ => false,
        };
        known.extend(&follower.outputs);
        used.extend(follower.outputs.iter().map(place));
        joins && follower.section == node.section
    };
    let count = behind.iter().take(MOST).take_while(joins).count();
    &behind[..count]
}

fn overlap(a: &Place, b: &Place) -> bool {
    a.region == b.region && a.offset < b.offset + b.len && b.offset < a.offset + a.len
}

/// The text of followers, from the arrays that hold mean and variance.
pub(super) fn text(
    emitter: &Emitter,
    writer: &mut Writer,
    node: &Node,
    followers: &[&Node],
    vector: Vector,
    [mean, variance]: [&str; 2],
) -> String {
    writer.keep(node.outputs[0], mean);
    writer.keep(node.outputs[1], variance);
    let one = |follower: &&Node| match &follower.op {
        Op::RunningStatistics { momentum, positions } => {
            running(writer, follower, *momentum, *positions, vector, [mean, variance])
        }
        Op::Pointwise(exprs) => function(emitter, writer, follower, exprs, vector),
        _ => unreachable!("no other follows"),
    };
    followers.iter().map(one).collect()
}

/// Moves the running statistics towards those of the batch. The processor leaves all alone if one channel is not
/// finite; here each channel looks after itself, since a step that failed is undone as a whole.
fn running(
    writer: &mut Writer,
    node: &Node,
    momentum: f64,
    positions: usize,
    vector: Vector,
    [mean, variance]: [&str; 2],
) -> String {
    writer.write(node.outputs[0], "running_mean_at");
    writer.write(node.outputs[1], "running_variance_at");
    writer.batch();
    fill(
        include_str!("../templates/running_statistics.cu"),
        &[
            ("WIDTH", vector.width().to_string()),
            ("POSITIONS", positions.to_string()),
            ("MOMENTUM", format!("{:?}f", momentum as f32)),
            ("MEAN", mean.to_owned()),
            ("VARIANCE", variance.to_owned()),
        ],
    )
}

fn function(emitter: &Emitter, writer: &mut Writer, node: &Node, exprs: &[Expr], vector: Vector) -> String {
    let width = vector.width();
    let fused = Fused::new(emitter.graph(), writer, exprs, &node.inputs, emitter.ty(node.outputs[0]));
    let (mut names, mut stores) = (Vec::new(), String::new());
    for output in &node.outputs {
        let name = writer.fresh(&operand_name(emitter.graph(), Operand::Value(*output)));
        let store = vector.store(writer.write(*output, &format!("{name}_at")));
        stores += &format!("{store}({name}_at + channel, {name});\n");
        names.push(name);
    }
    let results: Vec<&str> = names.iter().map(String::as_str).collect();
    let arrays: Vec<String> = names.iter().map(|name| format!("{name}[{width}]")).collect();
    let text = fused.text(vector, &results);
    for (output, name) in node.outputs.iter().zip(&names) {
        writer.keep(*output, name);
    }
    format!("ALIGNED(16) float {};\n{text}{stores}", arrays.join(", "))
}
