//! Vectors as arrays, for architectures without code of their own; and what the others are compared with.

use super::Lanes;

impl<const N: usize> Lanes for [f32; N] {
    const COUNT: usize = N;
    const COLUMNS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; N]
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

    #[inline(always)]
    unsafe fn beaten_by(self, other: Self, own: Self, theirs: Self) -> (Self, Self) {
        let is_beaten =
            |lane: usize| (other[lane] > self[lane]) | (other[lane].is_nan() & !self[lane].is_nan());
        let beaten: [bool; N] = std::array::from_fn(is_beaten);
        let pick =
            |a: Self, b: Self| std::array::from_fn(|lane| if beaten[lane] { b[lane] } else { a[lane] });
        (pick(self, other), pick(own, theirs))
    }

    #[inline(always)]
    unsafe fn where_equal(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|lane| if a[lane] == b[lane] { self[lane] } else { 0.0 })
    }
}
