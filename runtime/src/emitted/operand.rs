//! What an element-wise function reads.

use super::Slot;

/// An operand of an element-wise function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// A tensor of the output's extent.
    Full(Slot),
    /// A vector with an element per channel, the same at every position.
    Channel(Slot),
    /// The same number everywhere.
    Value(f32),
    /// A random number in \[0, 1) per element, from this stream of the pass's generator. Forward
    /// and backward see the same numbers.
    Uniform(u32),
    /// The result of the operation that the element-wise function follows.
    Result,
}

impl Operand {
    /// Where it lies, if it is a tensor.
    pub fn slot(self) -> Option<Slot> {
        match self {
            Operand::Full(slot) | Operand::Channel(slot) => Some(slot),
            Operand::Value(_) | Operand::Uniform(_) | Operand::Result => None,
        }
    }
}
