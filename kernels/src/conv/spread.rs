//! Small groups: the inputs of a block are spread so that each output channel has its own.
//!
//! For a vector of output channels, element k of every pixel becomes a vector too: in each lane the k-th
//! input of that lane's group. With the weights in the same order, a convolution in groups is a sum over
//! taps and k of products lane by lane, and no lane is idle however small the groups are. Spreading costs
//! as much as a few products; it wins for windows of several taps in groups of less than a vector.

use std::ops::Range;

use super::axis::{Axis, Line, backward_lines};
use super::backward_weight::{affordable_copies, sum_copies};
use super::block::{Block, Cut};
use super::depthwise::gather;
use super::packed::{Form, Weight};
use super::strip::{self, Row, Term};
use super::window::{Patch, Windows};
use super::{Conv, Finish};
use crate::cpu::{Isa, Pool, Tiles, parts, total};
use crate::gemm::lanes::{self, Kernel, Lanes, MAX_COUNT};
use crate::select::{Algorithm, Operation};

/// Copies of dw at most: tasks that are enough for the cores of a large machine.
const ENOUGH_TASKS: usize = 32;

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
    let lines = [0, 1, 2].map(|axis| Line::forward(spec, axis));
    let shape = Shape::new(pool.isa(), spec, [spec.input[3], spec.output[3]]);
    let element = |tap: usize, k: usize, output: usize| w.values[tap + k * spec.output[3] + output];
    let form = Form::new(Algorithm::Spread, Operation::Forward, spec);
    let weights = Weights { weight: w, form, element: &element };
    Job { spec, lines, shape, weights }.run(pool, batch, x, Tiles::new(y), finish);
}

/// dx from dy and w.
pub(super) fn backward_data(pool: &Pool, spec: &Conv, batch: usize, dy: &[f32], w: Weight, dx: &mut [f32]) {
    let dx = Tiles::new(dx);
    let (inputs, outputs) = (spec.group_inputs(), spec.group_outputs());
    let shape = Shape::new(pool.isa(), spec, [spec.output[3], spec.input[3]]);
    let element = |tap: usize, k: usize, input: usize| {
        w.values[tap + input % inputs * spec.output[3] + input / inputs * outputs + k]
    };
    let form = Form::new(Algorithm::Spread, Operation::BackwardData, spec);
    for (part, lines) in backward_lines(spec).enumerate() {
        let weights = Weights { weight: w, form: form.with_part(part), element: &element };
        Job { spec, lines, shape, weights }.run(pool, batch, dy, dx, None);
    }
}

/// The channels before and after, and how the latter are cut into vectors.
#[derive(Clone, Copy)]
struct Shape {
    isa: Isa,
    lanes: usize,
    channels: usize,
    outputs: usize,
    /// Channels of a group, before and after.
    group: [usize; 2],
}

impl Shape {
    fn new(isa: Isa, spec: &Conv, [channels, outputs]: [usize; 2]) -> Shape {
        let group = [channels / spec.groups, outputs / spec.groups];
        Shape { isa, lanes: lanes::narrowed(isa, outputs), channels, outputs, group }
    }

    /// The outputs of each vector.
    fn vectors(self) -> impl Iterator<Item = Range<usize>> {
        lanes::starts(self.outputs, self.lanes).map(move |start| start..start + self.lanes)
    }

    /// Elements of a spread pixel.
    fn pixel_len(self) -> usize {
        self.group[0] * self.lanes
    }

    /// Elements of the weight, or of the sums for its gradient.
    fn packed_len(self, spec: &Conv) -> usize {
        self.vectors().count() * spec.taps() * self.pixel_len()
    }

    /// Elements of the patch of a block, and of its pixels when they are spread.
    fn own_lens(self, windows: &Windows, cut: Cut) -> [usize; 2] {
        [self.channels, self.pixel_len()].map(|len| windows.copy_len(cut, len))
    }

    /// The first input of an output's group.
    fn source(self, output: usize) -> usize {
        output / self.group[1] * self.group[0]
    }
}

/// A correlation of a map with weights.
struct Job<'a> {
    spec: &'a Conv,
    lines: [Line; 3],
    shape: Shape,
    weights: Weights<'a>,
}

/// The weight of a correlation, before packing.
struct Weights<'a> {
    weight: Weight<'a>,
    form: Form,
    /// The weight at a tap's first element, for the k-th input of the group of an output.
    element: &'a (dyn Fn(usize, usize, usize) -> f32 + Sync),
}

impl Job<'_> {
    fn run(&self, pool: &Pool, batch: usize, map: &[f32], to: Tiles, finish: Option<Finish>) {
        let axes = self.lines.map(|line| line.axis);
        let windows = Windows { axes, channels: self.shape.channels };
        let cut = Cut::new(batch, axes.map(|axis| axis.count));
        let len = self.taps() * self.shape.pixel_len();
        let Weights { weight, form, .. } = self.weights;
        let packed_len = self.shape.vectors().count() * len;
        let packed = weight.packed(pool, form, packed_len, |packed| self.pack(pool, len, packed));
        let lens = self.shape.own_lens(&windows, cut);
        let scratch = || pool.scratch().own(total(&lens));
        pool.for_each_with(cut.count(), scratch, |memory, task| {
            let block = cut.block(task);
            let [patch, spread] = parts(memory, lens);
            self.compute(&windows, map, &block, &packed, &mut Buffers { patch, spread }, to);
            if let Some(finish) = finish {
                let range = self.place(&block);
                // SAFETY: the block's outputs are consecutive and belong to this task.
                finish(unsafe { to.slice(range.clone()) }, range.start);
            }
        });
    }

    fn taps(&self) -> usize {
        self.lines.iter().map(|line| line.axis.taps).product()
    }

    /// The weights as `[vector][tap][k][lane]`.
    fn pack(&self, pool: &Pool, len: usize, packed: &mut [f32]) {
        let [_, rows, columns] = self.lines.map(|line| line.axis.taps);
        if len == 0 {
            return;
        }
        pool.for_each_piece([packed], [len], |index, [packed]| {
            let start = self.shape.vectors().nth(index).map_or(0, |outputs| outputs.start);
            for (row, to) in packed.chunks_exact_mut(self.shape.lanes).enumerate() {
                let (tap, k) = (row / self.shape.group[0], row % self.shape.group[0]);
                let place = [tap / (rows * columns), tap / columns % rows, tap % columns];
                let tap = self.spec.tap([0, 1, 2].map(|axis| self.lines[axis].tap(place[axis])));
                let weight = |lane: usize| (self.weights.element)(tap, k, start + lane);
                to.iter_mut().enumerate().for_each(|(lane, to)| *to = weight(lane));
            }
        });
    }

    fn compute(
        &self,
        windows: &Windows,
        map: &[f32],
        block: &Block,
        packed: &[f32],
        buffers: &mut Buffers,
        to: Tiles,
    ) {
        let len = self.taps() * self.shape.pixel_len();
        if len == 0 {
            return self.clear(block, to);
        }
        for (vector, outputs) in self.shape.vectors().enumerate() {
            let (patch, x) = buffers.spread(windows, map, block, &outputs, vector == 0, self.shape);
            let scale = Scale::new(self.shape);
            strip::with_terms(|terms| {
                scale.list(&patch, self.lines[2].axis.taps, self.taps(), self.shape, terms);
                for place in block.rows() {
                    let x = &x[scale.at(patch.start(block.relative(place)))..];
                    let row = scale.row(&patch, x, block.width(), self.shape.lanes, terms);
                    let step = self.lines[2].to.step * self.shape.outputs;
                    let y = (to, self.destination(place) + outputs.start, step);
                    let w = &packed[vector * len..][..len];
                    // SAFETY: each output belongs to one block.
                    unsafe { strip::correlate(self.shape.isa, row, w, y) };
                }
            });
        }
    }

    fn clear(&self, block: &Block, to: Tiles) {
        let step = self.lines[2].to.step * self.shape.outputs;
        for row in block.rows() {
            let start = self.destination(row);
            for at in (0..block.width()).map(|column| start + column * step) {
                // SAFETY: each output belongs to one block.
                unsafe { to.slice(at..at + self.shape.outputs) }.fill(0.0);
            }
        }
    }

    /// First element of an output in the destination.
    fn destination(&self, [image, outputs @ ..]: [usize; 4]) -> usize {
        let along = |pixel, (line, at): (&Line, usize)| pixel * line.to.size + line.to.at(at);
        self.lines.iter().zip(outputs).fold(image, along) * self.shape.outputs
    }

    /// The outputs of a block, where they are consecutive.
    fn place(&self, block: &Block) -> Range<usize> {
        let start = block.rows().next().map_or(0, |first| self.destination(first));
        start..start + block.pixels() * self.shape.outputs
    }
}

/// What a thread works on: the pixels of a block, and those spread for one vector of outputs.
struct Buffers<'a> {
    patch: &'a mut [f32],
    spread: &'a mut [f32],
}

impl Buffers<'_> {
    /// The patch of a block, copied the `first` time, and the same pixels spread for some outputs.
    fn spread(
        &mut self,
        windows: &Windows,
        map: &[f32],
        block: &Block,
        outputs: &Range<usize>,
        first: bool,
        shape: Shape,
    ) -> (Patch<'_>, &[f32]) {
        let patch = windows.copied_patch(map, block, 0..shape.channels, self.patch, first);
        let pixels = patch.values.len() / shape.channels;
        let to = &mut self.spread[..pixels * shape.pixel_len()];
        let kernel = Spread::new(shape, outputs, patch.values, to);
        // SAFETY: `Spread::new` has chosen the lanes' sources among the channels of a pixel; a pool never
        // has an instruction set that its processor lacks.
        unsafe { lanes::run(shape.isa, shape.lanes, kernel) };
        (patch, &self.spread[..pixels * shape.pixel_len()])
    }
}

/// From places in a patch to places among its spread pixels.
#[derive(Clone, Copy)]
struct Scale {
    from: usize,
    to: usize,
}

impl Scale {
    fn new(shape: Shape) -> Scale {
        Scale { from: shape.channels, to: shape.pixel_len() }
    }

    fn at(self, place: usize) -> usize {
        place / self.from * self.to
    }

    /// The terms of a window: all taps, and all inputs of a group. The taps of a row come one after the
    /// other.
    fn list(self, patch: &Patch, columns: usize, taps: usize, shape: Shape, terms: &mut Vec<Term>) {
        for row in (0..taps).step_by(columns) {
            for k in 0..shape.group[0] {
                for tap in row..row + columns {
                    let x = self.at(patch.tap(tap)) + k * shape.lanes;
                    terms.push(Term { x, w: (tap * shape.group[0] + k) * shape.lanes });
                }
            }
        }
    }

    fn row<'a>(self, patch: &Patch, x: &'a [f32], count: usize, lanes: usize, terms: &'a [Term]) -> Row<'a> {
        let (_, [_, _, step]) = patch.steps();
        Row { x, x_step: self.at(step), count, channels: lanes, terms }
    }
}

/// Spreads all pixels of a patch for one vector of outputs.
struct Spread<'a> {
    pixels: &'a [f32],
    channels: usize,
    to: &'a mut [f32],
    inputs: usize,
    /// The channel that `index` counts from.
    base: usize,
    /// Where each lane's group starts.
    index: [u32; MAX_COUNT],
    /// Whether the inputs of all lanes lie within one vector from `base` on.
    is_near: bool,
}

impl<'a> Spread<'a> {
    fn new(shape: Shape, outputs: &Range<usize>, pixels: &'a [f32], to: &'a mut [f32]) -> Self {
        let (first, inputs) = (shape.source(outputs.start), shape.group[0]);
        let end = shape.source(outputs.end - 1) + inputs;
        let base = first.min(shape.channels.saturating_sub(shape.lanes));
        let is_near = end - base <= shape.lanes && shape.lanes <= shape.channels;
        let base = if is_near { base } else { first };
        let index = std::array::from_fn(|lane| {
            let output = outputs.start + lane.min(shape.lanes - 1);
            (shape.source(output) - base) as u32
        });
        assert!(end <= shape.channels);
        Spread { pixels, channels: shape.channels, to, inputs, base, index, is_near }
    }
}

impl Kernel for Spread<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let pixels = self.pixels.chunks_exact(self.channels);
        for (pixel, to) in pixels.zip(self.to.chunks_exact_mut(self.inputs * L::COUNT)) {
            let from = &pixel[self.base..];
            if self.is_near {
                // SAFETY: a vector from `base` on lies within the pixel, and holds all that is picked.
                unsafe {
                    let from = L::load(from.as_ptr());
                    for (k, to) in to.chunks_exact_mut(L::COUNT).enumerate() {
                        from.pick(&self.index.map(|index| index + k as u32)).store(to.as_mut_ptr());
                    }
                }
            } else {
                for (k, to) in to.chunks_exact_mut(L::COUNT).enumerate() {
                    let each = to.iter_mut().zip(self.index);
                    each.for_each(|(to, index)| *to = from[index as usize + k]);
                }
            }
        }
    }
}

/// dw from x and dy.
pub(super) fn backward_weight(pool: &Pool, spec: &Conv, batch: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let shape = Shape::new(pool.isa(), spec, [spec.input[3], spec.output[3]]);
    let (windows, cut) = (windows(spec, shape.channels), cut(spec, batch));
    let gradient = Gradient { spec, windows, shape, x, dy };
    let [patch, spread] = shape.own_lens(&windows, cut);
    let lens = [patch, spread, shape.packed_len(spec)];
    sum_copies(pool, chunks(spec, cut), dw, |chunks, copies| {
        let scratch = || pool.scratch().own(total(&lens));
        pool.for_each_with(chunks, scratch, |memory, chunk| {
            let [patch, spread, sums] = parts(memory, lens);
            let mut buffers = Buffers { patch, spread };
            sums.fill(0.0);
            for index in chunk * cut.count() / chunks..(chunk + 1) * cut.count() / chunks {
                gradient.add(&cut.block(index), &mut buffers, sums);
            }
            let len = spec.weight_len();
            // SAFETY: each copy belongs to one task.
            let copy = unsafe { copies.slice(chunk * len..(chunk + 1) * len) };
            gather(sums, spec.taps() * shape.group[0], shape.lanes, copy);
        });
    });
}

/// Elements of the memory that the threads share: the packed weight, or the copies of dw.
pub(super) fn workspace(spec: &Conv, batch: usize, isa: Isa, channels: Option<[usize; 2]>) -> usize {
    match channels {
        Some(channels) => Shape::new(isa, spec, channels).packed_len(spec),
        None => match chunks(spec, cut(spec, batch)) {
            1 => 0,
            chunks => chunks * spec.weight_len(),
        },
    }
}

/// Elements that each thread works on.
pub(super) fn thread_len(spec: &Conv, batch: usize, isa: Isa, channels: Option<[usize; 2]>) -> usize {
    let shape = Shape::new(isa, spec, channels.unwrap_or([spec.input[3], spec.output[3]]));
    let [patch, spread] = shape.own_lens(&windows(spec, shape.channels), cut(spec, batch));
    total(&[patch, spread, if channels.is_none() { shape.packed_len(spec) } else { 0 }])
}

fn windows(spec: &Conv, channels: usize) -> Windows {
    Windows { axes: [0, 1, 2].map(|axis| Axis::of(spec, axis)), channels }
}

fn cut(spec: &Conv, batch: usize) -> Cut {
    let [planes, rows, columns, _] = spec.output;
    Cut::new(batch, [planes, rows, columns])
}

fn chunks(spec: &Conv, cut: Cut) -> usize {
    affordable_copies(spec, ENOUGH_TASKS.min(cut.count()))
}

struct Gradient<'a> {
    spec: &'a Conv,
    windows: Windows,
    shape: Shape,
    x: &'a [f32],
    dy: &'a [f32],
}

impl Gradient<'_> {
    /// Adds the products of a block's windows and dy to sums `[vector][tap][k][lane]`.
    fn add(&self, block: &Block, buffers: &mut Buffers, sums: &mut [f32]) {
        let (shape, taps) = (self.shape, self.spec.taps());
        let slots = taps * shape.group[0];
        for (vector, outputs) in shape.vectors().enumerate() {
            let (patch, x) = buffers.spread(&self.windows, self.x, block, &outputs, vector == 0, shape);
            let scale = Scale::new(shape);
            let sums = &mut sums[vector * slots * shape.lanes..][..slots * shape.lanes];
            strip::with_terms(|terms| {
                scale.list(&patch, self.spec.kernel[2], taps, shape, terms);
                terms.iter_mut().for_each(|term| term.w /= shape.lanes);
                for place in block.rows() {
                    let x = &x[scale.at(patch.start(block.relative(place)))..];
                    let row = scale.row(&patch, x, block.width(), shape.lanes, terms);
                    let dy = &self.dy[self.pixel(place) * shape.outputs + outputs.start..];
                    strip::accumulate(shape.isa, row, (dy, shape.outputs), (sums, slots));
                }
            });
        }
    }

    /// The number of an output among all.
    fn pixel(&self, [image, plane, row, column]: [usize; 4]) -> usize {
        let [planes, rows, columns, _] = self.spec.output;
        ((image * planes + plane) * rows + row) * columns + column
    }
}
