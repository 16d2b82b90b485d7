//! The one-dimensional transforms of Winograd's minimal filtering, F(2, 3) and F(4, 3).
//!
//! `M` outputs of a filter with three taps are y = Aᵀ((G·g) ⊙ (Bᵀ·d)) of `T` = M + 2 inputs d: T products
//! instead of 3·M. In two dimensions each transform is applied to rows and columns. The points are 0, ±1 and,
//! for F(4, 3), ±2. The gradient of the filter is Gᵀ((A·dy) ⊙ (Bᵀ·d)), with as many products.

use crate::gemm::lanes::Lanes;

/// F(M, 3).
pub(super) trait Scheme<const M: usize, const T: usize>: Sync {
    /// The transform of the filter.
    const G: [[f32; 3]; T];

    /// Bᵀ·d
    ///
    /// # Safety
    /// For code built for the instruction set of `L`.
    unsafe fn data<L: Lanes>(d: [L; T]) -> [L; T];

    /// Aᵀ·m
    ///
    /// # Safety
    /// As above.
    unsafe fn result<L: Lanes>(m: [L; T]) -> [L; M];

    /// A·dy
    ///
    /// # Safety
    /// As above.
    unsafe fn gradient<L: Lanes>(dy: [L; M]) -> [L; T];

    /// Gᵀ·m
    ///
    /// # Safety
    /// As above.
    unsafe fn filter_gradient<L: Lanes>(m: [L; T]) -> [L; 3];
}

/// F(2, 3): 2.25 times fewer products in two dimensions, about as exact as the formula.
pub(super) struct Two;

impl Scheme<2, 4> for Two {
    const G: [[f32; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];

    #[inline(always)]
    unsafe fn data<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 4] {
        // SAFETY: the caller's promise.
        unsafe { [plus(a, -1.0, c), b.add(c), plus(c, -1.0, b), plus(b, -1.0, d)] }
    }

    #[inline(always)]
    unsafe fn result<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 2] {
        // SAFETY: the caller's promise.
        unsafe { [a.add(b).add(c), plus(plus(b, -1.0, c), -1.0, d)] }
    }

    #[inline(always)]
    unsafe fn gradient<L: Lanes>([a, b]: [L; 2]) -> [L; 4] {
        // SAFETY: the caller's promise.
        unsafe { [a, a.add(b), plus(a, -1.0, b), times(-1.0, b)] }
    }

    #[inline(always)]
    unsafe fn filter_gradient<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 3] {
        // SAFETY: the caller's promise.
        unsafe {
            let (sum, difference) = (b.add(c), plus(b, -1.0, c));
            [plus(a, 0.5, sum), times(0.5, difference), plus(d, 0.5, sum)]
        }
    }
}

/// F(4, 3): 4 times fewer products in two dimensions, with an error some ten times larger.
pub(super) struct Four;

impl Scheme<4, 6> for Four {
    const G: [[f32; 3]; 6] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];

    #[inline(always)]
    unsafe fn data<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 6] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (plus(e, -4.0, c), plus(d, -4.0, b));
            let (near, far) = (plus(e, -1.0, c), plus(d, -1.0, b));
            [
                plus(plus(e, -5.0, c), 4.0, a),
                even.add(odd),
                plus(even, -1.0, odd),
                plus(near, 2.0, far),
                plus(near, -2.0, far),
                plus(plus(f, -5.0, d), 4.0, b),
            ]
        }
    }

    #[inline(always)]
    unsafe fn result<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 4] {
        // SAFETY: the caller's promise.
        unsafe {
            let (sum, difference) = (b.add(c), plus(b, -1.0, c));
            let (far_sum, far_difference) = (d.add(e), plus(d, -1.0, e));
            [
                a.add(sum).add(far_sum),
                plus(difference, 2.0, far_difference),
                plus(sum, 4.0, far_sum),
                plus(difference, 8.0, far_difference).add(f),
            ]
        }
    }

    #[inline(always)]
    unsafe fn gradient<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 6] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (a.add(c), b.add(d));
            let (far_even, far_odd) = (plus(a, 4.0, c), plus(b, 4.0, d));
            [
                a,
                even.add(odd),
                plus(even, -1.0, odd),
                plus(far_even, 2.0, far_odd),
                plus(far_even, -2.0, far_odd),
                d,
            ]
        }
    }

    #[inline(always)]
    unsafe fn filter_gradient<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 3] {
        // SAFETY: the caller's promise.
        unsafe {
            let (sum, difference) = (b.add(c), plus(c, -1.0, b));
            let (far_sum, far_difference) = (d.add(e), plus(d, -1.0, e));
            [
                plus(plus(times(1.0 / 4.0, a), -1.0 / 6.0, sum), 1.0 / 24.0, far_sum),
                plus(times(1.0 / 6.0, difference), 1.0 / 12.0, far_difference),
                plus(plus(f, -1.0 / 6.0, sum), 1.0 / 6.0, far_sum),
            ]
        }
    }
}

/// a + factor · b
#[inline(always)]
unsafe fn plus<L: Lanes>(a: L, factor: f32, b: L) -> L {
    // SAFETY: the caller's promise.
    unsafe { a.add_product(b, L::splat(factor)) }
}

/// factor · a
#[inline(always)]
unsafe fn times<L: Lanes>(factor: f32, a: L) -> L {
    // SAFETY: the caller's promise.
    unsafe { plus(L::splat(0.0), factor, a) }
}
