//! Words that take the elements of a value apart or order them anew.

use super::{Fitted, Misfit, checked_len};
use crate::model::{Layer, Shape};
use crate::words::{Call, Numbers};

pub(in crate::words) fn flatten(_: &Call, input: &Shape) -> Fitted {
    Ok((Layer::Flatten, Shape::vector(input.len())))
}

pub(in crate::words) fn reshape(call: &Call, input: &Shape) -> Fitted {
    let shape = call.numbers("shape").map_or_else(Vec::new, |numbers| numbers.as_slice().to_vec());
    let shape = Shape(shape);
    match checked_len(&shape.0) {
        Some(len) if len == input.len() => Ok((Layer::Reshape, shape)),
        _ => Err(Misfit::Elements(shape)),
    }
}

pub(in crate::words) fn permute(call: &Call, input: &Shape) -> Fitted {
    let order = call.numbers("order").unwrap_or(Numbers::one(0));
    let mut sorted = order.as_slice().to_vec();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..input.0.len()) {
        return Err(Misfit::Order(order));
    }
    let order = order.as_slice().to_vec();
    let output = Shape(order.iter().map(|axis| input.0[*axis]).collect());
    Ok((Layer::Permute { order }, output))
}

pub(in crate::words) fn slice(call: &Call, input: &Shape) -> Fitted {
    let axis = call.count("axis").unwrap_or(0);
    let size = *input.0.get(axis).ok_or(Misfit::Axis(axis))?;
    let start = call.count("start").unwrap_or(0);
    let end = call.count("end").unwrap_or(size);
    if start >= end || end > size {
        return Err(Misfit::Part { axis, size, start, end });
    }
    let mut output = input.clone();
    output.0[axis] = end - start;
    Ok((Layer::Slice { axis, start }, output))
}
