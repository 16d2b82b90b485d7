//! Numbers in half precision: IEEE 754's binary16.

/// The bits of the nearest number, ties to even; beyond the largest, those of infinity.
pub fn to_half(x: f32) -> u16 {
    let magnitude = match x.abs() {
        size if size.is_nan() => 0x7e00,
        // Half a unit more than 65504.
        size if size >= 65520.0 => 0x7c00,
        // Without a leading one, in units of 2^-24; the largest of them carries into the exponent.
        size if size < 6.103_515_6e-5 => (size * 16_777_216.0).round_ties_even() as u16,
        size => {
            // The exponent counts from -15 instead of -127.
            let bits = size.to_bits() - (112 << 23);
            ((bits + 0xfff + (bits >> 13 & 1)) >> 13) as u16
        }
    };
    (x.to_bits() >> 16) as u16 & 0x8000 | magnitude
}

/// The number with these bits.
pub fn from_half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    let size = match exponent {
        0 => fraction as f32 / 16_777_216.0,
        31 => f32::from_bits(0x7f80_0000 | fraction << 13),
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_standard() {
        let known =
            [(0.0, 0), (-0.0, 0x8000), (1.0, 0x3c00), (-2.0, 0xc000), (65504.0, 0x7bff), (1.0 / 3.0, 0x3555)];
        for (number, bits) in known {
            assert_eq!(to_half(number), bits, "{number}");
        }
        assert_eq!([from_half(1), from_half(0x400)], [2f32.powi(-24), 2f32.powi(-14)]);
        assert_eq!([to_half(65519.0), to_half(65520.0), to_half(f32::INFINITY)], [0x7bff, 0x7c00, 0x7c00]);
        assert!(from_half(to_half(f32::NAN)).is_nan());
    }

    #[test]
    fn every_number_and_what_lies_between() {
        for bits in 0..0x7bff {
            let [here, next] = [bits, bits + 1].map(from_half);
            assert_eq!([to_half(here), to_half(-here)], [bits, bits | 0x8000]);
            let middle = (here + next) / 2.0;
            assert_eq!(to_half(middle), bits + bits % 2, "{middle} is a tie");
            let [below, above] = [middle.next_down(), middle.next_up()];
            assert_eq!([to_half(below), to_half(above)], [bits, bits + 1]);
        }
    }
}
