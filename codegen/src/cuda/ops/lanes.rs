//! How the threads of a block share rows of channels.
//!
//! A row is read once and stays in registers. Few channels take a part of a warp, so that a warp has
//! several rows; thousands take a whole block.

use super::super::Count;
use super::super::text::Vector;

/// The division of rows of `channels` elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lanes {
    /// Elements of a row.
    pub(super) channels: usize,
    /// What a lane takes at once.
    pub(super) vector: Vector,
    /// Threads of a row: a power of two up to a warp, or the whole block.
    pub(super) lanes: usize,
    /// Threads of a block.
    pub(super) threads: usize,
}

/// Lanes of a warp.
const WARP: usize = 32;

impl Lanes {
    /// About eight elements a lane; more once a warp is full, and a block from 64 on.
    pub(super) fn new(channels: usize) -> Lanes {
        let vector = Vector::dividing(&[channels]);
        let (lanes, threads) = match channels {
            ..=2048 => (channels.div_ceil(8).next_power_of_two().min(WARP), 256),
            2049..=8192 => (256, 256),
            _ => (1024, 1024),
        };
        Lanes { channels, vector, lanes, threads }
    }

    /// Rows of a block.
    pub(super) fn of_block(self) -> usize {
        self.threads / self.lanes
    }

    /// Blocks for `positions` rows a sample.
    pub(super) fn blocks(self, positions: usize) -> Count {
        Count::batched(positions, self.of_block())
    }

    /// The values that all templates of rows mention.
    pub(super) fn values(self) -> Vec<(&'static str, String)> {
        let each = self.channels.div_ceil(self.vector.width() * self.lanes);
        let values = [
            ("CHANNELS", self.channels),
            ("WIDTH", self.vector.width()),
            ("LANES", self.lanes),
            ("EACH", each),
            ("ROWS", self.of_block()),
        ];
        values.map(|(name, value)| (name, value.to_string())).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_channels_take_a_part_of_a_warp_and_many_a_block() {
        let division = |channels| {
            let lanes = Lanes::new(channels);
            (lanes.vector.width(), lanes.lanes, lanes.of_block())
        };
        assert_eq!(division(2), (1, 1, 256));
        assert_eq!(division(10), (1, 2, 128));
        assert_eq!(division(64), (8, 8, 32));
        assert_eq!(division(1000), (8, 32, 8));
        assert_eq!(division(4100), (4, 256, 1));
        assert_eq!(division(50_000), (8, 1024, 1));
    }
}
