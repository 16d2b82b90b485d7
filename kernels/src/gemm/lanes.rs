//! Vectors of each instruction set, and code that is built for each of them.

use crate::cpu::Isa;

/// A vector of single-precision numbers. Its methods are for code built for its instruction set, see
/// [`run`]. Those that have a body go through memory, for instruction sets without masks or permutations.
pub(crate) trait Lanes: Copy {
    /// Numbers in it.
    const COUNT: usize;
    /// Vectors of columns in the widest tile of a product, for which there are registers.
    const COLUMNS: usize;

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
    /// The lanes of `other` and of `theirs` where `other` is larger than this vector, or the first NaN; the
    /// lanes of this vector and of `own` elsewhere.
    unsafe fn beaten_by(self, other: Self, own: Self, theirs: Self) -> (Self, Self);
    /// The lanes in which `a` and `b` are equal, zeros in the others.
    unsafe fn where_equal(self, a: Self, b: Self) -> Self;

    /// Reads the first `count` lanes, zeros in the others.
    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; MAX_COUNT];
        for (lane, value) in lanes[..Self::COUNT].iter_mut().enumerate().take(count) {
            // SAFETY: the caller's pointer is readable over `count` lanes.
            *value = unsafe { *from.add(lane) };
        }
        // SAFETY: the array holds a vector.
        unsafe { Self::load(lanes.as_ptr()) }
    }

    /// Writes the first `count` lanes.
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: called from code built for this instruction set.
        let lanes = unsafe { self.lanes() };
        for (lane, &value) in lanes[..Self::COUNT].iter().enumerate().take(count) {
            // SAFETY: the caller's pointer is writable over `count` lanes.
            unsafe { *to.add(lane) = value };
        }
    }

    /// Lane `i` of the result is lane `index[i]`.
    #[inline(always)]
    unsafe fn pick(self, index: &[u32; MAX_COUNT]) -> Self {
        // SAFETY: called from code built for this instruction set.
        let (from, mut to) = (unsafe { self.lanes() }, [0.0; MAX_COUNT]);
        for (to, index) in to[..Self::COUNT].iter_mut().zip(index) {
            *to = from[*index as usize % Self::COUNT];
        }
        // SAFETY: the array holds a vector.
        unsafe { Self::load(to.as_ptr()) }
    }

    /// Turns rows into columns: of as many vectors as there are lanes, the first ones of `square`.
    #[inline(always)]
    unsafe fn transpose(square: &mut [Self; MAX_COUNT]) {
        let mut turned = [[0.0; MAX_COUNT]; MAX_COUNT];
        for (row, vector) in square[..Self::COUNT].iter().enumerate() {
            // SAFETY: called from code built for this instruction set.
            let lanes = unsafe { vector.lanes() };
            turned[..Self::COUNT].iter_mut().zip(lanes).for_each(|(column, value)| column[row] = value);
        }
        for (vector, column) in square.iter_mut().zip(&turned[..Self::COUNT]) {
            // SAFETY: the array holds a vector.
            *vector = unsafe { Self::load(column.as_ptr()) };
        }
    }

    /// The numbers of all lanes, zeros behind them.
    #[inline(always)]
    unsafe fn lanes(self) -> [f32; MAX_COUNT] {
        let mut lanes = [0.0; MAX_COUNT];
        // SAFETY: the array has room for a vector.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }
}

/// Numbers in the longest vector.
pub(crate) const MAX_COUNT: usize = 16;

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
    // SAFETY: a hint that touches no memory; every processor of the architecture has it.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
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
            1 => kernel.run::<f32>(),
            count => run_vectors(isa, count, kernel),
        }
    }
}

/// Runs `kernel` with the widest vectors of `isa`. It is not built for single numbers, as it would be by
/// [`run`].
///
/// # Safety
/// The kernel's own contract; and the processor must have the instruction set.
pub(crate) unsafe fn run_widest<K: Kernel>(isa: Isa, kernel: K) {
    // SAFETY: the caller's promise.
    unsafe { run_vectors(isa, narrowed(isa, usize::MAX), kernel) };
}

/// Runs `kernel` with vectors of `count` numbers.
unsafe fn run_vectors<K: Kernel>(isa: Isa, count: usize, kernel: K) {
    // SAFETY: the contract of `run`.
    unsafe {
        match (isa, count) {
            #[cfg(target_arch = "x86_64")]
            (_, 16) => avx512(kernel),
            #[cfg(target_arch = "x86_64")]
            (_, 8) => avx2(kernel),
            #[cfg(target_arch = "aarch64")]
            (Isa::Neon, _) => kernel.run::<std::arch::aarch64::float32x4_t>(),
            _ => kernel.run::<Portable>(),
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
            // The widest ones have no more than eight.
            _ => run_widest(isa, kernel),
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

/// Vectors that every processor of the architecture has.
#[cfg(target_arch = "x86_64")]
type Portable = std::arch::x86_64::__m128;
#[cfg(not(target_arch = "x86_64"))]
type Portable = [f32; 4];

#[cfg(any(test, not(target_arch = "x86_64")))]
mod array;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;
