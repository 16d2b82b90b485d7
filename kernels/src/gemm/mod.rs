//! The matrix product inside convolutions and linear layers.
//!
//! The unit of work is a [`Tile`]: rows of C += A·B, a few at a time. Rows of A are read in place through
//! one pointer each, so that a convolution needs no im2col matrix: the rows of A are windows of
//! the image, and along a row of the window the elements are contiguous. B is packed into
//! panels as wide as the registers allow, see [`pack`]. Each element of C is summed in the
//! order of k by one task. Rows of A at equal distances need no pointer each: a [`SpacedTile`] has more
//! of them where there are few columns.

pub(crate) mod lanes;
mod pack;
mod spaced;
mod tile;

pub(crate) use pack::{Panels, Source, is_aligned, pack_panel};
pub(crate) use spaced::{SpacedTile, multiply_spaced};

use crate::cpu::Isa;

/// Rows of C that are computed at a time. With four 16-lane vectors of columns, 24 accumulators, 4 vectors of B and
/// one of A fit the 32 registers of AVX-512 and NEON; with two 8-lane vectors, 15 of the 16 of AVX2. With fewer
/// columns more rows would fit, but were measured slower: the pointers to them no longer fit.
pub(crate) const ROWS: usize = 6;

/// Rows that are listed for a call at a time, where their number has no bound.
pub(crate) const LISTED: usize = 8 * ROWS;

/// Columns of the widest panel.
pub(crate) fn panel_width(isa: Isa) -> usize {
    lanes(isa) * max_vectors(isa)
}

/// Numbers in a vector.
pub(crate) fn lanes(isa: Isa) -> usize {
    lanes::narrowed(isa, usize::MAX)
}

fn max_vectors(isa: Isa) -> usize {
    match isa {
        Isa::Portable | Isa::Avx2 => 2,
        Isa::Avx512 | Isa::Neon => 4,
    }
}

/// The elements of a row of A that are multiplied, in the order of k: `len` of them from each of `runs`
/// on, each `step` after the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) runs: &'a [usize],
    pub(crate) len: usize,
    pub(crate) step: usize,
}

/// One call of the micro-kernel: some rows of C, as wide as the panel or `columns` if less. They are computed
/// [`ROWS`] at a time; calls for many of them are fewer.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a> {
    /// Where each row of A starts.
    pub(crate) a: &'a [*const f32],
    /// Which elements of a row of A are multiplied.
    pub(crate) walk: Walk<'a>,
    /// The first of as many rows of B, in a panel or where B lies.
    pub(crate) b: *const f32,
    /// Elements from a row of B to the next: a panel's width.
    pub(crate) b_step: usize,
    /// Where each row of C starts.
    pub(crate) c: &'a [*mut f32],
    /// Columns of C, at most the panel's width.
    pub(crate) columns: usize,
    /// Whether the product is added to C or replaces it.
    pub(crate) accumulate: bool,
}

/// Computes a tile from `width` columns of B, a whole number of vectors.
///
/// # Safety
/// Each row of A must be readable over the walk, each row of B over `width`, each row of C writable over `columns`; C overlaps neither A nor B and no other thread touches it.
pub(crate) unsafe fn multiply(isa: Isa, width: usize, tile: &Tile) {
    let multiply = tile::Multiply { vectors: width / lanes(isa), tile };
    // SAFETY: the contract is this function's own; a pool never has an instruction set that its
    // processor lacks.
    unsafe { lanes::run_widest(isa, multiply) }
}
