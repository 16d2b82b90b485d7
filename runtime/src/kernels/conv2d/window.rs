//! Where windows lie: the geometry that the fast kernels share.
//!
//! Work is cut into [`Block`]s of about a hundred output pixels. The pixels that a block's windows
//! cover are its [`Patch`]: the map itself where no window leaves it, else a copy with the zeros
//! around, small enough for the cache. In a patch the elements of a window's row lie side by side.

use std::ops::Range;

use super::Conv2d;
use crate::devices::cpu::{Lease, Pool};

/// One axis of a correlation: output `i` sees the inputs `i * stride - pad + 0..taps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Pixels of the input.
    pub(super) size: usize,
    /// Pixels of the window.
    pub(super) taps: usize,
    /// Inputs between the windows of neighbouring outputs.
    pub(super) stride: usize,
    /// Zeros before the first input; less than none if the first inputs are not seen.
    pub(super) pad: isize,
    /// Outputs.
    pub(super) count: usize,
}

impl Axis {
    /// The inputs that a range of outputs sees; it may reach outside the map.
    fn seen(self, outputs: &Range<usize>) -> Range<isize> {
        let start = (outputs.start * self.stride) as isize - self.pad;
        let last = ((outputs.end - 1) * self.stride) as isize - self.pad;
        start..last + self.taps as isize
    }

    fn stays_inside(self) -> bool {
        let seen = self.seen(&(0..self.count));
        seen.start >= 0 && seen.end <= self.size as isize
    }
}

/// The windows of a map with `channels` channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) axes: [Axis; 2],
    pub(super) channels: usize,
}

/// Some of the outputs. More than one image only with all their rows, more than one row only
/// with all its columns: a block's outputs are consecutive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) images: Range<usize>,
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

/// How outputs are cut into blocks; depends on sizes alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    total: [usize; 3],
    size: [usize; 3],
}

/// Output pixels that a block aims at: enough for the weights to be read from the cache often, few
/// enough for the patch to stay in it.
const AIM: usize = 96;

/// No block has more pixels.
pub(super) const MAX_PIXELS: usize = 128;

impl Cut {
    pub(super) fn new(batch: usize, [rows, columns]: [usize; 2]) -> Cut {
        let even = |total: usize, aim: usize| total.div_ceil(total.div_ceil(aim.max(1)).max(1)).max(1);
        let width = if columns > MAX_PIXELS { even(columns, AIM) } else { columns.max(1) };
        let height = if width < columns { 1 } else { even(rows, AIM / width) };
        let images = if width * height < rows * columns { 1 } else { even(batch, AIM / (width * height)) };
        Cut { total: [batch, rows, columns], size: [images, height, width] }
    }

    /// Number of blocks.
    pub(super) fn count(self) -> usize {
        self.pieces().iter().product()
    }

    /// Block `index`.
    pub(super) fn block(self, index: usize) -> Block {
        let [_, rows, columns] = self.pieces();
        let place = [index / (rows * columns), index / columns % rows, index % columns];
        let [images, rows, columns] = std::array::from_fn(|axis| {
            let start = place[axis] * self.size[axis];
            start..(start + self.size[axis]).min(self.total[axis])
        });
        Block { images, rows, columns }
    }

    fn pieces(self) -> [usize; 3] {
        std::array::from_fn(|axis| self.total[axis].div_ceil(self.size[axis]))
    }
}

impl Block {
    /// Output pixels.
    pub(super) fn pixels(&self) -> usize {
        self.images.len() * self.rows.len() * self.columns.len()
    }

    /// Image, row and column of each output, in order.
    pub(super) fn each(&self) -> impl Iterator<Item = [usize; 3]> {
        let (rows, columns) = (self.rows.clone(), self.columns.clone());
        self.images.clone().flat_map(move |image| {
            let columns = columns.clone();
            rows.clone().flat_map(move |row| columns.clone().map(move |column| [image, row, column]))
        })
    }
}

/// The pixels that the windows of a block cover.
pub(super) struct Patch<'a> {
    pub(super) values: &'a [f32],
    pub(super) image_step: usize,
    pub(super) row_step: usize,
}

impl Windows {
    /// The windows of a convolution's input.
    pub(super) fn of(spec: &Conv2d) -> Windows {
        let axis = |axis: usize| Axis {
            size: spec.input[axis],
            taps: spec.kernel[axis],
            stride: spec.stride[axis],
            pad: spec.pad[axis] as isize,
            count: spec.output[axis],
        };
        Windows { axes: [axis(0), axis(1)], channels: spec.input[2] }
    }

    /// Elements in a row of a window.
    pub(super) fn row_len(&self) -> usize {
        self.axes[1].taps * self.channels
    }

    /// Memory for the patch of any block of `cut`.
    pub(super) fn scratch<'p>(&self, pool: &'p Pool, cut: Cut) -> Lease<'p, f32> {
        let [images, rows, columns] = cut.size;
        let span = |axis: Axis, count: usize| (count - 1) * axis.stride + axis.taps;
        let pixels = images * span(self.axes[0], rows) * span(self.axes[1], columns);
        pool.scratch().single(if self.in_place() { 0 } else { pixels * self.channels })
    }

    /// The patch of `block`, in `map` itself or in `scratch`.
    pub(super) fn patch<'a>(&self, map: &'a [f32], block: &Block, scratch: &'a mut [f32]) -> Patch<'a> {
        let [rows, columns] = [self.axes[0].seen(&block.rows), self.axes[1].seen(&block.columns)];
        let [height, width] = self.axes.map(|axis| axis.size);
        if self.in_place() {
            let row_step = width * self.channels;
            let image_step = height * row_step;
            let corner = rows.start as usize * row_step + columns.start as usize * self.channels;
            return Patch { values: &map[block.images.start * image_step + corner..], image_step, row_step };
        }
        let row_step = columns.len() * self.channels;
        let image_step = rows.len() * row_step;
        let values = &mut scratch[..block.images.len() * image_step];
        for (line, to) in values.chunks_exact_mut(row_step).enumerate() {
            let image = block.images.start + line / rows.len();
            let row = rows.start + (line % rows.len()) as isize;
            if (0..height as isize).contains(&row) {
                let from = &map[(image * height + row as usize) * width * self.channels..];
                copy_row(&from[..width * self.channels], self.channels, &columns, to);
            } else {
                to.fill(0.0);
            }
        }
        Patch { values, image_step, row_step }
    }

    fn in_place(&self) -> bool {
        self.axes.iter().all(|axis| axis.stays_inside())
    }
}

/// Copies the `columns` of a row, zeros where they lie outside it.
fn copy_row(row: &[f32], channels: usize, columns: &Range<isize>, to: &mut [f32]) {
    let width = (row.len() / channels) as isize;
    let (start, end) = (columns.start.clamp(0, width), columns.end.clamp(0, width));
    let at = |column: isize| (column - columns.start) as usize * channels;
    to[..at(start)].fill(0.0);
    to[at(start)..at(end)].copy_from_slice(&row[start as usize * channels..end as usize * channels]);
    to[at(end)..].fill(0.0);
}

impl Patch<'_> {
    /// First element of the window of an output, counted from the block's first one.
    pub(super) fn start(&self, windows: &Windows, [image, row, column]: [usize; 3]) -> usize {
        let [vertical, horizontal] = windows.axes.map(|axis| axis.stride);
        image * self.image_step + row * vertical * self.row_step + column * horizontal * windows.channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_each_output_once_and_in_order() {
        for (batch, rows, columns) in
            [(5, 4, 4), (3, 14, 14), (2, 3, 300), (1, 1, 1000), (128, 1, 1), (2, 200, 1)]
        {
            let cut = Cut::new(batch, [rows, columns]);
            let outputs: Vec<usize> = (0..cut.count())
                .flat_map(|index| {
                    let block = cut.block(index);
                    assert!(block.pixels() <= MAX_PIXELS);
                    block.each().map(|[n, i, j]| (n * rows + i) * columns + j).collect::<Vec<_>>()
                })
                .collect();
            assert!(outputs.iter().copied().eq(0..batch * rows * columns), "{batch} {rows} {columns}");
        }
    }

    #[test]
    fn a_patch_has_zeros_around_the_map() {
        let axis = Axis { size: 2, taps: 3, stride: 1, pad: 1, count: 2 };
        let windows = Windows { axes: [axis; 2], channels: 1 };
        let block = Cut::new(1, [2, 2]).block(0);
        let mut scratch = [9.0; 16];
        let patch = windows.patch(&[1., 2., 3., 4.], &block, &mut scratch);
        assert_eq!(patch.row_step, 4);
        assert_eq!(patch.values, [0., 0., 0., 0., 0., 1., 2., 0., 0., 3., 4., 0., 0., 0., 0., 0.]);
    }
}
