//! Lints about sizes: parameters, memory, and what the hardware likes.

use super::flow::Node;
use super::layer::{convolution, is_learning};
use super::subject::{Subject, finding};
use crate::diagnostic::Diagnostic;
use crate::model::Layer;
use crate::parameters::parameters;

/// Tensor cores multiply blocks of eight channels.
const BLOCK: usize = 8;

pub(super) fn uneven_channels(subject: &Subject) -> Vec<Diagnostic> {
    let used = subject.flow.leading_to(is_learning);
    let found = subject.flow.layers().filter(|(id, node, layer)| {
        is_learning(layer) && used.contains(id) && !node.output.channels().is_multiple_of(BLOCK)
    });
    found
        .map(|(_, node, _)| {
            let channels = node.output.channels();
            finding(node.span, format!("{channels} channels are no multiple of 8, as tensor cores want them"))
                .label("filled up with zeros inside")
                .help(format!("use {}", channels.next_multiple_of(BLOCK)))
        })
        .collect()
}

pub(super) fn uneven_batch(subject: &Subject) -> Vec<Diagnostic> {
    let batch = subject.model.train.batch;
    let setting = subject.setting("batch").filter(|_| !batch.is_multiple_of(BLOCK));
    let found = setting.map(|setting| {
        finding(setting.key.span, format!("a batch of {batch} is no multiple of 8, as tensor cores want it"))
            .label("uneven batch")
            .help(format!("use {}", batch.next_multiple_of(BLOCK)))
    });
    found.into_iter().collect()
}

/// What a node learns, in numbers; a later use of a shared part learns nothing of its own.
fn learnt(node: &Node) -> usize {
    let Some(layer) = node.layer().filter(|_| !node.is_reuse) else { return 0 };
    parameters(layer, node.input, node.output).iter().map(|one| one.shape.iter().product::<usize>()).sum()
}

/// Networks with fewer parameters than this are small, wherever the parameters are.
const MANY: usize = 1_000_000;

pub(super) fn parameters_in_one_layer(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let total: usize = flow.nodes().map(|(_, node)| learnt(node)).sum();
    let is_deep = flow.layers().any(|(_, _, layer)| convolution(layer).is_some());
    let heavy = flow.layers().filter(|(_, node, layer)| {
        is_deep && total >= MANY && matches!(layer, Layer::Linear { .. }) && learnt(node) * 2 > total
    });
    heavy
        .map(|(_, node, _)| {
            let percent = 100 * learnt(node) / total;
            finding(node.span, format!("`{}` holds {percent} % of the network's parameters", node.text))
                .label(format!("{} numbers into {}", node.input, node.output))
                .help("use `gap` instead of `flatten` before it, or shrink the map more")
        })
        .collect()
}

/// A map of so many positions is worth a mean.
const LARGE_MAP: usize = 16;

pub(super) fn flatten_of_large_map(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let found = flow.layers().filter(|(id, node, layer)| {
        let feeds_linear = || {
            let next = node.consumers.iter().filter_map(|next| flow.node(*next).layer());
            next.into_iter().any(|next| matches!(next, Layer::Linear { .. } | Layer::Dropout { .. }))
        };
        let reads_map = flow.before(*id).is_some_and(|before| flow.node(before).layer().is_some());
        matches!(layer, Layer::Flatten) && node.input.positions() >= LARGE_MAP && reads_map && feeds_linear()
    });
    found
        .map(|(_, node, _)| {
            finding(node.span, format!("`flatten` makes {} numbers of {}", node.output, node.input))
                .label("the next layer has a weight for each")
                .help("use `gap`, which keeps one number per channel")
                .suggest(node.span, "gap", "use `gap`")
        })
        .collect()
}

/// Bytes of a number.
const NUMBER: u64 = 4;

/// Copies of the parameters while training: themselves, their gradients, and two states of the optimiser.
const COPIES: u64 = 4;

pub(super) fn batch_exceeds_memory(subject: &Subject) -> Vec<Diagnostic> {
    let Some(section) = subject.section else { return Vec::new() };
    // Values are kept for the gradients; what fusion and reuse of places save is left out on purpose, as a
    // batch that fits by them alone is on the edge.
    let values: u64 = subject.flow.nodes().map(|(_, node)| node.output.len() as u64).sum();
    let parameters: u64 = subject.flow.nodes().map(|(_, node)| learnt(node) as u64).sum();
    let batch = subject.model.train.batch as u64;
    let fixed = COPIES * NUMBER * parameters;
    let needed = (NUMBER * values).saturating_mul(batch).saturating_add(fixed);
    if needed <= subject.memory {
        return Vec::new();
    }
    let place = subject.setting("batch").map_or(section.name.span, |setting| setting.key.span);
    let message = format!(
        "training on batches of {batch} takes some {}, and the device has {}",
        bytes(needed),
        bytes(subject.memory)
    );
    let largest = subject.memory.saturating_sub(fixed) / (NUMBER * values).max(1);
    let found = finding(place, message).label("too large a batch");
    let found = match largest {
        0 => found.help("make the network or its input smaller: not even one sample fits"),
        largest => found.help(format!("use a batch of {largest} or less")),
    };
    vec![found]
}

/// `12.3 GiB`
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let power = (1..UNITS.len()).rev().find(|power| bytes >> (10 * power) > 0).unwrap_or(0);
    match power {
        0 => format!("{bytes} bytes"),
        power => format!("{:.1} {}", bytes as f64 / (1_u64 << (10 * power)) as f64, UNITS[power]),
    }
}
