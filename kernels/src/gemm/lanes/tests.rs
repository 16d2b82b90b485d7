//! Vectors of each kind, lane by lane against numbers.

use super::{Isa, Kernel, Lanes, run};

/// Compares what a kind of vectors does with the same on numbers.
struct Check;

const NAN: f32 = f32::NAN;
const A: [f32; 16] =
    [1.0, -2.0, NAN, 0.5, NAN, 3.0, 0.0, -7.0, 1e30, 2.0, NAN, -1.0, 4.0, NAN, -0.5, f32::INFINITY];
const B: [f32; 16] = [2.0, -3.0, 1.0, NAN, NAN, 3.0, -0.0, 7.0, 1e29, NAN, 2.0, -1.5, 4.5, -8.0, NAN, 6.0];
const C: [f32; 16] =
    [3.0, 0.1, 5.0, -0.25, 9.0, 1.0, 2.0, -3.0, 0.5, 8.0, -4.0, 7.0, 0.75, -0.125, 6.0, -5.0];

impl Kernel for Check {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: every array holds at least a vector.
        unsafe {
            let [a, b, c] = [&A, &B, &C].map(|values| L::load(values.as_ptr()));
            expect(L::splat(2.5), |_| 2.5);
            expect(a.add(b), |lane| A[lane] + B[lane]);
            // Few enough digits for a product to be exact, so that fused or not is the same.
            expect(c.add_product(c, L::splat(3.0)), |lane| C[lane] + C[lane] * 3.0);
            expect(c.pick(&std::array::from_fn(turned::<L>)), |lane| C[turned::<L>(lane) as usize]);
            let is_beaten = |lane: usize| B[lane] > A[lane] || (B[lane].is_nan() && !A[lane].is_nan());
            let (larger, which) = a.beaten_by(b, c, L::splat(-1.0));
            expect(larger, |lane| if is_beaten(lane) { B[lane] } else { A[lane] });
            expect(which, |lane| if is_beaten(lane) { -1.0 } else { C[lane] });
            expect(c.where_equal(a, b), |lane| if A[lane] == B[lane] { C[lane] } else { 0.0 });
            let number = |row: usize, column: usize| (row * 16 + column) as f32;
            let mut square: [L; 16] = std::array::from_fn(|row| {
                let row: [f32; 16] = std::array::from_fn(|column| number(row, column));
                L::load(row.as_ptr())
            });
            L::transpose(&mut square);
            for (row, turned) in square.into_iter().enumerate().take(L::COUNT) {
                expect(turned, |lane| number(lane, row));
            }
            for count in 0..=L::COUNT {
                expect(L::load_part(C.as_ptr(), count), |lane| if lane < count { C[lane] } else { 0.0 });
                let mut to = A;
                c.store_part(to.as_mut_ptr(), count);
                let expected: [f32; 16] =
                    std::array::from_fn(|lane| if lane < count { C[lane] } else { A[lane] });
                assert_eq!(to.map(f32::to_bits), expected.map(f32::to_bits), "{count} of {}", L::COUNT);
            }
        }
    }
}

/// The lanes from the last to the first.
fn turned<L: Lanes>(lane: usize) -> u32 {
    (L::COUNT - 1 - lane % L::COUNT) as u32
}

#[inline(always)]
#[track_caller]
unsafe fn expect<L: Lanes>(vector: L, expected: impl Fn(usize) -> f32) {
    let mut lanes = [0.0; 16];
    // SAFETY: the array holds at least a vector.
    unsafe { vector.store(lanes.as_mut_ptr()) };
    for (lane, value) in lanes.into_iter().enumerate().take(L::COUNT) {
        let expected = expected(lane);
        let is_equal = value == expected || value.is_nan() && expected.is_nan();
        assert!(is_equal, "lane {lane} of {}: {value}, expected {expected}", L::COUNT);
    }
}

#[test]
fn vectors_do_what_numbers_do() {
    for isa in Isa::available() {
        for limit in [1, 4, 8, 16] {
            // SAFETY: the processor has the instruction set.
            unsafe { run(isa, limit, Check) };
        }
    }
}

#[test]
fn arrays_do_what_numbers_do() {
    // SAFETY: arrays need no instructions of their own.
    unsafe { Check.run::<[f32; 4]>() };
}
