//! The pixels that windows cover.
//!
//! The pixels that a block's windows cover are its [`Patch`]: the map itself where no window leaves it,
//! else a copy with the zeros around, small enough for the cache. The copy has only the lines that some
//! tap meets: windows with wide gaps between their taps take no more room than others.

use std::ops::Range;

use super::axis::Axis;
use super::block::{Block, Cut};

/// The windows of a map with `channels` channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) axes: [Axis; 3],
    pub(super) channels: usize,
}

/// The pixels that the windows of a block cover, in some channels.
pub(super) struct Patch<'a> {
    pub(super) values: &'a [f32],
    image_step: usize,
    /// Elements from an output's window to the next one's, along each axis.
    output_steps: [usize; 3],
    /// Elements from a tap to the next, along each axis.
    tap_steps: [usize; 3],
    taps: [usize; 3],
}

/// The lines of a patch along one axis, for some neighbouring outputs: a segment for each tap, where
/// these do not overlap.
#[derive(Clone, Copy)]
struct Lines {
    axis: Axis,
    /// The input that the first output's first tap sees.
    first: isize,
    /// Lines that one tap meets.
    segment: usize,
    /// Lines from a tap's first to the next tap's.
    tap_step: usize,
}

impl Lines {
    fn new(axis: Axis, outputs: &Range<usize>) -> Lines {
        let segment = (outputs.len() - 1) * axis.stride + 1;
        Lines { axis, first: axis.first(outputs.start), segment, tap_step: axis.dilation.min(segment) }
    }

    fn count(self) -> usize {
        (self.axis.taps - 1) * self.tap_step + self.segment
    }

    /// The input that a line holds, if it is inside the map.
    fn input(self, line: usize) -> Option<usize> {
        let tap = (line / self.tap_step).min(self.axis.taps - 1);
        let at = self.first + (line + tap * (self.axis.dilation - self.tap_step)) as isize;
        usize::try_from(at).ok().filter(|&at| at < self.axis.size)
    }

    /// Whether the lines are neighbours in the map too.
    fn is_dense(self) -> bool {
        self.tap_step == self.axis.dilation
    }
}

impl Windows {
    /// Elements of memory for the patch of any block of `cut` with so many channels.
    pub(super) fn scratch_len(&self, cut: Cut, channels: usize) -> usize {
        if self.in_place() { 0 } else { self.copy_len(cut, channels) }
    }

    /// Elements of a copied patch of any block of `cut` with so many channels.
    pub(super) fn copy_len(&self, cut: Cut, channels: usize) -> usize {
        if self.axes.iter().any(|axis| axis.taps == 0) {
            return 0;
        }
        let [images, sizes @ ..] = cut.size();
        let lines = |axis: usize| Lines::new(self.axes[axis], &(0..sizes[axis])).count();
        images * lines(0) * lines(1) * lines(2) * channels
    }

    /// The patch of `block` in some channels, in `map` itself or in `scratch`.
    pub(super) fn patch<'a>(
        &self,
        map: &'a [f32],
        block: &Block,
        channels: Range<usize>,
        scratch: &'a mut [f32],
    ) -> Patch<'a> {
        if !self.in_place() {
            return self.copied_patch(map, block, channels, scratch, true);
        }
        let steps = steps(self.axes.map(|axis| axis.size), self.channels);
        let first = |axis: usize| self.axes[axis].first(block.outputs[axis].start) as usize;
        let corner: usize = (0..3).map(|axis| first(axis) * steps[axis + 1]).sum();
        let values = &map[block.images.start * steps[0] + corner + channels.start..];
        self.view(values, steps, self.axes.map(|axis| axis.dilation))
    }

    /// The patch of `block` in `scratch`, where it lies already unless it is `new`.
    pub(super) fn copied_patch<'a>(
        &self,
        map: &[f32],
        block: &Block,
        channels: Range<usize>,
        scratch: &'a mut [f32],
        new: bool,
    ) -> Patch<'a> {
        let lines: [Lines; 3] = std::array::from_fn(|axis| Lines::new(self.axes[axis], &block.outputs[axis]));
        let steps = steps(lines.map(Lines::count), channels.len());
        let values = &mut scratch[..block.images.len() * steps[0]];
        if new {
            self.copy(map, block, &lines, channels, values);
        }
        self.view(values, steps, lines.map(|lines| lines.tap_step))
    }

    fn view<'a>(&self, values: &'a [f32], steps: [usize; 4], tap_lines: [usize; 3]) -> Patch<'a> {
        Patch {
            values,
            image_step: steps[0],
            output_steps: std::array::from_fn(|axis| self.axes[axis].stride * steps[axis + 1]),
            tap_steps: std::array::from_fn(|axis| tap_lines[axis] * steps[axis + 1]),
            taps: self.axes.map(|axis| axis.taps),
        }
    }

    fn copy(&self, map: &[f32], block: &Block, lines: &[Lines; 3], channels: Range<usize>, to: &mut [f32]) {
        let [planes, rows, columns] = *lines;
        let [depth, height, width] = self.axes.map(|axis| axis.size);
        let row_len = columns.count() * channels.len();
        for (index, to) in to.chunks_exact_mut(row_len).enumerate() {
            let image = block.images.start + index / (rows.count() * planes.count());
            let plane = planes.input(index / rows.count() % planes.count());
            match (plane, rows.input(index % rows.count())) {
                (Some(plane), Some(row)) => {
                    let start = ((image * depth + plane) * height + row) * width * self.channels;
                    let row = &map[start..][..width * self.channels];
                    copy_row(row, self.channels, columns, &channels, to);
                }
                _ => to.fill(0.0),
            }
        }
    }

    fn in_place(&self) -> bool {
        self.axes.iter().all(|axis| axis.stays_inside())
    }
}

/// Elements from an image, plane, row and pixel to the next.
fn steps([planes, rows, columns]: [usize; 3], channels: usize) -> [usize; 4] {
    let row = columns * channels;
    [planes * rows * row, rows * row, row, channels]
}

/// Copies the columns of a row, zeros where they lie outside it.
fn copy_row(row: &[f32], pitch: usize, columns: Lines, channels: &Range<usize>, to: &mut [f32]) {
    if channels.len() == pitch && columns.is_dense() {
        return copy_dense_row(row, pitch, columns.first, to);
    }
    for (line, to) in to.chunks_exact_mut(channels.len()).enumerate() {
        match columns.input(line) {
            Some(column) => to.copy_from_slice(&row[column * pitch..][channels.clone()]),
            None => to.fill(0.0),
        }
    }
}

/// Copies neighbouring columns from `first` on, all channels of them.
fn copy_dense_row(row: &[f32], channels: usize, first: isize, to: &mut [f32]) {
    let (width, len) = ((row.len() / channels) as isize, (to.len() / channels) as isize);
    let (start, end) = (first.clamp(0, width), (first + len).clamp(0, width));
    let at = |column: isize| (column - first) as usize * channels;
    if start == end {
        return to.fill(0.0);
    }
    to[..at(start)].fill(0.0);
    to[at(start)..at(end)].copy_from_slice(&row[start as usize * channels..end as usize * channels]);
    to[at(end)..].fill(0.0);
}

impl Patch<'_> {
    /// First element of the window of an output, counted from the block's first one.
    pub(super) fn start(&self, [image, outputs @ ..]: [usize; 4]) -> usize {
        let inside: usize = outputs.iter().zip(self.output_steps).map(|(at, step)| at * step).sum();
        image * self.image_step + inside
    }

    /// Elements from an image, and from an output along each axis, to the next.
    pub(super) fn steps(&self) -> (usize, [usize; 3]) {
        (self.image_step, self.output_steps)
    }

    /// The elements of a window in `channels` channels, as runs of neighbours: how many runs of which
    /// length.
    pub(super) fn runs(&self, channels: usize) -> (usize, usize) {
        let [planes, rows, columns] = self.taps;
        match self.is_joined(channels) {
            true => (planes * rows, columns * channels),
            false => (planes * rows * columns, channels),
        }
    }

    /// Where a run starts, from the window's first element on.
    pub(super) fn run(&self, index: usize, channels: usize) -> usize {
        self.tap(if self.is_joined(channels) { index * self.taps[2] } else { index })
    }

    /// Where a tap starts, from the window's first element on.
    pub(super) fn tap(&self, index: usize) -> usize {
        let [_, rows, columns] = self.taps;
        let at = [index / (rows * columns), index / columns % rows, index % columns];
        at.iter().zip(self.tap_steps).map(|(at, step)| at * step).sum()
    }

    /// Whether the taps of a window's row lie side by side.
    fn is_joined(&self, channels: usize) -> bool {
        self.tap_steps[2] == channels || self.taps[2] == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_has_zeros_around_the_map() {
        let axis = Axis { size: 2, taps: 3, stride: 1, dilation: 1, pad: 1, count: 2 };
        let flat = Axis { size: 1, taps: 1, stride: 1, dilation: 1, pad: 0, count: 1 };
        let windows = Windows { axes: [flat, axis, axis], channels: 1 };
        let block = Cut::new(1, [1, 2, 2]).block(0);
        let mut scratch = [9.0; 16];
        let patch = windows.patch(&[1., 2., 3., 4.], &block, 0..1, &mut scratch);
        assert_eq!(patch.runs(1), (3, 3));
        assert_eq!([0, 1, 2].map(|run| patch.run(run, 1)), [0, 4, 8]);
        assert_eq!(patch.values, [0., 0., 0., 0., 0., 1., 2., 0., 0., 3., 4., 0., 0., 0., 0., 0.]);
    }

    #[test]
    fn a_patch_leaves_out_what_no_tap_meets() {
        let axis = Axis { size: 9, taps: 2, stride: 1, dilation: 5, pad: 1, count: 3 };
        let flat = Axis { size: 1, taps: 1, stride: 1, dilation: 1, pad: 0, count: 1 };
        let windows = Windows { axes: [flat, flat, axis], channels: 2 };
        let map: Vec<f32> = (0..18u8).map(f32::from).collect();
        let mut scratch = [99.0; 6];
        let patch = windows.patch(&map, &Cut::new(1, [1, 1, 3]).block(0), 1..2, &mut scratch);
        assert_eq!(patch.values, [0., 1., 3., 9., 11., 13.]);
        assert_eq!((patch.runs(1), patch.run(1, 1)), ((2, 1), 3));
    }
}
