//! Lints about the whole shape of a convolutional network; most are taste of its decade, hence pedantic.

use super::flow::{Flow, Node, NodeId};
use super::layer::{Sliding, is_activation, is_dropout, is_global, is_learning, is_norm, pooling, sliding};
use super::subject::{Subject, finding};
use crate::diagnostic::Diagnostic;
use crate::model::{Layer, Shape};

/// From so many convolutions and poolings on, NeuraLint calls a network deep.
const DEEP: usize = 10;

/// Maps that are smaller than this need no shrinking.
const LARGE: usize = 16;

fn convolutions<'f, 'm>(
    flow: &'f Flow<'m>,
) -> impl DoubleEndedIterator<Item = (NodeId, &'f Node<'m>, Sliding<'m>)> {
    let convs = flow.layers().filter(|(_, _, layer)| matches!(layer, Layer::Conv(_)));
    convs.filter_map(|(id, node, layer)| Some((id, node, sliding(layer)?)))
}

fn is_window(slide: &Sliding) -> bool {
    slide.window.iter().any(|size| *size > 1)
}

fn shrinks(node: &Node) -> bool {
    node.output.positions() < node.input.positions()
}

/// Convolutions and poolings together.
fn depth(flow: &Flow) -> usize {
    flow.layers().filter(|(_, _, layer)| sliding(layer).is_some()).count()
}

pub(super) fn no_downsampling(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let windows: Vec<_> = convolutions(flow).filter(|(_, _, slide)| is_window(slide)).collect();
    let is_large = subject.model.inputs[0].shape.spatial().iter().all(|size| *size >= LARGE);
    let is_vector = subject.model.outputs.iter().all(|output| output.shape.positions() == 1);
    let ever = flow.layers().any(|(_, node, layer)| sliding(layer).is_some() && shrinks(node));
    match windows.last() {
        Some((_, last, _)) if windows.len() >= 4 && is_large && is_vector && !ever => {
            let found = finding(last.span, "no layer makes the map smaller before the output")
                .label(format!("still {}", last.output))
                .help("put `pool2` between the stages, or `stride=2` on the first convolution of each");
            vec![found]
        }
        _ => Vec::new(),
    }
}

pub(super) fn pool_after_every_convolution(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let between = |layer: &Layer| is_activation(layer) || is_norm(layer) || is_dropout(layer);
    let is_pooled = |id: NodeId| {
        let mut at = flow.layer_after(id);
        while let Some((next, _)) = at.filter(|(_, layer)| between(layer)) {
            at = flow.layer_after(next);
        }
        at.is_some_and(|(_, layer)| pooling(layer).is_some())
    };
    let windows: Vec<_> = convolutions(flow).filter(|(_, _, slide)| is_window(slide)).collect();
    let rare = windows.len() < 2 || depth(flow) < DEEP;
    if rare || !windows.iter().all(|(id, _, _)| is_pooled(*id)) {
        return Vec::new();
    }
    let found = finding(windows[0].1.span, "every convolution is followed by a pooling")
        .label("the map shrinks before it is worked on")
        .help("put two to four convolutions between poolings");
    vec![found]
}

pub(super) fn uneven_stages(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let mut stages: Vec<Vec<&Node>> = vec![Vec::new()];
    for (_, node, layer) in flow.layers().filter(|(_, _, layer)| sliding(layer).is_some()) {
        let is_conv = matches!(layer, Layer::Conv(_));
        if shrinks(node) {
            stages.push(Vec::new());
        }
        if let Some(stage) = stages.last_mut().filter(|_| is_conv && layer_has_window(layer)) {
            stage.push(node);
        }
    }
    stages.retain(|stage| !stage.is_empty());
    let is_uneven = |stage: &&Vec<&Node>| !(2..=4).contains(&stage.len());
    match stages.iter().find(is_uneven) {
        Some(stage) if depth(flow) >= DEEP && stages.len() > 1 => {
            let message = format!("a stage has {} of the network's convolutions", stage.len());
            vec![
                finding(stage[0].span, message)
                    .label("its first")
                    .help("give each stage between two shrinkings two to four convolutions of one width"),
            ]
        }
        _ => Vec::new(),
    }
}

fn layer_has_window(layer: &Layer) -> bool {
    sliding(layer).is_some_and(|slide| is_window(&slide))
}

pub(super) fn shrinking_window(subject: &Subject) -> Vec<Diagnostic> {
    let mut largest: Option<(&Node, usize)> = None;
    for (_, node, slide) in convolutions(&subject.flow).filter(|(_, _, slide)| is_window(slide)) {
        let size = slide.window.iter().copied().max().unwrap_or(1);
        match largest {
            Some((before, larger)) if larger > size => {
                let message = format!("`{}` sees less at once than `{}` before it", node.text, before.text);
                let found = finding(node.span, message)
                    .label("a smaller window")
                    .at(before.span, "a larger one")
                    .help("begin with small windows and let them grow or stay");
                return vec![found];
            }
            _ => largest = Some((node, size)),
        }
    }
    Vec::new()
}

pub(super) fn growing_width(subject: &Subject) -> Vec<Diagnostic> {
    let is_vector = subject.model.outputs.iter().all(|output| output.shape.positions() == 1);
    let found = subject.flow.layers().filter(|(id, node, layer)| match layer {
        Layer::Linear { .. } => node.output.len() > node.input.len() && !subject.is_gate(*id),
        Layer::ConvTranspose { .. } | Layer::Resize(_) => {
            is_vector && node.output.positions() > node.input.positions()
        }
        _ => false,
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("`{}` makes {} of {}", node.text, node.output, node.input))
                .label("grows towards the output")
                .help("let maps and widths shrink towards the output")
        })
        .collect()
}

pub(super) fn shrinking_channels(subject: &Subject) -> Vec<Diagnostic> {
    let convs: Vec<_> = convolutions(&subject.flow).filter(|(_, _, slide)| is_window(slide)).collect();
    let pairs = convs.windows(2).map(|pair| (pair[0].1, pair[1].1));
    let found = pairs.filter(|(before, node)| {
        let shrunk = node.output.positions() < before.output.positions();
        shrunk && node.output.channels() < before.output.channels()
    });
    found
        .map(|(before, node)| {
            finding(
                node.span,
                format!("`{}` has fewer channels than `{}`, and a smaller map", node.text, before.text),
            )
            .label(node.output.to_string())
            .at(before.span, before.output.to_string())
            .help("as the map shrinks, let the channels grow")
        })
        .collect()
}

pub(super) fn strided_downsampling(subject: &Subject) -> Vec<Diagnostic> {
    let moves = |layer| sliding(layer).is_some_and(|slide| slide.stride.iter().any(|stride| *stride > 1));
    let found = subject
        .flow
        .layers()
        .filter(|(_, node, layer)| shrinks(node) && moves(layer) && !matches!(layer, Layer::MaxPool(_)));
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("`{}` shrinks the map without max pooling", node.text))
                .label(format!("{} becomes {}", node.input, node.output))
                .help("use `pool2`")
        })
        .collect()
}

/// How far a value sees, and how far apart its neighbours are, per axis.
type Field = Option<Vec<(usize, usize)>>;

pub(super) fn small_receptive_field(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let mut fields: Vec<Field> = Vec::new();
    let mut found = Vec::new();
    let input = &subject.model.inputs[0].shape;
    for (id, node) in flow.nodes() {
        let before = node.producers.iter().map(|id| fields[id.index()].clone());
        let read = before.reduce(widest).unwrap_or_else(|| Some(vec![(1, 1); node.output.spatial().len()]));
        let ends = node.layer().is_some_and(|layer| is_global(layer) || matches!(layer, Layer::Flatten));
        if let Some(seen) = read.as_ref().filter(|_| ends && !subject.is_gate(id))
            && seen.len() == input.spatial().len()
            && seen.iter().zip(input.spatial()).any(|((reach, _), size)| reach < size)
            && flow.layers().any(|(_, _, layer)| is_learning(layer))
        {
            found.push(narrow_view(node, seen, input));
        }
        fields.push(widened(read, node));
    }
    found
}

fn widest(a: Field, b: Field) -> Field {
    let (a, b) = (a?, b?);
    (a.len() == b.len()).then(|| a.iter().zip(&b).map(|(a, b)| *a.max(b)).collect())
}

/// The field after a node; none where the axes are no longer those of the input.
fn widened(field: Field, node: &Node) -> Field {
    let layer = match node.layer() {
        Some(layer) => layer,
        None => return field,
    };
    match sliding(layer) {
        Some(slide) => {
            let grown = |(axis, (reach, step)): (usize, (usize, usize))| {
                // Strides may be as large as the text says, and multiply.
                let wider = (slide.reach(axis) - 1).saturating_mul(step);
                (reach.saturating_add(wider), step.saturating_mul(slide.stride[axis]))
            };
            field.map(|field| field.into_iter().enumerate().map(grown).collect())
        }
        None if node.input.spatial() == node.output.spatial() => field,
        None => None,
    }
}

fn narrow_view(node: &Node, seen: &[(usize, usize)], input: &Shape) -> Diagnostic {
    let seen: Vec<String> = seen.iter().map(|(reach, _)| reach.to_string()).collect();
    finding(node.span, format!("before `{}` each value sees only {} of the input", node.text, seen.join("x")))
        .label(format!("the input is {input}"))
        .help("add stages with strides or pooling, so that the last map sees the whole input")
}
