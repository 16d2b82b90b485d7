//! Operations that move elements: crops and paddings, changes of order, joins and cuts of channels.
//!
//! A thread writes as many neighbours along the innermost axis as come from neighbours. Where the
//! innermost axis changes, tiles are turned round in shared memory, so that both sides are read and
//! written in rows.

use super::super::emitter::THREADS;
use super::super::text::{Vector, fill};
use super::super::{Count, Element, Emitter, Step};
use crate::graph::{Crop, Node, Permute, ValueId};

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
    vec![Step::Launch(emitter.launch(node, "crop", THREADS, blocks, parts, &body))]
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

/// x → y with its axes in another order.
pub(super) fn permute(emitter: &mut Emitter, node: &Node, permute: &Permute) -> Vec<Step> {
    let axes = axes(permute);
    let stays = permute.order.last() == Some(&(permute.dims.len() - 1));
    let inner = |axis: &Axis| axis.from == 1 || axis.to == 1;
    // Matrices with a short side lie in few cache lines, which gathering finds in the cache again.
    if stays || axes.iter().filter(|axis| inner(axis)).any(|axis| axis.extent < SHORT) {
        gather(emitter, node, &axes, stays)
    } else {
        transpose(emitter, node, &axes)
    }
}

/// Sides of matrices below this are not worth a tile.
const SHORT: usize = 16;

/// The longest side of a tile.
const TILE: usize = 64;

/// The fewest threads that make sense.
const WARP: usize = 32;

/// An axis with the distances of its elements in the input and in the output.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub(super) extent: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// The axes in the order of the output.
fn axes(permute: &Permute) -> Vec<Axis> {
    let output = permute.output();
    let stride = |dims: &[usize], axis: usize| dims[axis + 1..].iter().product();
    let order = permute.order.iter().enumerate();
    order
        .map(|(to, &from)| Axis {
            extent: output[to],
            from: stride(&permute.dims, from),
            to: stride(&output, to),
        })
        .collect()
}

/// A vector of the output a thread; read as one where the innermost axis stays.
fn gather(emitter: &mut Emitter, node: &Node, axes: &[Axis], stays: bool) -> Vec<Step> {
    let mut writer = emitter.writer();
    let (from, to) = (writer.read(node.input(0), "x"), writer.write(node.outputs[0], "y"));
    writer.batch();
    let len: usize = axes.iter().map(|axis| axis.extent).product();
    let inner = axes.last().map_or(1, |axis| axis.extent);
    let vector = if stays { Vector::dividing(&[inner]) } else { Vector::dividing(&[len]) };
    let together = if stays { vector } else { Vector::ONE };
    let line = |axis: &Axis| {
        let Axis { extent, from, .. } = axis;
        format!("        source += rest % {extent} * {from}; rest /= {extent};")
    };
    let body = fill(
        include_str!("../templates/permute.cu"),
        &[
            ("WIDTH", vector.width().to_string()),
            ("TOGETHER", together.width().to_string()),
            ("LEN", len.to_string()),
            ("SOURCE", axes.iter().rev().map(line).collect::<Vec<_>>().join("\n")),
            ("LOAD", together.load(from)),
            ("STORE", vector.store(to)),
        ],
    );
    let blocks = Count::batched(len / vector.width(), THREADS);
    let parts = writer.finish();
    vec![Step::Launch(emitter.launch(node, "permute", THREADS, blocks, parts, &body))]
}

fn transpose(emitter: &mut Emitter, node: &Node, axes: &[Axis]) -> Vec<Step> {
    let mut writer = emitter.writer();
    let (from, to) = (writer.read(node.input(0), "x"), writer.write(node.outputs[0], "y"));
    let Turn { threads, blocks, body } = turn(axes, [from, to]);
    let (blocks, parts) = (Count::batched(blocks, 1), writer.finish());
    vec![Step::Launch(emitter.launch(node, "transpose", threads, blocks, parts, &body))]
}

/// A kernel that turns tiles round.
pub(super) struct Turn {
    pub(super) threads: usize,
    /// Of a sample.
    pub(super) blocks: usize,
    /// From `x` to `y`.
    pub(super) body: String,
}

/// A tile a block: rows lie along the input's innermost axis, columns along the output's.
pub(super) fn turn(axes: &[Axis], [from, to]: [Element; 2]) -> Turn {
    let axis =
        |inner: fn(&Axis) -> bool| axes.iter().copied().find(inner).expect("each side has an innermost axis");
    let (row, column) = (axis(|axis| axis.from == 1), axis(|axis| axis.to == 1));
    let len: usize = axes.iter().map(|axis| axis.extent).product();
    let [rows, columns] = [row, column].map(|axis| axis.extent.next_power_of_two().min(TILE));
    let [row_tiles, column_tiles] = [row.extent.div_ceil(rows), column.extent.div_ceil(columns)];
    let [load, store] = [row, column].map(|axis| Vector::dividing(&[axis.extent]));
    let outer = axes.iter().rev().filter(|axis| axis.from != 1 && axis.to != 1);
    let line = |Axis { extent, from, to }: &Axis| {
        format!("    source += rest % {extent} * {from}, target += rest % {extent} * {to}, rest /= {extent};")
    };
    let body = fill(
        include_str!("../templates/transpose.cu"),
        &[
            ("ROWS", rows.to_string()),
            ("COLUMNS", columns.to_string()),
            ("ROW_TILES", row_tiles.to_string()),
            ("COLUMN_TILES", column_tiles.to_string()),
            ("ROW_EXTENT", row.extent.to_string()),
            ("COLUMN_EXTENT", column.extent.to_string()),
            ("ROW_STRIDE", row.to.to_string()),
            ("COLUMN_STRIDE", column.from.to_string()),
            ("OUTER", outer.map(line).collect::<Vec<_>>().join("\n")),
            ("LEN", len.to_string()),
            ("LOAD_WIDTH", load.width().to_string()),
            ("STORE_WIDTH", store.width().to_string()),
            ("LOAD", load.load(from)),
            ("STORE", store.store(to)),
        ],
    );
    let matrices = len / (row.extent * column.extent);
    let threads = (rows * columns / 8).clamp(WARP, THREADS);
    Turn { threads, blocks: matrices * row_tiles * column_tiles, body }
}

/// parts → y along the channels.
pub(super) fn concat(emitter: &mut Emitter, node: &Node) -> Vec<Step> {
    let parts: Vec<ValueId> = node.reads().collect();
    move_parts(emitter, node, &parts, node.outputs[0], Direction::Join)
}

/// x → parts along the channels.
pub(super) fn split(emitter: &mut Emitter, node: &Node) -> Vec<Step> {
    move_parts(emitter, node, &node.outputs, node.input(0), Direction::Cut)
}

/// Whether the parts are read or written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Join,
    Cut,
}

/// So many parts fit the parameters of a kernel, beside the whole and the batch.
const MAX_PARTS: usize = 30;

fn move_parts(
    emitter: &mut Emitter,
    node: &Node,
    parts: &[ValueId],
    whole: ValueId,
    direction: Direction,
) -> Vec<Step> {
    let mut first = 0;
    let groups = parts.chunks(MAX_PARTS);
    let launch = |group: &[ValueId]| {
        let start = first;
        first += group.iter().map(|part| emitter.ty(*part).channels()).sum::<usize>();
        move_group(emitter, node, group, whole, start, direction)
    };
    groups.map(launch).collect()
}

/// One launch: the parts that begin at channel `first` of the whole.
fn move_group(
    emitter: &mut Emitter,
    node: &Node,
    parts: &[ValueId],
    whole: ValueId,
    first: usize,
    direction: Direction,
) -> Step {
    let mut writer = emitter.writer();
    let channels: Vec<usize> = parts.iter().map(|part| emitter.ty(*part).channels()).collect();
    let ty = emitter.ty(whole);
    let vector = Vector::dividing(&[&channels[..], &[ty.channels(), first]].concat());
    let reads = direction == Direction::Join;
    let mut element = |value, name: &str, read| match read {
        true => writer.read(value, name),
        false => writer.write(value, name),
    };
    let whole = Side {
        name: "whole".into(),
        element: element(whole, "whole", !reads),
        channels: ty.channels(),
        first: 0,
    };
    let (mut moves, mut start) = (Vec::new(), first);
    for (index, (value, &channels)) in parts.iter().zip(&channels).enumerate() {
        let name = format!("part{index}");
        let part = Side { element: element(*value, &name, reads), name, channels, first: start };
        start += channels;
        let (from, to) = if reads { (&part, &whole) } else { (&whole, &part) };
        let (load, store) = (vector.load(from.element), vector.store(to.element));
        let (from, to) = (from.address(), to.address());
        moves.push(format!("    if (channel < {start}) {{\n        {load}({from}, values);\n        {store}({to}, values);\n    }}"));
    }
    writer.batch();
    let vectors = (start - first) / vector.width();
    let body = fill(
        include_str!("../templates/parts.cu"),
        &[
            ("ROWS", ty.positions().to_string()),
            ("VECTORS", vectors.to_string()),
            ("FIRST", first.to_string()),
            ("WIDTH", vector.width().to_string()),
            ("MOVES", moves.join(" else\n")),
        ],
    );
    let suffix = if reads { "concat" } else { "split" };
    let (blocks, parts) = (Count::batched(ty.positions() * vectors, THREADS), writer.finish());
    Step::Launch(emitter.launch(node, suffix, THREADS, blocks, parts, &body))
}

/// The whole or a part: rows of channels.
struct Side {
    name: String,
    element: Element,
    channels: usize,
    /// Its first channel in the whole.
    first: usize,
}

impl Side {
    /// Where `channel` of `row` lies.
    fn address(&self) -> String {
        let Side { name, channels, first, .. } = self;
        let within = if *first == 0 { "channel".to_owned() } else { format!("(channel - {first})") };
        format!("{name} + row * {channels} + {within}")
    }
}
