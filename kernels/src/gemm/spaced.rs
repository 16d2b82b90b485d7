//! The micro-kernel for rows of A at equal distances.
//!
//! Few pointers serve all of them, so that few columns of C get many rows: enough independent sums, and
//! one row of B for all of them. Such are the windows of neighbouring outputs, and the windows transposed,
//! whose rows begin one element after the other.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::lanes::{Kernel, Lanes, run_eight, run_widest};
use super::tile::{write_full, write_part};
use super::{Walk, lanes};
use crate::cpu::Isa;

/// A product of rows, each as far from the one before, and a panel.
#[derive(Clone, Copy)]
pub(crate) struct SpacedTile<'a> {
    /// The first row of A.
    pub(crate) a: *const f32,
    /// Elements from a row of A to the next.
    pub(crate) a_step: usize,
    /// Which elements of a row of A are multiplied.
    pub(crate) walk: Walk<'a>,
    /// The first of as many rows of B.
    pub(crate) b: *const f32,
    /// Elements from a row of B to the next.
    pub(crate) b_step: usize,
    /// The first row of C.
    pub(crate) c: *mut f32,
    /// Elements from a row of C to the next.
    pub(crate) c_step: usize,
    /// Rows of C, which are computed some at a time. One call for many is worth 3 % where sums are short.
    pub(crate) rows: usize,
    /// Columns of C, at most the panel's width.
    pub(crate) columns: usize,
    /// Whether the product is added to C or replaces it.
    pub(crate) accumulate: bool,
}

/// For so few columns short vectors serve: there are more of them in a cycle, or long ones had idle lanes.
const EIGHT: usize = 8;

/// Rows that are computed at a time at most, with so many columns: their sums leave registers for a row of B and
/// an element of A.
fn most_rows(isa: Isa, columns: usize) -> usize {
    match (columns.div_ceil(lanes(isa)), isa) {
        (0 | 1, Isa::Avx512) => 14,
        (0 | 1, _) => 12,
        (2, Isa::Avx512) => 10,
        (3, _) => 8,
        _ => 6,
    }
}

/// Computes a tile.
///
/// # Safety
/// Each row of A must be readable over the walk, each row of B over the columns in whole vectors, each row
/// of C writable over the columns; C overlaps neither A nor B and no other thread touches it.
pub(crate) unsafe fn multiply_spaced(isa: Isa, tile: &SpacedTile) {
    let multiply = Multiply { tile, most: most_rows(isa, tile.columns) };
    // SAFETY: the contract is this function's own; a pool never has an instruction set that its
    // processor lacks.
    unsafe {
        match isa == Isa::Avx512 && tile.columns <= EIGHT {
            true => run_eight(isa, multiply),
            false => run_widest(isa, multiply),
        }
    }
}

struct Multiply<'a> {
    tile: &'a SpacedTile<'a>,
    /// Rows at a time.
    most: usize,
}

/// Calls `compute` with the tile's number of rows, which is one of those listed.
macro_rules! with_rows {
    ($tile:expr, $kept:expr, $lanes:ty, $vectors:literal, $($rows:literal)*) => {
        match $tile.rows {
            $($rows => compute::<$lanes, $vectors, $rows>($tile, $kept),)*
            rows => unreachable!("{rows} rows of {} vectors", $vectors),
        }
    };
}

impl Kernel for Multiply<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Multiply { tile: whole, most } = self;
        let mut kept = Kept::new();
        for rows in pieces(whole.rows, most) {
            let (a, c) = (rows.start * whole.a_step, rows.start * whole.c_step);
            let (a, c) = (whole.a.wrapping_add(a), whole.c.wrapping_add(c));
            let tile = &SpacedTile { a, c, rows: rows.len(), ..*whole };
            // SAFETY: the contract of `multiply_spaced`.
            unsafe {
                match (tile.columns.div_ceil(L::COUNT), L::COLUMNS) {
                    (1, _) => with_rows!(tile, &mut kept, L, 1, 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
                    (2, 4) => with_rows!(tile, &mut kept, L, 2, 1 2 3 4 5 6 7 8 9 10),
                    (3, 4) => with_rows!(tile, &mut kept, L, 3, 1 2 3 4 5 6 7 8),
                    (4, 4) => with_rows!(tile, &mut kept, L, 4, 1 2 3 4 5 6),
                    (2, _) => with_rows!(tile, &mut kept, L, 2, 1 2 3 4 5 6),
                    (vectors, _) => unreachable!("{vectors} vectors"),
                }
                if !tile.columns.is_multiple_of(L::COUNT) {
                    let c = |row| tile.c.wrapping_add(row * tile.c_step);
                    kept.write(tile.rows, tile.columns, tile.accumulate, c);
                }
            }
        }
    }
}

/// Cuts rows into pieces of about equal size, of no more than `most` each.
#[inline(always)]
fn pieces(rows: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.div_ceil(most);
    (0..count).map(move |index| index * rows / count..(index + 1) * rows / count)
}

/// Computes `tile`, which has `R` rows and `V` vectors of columns; if these are not whole, its sums are
/// kept.
#[inline(always)]
unsafe fn compute<L: Lanes, const V: usize, const R: usize>(tile: &SpacedTile, kept: &mut Kept<L>) {
    // SAFETY: the contract of `multiply_spaced`.
    unsafe {
        let sums = product::<L, V, R>(tile);
        if tile.columns != V * L::COUNT {
            return kept.keep(sums);
        }
        for (row, sums) in sums.into_iter().enumerate() {
            write_full(sums, tile.c.wrapping_add(row * tile.c_step), tile.accumulate);
        }
    }
}

/// Rows that one pointer serves: an address is a pointer and the step, once or twice.
const SERVED: usize = 3;

#[inline(always)]
unsafe fn product<L: Lanes, const V: usize, const R: usize>(tile: &SpacedTile) -> [[L; V]; R] {
    let (walk, a_step) = (tile.walk, tile.a_step);
    // SAFETY: the walk is readable in every row of A, and so often in B.
    unsafe {
        let mut sums = [[L::splat(0.0); V]; R];
        let mut b = tile.b;
        for &start in walk.runs {
            let first = tile.a.wrapping_add(start);
            let mut a: [*const f32; R] =
                std::array::from_fn(|group| first.wrapping_add(group * SERVED * a_step));
            for _ in 0..walk.len {
                let columns: [L; V] = std::array::from_fn(|vector| L::load(b.add(vector * L::COUNT)));
                for row in 0..R {
                    let a = L::splat(*a[row / SERVED].wrapping_add(row % SERVED * a_step));
                    for vector in 0..V {
                        sums[row][vector] = sums[row][vector].add_product(a, columns[vector]);
                    }
                }
                b = b.wrapping_add(tile.b_step);
                for pointer in &mut a[..R.div_ceil(SERVED)] {
                    *pointer = pointer.wrapping_add(walk.step);
                }
            }
        }
        sums
    }
}

/// The sums of a tile whose last vectors are not whole. Writing them is long without masks, and here it is built once
/// for all numbers of rows and columns.
struct Kept<L>([MaybeUninit<L>; MOST_SUMS]);

/// Sums of a tile at most: of 14 vectors, two times 10, three times 8 or four times 6.
const MOST_SUMS: usize = 24;

impl<L: Lanes> Kept<L> {
    #[inline(always)]
    fn new() -> Self {
        Kept([const { MaybeUninit::uninit() }; MOST_SUMS])
    }

    /// Keeps the sums of `R` rows of `V` vectors.
    #[inline(always)]
    fn keep<const V: usize, const R: usize>(&mut self, sums: [[L; V]; R]) {
        for (kept, sum) in self.0.iter_mut().zip(sums.as_flattened()) {
            kept.write(*sum);
        }
    }

    /// Writes the sums of so many rows and columns, each row to where `c` says.
    ///
    /// # Safety
    /// They have been kept, and each row of C must be writable over the columns.
    #[inline(always)]
    unsafe fn write(&self, rows: usize, columns: usize, accumulate: bool, c: impl Fn(usize) -> *mut f32) {
        let vectors = columns.div_ceil(L::COUNT);
        for (index, sum) in self.0[..rows * vectors].iter().enumerate() {
            let first = index % vectors * L::COUNT;
            let (c, count) = (c(index / vectors).wrapping_add(first), L::COUNT.min(columns - first));
            // SAFETY: the caller's promise.
            unsafe { write_part([sum.assume_init()], c, count, accumulate) };
        }
    }
}
