//! What a model computes on, as users choose it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use nnc_kernels::cpu::Pool;
use nnc_kernels::select::Mode;

/// What a model computes on.
#[derive(Clone)]
pub enum Device {
    /// The processor: threads and a choice of algorithms, which several models may share.
    Cpu(Arc<Pool>),
    /// A GPU.
    Cuda(Gpu),
}

/// A GPU, and how to compute on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Its number among those that the driver shows.
    pub ordinal: usize,
    /// What activations are stored in and products are computed with.
    pub precision: Precision,
    /// How products are computed.
    pub mode: Mode,
    /// Bytes of scratch memory beyond which a way to compute a product is left out; if the network's own ways all
    /// need more, the one that needs the least stays.
    pub workspace: usize,
}

/// What activations are stored in and products are computed with on a GPU. Parameters, their gradients, statistics
/// and losses are in single precision at each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Single precision throughout.
    #[default]
    F32,
    /// Stored in single precision, factors of products rounded to TF32: 10 bits of the fraction.
    Tf32,
    /// Stored and multiplied in bfloat16, 7 bits of the fraction, and summed in single precision.
    Bf16,
    /// Stored and multiplied in half precision, 10 bits of the fraction but none beyond 65504, and summed in single
    /// precision; gradients by way of a [`LossScale`](crate::LossScale).
    F16,
}

impl Device {
    /// The processor, with the [shared pool](Pool::shared).
    pub fn cpu() -> Device {
        Device::Cpu(Pool::shared())
    }

    /// The GPU with this number, in single precision.
    pub fn cuda(ordinal: usize) -> Device {
        Device::Cuda(Gpu { ordinal, ..Gpu::default() })
    }
}

impl Default for Gpu {
    /// The first one in single precision, with as much scratch memory as products like.
    fn default() -> Gpu {
        Gpu { ordinal: 0, precision: Precision::default(), mode: Mode::default(), workspace: usize::MAX }
    }
}

impl Precision {
    /// All of them.
    pub const ALL: [Precision; 4] = [Precision::F32, Precision::Tf32, Precision::Bf16, Precision::F16];

    /// Its name in settings and reports.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Tf32 => "tf32",
            Precision::Bf16 => "bf16",
            Precision::F16 => "f16",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Precision, String> {
        let named = Precision::ALL.into_iter().find(|precision| precision.name() == text);
        named.ok_or_else(|| format!("expected one of {}", Precision::ALL.map(Precision::name).join(", ")))
    }
}
