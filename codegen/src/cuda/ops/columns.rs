//! How the threads of a block share channels and pixels when what remains is a number per channel.
//!
//! Lanes lie along the channels, a vector each, so that a warp reads what lies side by side; rows of lanes
//! take pixels in turn, and are folded by halves through shared memory. Over a whole batch, blocks take
//! equal shares of the pixels and leave their results in the workspace for a second launch. Shares depend
//! on the sizes alone, so results have the same bits every time.

use super::super::Count;
use super::super::emitter::THREADS;
use super::super::text::Vector;
use super::Rows;

/// Blocks that share the pixels of a batch at most: two for each multiprocessor of a large GPU.
const BLOCKS: usize = 264;

/// Pixels that a row of lanes takes at least, if there are several blocks.
const LEAST: usize = 8;

/// The threads of a block over pixels and channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub(super) channels: usize,
    pub(super) width: usize,
    /// Side by side.
    pub(super) lanes: usize,
    /// One after the other.
    pub(super) rows: usize,
    /// Blocks side by side.
    pub(super) tiles: usize,
}

/// Which pixels a block takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Share {
    /// All of the tensor.
    All(Rows),
    /// As many as every other block.
    Equal(Rows),
    /// Those of a sample, so many.
    Sample(usize),
}

impl Columns {
    /// At most `lanes` side by side.
    pub(super) fn new(channels: usize, vector: Vector, lanes: usize) -> Columns {
        let vectors = channels / vector.width();
        let tiles = vectors.div_ceil(lanes);
        let lanes = vectors.div_ceil(tiles);
        Columns { channels, width: vector.width(), lanes, rows: THREADS / lanes, tiles }
    }

    /// The second half of the rows is folded onto the first from here on down.
    pub(super) fn half(&self) -> usize {
        self.rows.next_power_of_two() / 2
    }

    /// Blocks for the pixels of a batch.
    pub(super) fn blocks(&self, pixels: Rows) -> Count {
        pixels.blocks(self.rows * LEAST).at_most((BLOCKS / self.tiles).max(1))
    }
}

impl Share {
    /// Declares `int64 first` and `end`.
    pub(super) fn text(self) -> String {
        match self {
            Share::All(pixels) => format!("    const int64 first = 0, end = {};\n", pixels.text()),
            Share::Equal(pixels) => format!(
                "    const int64 pixels = {}, share = (pixels + gridDim.x - 1) / gridDim.x;\n    \
                 const int64 first = blockIdx.x * share, end = first + share < pixels ? first + share : pixels;\n",
                pixels.text()
            ),
            Share::Sample(positions) => format!(
                "    const int64 sample = blockIdx.x, first = sample * {positions}, end = first + {positions};\n"
            ),
        }
    }
}
