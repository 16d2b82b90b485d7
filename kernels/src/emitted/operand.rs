//! What an element-wise function reads.

use super::{Pool, Slot};

/// The most operands that a call has, and the most results. The compiler fuses up to half as many.
pub(crate) const MAX_OPERANDS: usize = 32;

/// How a tensor's elements are counted: so many positions, each with so many channels, per sample.
/// A tensor that does not grow with the batch is one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// Elements per channel and sample.
    pub positions: usize,
    /// The last dimension.
    pub channels: usize,
}

/// An operand of an element-wise function over a tensor of some [`Extent`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// A tensor of that extent.
    Full(Slot),
    /// A number per channel, the same for every sample and position.
    Channel(Slot),
    /// A number per sample and channel, the same at every position.
    SampleChannel(Slot),
    /// A number per sample and position, the same for every channel.
    Position(Slot),
    /// The same number everywhere.
    Value(f32),
    /// Random numbers.
    Random(Random),
    /// The gradient of a maximum over windows.
    Unpooled(Unpooled),
    /// The result of the operation that the element-wise function follows.
    Result,
}

/// The gradient of a maximum over the windows of a map: the window's number where its first maximum
/// lies, zero elsewhere. The windows tile the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unpooled {
    /// The pooling; its input is the extent.
    pub pool: Pool,
    /// A number per window and channel.
    pub dy: Slot,
    /// Which element of the window has it, counted in the order of memory.
    pub place: Slot,
}

/// Random numbers from a stream of the pass's generator: functions of the key, the stream and the
/// place alone, so that forward and backward see the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Random {
    /// Tells the network's random words apart.
    pub stream: u32,
    /// Their distribution.
    pub distribution: Distribution,
    /// How many there are.
    pub per: Per,
}

/// Distributions of random operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Uniform in \[0, 1).
    Uniform,
    /// Normal with mean 0 and standard deviation 1.
    Normal,
}

/// What shares one random number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// Nothing: each element has its own.
    Element,
    /// The positions of a sample's channel.
    SampleChannel,
    /// A whole sample.
    Sample,
}

impl Extent {
    /// Elements per sample.
    pub const fn len(self) -> usize {
        self.positions * self.channels
    }

    /// Whether there is no element; never so in a compiled network.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Operand {
    /// Where it lies, if it is a tensor.
    pub fn slot(self) -> Option<Slot> {
        match self {
            Operand::Full(slot)
            | Operand::Channel(slot)
            | Operand::SampleChannel(slot)
            | Operand::Position(slot) => Some(slot),
            Operand::Unpooled(unpooled) => Some(unpooled.dy),
            Operand::Value(_) | Operand::Random(_) | Operand::Result => None,
        }
    }

    /// Where a second tensor lies, if it has one.
    pub(crate) fn second_slot(self) -> Option<Slot> {
        match self {
            Operand::Unpooled(unpooled) => Some(unpooled.place),
            _ => None,
        }
    }
}
