//! What nodes read, and how it covers what they write.

use super::{Pool, Type, ValueId};

/// Element-wise nodes are made and fused with at most so many operands: about a register each. A
/// gradient reads one more for each result; the runtime takes twice as many.
pub const MAX_OPERANDS: usize = 16;

/// What a node reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// A tensor. In element-wise nodes it has the extent of the result, or one of those that are
    /// spread over it: see [`Spread`].
    Value(ValueId),
    /// 1 / (batch × positions).
    InverseCount {
        /// Elements per channel and sample.
        positions: usize,
    },
    /// Independent random numbers, the same in forward and backward.
    Random {
        /// Tells the network's random words apart.
        stream: u32,
        /// Their distribution.
        distribution: Distribution,
        /// How many there are.
        per: Per,
    },
    /// The gradient of a maximum over windows that tile the extent: the window's number where its first
    /// maximum lies, zero elsewhere.
    Unpooled {
        /// The pooling; its input is the extent.
        pool: Pool,
        /// A number per window and channel.
        dy: ValueId,
        /// Which element of the window has it, see [`Op::MaxPool`](super::Op::MaxPool).
        place: ValueId,
    },
    /// The anchor's own result; in epilogues alone.
    Result,
}

/// How an element-wise operand covers the extent of a result `[spatial…, C]`; follows from its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spread {
    /// Batched, of the same extent (or neither is batched and the extents are the same).
    Full,
    /// Fixed `[C]`: one number per channel.
    Channel,
    /// Batched `[1…, C]`: one number per sample and channel.
    SampleChannel,
    /// Batched `[spatial…, 1]`: one number per sample and position.
    Position,
}

/// Distributions of random operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Uniform in [0, 1).
    Uniform,
    /// Normal with mean 0 and standard deviation 1.
    Normal,
}

/// What shares one random number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// Nothing.
    Element,
    /// The positions of a sample's channel.
    SampleChannel,
    /// A whole sample.
    Sample,
}

/// What remains of a sum or of statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// One number per channel, over batch and positions; fixed `[C]`.
    Channels,
    /// One number per sample and group of channels, over positions and the channels of the group,
    /// written to each channel of the group; batched `[1…, C]`.
    Groups(usize),
    /// One number per sample and position, over the channels; batched `[spatial…, 1]`.
    Positions,
}

impl Operand {
    /// The tensor, if it is one.
    pub fn value(self) -> Option<ValueId> {
        match self {
            Operand::Value(id) => Some(id),
            Operand::InverseCount { .. }
            | Operand::Random { .. }
            | Operand::Unpooled { .. }
            | Operand::Result => None,
        }
    }

    /// The tensors that it is or is made of.
    pub fn reads(self) -> impl Iterator<Item = ValueId> {
        let values = match self {
            Operand::Value(id) => [Some(id), None],
            Operand::Unpooled { dy, place, .. } => [Some(dy), Some(place)],
            Operand::InverseCount { .. } | Operand::Random { .. } | Operand::Result => [None; 2],
        };
        values.into_iter().flatten()
    }
}

impl Spread {
    /// How an operand of type `operand` covers `extent`; none if it does not.
    pub fn of(operand: &Type, extent: &Type) -> Option<Spread> {
        let same_channels = operand.channels() == extent.channels();
        if operand.batched == extent.batched && operand.len() == extent.len() {
            Some(Spread::Full)
        } else if !operand.batched {
            (same_channels && operand.positions() == 1).then_some(Spread::Channel)
        } else if !extent.batched {
            None
        } else if same_channels && operand.positions() == 1 {
            Some(Spread::SampleChannel)
        } else {
            (operand.channels() == 1 && operand.positions() == extent.positions()).then_some(Spread::Position)
        }
    }

    /// What remains of the extent when a gradient is summed back onto such an operand; none if
    /// nothing is summed.
    pub fn keep(self, extent: &Type) -> Option<Keep> {
        match self {
            Spread::Full => None,
            Spread::Channel => Some(Keep::Channels),
            Spread::SampleChannel => Some(Keep::Groups(extent.channels())),
            Spread::Position => Some(Keep::Positions),
        }
    }
}

impl Keep {
    /// The type of what remains of `extent`.
    pub fn of(self, extent: &Type) -> Type {
        match self {
            Keep::Channels => Type::fixed(&[extent.channels()]),
            Keep::Groups(_) => Type::batched(&[extent.channels()]),
            Keep::Positions => {
                let spatial = &extent.dims[..extent.dims.len().saturating_sub(1)];
                Type::batched(&[spatial, &[1]].concat())
            }
        }
    }

    /// Elements of one sample of `extent` that go into one number.
    pub fn count(self, extent: &Type) -> usize {
        match self {
            Keep::Channels => extent.positions(),
            Keep::Groups(groups) => extent.len() / groups,
            Keep::Positions => extent.channels(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_follows_from_the_types() {
        let map = Type::batched(&[4, 4, 8]);
        let cases = [
            (Type::batched(&[4, 4, 8]), Some(Spread::Full)),
            (Type::fixed(&[8]), Some(Spread::Channel)),
            (Type::batched(&[8]), Some(Spread::SampleChannel)),
            (Type::batched(&[1, 1, 8]), Some(Spread::SampleChannel)),
            (Type::batched(&[4, 4, 1]), Some(Spread::Position)),
            (Type::batched(&[4]), None),
            (Type::fixed(&[4, 4, 8]), None),
            (Type::fixed(&[4]), None),
        ];
        for (operand, expected) in cases {
            assert_eq!(Spread::of(&operand, &map), expected, "{operand} over {map}");
        }
    }

    #[test]
    fn a_sum_over_a_spread_has_the_extent_of_its_operand() {
        let map = Type::batched(&[4, 4, 8]);
        for operand in [Type::fixed(&[8]), Type::batched(&[8]), Type::batched(&[4, 4, 1])] {
            let keep = Spread::of(&operand, &map).and_then(|spread| spread.keep(&map));
            assert_eq!(keep.map(|keep| keep.of(&map)), Some(operand));
        }
    }
}
