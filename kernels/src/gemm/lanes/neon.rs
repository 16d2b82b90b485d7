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
}

/// The lanes that are no NaN.
#[inline(always)]
fn ordered(value: float32x4_t) -> uint32x4_t {
    // SAFETY: every processor of the architecture has the instruction.
    unsafe { vceqq_f32(value, value) }
}
