//! Sums of functions of each element.

use nnc_dsl::scalar::Expr;

use super::super::emitter::{FOUR_AT_ONCE, THREADS, THREE_AT_ONCE};
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
    let mut sums = Sums { node, extent, fused, stores: Vec::new() };
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
                ("BLOCKS", blocks.text()),
                ("STORES", column_stores(&stores, channels)),
            ],
        );
        let (parts, grid) = (writer.finish(), Count::fixed(all.div_ceil(LANES)));
        let mut second = emitter.launch(self.node, "sums_of_blocks", THREADS, grid, parts, &body);
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
        let vector = Vector::dividing(&[width]);
        let shared = [
            ("LANES", lanes.to_string()),
            ("ROWS", rows.to_string()),
            ("WIDTH", width.to_string()),
            ("CHANNELS", channels.to_string()),
            ("THREADS", THREADS.to_string()),
        ];
        let half = ("HALF", columns.half().to_string());
        let fold = [&shared[..], &[half]].concat();
        let folds = self.folds(include_str!("../templates/column_fold.cu"), vector, &fold);
        let own = [("RANGE", share.text()), ("FOLDS", folds)];
        let values = [&shared[..], &own, &self.sums(vector, 3)].concat();
        let body = fill(include_str!("../templates/column_sums.cu"), &values);
        let block = if self.stores.len() > 1 { THREE_AT_ONCE } else { FOUR_AT_ONCE };
        let mut launch = emitter.launch(self.node, "sums", block, blocks, parts, &body);
        launch.grid[1] = Count::fixed(tiles);
        launch
    }

    fn per_group(self, emitter: &mut Emitter, parts: Parts, groups: usize) -> Launch {
        let (channels, positions) = (self.extent.channels(), self.extent.positions());
        let size = channels / groups;
        let vector = self.fused.vector(&[size]);
        let items = positions * size / vector.width();
        let threads = group_threads(items);
        let shared = [("SIZE", size.to_string()), ("THREADS", threads.to_string())];
        let fold = [("WIDTH", vector.width().to_string()), ("CHANNELS", channels.to_string())];
        let fold = [&shared[..], &fold].concat();
        let folds = self.folds(include_str!("../templates/group_fold.cu"), Vector::ONE, &fold);
        let own = [
            ("GROUPS", groups.to_string()),
            ("ITEMS", items.to_string()),
            ("POSITIONS", positions.to_string()),
            ("VECTORS", (size / vector.width()).to_string()),
            ("WIDTH", vector.width().to_string()),
            ("FOLDS", folds),
        ];
        let values = [&shared[..], &own, &self.sums(vector, 2)].concat();
        let body = fill(include_str!("../templates/group_sums.cu"), &values);
        let blocks = Count::batched(groups, 1);
        emitter.launch(self.node, "sums", threads, blocks, parts, &body)
    }

    /// The loop over channels stays rolled (see the head of `pool.rs`): how many registers it needs must not depend on
    /// their number.
    fn per_position(self, emitter: &mut Emitter, parts: Parts) -> Launch {
        let (channels, pixels) = (self.extent.channels(), Rows::of(self.extent, self.extent.positions()));
        let vector = self.fused.vector(&[channels]);
        let lanes = position_lanes(channels, vector);
        let shared =
            [("LANES", lanes.to_string()), ("WIDTH", vector.width().to_string()), ("PIXELS", pixels.text())];
        let folds = self.folds(include_str!("../templates/position_fold.cu"), Vector::ONE, &shared);
        let own = [("CHANNELS", channels.to_string()), ("FOLDS", folds)];
        let values = [&shared[..], &own, &self.sums(vector, 3)].concat();
        let body = fill(include_str!("../templates/position_sums.cu"), &values);
        let blocks = pixels.blocks(THREADS / lanes);
        emitter.launch(self.node, "sums", THREADS, blocks, parts, &body)
    }

    /// What all templates declare and do with a vector of a pixel, so many steps further in.
    fn sums(&self, vector: Vector, depth: usize) -> [(&'static str, String); 2] {
        let width = vector.width();
        let list = |format: &dyn Fn(usize) -> String| (0..self.stores.len()).map(format).collect::<Vec<_>>();
        let terms = list(&|index| format!("term{index}"));
        let names: Vec<&str> = terms.iter().map(String::as_str).collect();
        let accumulate = fill(
            include_str!("../templates/accumulate.cu"),
            &[
                ("TERMS", list(&|index| format!("term{index}[{width}]")).join(", ")),
                ("FUSED", self.fused.text(vector, &names)),
                ("WIDTH", width.to_string()),
                ("ADD", list(&|index| format!("    sum{index}[i] += term{index}[i];\n")).concat()),
            ],
        );
        let sums = list(&|index| format!("sum{index}[{width}] = {{0}}")).join(", ");
        [("SUMS", sums), ("ACCUMULATE", (0..depth).fold(accumulate, |text, _| indented(&text)))]
    }

    /// The template for every sum, which is stored by vectors of `stored`.
    fn folds(&self, template: &str, stored: Vector, own: &[(&str, String)]) -> String {
        let fold = |(index, (element, to)): (usize, &Store)| {
            let sum = [("SUM", format!("sum{index}")), ("STORE", stored.store(*element)), ("TO", to.clone())];
            fill(template, &[own, &sum].concat())
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

/// Threads of a block for the vectors of a group: whole warps, and many for a large group, since there
/// may be few groups.
pub(super) fn group_threads(items: usize) -> usize {
    items.div_ceil(4).next_power_of_two().clamp(32, 2 * THREADS)
}

/// Lanes of a warp that share the channels of a pixel.
pub(super) fn position_lanes(channels: usize, vector: Vector) -> usize {
    (channels / vector.width()).next_power_of_two().min(32)
}
