//! Numbers as tensors hold them, in 32 or 16 bits.

use nnc_runtime::devices::cuda::Real;

/// Numbers between -2 and 2 that the type holds exactly: any in 32 bits, eighths in 16.
pub(super) fn some_numbers(count: usize, element: Real) -> Vec<f64> {
    let mut state = count as u64;
    let mut next = || {
        // Knuth's MMIX: the upper bits are random enough.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 22) - 2.0
    };
    let round = |number: f64| if element == Real::Float { number } else { (number * 8.0).round() / 8.0 };
    (0..count).map(|_| round(next())).collect()
}

pub(super) fn encode(numbers: &[f64], element: Real) -> Vec<u8> {
    let bits = numbers.iter().map(|number| (*number as f32).to_bits());
    match element {
        Real::Float => bits.flat_map(u32::to_le_bytes).collect(),
        Real::Bf16 => bits.flat_map(|bits| ((bits >> 16) as u16).to_le_bytes()).collect(),
        Real::Half => bits.flat_map(|bits| half(bits).to_le_bytes()).collect(),
    }
}

/// Zero, or a number that 16 bits hold exactly and whose exponent they hold, too.
fn half(bits: u32) -> u16 {
    let exponent = bits >> 23 & 0xff;
    let rest = if exponent == 0 { 0 } else { (exponent + 15 - 127) << 10 | (bits >> 13 & 0x3ff) };
    (bits >> 16 & 0x8000 | rest) as u16
}

pub(super) fn decode(bytes: &[u8], element: Real) -> Vec<f64> {
    let words = bytes.chunks_exact(2).map(|word| u16::from_le_bytes(word.try_into().unwrap()));
    match element {
        Real::Float => {
            let words = bytes.chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().unwrap()));
            words.map(f64::from).collect()
        }
        Real::Bf16 => words.map(|word| f32::from_bits(u32::from(word) << 16).into()).collect(),
        Real::Half => words.map(from_half).collect(),
    }
}

fn from_half(word: u16) -> f64 {
    let [exponent, mantissa] = [i32::from(word >> 10 & 0x1f), i32::from(word & 0x3ff)];
    let magnitude = match exponent {
        0 => f64::from(mantissa) * 2f64.powi(-24),
        31 => f64::NAN,
        _ => f64::from(mantissa + 0x400) * 2f64.powi(exponent - 25),
    };
    if word >> 15 == 1 { -magnitude } else { magnitude }
}
