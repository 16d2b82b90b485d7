//! The vectors of aarch64, all of whose processors have them.
//!
//! Elsewhere the tests run in an emulator: `cargo test --package nnc-runtime --lib --target
//! aarch64-unknown-linux-musl -- kernels devices` with `rust-lld` as the target's linker and
//! `qemu-aarch64-static` as its runner, in `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER` and `…_RUNNER`.

use std::arch::aarch64::{
    float32x4_t, uint32x4_t, vaddq_f32, vandq_u32, vbslq_f32, vceqq_f32, vcgtq_f32, vdupq_n_f32, vfmaq_f32,
    vld1q_f32, vmvnq_u32, vorrq_u32, vst1q_f32,
};

use super::Lanes;

impl Lanes for float32x4_t {
    const COUNT: usize = 4;
    const COLUMNS: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: every processor of the architecture has the instruction.
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above; the caller's pointer is readable over a vector.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above; the caller's pointer is writable over a vector.
        unsafe { vst1q_f32(to, self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: every processor of the architecture has the instruction.
        unsafe { vaddq_f32(self, other) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { vfmaq_f32(self, a, b) }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; 4];
        for (lane, value) in lanes.iter_mut().enumerate().take(count) {
            // SAFETY: the caller's pointer is readable over `count` lanes.
            *value = unsafe { *from.add(lane) };
        }
        // SAFETY: the array is a vector.
        unsafe { Self::load(lanes.as_ptr()) }
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
        unsafe { Self::load(to.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn beaten_by(self, other: Self, own: Self, theirs: Self) -> (Self, Self) {
        // SAFETY: every processor of the architecture has the instructions.
        unsafe {
            let first_nan = vandq_u32(vmvnq_u32(ordered(other)), ordered(self));
            let beaten = vorrq_u32(vcgtq_f32(other, self), first_nan);
            (vbslq_f32(beaten, other, self), vbslq_f32(beaten, theirs, own))
        }
    }

    #[inline(always)]
    unsafe fn where_equal(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { vbslq_f32(vceqq_f32(a, b), self, vdupq_n_f32(0.0)) }
    }

    #[inline(always)]
    unsafe fn transpose(square: &mut [Self; 16]) {
        let rows = [0, 1, 2, 3].map(|row| lanes(square[row]));
        for (column, to) in square[..4].iter_mut().enumerate() {
            let turned = rows.map(|row| row[column]);
            // SAFETY: the array is a vector.
            *to = unsafe { Self::load(turned.as_ptr()) };
        }
    }
}

/// The lanes that are no NaN.
#[inline(always)]
fn ordered(value: float32x4_t) -> uint32x4_t {
    // SAFETY: every processor of the architecture has the instruction.
    unsafe { vceqq_f32(value, value) }
}

#[inline(always)]
fn lanes(value: float32x4_t) -> [f32; 4] {
    let mut lanes = [0.0; 4];
    // SAFETY: the array has room for a vector.
    unsafe { vst1q_f32(lanes.as_mut_ptr(), value) };
    lanes
}
