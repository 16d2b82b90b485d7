//! A convolution or one of its gradients as a matrix product: for each group, rows × columns, each
//! a sum over the depth.

use super::axes::Axes;
use super::parts::Parts;
use crate::cuda::text::fill;
use crate::cuda::{Count, Memory, Place};
use crate::graph::{Conv, Node, Op, Type};

/// Which of the three products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// (x, w) → y: positions of y × its channels, over taps and channels of x.
    Forward,
    /// (dy, w) → dx: positions of dx × its channels, over taps and channels of dy.
    BackwardData,
    /// (x, dy) → dw: taps and channels of x × channels of dy, over the positions of dy.
    BackwardWeight,
}

/// Ways are offered that suit such a batch.
const TYPICAL_BATCH: usize = 128;

/// A product with its extents.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) kind: Kind,
    pub(super) conv: Conv,
    axes: Axes,
}

impl Problem {
    /// The product that a node is; a matrix product is a convolution of one position.
    pub(super) fn of(node: &Node, types: [&Type; 2]) -> Option<Problem> {
        let [first, second] = types;
        let (kind, conv) = match &node.op {
            Op::Conv(conv) => (Kind::Forward, *conv),
            Op::ConvBackwardData(conv) => (Kind::BackwardData, *conv),
            Op::ConvBackwardWeight(conv) => (Kind::BackwardWeight, *conv),
            Op::Linear => (Kind::Forward, single(second.dims[0], second.dims[1])),
            Op::LinearBackwardData => (Kind::BackwardData, single(second.dims[0], second.dims[1])),
            Op::LinearBackwardWeight => (Kind::BackwardWeight, single(first.len(), second.len())),
            _ => return None,
        };
        let axes = match kind {
            Kind::Forward | Kind::BackwardWeight => Axes::forward(&conv),
            Kind::BackwardData => Axes::backward(&conv),
        };
        Some(Problem { kind, conv, axes })
    }

    /// Where the operands lie.
    pub(super) fn places(&self, memory: &Memory, node: &Node) -> [Place; 2] {
        let second = match self.kind {
            Kind::Forward | Kind::BackwardData => memory.weight_place(node.input(1)),
            Kind::BackwardWeight => memory.place(node.input(1)),
        };
        [memory.place(node.input(0)), second]
    }

    /// Whether it is the product of two matrices as they lie in memory: a single tap, which every position
    /// meets at its own place.
    pub(super) fn is_matrix_product(&self) -> bool {
        let Conv { input, output, stride, pad, groups, .. } = self.conv;
        let moves = stride != [1; 3] || pad != [0; 3] || input[..3] != output[..3];
        self.window() == 1 && groups == 1 && !moves
    }

    /// The weight as a matrix: taps and channels before × channels after.
    pub(super) fn weight_matrix(&self) -> [usize; 2] {
        [self.window() * self.group()[0], self.conv.output[3]]
    }

    pub(super) fn operation(&self) -> &'static str {
        match self.kind {
            Kind::Forward => "conv",
            Kind::BackwardData => "conv_backward_data",
            Kind::BackwardWeight => "conv_backward_weight",
        }
    }

    /// Channels of a group before and after.
    fn group(&self) -> [usize; 2] {
        [self.conv.input[3], self.conv.output[3]].map(|channels| channels / self.conv.groups)
    }

    /// Rows of the product per sample, or in all.
    pub(super) fn rows(&self) -> Count {
        match self.kind {
            Kind::Forward | Kind::BackwardData => Count::batched(self.axes.extent(), 1),
            Kind::BackwardWeight => Count::fixed(self.extent()),
        }
    }

    /// Rows of a sample, or all if they do not grow with the batch.
    fn extent(&self) -> usize {
        match self.kind {
            Kind::Forward | Kind::BackwardData => self.axes.extent(),
            Kind::BackwardWeight => self.window() * self.group()[0],
        }
    }

    /// Rows for a usual batch.
    pub(super) fn typical_rows(&self) -> usize {
        self.rows().at(TYPICAL_BATCH)
    }

    /// The depth for a usual batch.
    pub(super) fn typical_depth(&self) -> usize {
        let batches = if self.kind == Kind::BackwardWeight { TYPICAL_BATCH } else { 1 };
        self.depth() * batches
    }

    /// Columns of a group.
    pub(super) fn columns(&self) -> usize {
        let [before, after] = self.group();
        if self.kind == Kind::BackwardData { before } else { after }
    }

    /// Products that a result sums: all, at most, or per sample.
    pub(super) fn depth(&self) -> usize {
        let [before, after] = self.group();
        match self.kind {
            Kind::Forward => self.window() * before,
            Kind::BackwardData => self.window() * after,
            Kind::BackwardWeight => self.axes.extent(),
        }
    }

    /// Groups and residues: what has tiles of its own.
    pub(super) fn parts(&self) -> Parts {
        Parts(self.conv.groups * self.residues())
    }

    /// Positions of the operand that different taps meet, because of a stride.
    pub(super) fn residues(&self) -> usize {
        if self.kind == Kind::BackwardData { self.axes.residues() } else { 1 }
    }

    /// Pixels of the result: per sample, or in all.
    pub(super) fn pixels(&self) -> Count {
        match self.kind {
            Kind::Forward | Kind::BackwardData => Count::batched(self.axes.target(), 1),
            Kind::BackwardWeight => Count::fixed(self.extent()),
        }
    }

    /// Channels of the result.
    pub(super) fn channels(&self) -> usize {
        self.columns() * self.conv.groups
    }

    /// The number of pixels of the result in kernel texts, an `int64`.
    pub(super) fn pixels_text(&self) -> String {
        format!("(int64)({})", self.pixels().text())
    }

    /// Elements of each operand that neighbours of a vector come from: a width must divide them.
    pub(super) fn neighbours(&self) -> [usize; 2] {
        let [before, after] = self.group();
        match self.kind {
            Kind::Forward | Kind::BackwardWeight => [before, after],
            Kind::BackwardData => [after, after],
        }
    }

    /// Whether the vectors of each operand go along the depth, or along rows and columns.
    pub(super) fn along_depth(&self) -> [bool; 2] {
        match self.kind {
            Kind::Forward => [true, false],
            Kind::BackwardData => [true, true],
            Kind::BackwardWeight => [false, false],
        }
    }

    /// With a group for each channel before: channels after for each of them.
    pub(super) fn multiplier(&self) -> Option<usize> {
        let [before, after] = self.group();
        (before == 1 && self.conv.groups > 1).then_some(after)
    }

    /// Taps of the window.
    pub(super) fn window(&self) -> usize {
        self.conv.kernel.iter().product()
    }

    /// The text that finds a block's place, for tiles of so many columns.
    pub(super) fn block_text(&self, tile_n: usize) -> String {
        let (groups, residues) = (self.conv.groups, self.residues());
        let (parts, tiles) = (self.parts(), self.columns().div_ceil(tile_n));
        let part = parts.number(tiles);
        let group = match (groups, residues) {
            (1, _) => "0".to_owned(),
            (_, 1) => part.clone(),
            _ => format!("{part} / {residues}"),
        };
        fill(
            include_str!("../../templates/products/block.cu"),
            &[
                ("ROWS", self.rows().text()),
                ("ROW_BLOCKS", parts.row(tiles).to_string()),
                ("COLUMN_TILES", tiles.to_string()),
                ("EXTENT", self.extent().to_string()),
                ("GROUP", group),
                ("AXES", self.axes_text(&part)),
            ],
        )
    }

    /// For a block of the part of this number.
    fn axes_text(&self, part: &str) -> String {
        match self.residues() {
            1 => self.axes.declarations(),
            residues => {
                let residue = format!("const int residue = {part} % {residues};\n");
                residue + &self.axes.declarations()
            }
        }
    }

    /// The text that prepares a thread's vectors of both operands.
    pub(super) fn begin_text(&self, types: [&str; 2]) -> String {
        let template = match self.kind {
            Kind::Forward => include_str!("../../templates/products/forward_begin.cu"),
            Kind::BackwardData => include_str!("../../templates/products/backward_data_begin.cu"),
            Kind::BackwardWeight => include_str!("../../templates/products/backward_weight_begin.cu"),
        };
        self.fill(template, &[("A_TYPE", types[0].to_owned()), ("B_TYPE", types[1].to_owned())])
    }

    /// The text that finds the addresses of a thread's vectors for the tile `next`.
    pub(super) fn tile_text(&self) -> String {
        let template = match self.kind {
            Kind::Forward => include_str!("../../templates/products/forward_tile.cu"),
            Kind::BackwardData => include_str!("../../templates/products/backward_data_tile.cu"),
            Kind::BackwardWeight => include_str!("../../templates/products/backward_weight_tile.cu"),
        };
        self.fill(template, &[])
    }

    /// Fills in what follows from the extents, and `more`.
    pub(super) fn fill(&self, template: &str, more: &[(&str, String)]) -> String {
        let [before, after] = self.group();
        let [before_all, after_all] = [self.conv.input[3], self.conv.output[3]];
        let gathered = if self.kind == Kind::BackwardData { after_all } else { before_all };
        let in_place = |axis: char| match self.kind {
            Kind::BackwardWeight => axis.to_string(),
            Kind::Forward | Kind::BackwardData => format!("a_{axis}[i]"),
        };
        let kept: Vec<String> = self.axes.checked().map(|axis| format!("a_{axis}[A_COUNT]")).collect();
        let kept = if kept.is_empty() { String::new() } else { format!("int {};", kept.join(", ")) };
        let keep = self.axes.checked().map(|axis| format!("a_{axis}[i] = {axis};\n"));
        let values = [
            ("AXES", self.axes_text(&Parts(self.residues()).number(1))),
            ("ROWS", self.rows().text()),
            ("TAPS", self.axes.taps()),
            ("KEPT", kept),
            ("KEEP", keep.collect()),
            ("DEPTH_CHANNELS", if self.kind == Kind::Forward { before } else { after }.to_string()),
            ("A_LEN", (self.axes.source() * gathered).to_string()),
            ("A_CHANNELS", gathered.to_string()),
            ("A_GROUP", before.to_string()),
            ("B_CHANNELS", after_all.to_string()),
            ("B_TAP", (before * after_all).to_string()),
            ("COLUMNS", self.columns().to_string()),
            ("EXTENT", self.axes.extent().to_string()),
            ("INDEX", self.index_type(gathered).to_owned()),
            (
                "TARGET",
                if self.kind == Kind::BackwardData { self.axes.target_position() } else { String::new() },
            ),
            (
                "POSITIONS",
                if self.kind == Kind::BackwardWeight { self.extent() } else { self.axes.target() }
                    .to_string(),
            ),
            ("CHANNELS", self.channels().to_string()),
            ("WINDOW", self.window().to_string()),
            ("COORDINATES", self.axes.coordinates()),
            ("PLACE", self.axes.place()),
            ("TAP_NUMBERS", self.axes.tap_numbers()),
            ("TAP_PLACE", self.axes.tap_place()),
            ("WINDOW_TAP", self.axes.window_tap()),
            ("INSIDE", self.axes.inside(in_place)),
        ];
        let used = values.iter().chain(more).filter(|(name, _)| template.contains(&format!("@{name}@")));
        fill(template, &used.cloned().collect::<Vec<_>>())
    }

    /// The type that holds a place relative to the first sample of a tile of rows: the samples of a tile
    /// are few unless they are small.
    fn index_type(&self, gathered: usize) -> &'static str {
        const LARGEST_TILE: usize = 256;
        let samples = LARGEST_TILE / self.axes.extent() + 2;
        let reach = samples * self.axes.source() * gathered;
        if reach < 1 << 30 { "int" } else { "int64" }
    }

    /// The text that stores a tile from shared memory, vector by vector.
    pub(super) fn store_text(&self, width: usize, finish: &str) -> String {
        let template = include_str!("../../templates/products/store.cu");
        let extent = ("RESULT_EXTENT", self.extent().to_string());
        self.fill(template, &[extent, ("WIDTH", width.to_string()), ("FINISH", finish.to_owned())])
    }
}

fn single(before: usize, after: usize) -> Conv {
    Conv {
        input: [1, 1, 1, before],
        output: [1, 1, 1, after],
        kernel: [1; 3],
        stride: [1; 3],
        pad: [0; 3],
        dilation: [1; 3],
        groups: 1,
    }
}
