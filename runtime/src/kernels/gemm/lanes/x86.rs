//! The vectors of x86-64.

use std::arch::x86_64::{
    __m128, __m256, __m256i, __m512, __mmask16, _CMP_EQ_OQ, _CMP_NLE_UQ, _CMP_ORD_Q, _mm_add_ps, _mm_and_ps,
    _mm_andnot_ps, _mm_cmpeq_ps, _mm_cmpnle_ps, _mm_cmpord_ps, _mm_loadu_ps, _mm_mul_ps, _mm_or_ps,
    _mm_set1_ps, _mm_storeu_ps, _mm256_add_ps, _mm256_and_ps, _mm256_blendv_ps, _mm256_cmp_ps,
    _mm256_cmpgt_epi32, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_maskload_ps, _mm256_maskstore_ps,
    _mm256_permutevar8x32_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_storeu_ps,
    _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mask_blend_ps, _mm512_mask_cmp_ps_mask, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_maskz_mov_ps, _mm512_permutexvar_ps, _mm512_set1_ps, _mm512_storeu_ps,
};

use super::Lanes;

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
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; 4];
        for (lane, value) in lanes.iter_mut().enumerate().take(count) {
            // SAFETY: the caller's pointer is readable over `count` lanes.
            *value = unsafe { *from.add(lane) };
        }
        // SAFETY: the array is a vector.
        unsafe { _mm_loadu_ps(lanes.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        for (lane, value) in lanes(self).into_iter().enumerate().take(count) {
            // SAFETY: the caller's pointer is writable over `count` lanes.
            unsafe { *to.add(lane) = value };
        }
    }

    #[inline(always)]
    unsafe fn pick(self, index: &[u32; 16]) -> Self {
        let (from, mut to) = (lanes(self), [0.0; 4]);
        for (to, index) in to.iter_mut().zip(index) {
            *to = from[*index as usize % 4];
        }
        // SAFETY: the array is a vector.
        unsafe { _mm_loadu_ps(to.as_ptr()) }
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

#[inline(always)]
fn lanes(value: __m128) -> [f32; 4] {
    let mut lanes = [0.0; 4];
    // SAFETY: the array has room for a vector.
    unsafe { _mm_storeu_ps(lanes.as_mut_ptr(), value) };
    lanes
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
    unsafe fn pick(self, index: &[u32; 16]) -> Self {
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
    unsafe fn pick(self, index: &[u32; 16]) -> Self {
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
}

/// The mask of the first `count` lanes.
fn first_of_16(count: usize) -> __mmask16 {
    ((1u32 << count.min(16)) - 1) as __mmask16
}
