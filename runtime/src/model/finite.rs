//! Looks for NaN and infinities in large slices, at the speed of memory.

use std::sync::atomic::{AtomicBool, Ordering};

use nnc_kernels::cpu::{Pool, Vectorised};

/// Elements of a task.
const TASK: usize = 1 << 14;

/// Elements that are looked at before the first answer: a loop without an exit inside is vectorised.
const BLOCK: usize = 1 << 10;

/// Whether no value is NaN or infinite.
pub(super) fn all_finite(pool: &Pool, values: &[f32]) -> bool {
    let finite = AtomicBool::new(true);
    pool.for_each(values.len().div_ceil(TASK), |task| {
        let part = &values[task * TASK..((task + 1) * TASK).min(values.len())];
        if !pool.isa().run(AllFinite(part)) {
            finite.store(false, Ordering::Relaxed);
        }
    });
    finite.into_inner()
}

struct AllFinite<'a>(&'a [f32]);

impl Vectorised for AllFinite<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        self.0.chunks(BLOCK).all(|block| block.iter().fold(true, |finite, value| finite & value.is_finite()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_value_is_found_wherever_it_is() {
        let pool = Pool::new(2);
        let mut values = vec![f32::MAX; 3 * TASK + 5];
        assert!(all_finite(&pool, &values) && all_finite(&pool, &[]));
        for at in [0, BLOCK, TASK - 1, 2 * TASK + 7, 3 * TASK + 4] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                values[at] = bad;
                assert!(!all_finite(&pool, &values), "{bad} at {at}");
            }
            values[at] = 0.0;
        }
        assert!(all_finite(&pool, &values));
    }
}
