//! Lints about where values go: branches, joins and residuals.

use super::flow::Kind;
use super::layer::{is_batch_norm, never_negative};
use super::subject::{Subject, finding};
use crate::diagnostic::Diagnostic;
use crate::model::{Join, Layer};

pub(super) fn dead_branch(subject: &Subject) -> Vec<Diagnostic> {
    let live = subject.flow.live();
    let ends = subject.flow.nodes().filter(|(id, node)| !live.contains(id) && node.consumers.is_empty());
    ends.filter(|(_, node)| !matches!(node.kind, Kind::Input(_)))
        .map(|(_, node)| {
            finding(node.span, format!("nothing reads what `{}` gives", node.text))
                .label("a branch ends here")
                .help("name it with `as` and use the name, make it an output, or delete the branch")
        })
        .collect()
}

pub(super) fn unused_input(subject: &Subject) -> Vec<Diagnostic> {
    let live = subject.flow.live();
    let unused = subject.flow.nodes().filter_map(|(id, node)| match node.kind {
        Kind::Input(index) if !live.contains(&id) => subject.inputs.get(index)?.name.as_ref(),
        _ => None,
    });
    unused
        .map(|name| {
            finding(name.span, format!("no output depends on the input `{}`", name.value))
                .label("unused")
                .help(format!("read it with `from {0}`, `concat {0}` or `add {0}`, or delete it", name.value))
        })
        .collect()
}

pub(super) fn relu_on_residual(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let branches = flow.joins().flat_map(|(join, _, branches)| branches.iter().map(move |one| (join, one)));
    let ends = branches.filter(|(_, branch)| flow.is_residual(branch));
    let ends = ends.map(|(join, branch)| (join, flow.node(branch.end)));
    ends.filter(|(_, end)| end.layer().is_some_and(never_negative))
        .map(|(join, end)| {
            finding(end.span, format!("`{}` ends a residual branch, which can then only add", end.text))
                .label("never negative")
                .at(join.span, "the sum grows from block to block")
                .help(format!("put it behind the sum: `residual {{ … }} {}`", end.text))
        })
        .collect()
}

pub(super) fn nonzero_last_gamma(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let branches = flow.joins().flat_map(|(_, _, branches)| branches);
    let ends = branches.filter(|branch| flow.is_residual(branch)).map(|branch| flow.node(branch.end));
    ends.filter(|end| matches!(end.layer(), Some(Layer::BatchNorm { gamma, .. }) if *gamma != 0.0))
        .map(|end| {
            finding(end.span, "the last batch norm of a residual branch starts with a scale of 1")
                .label("starts at full strength")
                .help("write `bn gamma=0`: the block then starts as the identity")
        })
        .collect()
}

pub(super) fn same_value_twice(subject: &Subject) -> Vec<Diagnostic> {
    let joins = subject.flow.joins().filter(|(_, join, _)| *join != Join::Mul);
    let found = joins.filter(|(_, _, branches)| {
        branches
            .iter()
            .enumerate()
            .any(|(index, one)| branches[..index].iter().any(|other| other.end == one.end))
    });
    found
        .map(|(node, join, _)| {
            let does =
                if join == Join::Add { "adds a value to itself" } else { "puts a value beside itself" };
            finding(node.span, format!("`{}` {does}", node.text))
                .label("two branches give the same value")
                .help("write layers into one of the branches, or leave the join out")
        })
        .collect()
}

pub(super) fn norm_on_shortcut(subject: &Subject) -> Vec<Diagnostic> {
    let flow = &subject.flow;
    let lone = flow.joins().filter(|(_, join, _)| *join == Join::Add).flat_map(|(_, _, branches)| {
        branches.iter().filter(|branch| branch.name == "shortcut").filter_map(|branch| {
            let (end, layer) = (branch.end, flow.node(branch.end).layer()?);
            (is_batch_norm(layer) && flow.before(end) == Some(branch.entry)).then(|| flow.node(end))
        })
    });
    lone.map(|node| {
        finding(node.span, "batch norm alone on a shortcut changes the value that it should keep")
            .label("on the kept path")
            .help("delete it; a shortcut needs it only behind a convolution")
    })
    .collect()
}
