//! Single numbers, where there are too few channels for a vector.

use super::Lanes;

impl Lanes for f32 {
    const COUNT: usize = 1;
    const COLUMNS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        value
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's pointer is readable over a number.
        unsafe { *from }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's pointer is writable over a number.
        unsafe { *to = self }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self + other
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        self + a * b
    }

    #[inline(always)]
    unsafe fn beaten_by(self, other: Self, own: Self, theirs: Self) -> (Self, Self) {
        match (other > self) | (other.is_nan() & !self.is_nan()) {
            true => (other, theirs),
            false => (self, own),
        }
    }

    #[inline(always)]
    unsafe fn where_equal(self, a: Self, b: Self) -> Self {
        if a == b { self } else { 0.0 }
    }
}
