//! Places in the planned buffers.

/// A tensor's place: a region, an offset and a length in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Which buffer.
    pub region: Region,
    /// First element; multiplied by the batch size in the regions that grow with it.
    pub offset: usize,
    /// Elements; multiplied by the batch size in the regions that grow with it.
    pub len: usize,
}

/// The buffers that a pass works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// The input samples, channels last. Grows with the batch.
    Input,
    /// Target values of a regression. Grows with the batch.
    Target,
    /// The part of the arena that grows with the batch.
    Batched,
    /// The part of the arena that does not.
    Fixed,
    /// The flat parameter buffer.
    Parameter,
    /// The flat gradient buffer.
    Gradient,
    /// The flat state buffer.
    State,
    /// What `prepare` computed.
    Prepared,
}

impl Region {
    /// Whether offsets and lengths are per sample.
    pub const fn is_batched(self) -> bool {
        matches!(self, Region::Input | Region::Target | Region::Batched)
    }
}

impl Slot {
    /// `len` elements of `region` from `offset` on.
    pub const fn new(region: Region, offset: usize, len: usize) -> Slot {
        Slot { region, offset, len }
    }
}
