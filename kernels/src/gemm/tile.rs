//! The micro-kernel, once for vectors of any kind.

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
    for (a, c) in tile.a.chunks(ROWS).zip(tile.c.chunks(ROWS)) {
        // SAFETY: the contract of `multiply`.
        unsafe {
            match a.len() {
                1 => compute_rows::<L, V, 1>(tile, a, c),
                2 => compute_rows::<L, V, 2>(tile, a, c),
                3 => compute_rows::<L, V, 3>(tile, a, c),
                4 => compute_rows::<L, V, 4>(tile, a, c),
                5 => compute_rows::<L, V, 5>(tile, a, c),
                _ => compute_rows::<L, V, ROWS>(tile, a, c),
            }
        }
    }
}

/// Computes `R` rows of `tile`, which begin at `a` and `c`.
#[inline(always)]
unsafe fn compute_rows<L: Lanes, const V: usize, const R: usize>(
    tile: &Tile,
    a: &[*const f32],
    c: &[*mut f32],
) {
    // SAFETY: the contract of `multiply`.
    unsafe {
        let sums = product::<L, V, R>(tile, std::array::from_fn(|row| a[row]));
        for (sums, &c) in sums.into_iter().zip(c) {
            if tile.columns == V * L::COUNT {
                write_full(sums, c, tile.accumulate);
            } else {
                write_part(sums, c, tile.columns, tile.accumulate);
            }
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

#[inline(always)]
pub(super) unsafe fn write_part<L: Lanes, const V: usize>(
    sums: [L; V],
    c: *mut f32,
    columns: usize,
    accumulate: bool,
) {
    for (vector, sum) in sums.into_iter().enumerate() {
        let count = columns.saturating_sub(vector * L::COUNT).min(L::COUNT);
        let c = c.wrapping_add(vector * L::COUNT);
        // SAFETY: the row of C has `columns` elements.
        unsafe {
            let sum = if accumulate { L::load_part(c, count).add(sum) } else { sum };
            sum.store_part(c, count);
        }
    }
}
