//! Sums of functions of each element.

use nnc_dsl::scalar::Expr;

use super::super::emitter::THREADS;
use super::super::fused::Fused;
use super::super::text::{Parts, Vector, Writer, fill, indented};
use super::super::{Argument, Count, Element, Emitter, Launch, Step};
use super::Rows;
use super::columns::{Columns, Share};
use crate::graph::{Keep, Node, Type, ValueId};

/// One sum of an expression per output; the extent is that of the first input.
pub(super) fn reduce(emitter: &mut Emitter, node: &Node, exprs: &[Expr], keep: Keep) -> Vec<Step> {
    launches(emitter, node, exprs, &node.outputs, keep).into_iter().map(Step::Launch).collect()
}

/// Those of a part of the outputs, or of its halves if there are too many parameters for one launch.
fn launches(
    emitter: &mut Emitter,
    node: &Node,
    exprs: &[Expr],
    outputs: &[ValueId],
    keep: Keep,
) -> Vec<Launch> {
    let extent = emitter.ty(node.input(0));
    let mut writer = emitter.writer();
    let fused = Fused::new(emitter.graph(), &mut writer, exprs, &node.inputs, extent);
    writer.batch();
    let whole = matches!(keep, Keep::Channels) && extent.batched && extent.positions() > 1;
    let mut sums = Sums { node, extent, fused, stores: Vec::new(), threads: THREADS };
    if whole {
        writer.parameter("float *__restrict__ workspace", Argument::Workspace);
    } else {
        sums.stores = stores(&mut writer, outputs);
    }
    if !writer.fits() {
        let half = exprs.len() / 2;
        let first = launches(emitter, node, &exprs[..half], &outputs[..half], keep);
        return [first, launches(emitter, node, &exprs[half..], &outputs[half..], keep)].concat();
    }
    let parts = writer.finish();
    match keep {
        Keep::Channels if whole => sums.over_batch(emitter, parts, outputs),
        Keep::Channels => vec![sums.at_once(emitter, parts)],
        Keep::Groups(groups) if groups == extent.channels() => vec![sums.per_sample(emitter, parts)],
        Keep::Groups(groups) => vec![sums.per_group(emitter, parts, groups)],
        Keep::Positions => vec![sums.per_position(emitter, parts)],
    }
}

/// Where a result goes: the function that stores it, and the address.
type Store = (Element, String);

fn stores(writer: &mut Writer, outputs: &[ValueId]) -> Vec<Store> {
    let store = |(index, output): (usize, &ValueId)| {
        let name = format!("y{index}_at");
        (writer.write(*output, &name), name)
    };
    outputs.iter().enumerate().map(store).collect()
}

/// Sums in the making.
struct Sums<'a> {
    node: &'a Node,
    extent: &'a Type,
    fused: Fused,
    stores: Vec<Store>,
    threads: usize,
}

impl Sums<'_> {
    /// Equal shares of the pixels of a batch, then the sum of those.
    fn over_batch(mut self, emitter: &mut Emitter, parts: Parts, outputs: &[ValueId]) -> Vec<Launch> {
        let (pixels, channels) = (Rows::of(self.extent, self.extent.positions()), self.extent.channels());
        let columns = Columns::new(channels, self.fused.vector(&[channels]), 32);
        let (count, all) = (outputs.len(), outputs.len() * channels);
        let place = |index| format!("workspace + (int64)blockIdx.x * {all} + {}", index * channels);
        self.stores = (0..count).map(|index| (Element::Float, place(index))).collect();
        let blocks = columns.blocks(pixels);
        let workspace = blocks.times(all);
        let mut first = self.columns(emitter, parts, columns, Share::Equal(pixels), blocks);
        first.workspace = workspace;

        let mut writer = emitter.writer();
        writer.parameter("const float *__restrict__ workspace", Argument::Workspace);
        let stores = stores(&mut writer, outputs);
        writer.batch();
        let body = fill(
            include_str!("../templates/block_sums.cu"),
            &[
                ("LANES", LANES.to_string()),
                ("ROWS", (THREADS / LANES).to_string()),
                ("COLUMNS", all.to_string()),
                ("BLOCKS", blocks.quotient_text()),
                ("STORES", column_stores(&stores, channels)),
            ],
        );
        let (parts, grid) = (writer.finish(), Count::fixed(all.div_ceil(LANES)));
        let mut second = emitter.launch(self.node, "sums_of_blocks", THREADS, grid, parts, "", &body);
        second.workspace = workspace;
        vec![first, second]
    }

    /// The few pixels of samples without positions, or of a tensor that does not grow.
    fn at_once(self, emitter: &mut Emitter, parts: Parts) -> Launch {
        let channels = self.extent.channels();
        let vector = self.fused.vector(&[channels]);
        let columns = Columns::new(channels, vector, (LANES / vector.width()).max(1));
        let share = Share::All(Rows::of(self.extent, self.extent.positions()));
        self.columns(emitter, parts, columns, share, Count::fixed(1))
    }

    fn per_sample(mut self, emitter: &mut Emitter, parts: Parts) -> Launch {
        let channels = self.extent.channels();
        let columns = Columns::new(channels, self.fused.vector(&[channels]), 32);
        self.stores.iter_mut().for_each(|(_, at)| *at += &format!(" + sample * {channels}"));
        let share = Share::Sample(self.extent.positions());
        self.columns(emitter, parts, columns, share, Count::batched(1, 1))
    }

    fn columns(
        &self,
        emitter: &mut Emitter,
        parts: Parts,
        columns: Columns,
        share: Share,
        blocks: Count,
    ) -> Launch {
        let Columns { channels, width, lanes, rows, tiles } = columns;
        let own = [
            ("LANES", lanes.to_string()),
            ("ROWS", rows.to_string()),
            ("CHANNELS", channels.to_string()),
            ("RANGE", share.text()),
        ];
        let fold = [
            ("LANES", lanes.to_string()),
            ("ROWS", rows.to_string()),
            ("CHANNELS", channels.to_string()),
            ("HALF", columns.half().to_string()),
            ("THREADS", THREADS.to_string()),
        ];
        let vector = Vector::dividing(&[width]);
        let folds = self.folds(include_str!("../templates/column_fold.cu"), vector, &fold);
        let template = include_str!("../templates/column_sums.cu");
        let body = self.body(template, vector, &own, &folds);
        let mut launch = emitter.launch(self.node, "sums", THREADS, blocks, parts, "", &body);
        launch.grid[1] = Count::fixed(tiles);
        launch
    }

    fn per_group(mut self, emitter: &mut Emitter, parts: Parts, groups: usize) -> Launch {
        let (channels, positions) = (self.extent.channels(), self.extent.positions());
        let size = channels / groups;
        let vector = self.fused.vector(&[size]);
        let items = positions * size / vector.width();
        self.threads = group_threads(items);
        let own = [
            ("GROUPS", groups.to_string()),
            ("ITEMS", items.to_string()),
            ("POSITIONS", positions.to_string()),
            ("VECTORS", (size / vector.width()).to_string()),
            ("SIZE", size.to_string()),
        ];
        let fold = [
            ("CHANNELS", channels.to_string()),
            ("SIZE", size.to_string()),
            ("THREADS", self.threads.to_string()),
        ];
        let folds = self.folds(include_str!("../templates/group_fold.cu"), vector, &fold);
        let body = self.body(include_str!("../templates/group_sums.cu"), vector, &own, &folds);
        let blocks = Count::batched(groups, 1);
        emitter.launch(self.node, "sums", self.threads, blocks, parts, "", &body)
    }

    fn per_position(self, emitter: &mut Emitter, parts: Parts) -> Launch {
        let (channels, pixels) = (self.extent.channels(), Rows::of(self.extent, self.extent.positions()));
        let vector = self.fused.vector(&[channels]);
        let lanes = position_lanes(channels, vector);
        let own =
            [("LANES", lanes.to_string()), ("CHANNELS", channels.to_string()), ("PIXELS", pixels.text())];
        let fold = [("LANES", lanes.to_string()), ("PIXELS", pixels.text())];
        let folds = self.folds(include_str!("../templates/position_fold.cu"), vector, &fold);
        let body = self.body(include_str!("../templates/position_sums.cu"), vector, &own, &folds);
        let blocks = pixels.blocks(THREADS / lanes);
        emitter.launch(self.node, "sums", THREADS, blocks, parts, "", &body)
    }

    /// A template with what all of them have: sums and terms.
    fn body(&self, template: &str, vector: Vector, own: &[(&str, String)], folds: &str) -> String {
        let width = vector.width();
        let indices = 0..self.stores.len();
        let list = |format: &dyn Fn(usize) -> String| indices.clone().map(format).collect::<Vec<_>>();
        let terms = list(&|index| format!("term{index}"));
        let names: Vec<&str> = terms.iter().map(String::as_str).collect();
        let depth = if template.contains("for (int64 pixel") || template.contains("for (int channel") {
            3
        } else {
            2
        };
        let text = (0..depth).fold(self.fused.text(vector, &names), |text, _| indented(&text));
        let mut values = own.to_vec();
        values.extend([
            ("WIDTH", width.to_string()),
            ("SUMS", list(&|index| format!("sum{index}[{width}] = {{0}}")).join(", ")),
            ("TERMS", list(&|index| format!("term{index}[{width}]")).join(", ")),
            ("ADD", list(&|index| format!("                sum{index}[i] += term{index}[i];\n")).concat()),
            ("FUSED", text),
            ("FOLDS", folds.to_owned()),
        ]);
        if template.contains("@THREADS@") {
            values.push(("THREADS", self.threads.to_string()));
        }
        fill(template, &values)
    }

    /// The template for every sum.
    fn folds(&self, template: &str, vector: Vector, own: &[(&str, String)]) -> String {
        let single = template.contains("shuffle_xor") || template.contains("block_sum");
        let stored = if single { Vector::ONE } else { vector };
        let fold = |(index, (element, to)): (usize, &Store)| {
            let mut values = own.to_vec();
            values.extend([
                ("WIDTH", vector.width().to_string()),
                ("SUM", format!("sum{index}")),
                ("STORE", stored.store(*element)),
                ("TO", to.clone()),
            ]);
            fill(template, &values)
        };
        self.stores.iter().enumerate().map(fold).collect()
    }
}

/// Neighbouring columns that a block folds: a sector of memory.
pub(super) const LANES: usize = 8;

/// Stores `sum` of each column where it belongs.
fn column_stores(stores: &[Store], channels: usize) -> String {
    let store = |(index, (element, name)): (usize, &Store)| {
        let (first, end) = (index * channels, (index + 1) * channels);
        let store = Vector::ONE.store(*element);
        format!("    if (column >= {first} && column < {end}) {store}({name} + column - {first}, &sum);\n")
    };
    stores.iter().enumerate().map(store).collect()
}

/// Threads of a block for the vectors of a group: whole warps.
pub(super) fn group_threads(items: usize) -> usize {
    items.next_power_of_two().clamp(32, THREADS)
}

/// Lanes of a warp that share the channels of a pixel.
pub(super) fn position_lanes(channels: usize, vector: Vector) -> usize {
    (channels / vector.width()).next_power_of_two().min(32)
}
