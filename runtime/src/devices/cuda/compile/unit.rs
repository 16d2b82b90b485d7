//! Kernel texts that are compiled together, and what they are known by.

use std::fmt::Write;

/// A kernel as text, written in what `runtime/src/emitted/cuda/common.h` describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel<'a> {
    /// The name in `KERNEL(name, …)`.
    pub name: &'a str,
    /// The definition, with functions of its own before it. What it defines at the outermost level
    /// begins with its name, because the texts of a unit see each other.
    pub text: &'a str,
}

/// The type of activations in memory, which texts call `real`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Real {
    /// 32 bits.
    Float,
    /// 16 bits, 8 of them for the exponent.
    Bf16,
    /// 16 bits, 5 of them for the exponent.
    Half,
}

impl Real {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Real::Float => 4,
            Real::Bf16 | Real::Half => 2,
        }
    }
}

/// Kernels that make one cubin.
pub(super) struct Unit<'a> {
    pub(super) kernels: &'a [Kernel<'a>],
    /// All texts, under the names by which the compiler shall speak of them.
    pub(super) source: String,
}

/// A header that is given to the compiler together with the texts.
pub(super) struct Header {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// What every unit begins with.
pub(super) const HEADERS: [Header; 2] = [
    Header { name: "prelude.cuh", text: include_str!("../../../emitted/cuda/prelude.cuh") },
    Header { name: "common.h", text: include_str!("../../../emitted/cuda/common.h") },
];

/// Kernels of a unit. With more, large machines have nothing to do in parallel; with fewer, what every
/// compilation brings with it counts (22 of 42 ms for a small kernel).
const KERNELS: usize = 4;

/// Cut by number alone.
pub(super) fn units<'a>(kernels: &'a [Kernel<'a>]) -> Vec<Unit<'a>> {
    kernels.chunks(KERNELS).map(Unit::new).collect()
}

impl Real {
    /// The options of the compiler, which makes code for `architecture` alone.
    pub(super) fn options(self, architecture: &str) -> [String; 5] {
        // The numbers of `REAL_FLOAT`, `REAL_BF16` and `REAL_HALF` in the preludes.
        let number = match self {
            Real::Float => 0,
            Real::Bf16 => 1,
            Real::Half => 2,
        };
        let [standard, real] = ["--std=c++17".to_owned(), format!("--define-macro=REAL={number}")];
        // Quotients and roots within two units in the last place: the exact ones are slow paths that take registers
        // from kernels which are bound by memory.
        let [division, root] = ["--prec-div=false", "--prec-sqrt=false"].map(str::to_owned);
        [format!("--gpu-architecture={architecture}"), standard, real, division, root]
    }
}

impl<'a> Unit<'a> {
    pub(super) fn new(kernels: &'a [Kernel<'a>]) -> Unit<'a> {
        let mut source = String::new();
        for header in HEADERS {
            let _ = writeln!(source, "#include \"{}\"", header.name);
        }
        for kernel in kernels {
            let _ = writeln!(source, "#line 1 \"{}\"\n{}", kernel.name, kernel.text);
        }
        Unit { kernels, source }
    }

    /// The same for each kernel.
    pub(super) fn all<T: Clone>(&self, one: T) -> Vec<T> {
        vec![one; self.kernels.len()]
    }

    /// The hash of all that decides what the compiler makes of it, in base 16; only the compiler itself
    /// is left out.
    pub(super) fn key(&self, real: Real, architecture: &str) -> String {
        let options = real.options(architecture);
        let headers = HEADERS.iter().map(|header| header.text);
        let parts = headers.chain(options.iter().map(String::as_str)).chain([self.source.as_str()]);
        // The byte 0xff stands in no UTF-8 text, so it keeps the parts apart.
        format!("{:032x}", content_hash(parts.flat_map(|part| part.bytes().chain([0xff]))))
    }
}

/// FNV-1a with 128 bits. It tells texts apart and protects against nobody.
pub(super) fn content_hash(bytes: impl Iterator<Item = u8>) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNELS: [Kernel; 6] = [Kernel { name: "k", text: "KERNEL(k, 32, 0)() {}" }; 6];

    #[test]
    fn a_unit_names_its_texts() {
        let units = units(&KERNELS);
        assert_eq!(units.iter().map(|unit| unit.kernels.len()).collect::<Vec<_>>(), [4, 2]);
        let expected = "\
#include \"prelude.cuh\"
#include \"common.h\"
#line 1 \"k\"
KERNEL(k, 32, 0)() {}
#line 1 \"k\"
KERNEL(k, 32, 0)() {}
";
        assert_eq!(units[1].source, expected);
    }

    #[test]
    fn everything_counts_for_the_key() {
        let [whole, part] = [&KERNELS[..2], &KERNELS[..1]].map(Unit::new);
        let key = whole.key(Real::Float, "sm_90");
        assert_eq!(key, Unit::new(&KERNELS[..2]).key(Real::Float, "sm_90"));
        for other in
            [whole.key(Real::Bf16, "sm_90"), whole.key(Real::Float, "sm_80"), part.key(Real::Float, "sm_90")]
        {
            assert_ne!(key, other);
        }
    }

    #[test]
    fn the_hash_is_that_of_the_published_vectors() {
        assert_eq!(content_hash("".bytes()), 0x6c62272e07bb014262b821756295c58d);
        assert_eq!(content_hash("foobar".bytes()), 0x343e1662793c64bf6f0d3597ba446f18);
    }
}
