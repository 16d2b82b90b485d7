//! Scalar functions for element-wise loops.
//!
//! Each is a few multiplications, additions and selects without a branch or a call, so that the
//! loop around it becomes vector code. None uses fused multiply-add: the bits are the same for
//! every instruction set. The errors stated were measured by the tests below over the
//! whole range; NaN, infinities, zeros and subnormal numbers come out as in IEEE 754.

/// eˣ, within 2 ulp.
///
/// x = n·ln 2 + r with |r| ≤ ½ ln 2; the polynomial for eʳ is that of Cephes' `expf`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Past these bounds the result is 0 or ∞ anyway; NaN passes.
    let x = if x > 100.0 { 100.0 } else { x };
    let x = if x < -110.0 { -110.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let p = polynomial(r, [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5.0e-1]);
    let p = p * (r * r) + r + 1.0;
    // Two factors: 2ⁿ itself may overflow or be subnormal where the result is neither.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    p * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// The natural logarithm, within 1 ulp.
///
/// x = 2ᵉ·m with √½ ≤ m < √2; the polynomial for log m is that of Cephes' `logf`.
#[inline(always)]
pub fn log(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = select(subnormal, x * 8_388_608.0, x);
    let bits = scaled.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let exponent = (bits as i32 >> 23) as f32 - if subnormal { 23.0 } else { 0.0 };
    let mantissa = f32::from_bits((bits & 0x007F_FFFF) + SQRT_HALF_BITS);
    let r = mantissa - 1.0;
    let p = polynomial(
        r,
        [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ],
    );
    let square = r * r;
    let tail = r * square * p + exponent * LN_2_LOW - 0.5 * square;
    let result = (r + tail) + exponent * LN_2_HIGH;
    let result = select(x == f32::INFINITY, x, result);
    let result = select(x == 0.0, f32::NEG_INFINITY, result);
    select((x < 0.0) | x.is_nan(), f32::NAN, result)
}

/// The square root, correctly rounded.
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    x.sqrt()
}

/// The hyperbolic tangent, within 2 ulp.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let square = x * x;
    let p = polynomial(square, [-5.704_989e-3, 2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1]);
    let small = p * square * x + x;
    let magnitude = x.abs();
    let large = (1.0 - 2.0 / (exp(2.0 * magnitude) + 1.0)).copysign(x);
    select(magnitude < 0.625, small, large)
}

/// 1 / (1 + e⁻ˣ), within 3 ulp.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    // The exponential of a negative number: no overflow, and small results keep their digits.
    let e = exp(-x.abs());
    let numerator = if x >= 0.0 { 1.0 } else { e };
    numerator / (1.0 + e)
}

/// The Gauss error function, within 3 ulp.
///
/// Below 475/512 a polynomial, above 1 − exp of a polynomial.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let square = x * x;
    let p = polynomial(
        square,
        [-5.967_617e-4, 4.991_194_2e-3, -2.676_813_5e-2, 1.128_199_25e-1, -3.761_253_4e-1, 1.283_791_7e-1],
    );
    let small = p * x + x;
    let magnitude = x.abs();
    // erf is 1 to the last bit from 4 on.
    let t = if magnitude > 4.0 { 4.0 } else { magnitude };
    let p = polynomial(
        t,
        [
            -1.728_534_7e-5,
            3.831_971_3e-4,
            -3.883_964_4e-3,
            2.425_462_2e-2,
            -1.067_778_8e-1,
            -6.348_467e-1,
            -1.287_175_1e-1,
        ],
    );
    let large = (1.0 - exp(p * t - t)).copysign(x);
    select(magnitude > 475.0 / 512.0, large, small)
}

/// The larger one; NaN if either is.
#[inline(always)]
pub fn max(a: f32, b: f32) -> f32 {
    if (a > b) | a.is_nan() { a } else { b }
}

/// The smaller one; NaN if either is.
#[inline(always)]
pub fn min(a: f32, b: f32) -> f32 {
    if (a < b) | a.is_nan() { a } else { b }
}

/// 1.5 · 2²³: a float near it has no fraction bits, so that adding it rounds, and its low bits are
/// the integer.
const ROUND: f32 = 12_582_912.0;

/// ln 2 in two parts; the first has few bits, so that its product with an exponent is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// The bits of √½.
const SQRT_HALF_BITS: u32 = 0x3F35_04F3;

/// By Horner's rule, the highest power first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for coefficient in &coefficients[1..] {
        sum = sum * x + coefficient;
    }
    sum
}

/// `if` that stays a select: a branch would be free to skip the arm that is not taken, and keep the
/// loop around it from being vectorised.
#[inline(always)]
fn select(condition: bool, then: f32, otherwise: f32) -> f32 {
    std::hint::select_unpredictable(condition, then, otherwise)
}

#[inline(always)]
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits((exponent.wrapping_add(127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance in units of the last place of the exact value.
    fn ulps(found: f32, exact: f64) -> f64 {
        let rounded = exact as f32;
        if found == rounded || (found.is_nan() && exact.is_nan()) {
            return 0.0;
        }
        if !found.is_finite() || !rounded.is_finite() {
            return f64::INFINITY;
        }
        let ulp = f64::from(rounded.abs().next_up() - rounded.abs()).max(f64::from(f32::from_bits(1)));
        (f64::from(found) - exact).abs() / ulp
    }

    /// The largest error over numbers of every magnitude and sign.
    fn worst(function: fn(f32) -> f32, exact: fn(f64) -> f64) -> (f64, f32) {
        let special = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN];
        let spread = (0..u32::MAX / 1999).map(|index| f32::from_bits(index * 1999));
        let dense = (-200_000..200_000).map(|index| index as f32 * 5.1e-4);
        let error = |x: f32| (ulps(function(x), exact(f64::from(x))), x);
        special
            .into_iter()
            .chain(spread)
            .chain(dense)
            .map(error)
            .fold((0.0, 0.0), |worst, error| if error.0 > worst.0 { error } else { worst })
    }

    #[track_caller]
    fn check(function: fn(f32) -> f32, exact: fn(f64) -> f64, bound: f64) {
        let (error, x) = worst(function, exact);
        assert!(error <= bound, "{error:.2} ulp at {x:e}: {:e} for {:e}", function(x), exact(x.into()));
    }

    #[test]
    fn exp_is_exact_to_2_ulp() {
        check(exp, f64::exp, 2.0);
    }

    #[test]
    fn log_is_exact_to_1_ulp() {
        check(log, f64::ln, 1.0);
    }

    #[test]
    fn tanh_is_exact_to_2_ulp() {
        check(tanh, f64::tanh, 2.0);
    }

    #[test]
    fn sigmoid_is_exact_to_3_ulp() {
        check(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 3.0);
    }

    #[test]
    fn erf_is_exact_to_3_ulp() {
        check(erf, exact_erf, 3.0);
    }

    #[test]
    fn max_and_min_propagate_nan() {
        assert_eq!((max(1.0, 2.0), max(2.0, 1.0)), (2.0, 2.0));
        assert_eq!((min(1.0, 2.0), min(2.0, 1.0)), (1.0, 1.0));
        for function in [max, min] {
            assert!(function(f32::NAN, 1.0).is_nan() && function(1.0, f32::NAN).is_nan());
        }
    }

    /// The Maclaurin series, and past 3 the continued fraction of the complement (Abramowitz &
    /// Stegun 7.1.6 and 7.1.14).
    fn exact_erf(x: f64) -> f64 {
        let magnitude = x.abs();
        if x.is_nan() {
            x
        } else if magnitude < 3.0 {
            let mut term = x;
            let terms = (1..100).map(|n| {
                term *= 2.0 * x * x / f64::from(2 * n + 1);
                term
            });
            let sum: f64 = x + terms.sum::<f64>();
            std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
        } else {
            let tail = (1..=60).rev().fold(magnitude, |tail, n| magnitude + f64::from(n) / 2.0 / tail);
            let complement = (-x * x).exp() / tail * std::f64::consts::FRAC_2_SQRT_PI / 2.0;
            (1.0 - complement).copysign(x)
        }
    }
}
