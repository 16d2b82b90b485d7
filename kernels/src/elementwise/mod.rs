//! Element-wise functions over whole tensors, and what is built from them.
//!
//! The function itself comes from emitted code, and [`function`] alone is compiled with it: a loop
//! over a block of each operand, once for each instruction set. The rest works on slices and is
//! compiled here: [`source`] finds the blocks of each operand, whatever its kind, the others cut
//! the tensors into tasks and put the results where they belong.

mod function;
mod pointwise;
mod random;
mod reduce;
mod rows;
mod source;
mod spread;
mod sums;
mod unpooled;
mod update;

#[cfg(test)]
mod tests;

pub(crate) use function::{BLOCK, BlockFunction, Each};
pub use pointwise::pointwise;
pub(crate) use pointwise::{for_each_task, map};
pub(crate) use reduce::{Reduction, Sum};
pub use rows::reduce_positions;
pub(crate) use rows::sum;
pub(crate) use source::{Function, Source, with_sources};
pub(crate) use spread::repeat;
pub use sums::{reduce_channels, reduce_groups};
pub use update::update;
