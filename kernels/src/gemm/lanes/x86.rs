//! The vectors of x86-64.

use std::arch::x86_64::{
    __m128, __m256, __m256i, __m512, __mmask16, _CMP_EQ_OQ, _CMP_NLE_UQ, _CMP_ORD_Q, _mm_add_ps, _mm_and_ps,
    _mm_andnot_ps, _mm_cmpeq_ps, _mm_cmpnle_ps, _mm_cmpord_ps, _mm_loadu_ps, _mm_mul_ps, _mm_or_ps,
    _mm_set1_ps, _mm_storeu_ps, _mm256_add_ps, _mm256_and_ps, _mm256_blendv_ps, _mm256_castpd_ps,
    _mm256_castps_pd, _mm256_cmp_ps, _mm256_cmpgt_epi32, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_permute2f128_ps, _mm256_permutevar8x32_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_storeu_ps, _mm256_unpackhi_pd,
    _mm256_unpackhi_ps, _mm256_unpacklo_pd, _mm256_unpacklo_ps, _mm512_add_ps, _mm512_castpd_ps,
    _mm512_castps_pd, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mask_blend_ps, _mm512_mask_cmp_ps_mask, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_maskz_mov_ps, _mm512_permutexvar_ps, _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_storeu_ps,
    _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::{Lanes, MAX_COUNT};

/// SSE2: no fused multiply-add, and no masks.
impl Lanes for __m128 {
    const COUNT: usize = 4;
    const COLUMNS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: every processor of the architecture has SSE2.
        unsafe { _mm_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above; the caller's pointer is readable over a vector.
        unsafe { _mm_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above; the caller's pointer is writable over a vector.
        unsafe { _mm_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: every processor of the architecture has SSE2.
        unsafe { _mm_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm_add_ps(self, _mm_mul_ps(a, b)) }
    }

    #[inline(always)]
    unsafe fn beaten_by(self, other: Self, own: Self, theirs: Self) -> (Self, Self) {
        // SAFETY: every processor of the architecture has SSE2.
        unsafe {
            let beaten = _mm_and_ps(_mm_cmpnle_ps(other, self), _mm_cmpord_ps(self, self));
            let pick = |a, b| _mm_or_ps(_mm_and_ps(beaten, b), _mm_andnot_ps(beaten, a));
            (pick(self, other), pick(own, theirs))
        }
    }

    #[inline(always)]
    unsafe fn where_equal(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm_and_ps(_mm_cmpeq_ps(a, b), self) }
    }
}

impl Lanes for __m256 {
    const COUNT: usize = 8;
    const COLUMNS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: called from code built for this instruction set.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above; the caller's pointer is readable over a vector.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above; the caller's pointer is writable over a vector.
        unsafe { _mm256_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: called from code built for this instruction set.
        unsafe { _mm256_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: called from code built for this instruction set.
        unsafe { _mm256_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: as above; the caller's pointer is readable over `count` lanes.
        unsafe { _mm256_maskload_ps(from, first_of_8(count)) }
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: as above; the caller's pointer is writable over `count` lanes.
        unsafe { _mm256_maskstore_ps(to, first_of_8(count), self) }
    }

    #[inline(always)]
    unsafe fn pick(self, index: &[u32; MAX_COUNT]) -> Self {
        // SAFETY: called from code built for this instruction set; the array holds a vector of indices.
        unsafe { _mm256_permutevar8x32_ps(self, index.as_ptr().cast::<__m256i>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn beaten_by(self, other: Self, own: Self, theirs: Self) -> (Self, Self) {
        // SAFETY: called from code built for this instruction set.
        unsafe {
            let ordered = _mm256_cmp_ps::<_CMP_ORD_Q>(self, self);
            let beaten = _mm256_and_ps(_mm256_cmp_ps::<_CMP_NLE_UQ>(other, self), ordered);
            (_mm256_blendv_ps(self, other, beaten), _mm256_blendv_ps(own, theirs, beaten))
        }
    }

    #[inline(always)]
    unsafe fn where_equal(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b), self) }
    }

    /// Elements change places in squares of two, of four, and at last across the halves of the vectors.
    #[inline(always)]
    unsafe fn transpose(square: &mut [Self; MAX_COUNT]) {
        // SAFETY: as above.
        unsafe {
            for first in [0, 4] {
                let [a, b, c, d] = [square[first], square[first + 1], square[first + 2], square[first + 3]];
                let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                let (low, high) = (_mm256_castps_pd(ab), _mm256_castps_pd(cd));
                square[first] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
                square[first + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
                let (ab, cd) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                let (low, high) = (_mm256_castps_pd(ab), _mm256_castps_pd(cd));
                square[first + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
                square[first + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
            }
            for row in 0..4 {
                let (a, b) = (square[row], square[row + 4]);
                square[row] = _mm256_permute2f128_ps::<0x20>(a, b);
                square[row + 4] = _mm256_permute2f128_ps::<0x31>(a, b);
            }
        }
    }
}

/// The mask of the first `count` lanes.
#[inline(always)]
unsafe fn first_of_8(count: usize) -> __m256i {
    // SAFETY: called from code built for AVX2.
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}

impl Lanes for __m512 {
    const COUNT: usize = 16;
    const COLUMNS: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: called from code built for this instruction set.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above; the caller's pointer is readable over a vector.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above; the caller's pointer is writable over a vector.
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: called from code built for this instruction set.
        unsafe { _mm512_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: called from code built for this instruction set.
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: as above; the caller's pointer is readable over `count` lanes.
        unsafe { _mm512_maskz_loadu_ps(first_of_16(count), from) }
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: as above; the caller's pointer is writable over `count` lanes.
        unsafe { _mm512_mask_storeu_ps(to, first_of_16(count), self) }
    }

    #[inline(always)]
    unsafe fn pick(self, index: &[u32; MAX_COUNT]) -> Self {
        // SAFETY: called from code built for this instruction set; the array holds a vector of indices.
        unsafe { _mm512_permutexvar_ps(_mm512_loadu_si512(index.as_ptr().cast()), self) }
    }

    #[inline(always)]
    unsafe fn beaten_by(self, other: Self, own: Self, theirs: Self) -> (Self, Self) {
        // SAFETY: called from code built for this instruction set.
        unsafe {
            let ordered = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(self, self);
            let beaten = _mm512_mask_cmp_ps_mask::<_CMP_NLE_UQ>(ordered, other, self);
            (_mm512_mask_blend_ps(beaten, self, other), _mm512_mask_blend_ps(beaten, own, theirs))
        }
    }

    #[inline(always)]
    unsafe fn where_equal(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), self) }
    }

    /// Elements change places in squares of two, of four, and at last across the quarters of the vectors.
    #[inline(always)]
    unsafe fn transpose(square: &mut [Self; MAX_COUNT]) {
        // SAFETY: as above.
        unsafe {
            for first in [0, 4, 8, 12] {
                let [a, b, c, d] = [square[first], square[first + 1], square[first + 2], square[first + 3]];
                let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
                let (low, high) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
                square[first] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
                square[first + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
                let (ab, cd) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
                let (low, high) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
                square[first + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
                square[first + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
            }
            // Quarters 0 and 2 of two vectors, or 1 and 3.
            const EVEN: i32 = 0x88;
            const ODD: i32 = 0xdd;
            for row in 0..4 {
                let [a, b, c, d] = [square[row], square[row + 4], square[row + 8], square[row + 12]];
                let (ab, cd) = (_mm512_shuffle_f32x4::<EVEN>(a, b), _mm512_shuffle_f32x4::<EVEN>(c, d));
                square[row] = _mm512_shuffle_f32x4::<EVEN>(ab, cd);
                square[row + 8] = _mm512_shuffle_f32x4::<ODD>(ab, cd);
                let (ab, cd) = (_mm512_shuffle_f32x4::<ODD>(a, b), _mm512_shuffle_f32x4::<ODD>(c, d));
                square[row + 4] = _mm512_shuffle_f32x4::<EVEN>(ab, cd);
                square[row + 12] = _mm512_shuffle_f32x4::<ODD>(ab, cd);
            }
        }
    }
}

/// The mask of the first `count` lanes.
fn first_of_16(count: usize) -> __mmask16 {
    ((1u32 << count.min(16)) - 1) as __mmask16
}
