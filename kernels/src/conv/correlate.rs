//! Implicit GEMM: the windows of a map, as rows of A, times the packed weights.
//!
//! The same loop serves the forward pass and the gradient of the input, which is a few correlations of dy
//! with the turned window, see [`axis`](super::axis). Each group of channels is a product of its own on
//! the group's part of the map. It wins wherever a group has about as many outputs as a vector has
//! numbers, or more.

use std::ops::Range;

use super::axis::{Line, backward_lines};
use super::block::{AIM, Block, Cut, MAX_PIXELS};
use super::packed::{Form, Packed, Weight};
use super::window::{Patch, Windows};
use super::{Conv, Finish};
use crate::cpu::{Isa, Pool, Tiles};
use crate::gemm::{self, Panels, Source, SpacedTile, Tile, Walk};
use crate::select::{Algorithm, Operation, Problem};

/// Terms of the sum between two visits to C: 64 columns of B by so many rows are 128 KiB, which stay
/// in the second-level cache while the block's pixels pass. (Half as many were measured to cost 1 % more.)
const DEPTH: usize = 512;

/// Fewer blocks than this are cut further, by panels of columns, and if these are fewer, by narrower ones.
const ENOUGH_TASKS: usize = 8;

/// Blocks are made smaller for there to be so many tasks: then the threads' shares are about equal.
const MANY_TASKS: usize = 16;

/// But no smaller than this: the rows around a block that its windows see too would be more than the block.
const LEAST: usize = 32;

/// A number of blocks that is not large is made a multiple of this: of 11 blocks, one of two threads would
/// have 6.
const EQUAL_SHARES: usize = 4;

/// With no more pixels than this, a weight that no other call uses again is not packed: that would cost a tenth
/// of the product, and reading it in place was measured to cost less (a training step of `mlp` takes 1.5 %
/// less time).
const FEW: usize = 256;

/// A weight with more columns than this is packed all the same: its rows lie so far apart that the panels'
/// parts of them compete for the same places in the caches.
const NEAR: usize = 512;

/// Outputs of a row that are enough for tiles of one row each.
pub(crate) const LONG_ROW: usize = 7;

/// Elements of the map in a block that goes by rows, about: half of the first-level cache, as the work on a
/// block of few channels is little beside what it takes to begin it.
const PATCH: usize = 1 << 12;

/// Elements of a task that finishes results.
const FINISHED: usize = 1 << 12;

/// y = finish(x ∗ w)
pub(super) fn forward(
    pool: &Pool,
    spec: &Conv,
    batch: usize,
    x: &[f32],
    w: Weight,
    y: &mut [f32],
    finish: Option<Finish>,
) {
    let lines = cuttable(spec, batch, [0, 1, 2].map(|axis| Line::forward(spec, axis)));
    let outputs = spec.output[3];
    let form = Form::new(Algorithm::ImplicitGemm, Operation::Forward, spec);
    let weights = Weights { spec, lines, weight: w, form, steps: [outputs, 1] };
    Correlation::new(lines, spec, [spec.input[3], outputs]).run(
        pool,
        batch,
        x,
        &weights,
        Tiles::new(y),
        finish,
    );
}

/// dx from dy and w.
pub(super) fn backward_data(pool: &Pool, spec: &Conv, batch: usize, dy: &[f32], w: Weight, dx: &mut [f32]) {
    let dx = Tiles::new(dx);
    let outputs = spec.output[3];
    let form = Form::new(Algorithm::ImplicitGemm, Operation::BackwardData, spec);
    for (part, lines) in backward_lines(spec).enumerate() {
        let lines = cuttable(spec, batch, lines);
        let form = form.with_part(part);
        let weights = Weights { spec, lines, weight: w, form, steps: [1, outputs] };
        Correlation::new(lines, spec, [outputs, spec.input[3]]).run(pool, batch, dy, &weights, dx, None);
    }
}

/// A short row of windows that are single elements as a column: blocks may have a part of it.
fn cuttable(spec: &Conv, batch: usize, [planes, rows, columns]: [Line; 3]) -> [Line; 3] {
    match batch == 1 && spec.is_pointwise() && columns.axis.count <= MAX_PIXELS && rows.axis.count == 1 {
        true => [planes, columns, rows],
        false => [planes, rows, columns],
    }
}

/// Elements of the packed weight: of all correlations where it is kept, else of one at a time.
pub(super) fn packed_len(problem: &Problem, isa: Isa) -> usize {
    let is_forward = problem.operation == Operation::Forward;
    let lens = shares(problem, isa).map(|Shares { panels, pixels, .. }| {
        if serves_in_place(is_forward, problem.packed, panels, pixels) { 0 } else { panels.len() }
    });
    if problem.packed { lens.sum() } else { lens.max().unwrap_or(0) }
}

/// Elements that each thread works on: the patch of a block.
pub(super) fn thread_len(problem: &Problem, isa: Isa) -> usize {
    shares(problem, isa).map(|shares| shares.own).max().unwrap_or(0)
}

/// The shares of the correlations that make up the result, or the gradient of the data.
fn shares(problem: &Problem, isa: Isa) -> impl Iterator<Item = Shares> {
    let (spec, batch) = problem.spec.flattened(problem.batch);
    let (inputs, outputs) = (spec.input[3], spec.output[3]);
    let (parts, channels) = match problem.operation {
        Operation::BackwardData => (backward_lines(&spec).collect(), [outputs, inputs]),
        _ => (vec![[0, 1, 2].map(|axis| Line::forward(&spec, axis))], [inputs, outputs]),
    };
    parts
        .into_iter()
        .map(move |lines| Correlation::new(cuttable(&spec, batch, lines), &spec, channels).shares(batch, isa))
}

/// Whether the matrices of all taps, one below the other as they lie, may serve as B.
fn serves_in_place(is_forward: bool, is_kept: bool, panels: GroupPanels, pixels: usize) -> bool {
    let is_whole = is_forward && panels.groups == 1 && panels.each.are_whole();
    // So few pixels do not make up for packing a weight that no other call uses.
    let is_cheap = !is_kept && pixels <= FEW && panels.each.columns <= NEAR;
    is_whole && (is_cheap || panels.count() == 1)
}

/// The B of a correlation, before packing: a matrix of a group's channels × columns for each tap.
struct Weights<'a> {
    spec: &'a Conv,
    lines: [Line; 3],
    weight: Weight<'a>,
    form: Form,
    /// Elements from a row, and from a column, to the next.
    steps: [usize; 2],
}

impl<'a> Weights<'a> {
    /// The B of a correlation of so many pixels.
    fn b(&self, pool: &'a Pool, correlation: &Correlation, panels: GroupPanels, pixels: usize) -> B<'a> {
        if self.is_used_in_place(panels, pixels) {
            return B::InPlace(self.weight.values);
        }
        let form = self.form.with_width(panels.each.width(0));
        B::Packed(self.weight.packed(pool, form, panels.len(), |packed| {
            if panels.each.rows > 0 {
                self.pack(pool, correlation, panels, packed);
            }
        }))
    }

    fn is_used_in_place(&self, panels: GroupPanels, pixels: usize) -> bool {
        serves_in_place(self.form.is_forward(), self.weight.is_kept(), panels, pixels)
            && gemm::is_aligned(self.weight.values)
    }

    fn pack(&self, pool: &Pool, correlation: &Correlation, panels: GroupPanels, packed: &mut [f32]) {
        let packed = Tiles::new(packed);
        let [_, rows, columns] = self.lines.map(|line| line.axis.taps.max(1));
        pool.for_each(panels.count(), |index| {
            // SAFETY: each panel is packed by one task.
            let panel = unsafe { packed.slice(panels.place(index)) };
            let (group, within) = panels.split(index);
            let width = panels.each.width(within);
            for (tap, part) in panel.chunks_exact_mut(correlation.group_channels * width).enumerate() {
                let place = [tap / (rows * columns), tap / columns % rows, tap % columns];
                let tap = self.spec.tap(std::array::from_fn(|axis| self.lines[axis].tap(place[axis])));
                let source = Source {
                    values: &self.weight.values[tap + group * self.spec.group_outputs()..],
                    row_step: self.steps[0],
                    column_step: self.steps[1],
                };
                gemm::pack_panel(pool.isa(), source, panels.each.columns(within), width, part);
            }
        });
    }
}

/// The B of a correlation.
enum B<'a> {
    Packed(Packed<'a>),
    InPlace(&'a [f32]),
}

impl B<'_> {
    /// Some rows of a panel from row `first` on, and elements from one to the next.
    fn rows(&self, panels: GroupPanels, panel: usize, first: usize, count: usize) -> (&[f32], usize) {
        let width = panels.each.width(panels.split(panel).1);
        match self {
            B::Packed(packed) => (&packed[panels.place(panel)][first * width..][..count * width], width),
            B::InPlace(values) => {
                let step = panels.each.columns;
                let start = first * step + panels.columns(panel).start;
                (&values[start..][..(count - 1) * step + width], step)
            }
        }
    }
}

/// The panels of all groups, one group after the other.
#[derive(Clone, Copy)]
struct GroupPanels {
    groups: usize,
    each: Panels,
}

impl GroupPanels {
    fn narrow(self) -> GroupPanels {
        GroupPanels { each: self.each.narrow(), ..self }
    }

    fn count(self) -> usize {
        self.groups * self.each.count()
    }

    fn len(self) -> usize {
        self.groups * self.each.len()
    }

    /// The group of a panel, and its number there.
    fn split(self, panel: usize) -> (usize, usize) {
        (panel / self.each.count(), panel % self.each.count())
    }

    /// Where a panel lies among all.
    fn place(self, panel: usize) -> Range<usize> {
        let (group, within) = self.split(panel);
        let start = group * self.each.len() + self.each.offset(within);
        start..start + self.each.rows * self.each.width(within)
    }

    /// The columns of a panel among those of all groups.
    fn columns(self, panel: usize) -> Range<usize> {
        let (group, within) = self.split(panel);
        let Range { start, end } = self.each.columns(within);
        group * self.each.columns + start..group * self.each.columns + end
    }

    /// The groups that some panels belong to.
    fn groups(self, panels: &Range<usize>) -> Range<usize> {
        self.split(panels.start).0..self.split(panels.end - 1).0 + 1
    }
}

/// A correlation of a map with weights, and where its results go.
struct Correlation {
    lines: [Line; 3],
    windows: Windows,
    groups: usize,
    group_channels: usize,
    columns: usize,
}

impl Correlation {
    fn new(lines: [Line; 3], spec: &Conv, [channels, columns]: [usize; 2]) -> Correlation {
        let windows = Windows { axes: lines.map(|line| line.axis), channels };
        Correlation { lines, windows, groups: spec.groups, group_channels: channels / spec.groups, columns }
    }

    fn run(
        &self,
        pool: &Pool,
        batch: usize,
        map: &[f32],
        weights: &Weights,
        to: Tiles,
        finish: Option<Finish>,
    ) {
        let Shares { cut, panels, pixels, split, own } = self.shares(batch, pool.isa());
        let b = weights.b(pool, self, panels, pixels);
        let job = Job { correlation: self, isa: pool.isa(), panels, b: &b, to };
        pool.for_each_with(
            cut.count() * split,
            || pool.scratch().own(own),
            |scratch, task| {
                let block = cut.block(task / split);
                let part = if split == 1 { 0..panels.count() } else { task % split..task % split + 1 };
                job.compute(map, &block, part, scratch);
                if let (Some(finish), 1) = (finish, split) {
                    job.finish(&block, finish);
                }
            },
        );
        if let Some(finish) = finish.filter(|_| split > 1) {
            // By whole rows of results: a panel's part of one is too short to be worth a call.
            let len = to.len();
            pool.for_each(len.div_ceil(FINISHED), |task| {
                let start = task * FINISHED;
                // SAFETY: these elements are this task's own.
                finish(unsafe { to.slice(start..(start + FINISHED).min(len)) }, start);
            });
        }
    }

    fn shares(&self, batch: usize, isa: Isa) -> Shares {
        let panels = self.panels(isa);
        let cut = self.cut(batch, panels.count(), isa);
        let panels = if cut.count() * panels.count() < ENOUGH_TASKS { panels.narrow() } else { panels };
        let split = if cut.count() < ENOUGH_TASKS { panels.count() } else { 1 };
        let channels = self.group_channels * if split == 1 { self.groups } else { 1 };
        let own = self.windows.scratch_len(cut, channels);
        Shares { cut, panels, pixels: batch * self.pixels(), split, own }
    }

    /// How the outputs of a batch are cut, for a weight with so many panels.
    fn cut(&self, batch: usize, panels: usize, isa: Isa) -> Cut {
        let aim = batch * self.pixels() * panels / MANY_TASKS;
        let most = if self.goes_by_rows(isa) { AIM.max(PATCH / self.windows.channels.max(1)) } else { AIM };
        let axes = self.windows.axes.map(|axis| axis.count);
        let cut = Cut::aiming_at(aim.clamp(LEAST, most), batch, axes);
        if !(ENOUGH_TASKS..2 * MANY_TASKS).contains(&cut.count()) {
            return cut;
        }
        let count = cut.count().next_multiple_of(EQUAL_SHARES);
        Cut::aiming_at((batch * self.pixels()).div_ceil(count), batch, axes)
    }

    /// Whether a vector holds all columns of a group, and a row of outputs is long enough for a tile of its own:
    /// a tile has more rows then than there are pointers for.
    fn goes_by_rows(&self, isa: Isa) -> bool {
        self.columns / self.groups <= gemm::lanes(isa) && self.lines[2].axis.count >= LONG_ROW
    }

    /// Outputs of a sample.
    fn pixels(&self) -> usize {
        self.windows.axes.iter().map(|axis| axis.count).product()
    }

    /// Panels of the weight.
    fn panels(&self, isa: Isa) -> GroupPanels {
        let terms = self.lines.iter().map(|line| line.axis.taps).product::<usize>() * self.group_channels;
        GroupPanels { groups: self.groups, each: Panels::new(isa, terms, self.columns / self.groups) }
    }

    /// First element of an output in the destination.
    fn destination(&self, [image, outputs @ ..]: [usize; 4]) -> usize {
        let along = |pixel, (line, at): (&Line, usize)| pixel * line.to.size + line.to.at(at);
        self.lines.iter().zip(outputs).fold(image, along) * self.columns
    }

    /// Elements in the destination from an output to the next in its row.
    fn column_step(&self) -> usize {
        self.lines[2].to.step * self.columns
    }
}

/// Into what the work on a batch is cut.
struct Shares {
    cut: Cut,
    panels: GroupPanels,
    /// Outputs.
    pixels: usize,
    /// Tasks that have a block between them, each some of the panels.
    split: usize,
    /// Elements that each thread works on.
    own: usize,
}

/// The rows of B in pieces of about [`DEPTH`]: some runs of the window, or a part of one.
fn depths((runs, len): (usize, usize)) -> impl Iterator<Item = Depth> {
    let part = len.div_ceil(len.div_ceil(DEPTH).max(1)).max(1);
    let group = (DEPTH / len.max(1)).max(1);
    (0..runs).step_by(group).flat_map(move |run| {
        (0..len).step_by(part).map(move |at| Depth {
            runs: run..(run + group).min(runs),
            at,
            len: part.min(len - at),
            first: run * len + at,
        })
    })
}

/// Some rows of B: `len` elements from `at` on in each of some runs of the window.
struct Depth {
    runs: Range<usize>,
    at: usize,
    len: usize,
    /// The first of them among all rows of B.
    first: usize,
}

struct Job<'a> {
    correlation: &'a Correlation,
    isa: Isa,
    panels: GroupPanels,
    b: &'a B<'a>,
    to: Tiles<'a>,
}

impl Job<'_> {
    /// The results of `block` in the columns of some panels.
    fn compute(&self, map: &[f32], block: &Block, panels: Range<usize>, scratch: &mut [f32]) {
        let windows = &self.correlation.windows;
        if self.panels.each.rows == 0 {
            return self.clear(block, panels);
        }
        let (groups, channels) = (self.panels.groups(&panels), self.correlation.group_channels);
        let patch = windows.patch(map, block, groups.start * channels..groups.end * channels, scratch);
        if self.correlation.goes_by_rows(self.isa) {
            let multiply = |walk: Walk, panel, first| self.multiply_rows(&patch, block, walk, panel, first);
            return self.for_each_depth(&patch, panels, multiply);
        }
        let (mut from, mut to) = ([0; MAX_PIXELS], [0; MAX_PIXELS]);
        let (_, [_, _, from_step]) = patch.steps();
        let to_step = self.correlation.column_step();
        for (row, place) in block.rows().enumerate() {
            let starts = (patch.start(block.relative(place)), self.correlation.destination(place));
            for column in 0..block.width() {
                from[row * block.width() + column] = starts.0 + column * from_step;
                to[row * block.width() + column] = starts.1 + column * to_step;
            }
        }
        let rows = Rows { from: &from[..block.pixels()], to: &to[..block.pixels()], patch: patch.values };
        self.for_each_depth(&patch, panels, |walk, panel, first| self.multiply(&rows, walk, panel, first));
    }

    /// Calls `multiply` for each depth of each group and the group's part of `panels`: with the elements of a
    /// window, the panel, and the first of its rows.
    fn for_each_depth(&self, patch: &Patch, panels: Range<usize>, multiply: impl Fn(Walk, usize, usize)) {
        let (groups, channels) = (self.panels.groups(&panels), self.correlation.group_channels);
        let mut runs = [0; DEPTH];
        for group in groups.clone() {
            let own = group * self.panels.each.count()..(group + 1) * self.panels.each.count();
            let own = own.start.max(panels.start)..own.end.min(panels.end);
            let start = (group - groups.start) * channels;
            for depth in depths(patch.runs(channels)) {
                let runs = list_runs(patch, &depth, channels, start, &mut runs);
                for panel in own.clone() {
                    multiply(Walk { runs, len: depth.len, step: 1 }, panel, depth.first);
                }
            }
        }
    }

    /// The same as [`Job::multiply`], in tiles of neighbours in a row.
    fn multiply_rows(&self, patch: &Patch, block: &Block, walk: Walk, panel: usize, first: usize) {
        let columns = self.panels.columns(panel);
        let (b, b_step) = self.b.rows(self.panels, panel, first, walk.runs.len() * walk.len);
        let reach = walk.runs.iter().max().map_or(0, |last| last + walk.len);
        let (_, [_, _, a_step]) = patch.steps();
        let c_step = self.correlation.column_step();
        let (rows, last) = (block.width(), block.width() - 1);
        for place in block.rows() {
            let (from, to) = (patch.start(block.relative(place)), self.correlation.destination(place));
            let tile = SpacedTile {
                a: patch.values[from..][..last * a_step + reach].as_ptr(),
                a_step,
                walk,
                b: b.as_ptr(),
                b_step,
                c: self.to.pointer(to + columns.start..to + last * c_step + columns.end),
                c_step,
                rows,
                columns: columns.len(),
                accumulate: first > 0,
            };
            // SAFETY: the slices have checked the reach of A, B and C; each pixel belongs to one block, each
            // panel to one task.
            unsafe { gemm::multiply_spaced(self.isa, &tile) };
        }
    }

    /// All pixels of a block by one panel, over the rows of B from `first` on.
    fn multiply(&self, rows: &Rows, walk: Walk, panel: usize, first: usize) {
        let columns = self.panels.columns(panel);
        let width = self.panels.each.width(self.panels.split(panel).1);
        let (b, b_step) = self.b.rows(self.panels, panel, first, walk.runs.len() * walk.len);
        let reach = walk.runs.iter().max().map_or(0, |last| last + walk.len);
        let (mut a, mut c) = ([std::ptr::null(); MAX_PIXELS], [std::ptr::null_mut(); MAX_PIXELS]);
        for (a, &from) in a.iter_mut().zip(rows.from) {
            *a = rows.patch[from..][..reach].as_ptr();
        }
        for (c, &at) in c.iter_mut().zip(rows.to) {
            *c = self.to.pointer(at + columns.start..at + columns.end);
        }
        let (a, c) = (&a[..rows.from.len()], &c[..rows.to.len()]);
        let (b, columns, accumulate) = (b.as_ptr(), columns.len(), first > 0);
        let tile = Tile { a, walk, b, b_step, c, columns, accumulate };
        // SAFETY: the slices above have checked the reach of each row of A, B and C; each pixel belongs to one
        // block, each panel to one task.
        unsafe { gemm::multiply(self.isa, width, &tile) };
    }

    fn clear(&self, block: &Block, panels: Range<usize>) {
        let columns = self.panels.columns(panels.start).start..self.panels.columns(panels.end - 1).end;
        for at in self.places(block) {
            // SAFETY: each pixel belongs to one block, each panel to one task.
            unsafe { self.to.slice(at + columns.start..at + columns.end) }.fill(0.0);
        }
    }

    /// For correlations whose results are all of the destination: those of a block are consecutive.
    fn finish(&self, block: &Block, finish: Finish) {
        let start = self.places(block).next().unwrap_or(0);
        let len = block.pixels() * self.correlation.columns;
        // SAFETY: the block's results are this task's own.
        finish(unsafe { self.to.slice(start..start + len) }, start);
    }

    /// Where the outputs of a block lie in the destination.
    fn places(&self, block: &Block) -> impl Iterator<Item = usize> {
        let (width, step) = (block.width(), self.correlation.column_step());
        block.rows().flat_map(move |row| {
            let start = self.correlation.destination(row);
            (0..width).map(move |column| start + column * step)
        })
    }
}

/// Where the runs of `depth` start, `start` being the first element of the group.
fn list_runs<'a>(
    patch: &Patch,
    depth: &Depth,
    channels: usize,
    start: usize,
    runs: &'a mut [usize; DEPTH],
) -> &'a [usize] {
    let count = depth.runs.len();
    for (to, run) in runs.iter_mut().zip(depth.runs.clone()) {
        *to = start + depth.at + patch.run(run, channels);
    }
    &runs[..count]
}

/// Where the windows of a block start in its patch, and its results in the destination.
struct Rows<'a> {
    from: &'a [usize],
    to: &'a [usize],
    patch: &'a [f32],
}
