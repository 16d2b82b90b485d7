//! Words whose rule is about channels: groups of them, halves of them, `linear`.

use super::{Fitted, Misfit, bounded, checked_len, map};
use crate::model::{Layer, Shape};
use crate::words::Call;

pub(in crate::words) fn flat_linear(call: &Call, input: &Shape) -> Fitted {
    let features = call.count("features").unwrap_or(1);
    checked_len(&[features, input.channels()]).ok_or(Misfit::Weight)?;
    let layer = Layer::Linear { bias: call.flag("bias"), init: call.init() };
    bounded(layer, Shape::vector(features))
}

pub(in crate::words) fn group_norm(call: &Call, input: &Shape) -> Fitted {
    let groups = grouped(call, input)?;
    let layer = Layer::GroupNorm { groups, eps: call.real("eps"), affine: call.flag("affine") };
    Ok((layer, input.clone()))
}

pub(in crate::words) fn instance_norm(call: &Call, input: &Shape) -> Fitted {
    let groups = input.channels();
    let layer = Layer::GroupNorm { groups, eps: call.real("eps"), affine: call.flag("affine") };
    Ok((layer, input.clone()))
}

pub(in crate::words) fn channel_shuffle(call: &Call, input: &Shape) -> Fitted {
    Ok((Layer::ChannelShuffle { groups: grouped(call, input)? }, input.clone()))
}

pub(in crate::words) fn pixel_shuffle(call: &Call, input: &Shape) -> Fitted {
    let factor = call.count("factor").unwrap_or(1);
    let channels = parts(input, factor * factor)?;
    let output = map(channels, input.spatial().iter().map(|size| size * factor));
    bounded(Layer::PixelShuffle { factor }, output)
}

pub(in crate::words) fn glu(_: &Call, input: &Shape) -> Fitted {
    Ok((Layer::Glu, map(parts(input, 2)?, input.spatial().iter().copied())))
}

fn grouped(call: &Call, input: &Shape) -> Result<usize, Misfit> {
    let (groups, channels) = (call.count("groups").unwrap_or(1), input.channels());
    match channels.is_multiple_of(groups) {
        true => Ok(groups),
        false => Err(Misfit::Groups { groups, what: "channels", channels, common: channels }),
    }
}

/// The channels divided by a number.
fn parts(input: &Shape, of: usize) -> Result<usize, Misfit> {
    let channels = input.channels();
    if channels.is_multiple_of(of) { Ok(channels / of) } else { Err(Misfit::Multiple { of, channels }) }
}
