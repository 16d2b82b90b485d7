//! Shape rules and layer constructors of the table's rows.
//!
//! A rule gets a word and a shape of a rank that its row asks for, and answers with the layer and
//! the shape after it. Sizes are PyTorch's: ⌊(size + 2·pad − reach) / stride⌋ + 1 for windows that
//! reach over so many elements, rounded down unless `ceil=true` says otherwise.

mod channels;
mod maps;
mod shapes;
#[cfg(test)]
mod tests;
mod windows;

pub(super) use channels::{channel_shuffle, flat_linear, glu, group_norm, instance_norm, pixel_shuffle};
pub(super) use maps::{adaptive_avgpool, adaptive_pool, crop, global_avgpool, global_pool, pad, upsample};
pub(super) use shapes::{flatten, permute, reshape, slice};
pub(super) use windows::{avgpool, conv, deconv, dwconv, pool};

use super::{Call, Numbers};
use crate::model::{Layer, Shape};

/// The most elements that one tensor may have. It keeps every later product of sizes far from
/// overflow; a sample or a weight of eight gigabytes is a slip of the pen.
pub const MAX_ELEMENTS: usize = (1 << 31) - 1;

/// What a rule answers.
pub type Fitted = Result<(Layer, Shape), Misfit>;

/// Why a word does not fit the shape before it, or its arguments each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The window reaches over more than the map with its padding.
    Window {
        /// Elements that the window reaches over, with the gaps of its dilation.
        reach: Vec<usize>,
        /// The padding.
        pad: Vec<usize>,
    },
    /// The padding is larger than the window allows.
    Pad {
        /// The most that it may be.
        limit: usize,
        /// Why, as the end of a sentence.
        reason: &'static str,
    },
    /// `output_pad` is not smaller than the stride or the dilation.
    OutputPad {
        /// The most that it may be.
        limit: usize,
    },
    /// The result has more than [`MAX_ELEMENTS`] elements.
    Output,
    /// The weight has more than [`MAX_ELEMENTS`] elements.
    Weight,
    /// An argument has numbers for more or fewer axes than the map has.
    Axes {
        /// Its name.
        argument: &'static str,
        /// Its numbers.
        numbers: Numbers,
        /// The axes of the map.
        axes: usize,
    },
    /// The channels cannot be cut into so many groups.
    Groups {
        /// How many.
        groups: usize,
        /// Of which channels.
        what: &'static str,
        /// How many channels there are.
        channels: usize,
        /// The number whose divisors would do.
        common: usize,
    },
    /// The channels are no multiple of a number.
    Multiple {
        /// The number.
        of: usize,
        /// How many channels there are.
        channels: usize,
    },
    /// Two arguments that say the same thing in two ways.
    Either {
        /// The one that would be kept.
        kept: &'static str,
        /// The one that would be left out.
        dropped: &'static str,
    },
    /// None of several arguments is written, and one is needed.
    OneOf(&'static [&'static str]),
    /// What should be left of an axis is more than it has, or nothing.
    Part {
        /// The axis, 0 for the channels.
        axis: usize,
        /// Its size.
        size: usize,
        /// The first element asked for.
        start: usize,
        /// The one after the last.
        end: usize,
    },
    /// The shape has no such axis.
    Axis(usize),
    /// The new shape has another number of elements.
    Elements(Shape),
    /// The order does not name every axis once.
    Order(Numbers),
}

/// The product of the dimensions if it does not pass [`MAX_ELEMENTS`].
pub fn checked_len(dimensions: &[usize]) -> Option<usize> {
    let product = dimensions.iter().try_fold(1_usize, |product, dimension| product.checked_mul(*dimension));
    product.filter(|product| *product <= MAX_ELEMENTS)
}

fn bounded(layer: Layer, shape: Shape) -> Fitted {
    checked_len(&shape.0).ok_or(Misfit::Output)?;
    Ok((layer, shape))
}

/// A map with these channels and axes.
fn map(channels: usize, spatial: impl IntoIterator<Item = usize>) -> Shape {
    Shape([channels].into_iter().chain(spatial).collect())
}

/// At most one of two arguments is written.
fn exclusive(call: &Call, kept: &'static str, dropped: &'static str) -> Result<(), Misfit> {
    match (call.numbers(kept), call.numbers(dropped)) {
        (Some(_), Some(_)) => Err(Misfit::Either { kept, dropped }),
        _ => Ok(()),
    }
}
