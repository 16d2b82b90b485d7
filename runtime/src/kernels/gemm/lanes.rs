//! The micro-kernel, once for vectors of any kind, and the vectors of each instruction set.

use super::{ROWS, Tile};

/// A vector of single-precision numbers.
trait Lanes: Copy {
    const COUNT: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    /// self + a·b
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
}

/// The widest panel of all, for the columns at the edge.
const MAX_WIDTH: usize = 64;

/// Computes `tile` with `V` vectors of columns.
#[inline(always)]
unsafe fn tile<L: Lanes, const V: usize>(tile: &Tile) {
    // SAFETY: the contract of `multiply`.
    unsafe {
        let sums = product::<L, V>(tile);
        for (row, sums) in sums.into_iter().enumerate().take(tile.rows) {
            if tile.columns == V * L::COUNT {
                write_full(sums, tile.c[row], tile.accumulate);
            } else {
                write_part(sums, tile.c[row], tile.columns, tile.accumulate);
            }
        }
    }
}

#[inline(always)]
unsafe fn product<L: Lanes, const V: usize>(tile: &Tile) -> [[L; V]; ROWS] {
    let walk = tile.walk;
    // SAFETY: the walk is readable in every row of A, and so often in B.
    unsafe {
        let mut sums = [[L::splat(0.0); V]; ROWS];
        let mut b = tile.b;
        for outer in 0..walk.outer.0 {
            for inner in 0..walk.inner.0 {
                let start = outer * walk.outer.1 + inner * walk.inner.1;
                let a = tile.a.map(|row| row.wrapping_add(start));
                let mut at = 0;
                for _ in 0..walk.len {
                    let columns: [L; V] = std::array::from_fn(|vector| L::load(b.add(vector * L::COUNT)));
                    for row in 0..ROWS {
                        let a = L::splat(*a[row].add(at));
                        for vector in 0..V {
                            sums[row][vector] = sums[row][vector].add_product(a, columns[vector]);
                        }
                    }
                    b = b.add(V * L::COUNT);
                    at += walk.step;
                }
            }
        }
        sums
    }
}

#[inline(always)]
unsafe fn write_full<L: Lanes, const V: usize>(sums: [L; V], c: *mut f32, accumulate: bool) {
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
unsafe fn write_part<L: Lanes, const V: usize>(sums: [L; V], c: *mut f32, columns: usize, accumulate: bool) {
    let mut row = [0.0f32; MAX_WIDTH];
    for (vector, sum) in sums.into_iter().enumerate() {
        // SAFETY: `row` is as wide as the widest panel.
        unsafe { sum.store(row.as_mut_ptr().add(vector * L::COUNT)) };
    }
    for (column, &sum) in row[..columns].iter().enumerate() {
        // SAFETY: the row of C has `columns` elements.
        unsafe {
            let c = c.add(column);
            *c = if accumulate { *c + sum } else { sum };
        }
    }
}

/// As [`multiply`](super::multiply), in plain Rust.
pub(super) unsafe fn portable(vectors: usize, of: &Tile) {
    // SAFETY: the contract of `multiply`.
    unsafe {
        match vectors {
            1 => tile::<[f32; 4], 1>(of),
            _ => tile::<[f32; 4], 2>(of),
        }
    }
}

/// As [`multiply`](super::multiply), with AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2(vectors: usize, of: &Tile) {
    // SAFETY: the contract of `multiply`.
    unsafe {
        match vectors {
            1 => tile::<std::arch::x86_64::__m256, 1>(of),
            _ => tile::<std::arch::x86_64::__m256, 2>(of),
        }
    }
}

/// As [`multiply`](super::multiply), with AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
pub(super) unsafe fn avx512(vectors: usize, of: &Tile) {
    // SAFETY: the contract of `multiply`.
    unsafe {
        match vectors {
            1 => tile::<std::arch::x86_64::__m512, 1>(of),
            2 => tile::<std::arch::x86_64::__m512, 2>(of),
            3 => tile::<std::arch::x86_64::__m512, 3>(of),
            _ => tile::<std::arch::x86_64::__m512, 4>(of),
        }
    }
}

impl Lanes for [f32; 4] {
    const COUNT: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's pointer is readable over a vector.
        unsafe { from.cast::<Self>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's pointer is writable over a vector.
        unsafe { to.cast::<Self>().write_unaligned(self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] + other[lane])
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|lane| self[lane] + a[lane] * b[lane])
    }
}

/// The vectors of x86-64: the same five methods over differently named instructions.
#[cfg(target_arch = "x86_64")]
macro_rules! x86_lanes {
    ($vector:ident, $count:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident) => {
        impl Lanes for std::arch::x86_64::$vector {
            const COUNT: usize = $count;

            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: called from code built for this instruction set.
                unsafe { std::arch::x86_64::$splat(value) }
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: as above; the caller's pointer is readable over a vector.
                unsafe { std::arch::x86_64::$load(from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: as above; the caller's pointer is writable over a vector.
                unsafe { std::arch::x86_64::$store(to, self) }
            }

            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: called from code built for this instruction set.
                unsafe { std::arch::x86_64::$add(self, other) }
            }

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                // SAFETY: called from code built for this instruction set.
                unsafe { std::arch::x86_64::$fma(a, b, self) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86_lanes!(__m256, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_fmadd_ps);
#[cfg(target_arch = "x86_64")]
x86_lanes!(__m512, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps);
