//! Words that change the size of a map without a sliding window.

use super::{Fitted, Misfit, bounded, exclusive, map};
use crate::model::{Interpolation, Layer, Shape};
use crate::words::Call;

pub(in crate::words) fn adaptive_pool(call: &Call, input: &Shape) -> Fitted {
    let size = call.per_axis("size", input.spatial().len())?.unwrap_or_default();
    bounded(Layer::AdaptiveMaxPool, map(input.channels(), size))
}

pub(in crate::words) fn adaptive_avgpool(call: &Call, input: &Shape) -> Fitted {
    let size = call.per_axis("size", input.spatial().len())?.unwrap_or_default();
    bounded(Layer::AdaptiveAvgPool, map(input.channels(), size))
}

pub(in crate::words) fn global_pool(_: &Call, input: &Shape) -> Fitted {
    Ok((Layer::GlobalMaxPool, Shape::vector(input.channels())))
}

pub(in crate::words) fn global_avgpool(_: &Call, input: &Shape) -> Fitted {
    Ok((Layer::GlobalAvgPool, Shape::vector(input.channels())))
}

pub(in crate::words) fn upsample(call: &Call, input: &Shape) -> Fitted {
    exclusive(call, "size", "factor")?;
    let axes = input.spatial().len();
    let factor = call.per_axis("factor", axes)?.unwrap_or_else(|| vec![2; axes]);
    let enlarged = || input.spatial().iter().zip(&factor).map(|(size, factor)| size * factor).collect();
    let size: Vec<usize> = call.per_axis("size", axes)?.unwrap_or_else(enlarged);
    let interpolation = match call.choice("mode") {
        "nearest" => Interpolation::Nearest,
        _ => Interpolation::Linear,
    };
    bounded(Layer::Resize(interpolation), map(input.channels(), size))
}

pub(in crate::words) fn pad(call: &Call, input: &Shape) -> Fitted {
    let (before, after) = borders(call, input)?.ok_or(Misfit::OneOf(&["amount", "before", "after"]))?;
    let sizes = input.spatial().iter().zip(before.iter().zip(&after));
    let output = map(input.channels(), sizes.map(|(size, (before, after))| size + before + after));
    bounded(Layer::Pad { before, after }, output)
}

pub(in crate::words) fn crop(call: &Call, input: &Shape) -> Fitted {
    exclusive(call, "size", "amount")?;
    exclusive(call, "size", "after")?;
    let axes = input.spatial().len();
    let (before, size) = match call.per_axis("size", axes)? {
        Some(size) => (call.per_axis("before", axes)?.unwrap_or_else(|| centred(input, &size)), size),
        None => {
            let needed = Misfit::OneOf(&["amount", "size", "before", "after"]);
            let (before, after) = borders(call, input)?.ok_or(needed)?;
            let left = |axis: usize| input.spatial()[axis].saturating_sub(before[axis] + after[axis]);
            let size = (0..axes).map(left).collect();
            (before, size)
        }
    };
    for (axis, full) in input.spatial().iter().enumerate() {
        let (start, end) = (before[axis], before[axis] + size[axis]);
        if size[axis] == 0 || end > *full {
            return Err(Misfit::Part { axis: axis + 1, size: *full, start, end });
        }
    }
    let output = map(input.channels(), size);
    bounded(Layer::Crop { before }, output)
}

/// The middle; of an odd rest the smaller half is left out before.
fn centred(input: &Shape, size: &[usize]) -> Vec<usize> {
    input.spatial().iter().zip(size).map(|(full, size)| full.saturating_sub(*size) / 2).collect()
}

/// Elements before and after each axis.
type Borders = (Vec<usize>, Vec<usize>);

/// `before` and `after`, each of which is `amount` if it is not written; none if nothing is.
fn borders(call: &Call, input: &Shape) -> Result<Option<Borders>, Misfit> {
    let axes = input.spatial().len();
    let amount = call.per_axis("amount", axes)?;
    let (before, after) = (call.per_axis("before", axes)?, call.per_axis("after", axes)?);
    let is_written = amount.is_some() || before.is_some() || after.is_some();
    let amount = amount.unwrap_or_else(|| vec![0; axes]);
    Ok(is_written.then(|| (before.unwrap_or_else(|| amount.clone()), after.unwrap_or(amount))))
}
