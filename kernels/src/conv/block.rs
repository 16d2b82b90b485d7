//! The outputs in blocks, which are the tasks.
//!
//! A [`Block`] has about a hundred output pixels: enough for the weights to be read from the cache often,
//! few enough for the pixels that its windows cover to stay in it.

use std::ops::Range;

/// Some of the outputs. A block has more than one image, plane or row only with all that lies inside
/// them: its outputs are consecutive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) images: Range<usize>,
    /// Planes, rows and columns.
    pub(super) outputs: [Range<usize>; 3],
}

/// How outputs are cut into blocks; depends on sizes alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    total: [usize; 4],
    size: [usize; 4],
}

/// Output pixels that a block aims at.
pub(super) const AIM: usize = 96;

/// No block has more pixels.
pub(super) const MAX_PIXELS: usize = 128;

impl Cut {
    /// Cuts a batch of maps of some planes, rows and columns.
    pub(super) fn new(batch: usize, outputs: [usize; 3]) -> Cut {
        Cut::aiming_at(AIM, batch, outputs)
    }

    /// The same with blocks of about `aim` outputs, or one row if that is longer.
    pub(super) fn aiming_at(aim: usize, batch: usize, [planes, rows, columns]: [usize; 3]) -> Cut {
        let total = [batch, planes, rows, columns];
        let mut size = [1; 4];
        let mut pixels = 1;
        for axis in (0..4).rev() {
            let fits = axis == 3 && columns <= MAX_PIXELS;
            size[axis] = if fits { columns.max(1) } else { even(total[axis], aim / pixels) };
            pixels *= size[axis];
            if size[axis] < total[axis] {
                break;
            }
        }
        Cut { total, size }
    }

    /// Number of blocks.
    pub(super) fn count(self) -> usize {
        self.pieces().iter().product()
    }

    /// Block `index`.
    pub(super) fn block(self, mut index: usize) -> Block {
        let pieces = self.pieces();
        let mut ranges = [0, 1, 2, 3].map(|_| 0..0);
        for axis in (0..4).rev() {
            let start = index % pieces[axis] * self.size[axis];
            ranges[axis] = start..(start + self.size[axis]).min(self.total[axis]);
            index /= pieces[axis];
        }
        let [images, planes, rows, columns] = ranges;
        Block { images, outputs: [planes, rows, columns] }
    }

    /// Images, planes, rows and columns of the largest block.
    pub(super) fn size(self) -> [usize; 4] {
        self.size
    }

    fn pieces(self) -> [usize; 4] {
        std::array::from_fn(|axis| self.total[axis].div_ceil(self.size[axis]))
    }
}

/// About `aim`, and all pieces of `total` of about that size.
fn even(total: usize, aim: usize) -> usize {
    total.div_ceil(total.div_ceil(aim.max(1)).max(1)).max(1)
}

impl Block {
    /// Output pixels.
    pub(super) fn pixels(&self) -> usize {
        self.images.len() * self.outputs.iter().map(|range| range.len()).product::<usize>()
    }

    /// The first output of each of its rows, in order: image, plane, row and column.
    pub(super) fn rows(&self) -> impl Iterator<Item = [usize; 4]> + use<> {
        let [planes, rows, columns] = self.outputs.clone();
        let images = self.images.clone();
        (0..images.len() * planes.len() * rows.len()).map(move |index| {
            let (image, plane) = (index / (planes.len() * rows.len()), index / rows.len() % planes.len());
            [images.start + image, planes.start + plane, rows.start + index % rows.len(), columns.start]
        })
    }

    /// Outputs in a row.
    pub(super) fn width(&self) -> usize {
        self.outputs[2].len()
    }

    /// The place of an output in the block.
    pub(super) fn relative(&self, [image, plane, row, column]: [usize; 4]) -> [usize; 4] {
        let [planes, rows, columns] = &self.outputs;
        [image - self.images.start, plane - planes.start, row - rows.start, column - columns.start]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_each_output_once_and_in_order() {
        for (batch, planes, rows, columns) in [
            (5, 1, 4, 4),
            (3, 1, 14, 14),
            (2, 1, 3, 300),
            (1, 1, 1, 1000),
            (128, 1, 1, 1),
            (2, 1, 200, 1),
            (2, 7, 3, 5),
            (3, 2, 2, 2),
        ] {
            let cut = Cut::new(batch, [planes, rows, columns]);
            let outputs: Vec<usize> = (0..cut.count())
                .flat_map(|index| {
                    let block = cut.block(index);
                    assert!(block.pixels() <= MAX_PIXELS);
                    let at = |[n, d, i, j]: [usize; 4]| ((n * planes + d) * rows + i) * columns + j;
                    let row = |first| at(first)..at(first) + block.width();
                    block.rows().flat_map(row).collect::<Vec<_>>()
                })
                .collect();
            assert!(outputs.iter().copied().eq(0..batch * planes * rows * columns), "{cut:?}");
        }
    }
}
