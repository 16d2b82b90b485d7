//! Lints about windows, strides, padding and groups.

use super::flow::{Node, NodeId};
use super::layer::{Sliding, convolution, is_activation, is_dropout, is_norm, pooling, sliding};
use super::subject::{Subject, finding};
use crate::diagnostic::Diagnostic;
use crate::model::{Conv, Layer};

pub(super) fn stride_larger_than_window(subject: &Subject) -> Vec<Diagnostic> {
    let found = subject.flow.layers().filter_map(|(_, node, layer)| {
        let slide = sliding(layer).filter(|slide| !is_point(slide) && skips(slide))?;
        let axis = slide.axes().find(|axis| slide.stride[*axis] > slide.reach(*axis))?;
        Some((node, slide.stride[axis], slide.reach(axis)))
    });
    found
        .map(|(node, stride, reach)| {
            let message =
                format!("`{}` moves by {stride} and sees {reach}, so it skips parts of the map", node.text);
            finding(node.span, message)
                .label("stride larger than the window")
                .help(format!("use a stride of {reach} or less, or a larger window"))
        })
        .collect()
}

fn skips(slide: &Sliding) -> bool {
    slide.axes().any(|axis| slide.stride[axis] > slide.reach(axis))
}

/// Whether the window is a single element.
fn is_point(slide: &Sliding) -> bool {
    slide.window.iter().all(|size| *size == 1)
}

pub(super) fn strided_pointwise(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let found = flow.layers().filter_map(|(id, node, layer)| {
        let slide = sliding(layer).filter(is_point)?;
        let stride = *slide.stride.iter().max()?;
        // The shortcut of a residual does it, and its other branch sees what is skipped here.
        (stride > 1 && flow.branches_around(id).next().is_none()).then_some((node, stride))
    });
    found
        .map(|(node, stride)| {
            let message =
                format!("`{}` reads one of {stride} elements along each axis and skips the rest", node.text);
            finding(node.span, message)
                .label("a window of 1")
                .help("use `pool2` or `conv3` with the stride, which see the whole map")
        })
        .collect()
}

/// A border this small a part of the axis is no loss: one row of 224, but not one of 7.
const BORDER: usize = 20;

pub(super) fn dropped_border(subject: &Subject) -> Vec<Diagnostic> {
    let found = subject.flow.layers().filter_map(|(_, node, layer)| {
        let slide = sliding(layer).filter(|slide| !is_point(slide) && !skips(slide))?;
        let dropped = |axis: usize| {
            let last = (node.output.spatial()[axis] - 1) * slide.stride[axis] + slide.reach(axis);
            (node.input.spatial()[axis] + slide.pad[axis]).saturating_sub(last)
        };
        let axis = slide.axes().find(|axis| dropped(*axis) * BORDER > node.input.spatial()[*axis])?;
        Some((node, dropped(axis), node.input.spatial()[axis]))
    });
    found
        .map(|(node, dropped, size)| {
            let message = format!("`{}` leaves out the last {dropped} of {size} along an axis", node.text);
            let help = if node.layer().is_some_and(|layer| pooling(layer).is_some()) {
                "write `ceil=true` for a last window that reaches beyond the map, or let the sizes divide"
            } else {
                "pad, or let the sizes divide"
            };
            finding(node.span, message).label(format!("{} becomes {}", node.input, node.output)).help(help)
        })
        .collect()
}

pub(super) fn unpadded_among_padded(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let windows: Vec<(&Node, Sliding)> = flow
        .layers()
        .filter(|(_, _, layer)| matches!(layer, Layer::Conv(_)))
        .filter_map(|(_, node, layer)| Some((node, sliding(layer)?)))
        .filter(|(_, slide)| !is_point(slide))
        .collect();
    let keeps = |slide: &Sliding| slide.axes().all(|axis| 2 * slide.pad[axis] + 1 == slide.reach(axis));
    let shrinks = |(node, slide): &(&Node, Sliding)| {
        let plain = slide.pad.iter().all(|pad| *pad == 0) && slide.stride.iter().all(|stride| *stride == 1);
        let is_odd = slide.window.iter().all(|size| size % 2 == 1);
        plain && is_odd && node.output.positions() > 1
    };
    let first = windows.iter().position(|(_, slide)| keeps(slide));
    let last = windows.iter().rposition(|(_, slide)| keeps(slide));
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let between = windows[first..=last].iter().filter(|one| shrinks(one));
    between
        .map(|(node, _)| {
            finding(node.span, format!("`{}` shrinks the map, unlike the convolutions around it", node.text))
                .label(format!("{} becomes {}", node.input, node.output))
                .at(windows[first].0.span, "keeps the size")
                .help("leave `pad` out to keep the size")
        })
        .collect()
}

pub(super) fn even_window(subject: &Subject) -> Vec<Diagnostic> {
    let found = subject.flow.layers().filter(|(_, _, layer)| match layer {
        Layer::Conv(Conv { kernel, stride, .. }) => {
            kernel.iter().zip(stride).any(|(size, stride)| size % 2 == 0 && *stride == 1)
        }
        _ => false,
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("the window of `{}` has no centre", node.text))
                .label(format!("{} becomes {}", node.input, node.output))
                .help("use an odd window, which keeps the size, unless it has a stride")
        })
        .collect()
}

pub(super) fn dilated_point(subject: &Subject) -> Vec<Diagnostic> {
    let found = subject.flow.layers().filter(|(_, _, layer)| {
        convolution(layer).is_some_and(|conv| {
            conv.kernel.iter().all(|size| *size == 1) && conv.dilation.iter().any(|dilation| *dilation > 1)
        })
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("the dilation of `{}` does nothing", node.text))
                .label("a window of 1 has no neighbours to move apart")
                .help("leave `dilation` out, or use `conv3`")
        })
        .collect()
}

pub(super) fn pooling_of_one(subject: &Subject) -> Vec<Diagnostic> {
    let found = subject.flow.layers().filter(|(_, node, layer)| {
        let slide = pooling(layer).and_then(|_| sliding(layer));
        slide.is_some_and(|slide| {
            let stays = is_point(&slide) && slide.stride.iter().all(|stride| *stride == 1);
            stays || node.input.positions() == 1
        })
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("`{}` pools single elements, which does nothing", node.text))
                .label(format!("reads {}", node.input))
                .help("delete it, or use a larger window")
        })
        .collect()
}

pub(super) fn pool_after_pool(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let shrinks = |layer: &Layer| pooling(layer).is_some_and(|window| window.stride.iter().any(|s| *s > 1));
    let found = flow.layers().filter(|(_, _, layer)| shrinks(layer)).filter_map(|(id, node, _)| {
        let (before, _) = flow.layer_before(id).filter(|(_, layer)| shrinks(layer))?;
        Some((node, flow.node(before)))
    });
    found
        .map(|(node, before)| {
            finding(
                node.span,
                format!("`{}` shrinks the map that `{}` has just shrunk", node.text, before.text),
            )
            .label("second pooling in a row")
            .at(before.span, "the first")
            .help("put layers that learn between them, or use one pooling with a larger window")
        })
        .collect()
}

pub(super) fn window_in_padding(subject: &Subject) -> Vec<Diagnostic> {
    let found = subject.flow.layers().filter_map(|(_, node, layer)| {
        let slide = matches!(layer, Layer::Conv(_)).then(|| sliding(layer)).flatten()?;
        let idle = |axis: usize| (0..slide.window[axis]).filter(|at| !meets(&slide, node, axis, *at)).count();
        let axis = slide.axes().find(|axis| idle(*axis) > 0)?;
        Some((node, idle(axis), slide.window[axis]))
    });
    found
        .map(|(node, idle, window)| {
            let message =
                format!("{idle} of {window} rows of the window of `{}` only ever see padding", node.text);
            finding(node.span, message)
                .label(format!("reads {}", node.input))
                .help("use a smaller window, or shrink the map less before")
        })
        .collect()
}

/// Whether element `at` of the window lies on the map for some position of the window: whether there
/// is a whole `position` with 0 ≤ position · stride + at · dilation − pad < size.
fn meets(slide: &Sliding, node: &Node, axis: usize, at: usize) -> bool {
    let dilation = (slide.reach(axis) - 1) / (slide.window[axis] - 1).max(1);
    let offset = at * dilation;
    let (stride, pad) = (slide.stride[axis], slide.pad[axis]);
    let (size, positions) = (node.input.spatial()[axis], node.output.spatial()[axis]);
    let first = pad.saturating_sub(offset).div_ceil(stride);
    let lies_before_end = first * stride + offset < size + pad;
    first < positions && lies_before_end
}

pub(super) fn large_window(subject: &Subject) -> Vec<Diagnostic> {
    let found = subject.flow.layers().filter_map(|(_, node, layer)| match layer {
        Layer::Conv(Conv { kernel, stride, groups: 1, .. }) => {
            let is_large = kernel.iter().all(|size| *size >= 5) && stride.iter().all(|stride| *stride == 1);
            is_large.then(|| (node, (kernel[0] - 1) / 2))
        }
        _ => None,
    });
    found
        .map(|(node, times)| {
            let message =
                format!("{times} convolutions of 3 see as much as `{}` and learn less to do it", node.text);
            finding(node.span, message)
                .label("large window")
                .help("stack `conv3` with activations between, or make it depthwise with `dwconv`")
        })
        .collect()
}

pub(super) fn checkerboard(subject: &Subject) -> Vec<Diagnostic> {
    let found = subject.flow.layers().filter_map(|(_, node, layer)| match layer {
        Layer::ConvTranspose { conv, .. } => {
            let pairs = conv.kernel.iter().zip(&conv.stride);
            let uneven = pairs.clone().find(|(size, stride)| *size % *stride != 0)?;
            Some((node, *uneven.0, *uneven.1))
        }
        _ => None,
    });
    found
        .map(|(node, window, stride)| {
            let message = format!("the windows of `{}` overlap unevenly and leave a checkerboard", node.text);
            finding(node.span, message)
                .label(format!("a window of {window} moves by {stride}"))
                .help("use a window that the stride divides, such as `deconv4` with `stride=2`, or `upsample` and `conv3`")
        })
        .collect()
}

pub(super) fn groups_equal_to_channels(subject: &Subject) -> Vec<Diagnostic> {
    let found = subject.flow.layers().filter(|(_, node, layer)| match layer {
        Layer::Conv(conv) => {
            conv.groups > 1 && conv.groups == node.input.channels() && node.word().starts_with("conv")
        }
        _ => false,
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("`{}` is a depthwise convolution", node.text))
                .label("each channel for itself")
                .help(format!("write `dw{}` without channels and groups", node.word()))
        })
        .collect()
}

pub(super) fn unmixed_groups(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let keeps_apart = |layer: &Layer| {
        let bends = is_activation(layer) && !matches!(layer, Layer::Softmax | Layer::LogSoftmax | Layer::Glu);
        bends || is_norm(layer) || is_dropout(layer) || pooling(layer).is_some()
    };
    let groups = |id: NodeId| Some(convolution(flow.node(id).layer()?)?.groups).filter(|groups| *groups > 1);
    let found = flow.nodes().filter_map(|(id, node)| {
        let first = groups(id).and_then(|_| flow.back(id, keeps_apart))?;
        (groups(first) == groups(id)).then(|| (node, flow.node(first)))
    });
    found
        .map(|(node, first)| {
            finding(node.span, format!("`{}` has the same groups as `{}` before it", node.text, first.text))
                .label("still no group has seen another")
                .at(first.span, "the same groups")
                .help("put `channel_shuffle` or `conv1` between them")
        })
        .collect()
}
