//! Emitted functions, built for each instruction set.
//!
//! This is all of a kernel that is compiled with the emitted code, once for each function: a loop
//! over one block, with nothing in it but the function. All else sees a [`BlockFunction`]; a call
//! through it costs little beside a block's work.

use crate::cpu::Isa;

/// Elements that are worked on at once: some vectors of any instruction set, small enough for
/// several arrays to stay in the first-level cache.
pub(crate) const BLOCK: usize = 2 * LANES;

/// Elements of the innermost loop: a known number, so that it needs no remainder. It lies in a loop of
/// unknown length because LLVM then inlines large functions too (seen with rustc 1.95, probably since
/// it takes the inner loop for hot); one that is called is not vectorised, and was measured 15 times
/// slower.
const LANES: usize = 128;

/// So many neighbouring elements of an operand or a result.
pub(crate) type Block = [[f32; LANES]; BLOCK / LANES];

/// A block of our own, which no vector straddles a cache line of.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Own(pub(crate) Block);

/// A block of zeros.
pub(crate) const ZERO: Block = [[0.0; LANES]; BLOCK / LANES];

impl Own {
    pub(crate) const ZERO: Own = Own(ZERO);
}

/// A function from blocks to blocks.
pub(crate) trait BlockFunction: Sync {
    /// outputs = f(inputs), lane by lane, for the first `count` lanes at least.
    ///
    /// # Safety
    /// The processor must have the instruction set.
    unsafe fn apply(&self, isa: Isa, count: usize, inputs: &[&Block], outputs: &mut [Own]);
}

/// The loop over a block's lanes, to be built for each instruction set.
trait Lanes: Sync {
    /// Implementations are `#[inline(always)]`: only code that lands inside the caller is compiled
    /// with the caller's instruction set.
    fn run(&self, count: usize, inputs: &[&Block], outputs: &mut [Own]);
}

impl<L: Lanes> BlockFunction for L {
    unsafe fn apply(&self, isa: Isa, count: usize, inputs: &[&Block], outputs: &mut [Own]) {
        match isa {
            // SAFETY: the caller vouches for the instruction set.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { avx512(self, count, inputs, outputs) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2(self, count, inputs, outputs) },
            _ => self.run(count, inputs, outputs),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn avx512<L: Lanes>(lanes: &L, count: usize, inputs: &[&Block], outputs: &mut [Own]) {
    lanes.run(count, inputs, outputs);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<L: Lanes>(lanes: &L, count: usize, inputs: &[&Block], outputs: &mut [Own]) {
    lanes.run(count, inputs, outputs);
}

/// A function of each element of `I` operands.
pub(crate) struct Each<const I: usize, const O: usize, F>(pub(crate) F);

impl<const I: usize, const O: usize, F> Lanes for Each<I, O, F>
where
    F: Fn([f32; I]) -> [f32; O] + Sync,
{
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "iterators would be compiled once more for each function")]
    fn run(&self, count: usize, inputs: &[&Block], outputs: &mut [Own]) {
        assert!(count <= BLOCK && inputs.len() == I && outputs.len() == O);
        // Copied, or each lane would read the references again.
        let mut values = [&ZERO; I];
        values.copy_from_slice(inputs);
        let mut arguments = [0.0; I];
        for part in 0..count.div_ceil(LANES) {
            for lane in 0..LANES {
                for operand in 0..I {
                    arguments[operand] = values[operand][part][lane];
                }
                let results = (self.0)(arguments);
                for output in 0..O {
                    outputs[output].0[part][lane] = results[output];
                }
            }
        }
    }
}
