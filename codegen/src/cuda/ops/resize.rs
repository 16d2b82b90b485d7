//! Maps of another size, and the gradients.
//!
//! A thread computes neighbouring channels of one position. Gradients are gathered: each element asks
//! which results it has a share in, so that no two threads add to one place.

use nnc_dsl::model::Interpolation;

use super::super::emitter::THREADS;
use super::super::text::{Vector, fill};
use super::super::{Count, Emitter, Step};
use crate::graph::{Node, Resize};

/// x → y
pub(super) fn resize(emitter: &mut Emitter, node: &Node, resize: &Resize) -> Vec<Step> {
    // Axes that stay as they are, and nearest elements, are made of one element.
    let taps = |axis: usize| match resize.interpolation {
        Interpolation::Linear if resize.input[axis] != resize.output[axis] => "2".to_owned(),
        Interpolation::Linear | Interpolation::Nearest => "1".to_owned(),
    };
    let taps = [("DEEP_TAPS", taps(0)), ("HIGH_TAPS", taps(1)), ("WIDE_TAPS", taps(2))];
    launch(emitter, node, resize, "resize", include_str!("../templates/resize.cu"), &taps)
}

/// dy → dx
pub(super) fn resize_backward(emitter: &mut Emitter, node: &Node, resize: &Resize) -> Vec<Step> {
    let template = include_str!("../templates/resize_backward.cu");
    launch(emitter, node, resize, "resize_backward", template, &[])
}

fn launch(
    emitter: &mut Emitter,
    node: &Node,
    resize: &Resize,
    suffix: &str,
    template: &str,
    more: &[(&'static str, String)],
) -> Vec<Step> {
    let mut writer = emitter.writer();
    let (from, to) = (writer.read(node.input(0), "from"), writer.write(node.outputs[0], "to"));
    writer.batch();
    let ([from_deep, from_high, from_wide, channels], [deep, high, wide, _]) = (resize.input, resize.output);
    let vector = Vector::dividing(&[channels]);
    let values = [
        ("WIDTH", vector.width()),
        ("CHANNELS", channels),
        ("LINEAR", usize::from(resize.interpolation == Interpolation::Linear)),
        ("FROM_DEEP", from_deep),
        ("FROM_HIGH", from_high),
        ("FROM_WIDE", from_wide),
        ("FROM_LEN", resize.input.iter().product()),
        ("DEEP", deep),
        ("HIGH", high),
        ("WIDE", wide),
        ("LEN", resize.output.iter().product()),
    ];
    let values = values.map(|(name, value)| (name, value.to_string()));
    let accesses = [("LOAD", vector.load(from)), ("STORE", vector.store(to))];
    let body = fill(template, &[&values[..], &accesses, more].concat());
    let len = emitter.ty(node.outputs[0]).len();
    let (blocks, parts) = (Count::batched(len / vector.width(), THREADS), writer.finish());
    vec![Step::Launch(emitter.launch(node, suffix, THREADS, blocks, parts, &body))]
}
