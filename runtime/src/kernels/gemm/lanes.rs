//! Vectors of each instruction set, and code that is built for each of them.

use crate::devices::cpu::Isa;

/// A vector of single-precision numbers. Its methods are for code built for its instruction set, see
/// [`run`].
pub(crate) trait Lanes: Copy {
    /// Numbers in it.
    const COUNT: usize;

    /// The same number in each lane.
    unsafe fn splat(value: f32) -> Self;
    /// Reads a vector, of any alignment.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes a vector, of any alignment.
    unsafe fn store(self, to: *mut f32);
    /// self + other
    unsafe fn add(self, other: Self) -> Self;
    /// self + a·b
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// Reads the first `count` lanes, zeros in the others.
    unsafe fn load_part(from: *const f32, count: usize) -> Self;
    /// Writes the first `count` lanes.
    unsafe fn store_part(self, to: *mut f32, count: usize);
    /// Lane `i` of the result is lane `index[i]`.
    unsafe fn pick(self, index: &[u32; 16]) -> Self;
    /// The lanes of `other` and of `theirs` where `other` is larger than this vector, or the first NaN; the
    /// lanes of this vector and of `own` elsewhere.
    unsafe fn beaten_by(self, other: Self, own: Self, theirs: Self) -> (Self, Self);
    /// The lanes in which `a` and `b` are equal, zeros in the others.
    unsafe fn where_equal(self, a: Self, b: Self) -> Self;
    /// Turns rows into columns: of as many vectors as there are lanes, the first ones of `square`.
    unsafe fn transpose(square: &mut [Self; 16]);
}

/// Code over vectors of any kind.
pub(crate) trait Kernel {
    /// The code. Mark it and all that it calls `#[inline(always)]`: only code that lands inside the
    /// caller is compiled with the caller's instruction set.
    ///
    /// # Safety
    /// The kernel's own contract; and the processor must have the instructions of `L`.
    unsafe fn run<L: Lanes>(self);
}

/// Has the cache line at `at` brought into the first-level cache; `at` may lie anywhere.
#[inline(always)]
pub(crate) fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint that touches no memory; every processor of the architecture has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
}

/// Numbers in the vectors that [`run`] picks: at most `limit`.
pub(crate) fn narrowed(isa: Isa, limit: usize) -> usize {
    match (isa, limit) {
        (Isa::Avx512, 16..) => 16,
        (Isa::Avx512 | Isa::Avx2, 8..) => 8,
        (_, 4..) => 4,
        _ => 1,
    }
}

/// Where the vectors start that cover `channels`: the last one overlaps the one before where it would
/// stick out.
#[inline(always)]
pub(crate) fn starts(channels: usize, lanes: usize) -> impl Iterator<Item = usize> {
    (0..channels.div_ceil(lanes)).map(move |vector| (vector * lanes).min(channels - lanes))
}

/// Runs `kernel` with the widest vectors of `isa` that have no more than `limit` numbers.
///
/// # Safety
/// The kernel's own contract; and the processor must have the instruction set.
pub(crate) unsafe fn run<K: Kernel>(isa: Isa, limit: usize, kernel: K) {
    // SAFETY: the caller's promise.
    unsafe {
        match narrowed(isa, limit) {
            #[cfg(target_arch = "x86_64")]
            16 => avx512(kernel),
            #[cfg(target_arch = "x86_64")]
            8 => avx2(kernel),
            4 => kernel.run::<[f32; 4]>(),
            _ => kernel.run::<[f32; 1]>(),
        }
    }
}

/// Runs `kernel` with vectors of up to eight numbers; where the instruction set has longer ones, with its
/// many registers all the same.
///
/// # Safety
/// As for [`run`].
pub(crate) unsafe fn run_eight<K: Kernel>(isa: Isa, kernel: K) {
    // SAFETY: the caller's promise.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => eight_of_avx512(kernel),
            _ => run(isa, 8, kernel),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
unsafe fn eight_of_avx512<K: Kernel>(kernel: K) {
    // SAFETY: the contract of `run_eight`.
    unsafe { kernel.run::<std::arch::x86_64::__m256>() };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
unsafe fn avx512<K: Kernel>(kernel: K) {
    // SAFETY: the contract of `run`.
    unsafe { kernel.run::<std::arch::x86_64::__m512>() };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<K: Kernel>(kernel: K) {
    // SAFETY: the contract of `run`.
    unsafe { kernel.run::<std::arch::x86_64::__m256>() };
}

impl<const N: usize> Lanes for [f32; N] {
    const COUNT: usize = N;

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
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller's pointer is readable over `count` lanes.
        std::array::from_fn(|lane| if lane < count { unsafe { *from.add(lane) } } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        for (lane, value) in self.into_iter().enumerate().take(count) {
            // SAFETY: the caller's pointer is writable over `count` lanes.
            unsafe { *to.add(lane) = value };
        }
    }

    #[inline(always)]
    unsafe fn pick(self, index: &[u32; 16]) -> Self {
        std::array::from_fn(|lane| self[index[lane] as usize])
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

    #[inline(always)]
    unsafe fn transpose(square: &mut [Self; 16]) {
        let rows = *square;
        for (column, to) in square[..N].iter_mut().enumerate() {
            *to = std::array::from_fn(|row| rows[row][column]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86;
