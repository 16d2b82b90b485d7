//! Where the parts of a product, each of which has tiles of its own, stand in a grid.

use crate::cuda::Count;

/// Groups of channels, residues of a stride, or both: each has the same blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts(pub(super) usize);

/// The most blocks along z; along x there are 2³¹ − 1.
const MOST_ALONG_Z: usize = 65535;

impl Parts {
    /// The blocks along x and z, if each part has so many along x. Parts go along z; those that are too many for
    /// it go along x, between blocks that lie `inner` apart.
    pub(super) fn grid(self, blocks: Count) -> [Count; 2] {
        match self.are_along_z() {
            true => [blocks, Count::fixed(self.0)],
            false => [blocks.times(blocks.times * self.0), Count::fixed(1)],
        }
    }

    /// The number of a block's part, as text; each part has a multiple of `inner` blocks.
    pub(super) fn number(self, inner: usize) -> String {
        match self.are_along_z() {
            true => "(int)blockIdx.z".to_owned(),
            false => format!("(int)(blockIdx.x / {inner} % {})", self.0),
        }
    }

    /// The number of a block among those of its part, as text.
    pub(super) fn block(self) -> String {
        if self.are_along_z() { "blockIdx.x".to_owned() } else { format!("(blockIdx.x / {})", self.0) }
    }

    /// How many blocks along x there are to `inner` of each part.
    pub(super) fn row(self, inner: usize) -> usize {
        if self.are_along_z() { inner } else { inner * self.0 }
    }

    fn are_along_z(self) -> bool {
        self.0 <= MOST_ALONG_Z
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_go_along_z_as_long_as_they_can() {
        let blocks = Count::batched(100, 32).times(3);
        let parts = Parts(MOST_ALONG_Z);
        assert_eq!(parts.grid(blocks), [blocks, Count::fixed(65535)]);
        assert_eq!(
            (parts.number(3), parts.block(), parts.row(3)),
            ("(int)blockIdx.z".into(), "blockIdx.x".into(), 3)
        );
        let parts = Parts(MOST_ALONG_Z + 1);
        assert_eq!(parts.grid(blocks), [blocks.times(3 * 65536), Count::fixed(1)]);
        assert_eq!(parts.number(3), "(int)(blockIdx.x / 3 % 65536)");
        assert_eq!((parts.block(), parts.row(3)), ("(blockIdx.x / 65536)".into(), 3 * 65536));
    }
}
