//! Windows that slide over a map: convolutions, their transposes, pools.

use super::{Fitted, Misfit, bounded, checked_len, map};
use crate::model::{Conv, Layer, Shape, Window};
use crate::words::Call;

pub(in crate::words) fn conv(call: &Call, input: &Shape) -> Fitted {
    let channels = call.count("channels").unwrap_or(1);
    convolution(call, input, channels, call.count("groups").unwrap_or(1))
}

pub(in crate::words) fn dwconv(call: &Call, input: &Shape) -> Fitted {
    let channels = input.channels() * call.count("multiplier").unwrap_or(1);
    convolution(call, input, channels, input.channels())
}

fn convolution(call: &Call, input: &Shape, channels: usize, groups: usize) -> Fitted {
    let mut conv = read(call, input, groups)?;
    let reach = reach(&conv);
    if let Some(pad) = call.per_axis("pad", reach.len())? {
        for (pad, reach) in pad.iter().zip(&reach) {
            check_pad(
                *pad,
                reach - 1,
                "must be smaller than the window, or whole outputs would see padding alone",
            )?;
        }
        conv.pad = pad;
    } else {
        conv.pad = reach.iter().map(|reach| centred(*reach)).collect();
    }
    check_groups(groups, input.channels(), channels)?;
    check_weight(&[channels, input.channels() / groups], &conv.kernel)?;
    let mut sizes = Vec::new();
    for (axis, size) in input.spatial().iter().enumerate() {
        let room = (size + 2 * conv.pad[axis]).checked_sub(reach[axis]);
        let room = room.ok_or_else(|| Misfit::Window { reach: reach.clone(), pad: conv.pad.clone() })?;
        sizes.push(room / conv.stride[axis] + 1);
    }
    bounded(Layer::Conv(conv), map(channels, sizes))
}

/// An even window has no centre, so no padding would keep the size.
fn centred(reach: usize) -> usize {
    if reach % 2 == 1 { (reach - 1) / 2 } else { 0 }
}

pub(in crate::words) fn deconv(call: &Call, input: &Shape) -> Fitted {
    let channels = call.count("channels").unwrap_or(1);
    let groups = call.count("groups").unwrap_or(1);
    let mut conv = read(call, input, groups)?;
    let reach = reach(&conv);
    let axes = reach.len();
    let (pad, output_pad) = (call.per_axis("pad", axes)?, call.per_axis("output_pad", axes)?);
    check_groups(groups, input.channels(), channels)?;
    check_weight(&[input.channels(), channels / groups], &conv.kernel)?;
    let mut sizes = Vec::new();
    let mut added = Vec::new();
    for (axis, size) in input.spatial().iter().enumerate() {
        let (stride, reach) = (conv.stride[axis], reach[axis]);
        let limit = stride.max(conv.dilation[axis]) - 1;
        let (usual_pad, usual_output_pad) = multiplied(reach, stride, limit);
        let extra = match (&output_pad, &pad) {
            (Some(output_pad), _) => output_pad[axis],
            (None, Some(_)) => 0,
            (None, None) => usual_output_pad,
        };
        if extra > limit {
            return Err(Misfit::OutputPad { limit });
        }
        let pad = pad.as_ref().map_or(usual_pad, |pad| pad[axis]);
        check_pad(pad, reach - 1, "must be smaller than the window, or whole inputs would be lost")?;
        let full = (size - 1) * stride + reach + extra;
        check_pad(pad, (full - 1) / 2, "leaves nothing of the result")?;
        sizes.push(full - 2 * pad);
        conv.pad.push(pad);
        added.push(extra);
    }
    bounded(Layer::ConvTranspose { conv, output_pad: added }, map(channels, sizes))
}

/// Padding and output padding with which the size is multiplied by the stride, if any are: both
/// ends lose half of what the windows reach beyond each other.
fn multiplied(reach: usize, stride: usize, limit: usize) -> (usize, usize) {
    let surplus = reach.saturating_sub(stride);
    match stride.saturating_sub(reach) {
        0 if surplus.is_multiple_of(2) => (surplus / 2, 0),
        0 if limit > 0 => (surplus.div_ceil(2), 1),
        0 => (0, 0),
        gap => (0, gap),
    }
}

/// The settings that all convolutions have, still without padding.
fn read(call: &Call, input: &Shape, groups: usize) -> Result<Conv, Misfit> {
    let axes = input.spatial().len();
    let ones = || vec![1; axes];
    Ok(Conv {
        kernel: call.window(axes)?,
        stride: call.per_axis("stride", axes)?.unwrap_or_else(ones),
        pad: Vec::new(),
        dilation: call.per_axis("dilation", axes)?.unwrap_or_else(ones),
        groups,
        bias: call.flag("bias"),
        init: call.init(),
    })
}

/// Elements that each window reaches over.
fn reach(conv: &Conv) -> Vec<usize> {
    conv.kernel.iter().zip(&conv.dilation).map(|(size, dilation)| dilation * (size - 1) + 1).collect()
}

fn check_groups(groups: usize, input: usize, output: usize) -> Result<(), Misfit> {
    let common = common_divisor(input, output);
    for (what, channels) in [("input channels", input), ("output channels", output)] {
        if !channels.is_multiple_of(groups) {
            return Err(Misfit::Groups { groups, what, channels, common });
        }
    }
    Ok(())
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

fn check_weight(channels: &[usize; 2], kernel: &[usize]) -> Result<(), Misfit> {
    let weight = [channels, kernel].concat();
    checked_len(&weight).map(drop).ok_or(Misfit::Weight)
}

pub(in crate::words) fn pool(call: &Call, input: &Shape) -> Fitted {
    let (window, output) = pooled(call, input)?;
    bounded(Layer::MaxPool(window), output)
}

pub(in crate::words) fn avgpool(call: &Call, input: &Shape) -> Fitted {
    let (window, output) = pooled(call, input)?;
    bounded(Layer::AvgPool { window, count_pad: call.flag("count_pad") }, output)
}

fn pooled(call: &Call, input: &Shape) -> Result<(Window, Shape), Misfit> {
    let axes = input.spatial().len();
    let size = call.window(axes)?;
    let stride = call.per_axis("stride", axes)?.unwrap_or_else(|| size.clone());
    let pad = call.per_axis("pad", axes)?.unwrap_or_else(|| vec![0; axes]);
    for (pad, size) in pad.iter().zip(&size) {
        check_pad(*pad, size / 2, "may be at most half the window")?;
    }
    let window = Window { size, stride, pad };
    let counts = (0..axes).map(|axis| windows(input.spatial()[axis], &window, axis, call.flag("ceil")));
    let misfit = || Misfit::Window { reach: window.size.clone(), pad: window.pad.clone() };
    let counts: Vec<usize> = counts.collect::<Option<_>>().ok_or_else(misfit)?;
    Ok((window, map(input.channels(), counts)))
}

/// How many windows an axis has. Rounded up, the last one must still begin inside the map or the
/// padding before it.
fn windows(size: usize, window: &Window, axis: usize, ceil: bool) -> Option<usize> {
    let (stride, pad) = (window.stride[axis], window.pad[axis]);
    let slack = if ceil { stride - 1 } else { 0 };
    let count = (size + 2 * pad + slack).checked_sub(window.size[axis])? / stride + 1;
    let begins_outside = ceil && (count - 1) * stride >= size + pad;
    Some(if begins_outside { count - 1 } else { count })
}

fn check_pad(pad: usize, limit: usize, reason: &'static str) -> Result<(), Misfit> {
    if pad > limit { Err(Misfit::Pad { limit, reason }) } else { Ok(()) }
}
