//! The micro-kernel, once for vectors of any kind.

use std::mem::MaybeUninit;

use super::lanes::{Kernel, Lanes};
use super::{ROWS, Tile};

/// A tile of a panel that is `vectors` wide.
pub(super) struct Multiply<'a> {
    pub(super) vectors: usize,
    pub(super) tile: &'a Tile<'a>,
}

impl Kernel for Multiply<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: the contract of `multiply`.
        unsafe {
            match (self.vectors, L::COLUMNS) {
                (1, _) => compute::<L, 1>(self.tile),
                (3, 4) => compute::<L, 3>(self.tile),
                (4, 4) => compute::<L, 4>(self.tile),
                _ => compute::<L, 2>(self.tile),
            }
        }
    }
}

/// Computes `tile` with `V` vectors of columns.
#[inline(always)]
unsafe fn compute<L: Lanes, const V: usize>(tile: &Tile) {
    let mut kept = Kept::new();
    for (a, c) in tile.a.chunks(ROWS).zip(tile.c.chunks(ROWS)) {
        // SAFETY: the contract of `multiply`.
        unsafe {
            match a.len() {
                1 => compute_rows::<L, V, 1>(tile, a, c, &mut kept),
                2 => compute_rows::<L, V, 2>(tile, a, c, &mut kept),
                3 => compute_rows::<L, V, 3>(tile, a, c, &mut kept),
                4 => compute_rows::<L, V, 4>(tile, a, c, &mut kept),
                5 => compute_rows::<L, V, 5>(tile, a, c, &mut kept),
                _ => compute_rows::<L, V, ROWS>(tile, a, c, &mut kept),
            }
            if tile.columns != V * L::COUNT {
                kept.write(a.len(), tile.columns, tile.accumulate, |row| c[row]);
            }
        }
    }
}

/// Computes `R` rows of `tile`, which begin at `a` and `c`; if the vectors are not whole, their sums are kept.
#[inline(always)]
unsafe fn compute_rows<L: Lanes, const V: usize, const R: usize>(
    tile: &Tile,
    a: &[*const f32],
    c: &[*mut f32],
    kept: &mut Kept<L>,
) {
    // SAFETY: the contract of `multiply`.
    unsafe {
        let sums = product::<L, V, R>(tile, std::array::from_fn(|row| a[row]));
        if tile.columns != V * L::COUNT {
            return kept.keep(sums);
        }
        for (sums, &c) in sums.into_iter().zip(c) {
            write_full(sums, c, tile.accumulate);
        }
    }
}

#[inline(always)]
unsafe fn product<L: Lanes, const V: usize, const R: usize>(tile: &Tile, a: [*const f32; R]) -> [[L; V]; R] {
    let walk = tile.walk;
    // SAFETY: the walk is readable in every row of A, and so often in B.
    unsafe {
        let mut sums = [[L::splat(0.0); V]; R];
        let mut b = tile.b;
        for &start in walk.runs {
            let a: [*const f32; R] = std::array::from_fn(|row| a[row].wrapping_add(start));
            let mut at = 0;
            for _ in 0..walk.len {
                let columns: [L; V] = std::array::from_fn(|vector| L::load(b.add(vector * L::COUNT)));
                for row in 0..R {
                    let a = L::splat(*a[row].add(at));
                    for vector in 0..V {
                        sums[row][vector] = sums[row][vector].add_product(a, columns[vector]);
                    }
                }
                b = b.wrapping_add(tile.b_step);
                at += walk.step;
            }
        }
        sums
    }
}

#[inline(always)]
pub(super) unsafe fn write_full<L: Lanes, const V: usize>(sums: [L; V], c: *mut f32, accumulate: bool) {
    for (vector, sum) in sums.into_iter().enumerate() {
        // SAFETY: the row of C is as wide as the panel.
        unsafe {
            let c = c.add(vector * L::COUNT);
            let sum = if accumulate { L::load(c).add(sum) } else { sum };
            sum.store(c);
        }
    }
}

/// The sums of a tile whose last vectors are not whole. Writing them is long without masks, and here it is built once
/// for all numbers of rows and columns.
pub(super) struct Kept<L>([MaybeUninit<L>; MOST_SUMS]);

/// Sums of a tile at most: of 14 vectors, two times 10, three times 8 or four times 6.
const MOST_SUMS: usize = 24;

impl<L: Lanes> Kept<L> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Kept([const { MaybeUninit::uninit() }; MOST_SUMS])
    }

    /// Keeps the sums of `R` rows of `V` vectors.
    #[inline(always)]
    pub(super) fn keep<const V: usize, const R: usize>(&mut self, sums: [[L; V]; R]) {
        for (kept, sum) in self.0.iter_mut().zip(sums.as_flattened()) {
            kept.write(*sum);
        }
    }

    /// Writes the sums of so many rows and columns, each row to where `c` says.
    ///
    /// # Safety
    /// They have been kept, and each row of C must be writable over the columns.
    #[inline(always)]
    pub(super) unsafe fn write(
        &self,
        rows: usize,
        columns: usize,
        accumulate: bool,
        c: impl Fn(usize) -> *mut f32,
    ) {
        let vectors = columns.div_ceil(L::COUNT);
        for (index, sum) in self.0[..rows * vectors].iter().enumerate() {
            let first = index % vectors * L::COUNT;
            let (c, count) = (c(index / vectors).wrapping_add(first), L::COUNT.min(columns - first));
            // SAFETY: the caller's promise.
            unsafe {
                let sum = sum.assume_init();
                let sum = if accumulate { L::load_part(c, count).add(sum) } else { sum };
                sum.store_part(c, count);
            }
        }
    }
}
