//! Element-wise functions over whole tensors, and what is built from them.
//!
//! The function itself comes from emitted code and is compiled into the loops here, once for each
//! instruction set. To keep that small, a loop has two halves: [`source`] brings one block of
//! each operand into a small array, whatever its kind, and the function turns arrays into
//! arrays, which no alias can keep from being vectorised.

mod pointwise;
mod reduce;
mod source;
mod update;

#[cfg(test)]
mod tests;

pub(crate) use pointwise::Map;
pub use pointwise::pointwise;
pub use reduce::reduce_channels;
pub(crate) use reduce::{Reduction, Sum};
pub(crate) use source::{BLOCK, Function, Source, repeat};
pub use update::update;
