//! Operations that move elements: crops and paddings, changes of order, joins and cuts of channels.
//!
//! A thread writes as many neighbours along the innermost axis as come from neighbours.

use super::super::emitter::THREADS;
use super::super::text::{Vector, fill};
use super::super::{Count, Emitter, Step};
use crate::graph::{Crop, Node};

/// x → y: a part of it, with zeros where that reaches beyond.
pub(super) fn crop(emitter: &mut Emitter, node: &Node, crop: &Crop) -> Vec<Step> {
    let mut writer = emitter.writer();
    let (from, to) = (writer.read(node.input(0), "x"), writer.write(node.outputs[0], "y"));
    writer.batch();
    // Inner extents and the offset are multiples of the width, so a vector is inside or outside as a whole.
    let inner = |extents: &[usize]| extents.last().copied().unwrap_or(1);
    let offset = crop.offset.last().map_or(0, |offset| offset.unsigned_abs());
    let vector = Vector::dividing(&[inner(&crop.input), inner(&crop.output), offset]);
    let [input, len] = [&crop.input, &crop.output].map(|extents| extents.iter().product::<usize>());
    let body = fill(
        include_str!("../templates/crop.cu"),
        &[
            ("WIDTH", vector.width().to_string()),
            ("LEN", len.to_string()),
            ("INPUT", input.to_string()),
            ("SOURCE", crop_source(crop)),
            ("LOAD", vector.load(from)),
            ("STORE", vector.store(to)),
        ],
    );
    let blocks = Count::batched(len / vector.width(), THREADS);
    let parts = writer.finish();
    vec![Step::Launch(emitter.launch(node, "crop", THREADS, blocks, parts, "", &body))]
}

/// Per axis from the innermost: the index in the input, whether it is inside, its share of the place.
fn crop_source(crop: &Crop) -> String {
    let mut stride = 1;
    let axis = |((&input, &output), &offset): ((&usize, &usize), &isize)| {
        let line = format!(
            "    {{ const int i = rest % {output} + {offset}; rest /= {output}; \
             inside &= i >= 0 && i < {input}; source += i * {stride}; }}"
        );
        stride *= input;
        line
    };
    let axes = crop.input.iter().zip(&crop.output).zip(&crop.offset).rev();
    axes.map(axis).collect::<Vec<_>>().join("\n")
}
