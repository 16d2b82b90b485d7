//! Products that a library of the machine may compute.
//!
//! A library writes the result where it belongs if nothing is fused after it. If something is, it leaves the
//! plain product in the workspace, stored as activations are, and a launch goes on from there; what libraries
//! may have themselves ([`fused`](super::fused)) is a second call, which needs no such launch. Matrices are
//! given as they lie in memory. Libraries of convolutions want weights by their output channels first, where
//! those neighbours lie together that are neighbours in the map: weights are turned before, and their
//! gradient after.

use super::fused::fused;
use super::problem::{Kind, Problem};
use super::result::finish_plain;
use crate::cuda::ops::layout::{Axis, Turn, turn};
use crate::cuda::text::Parts;
use crate::cuda::{Argument, Count, Element, Emitter, Form, Launch, LibraryCall, Place, Tensor};
use crate::graph::Node;

/// What follows in the workspace begins at a multiple of so many elements.
const ALIGNMENT: usize = 64;

/// What a library is told, if it can compute the product: the plain one, then with what is fused after it.
pub(super) fn calls(problem: &Problem, emitter: &mut Emitter, node: &Node) -> Vec<LibraryCall> {
    let plain = plain(problem, emitter, node);
    let fused = plain.as_ref().and_then(|plain| with_fused(plain, emitter, node));
    plain.into_iter().chain(fused).collect()
}

/// A call that leaves nothing to do after it; none if libraries do not have what is fused there.
fn with_fused(plain: &LibraryCall, emitter: &Emitter, node: &Node) -> Option<LibraryCall> {
    let to = emitter.memory().place(node.outputs[0]);
    let is_storable = plain.form == Form::Matrices || to.region.element() == Element::Real;
    let fused = Some(fused(emitter, node).filter(|_| is_storable)?);
    Some(LibraryCall { fused, result: Tensor::At(to), after: Vec::new(), ..plain.clone() })
}

fn plain(problem: &Problem, emitter: &mut Emitter, node: &Node) -> Option<LibraryCall> {
    if problem.is_matrix_product() {
        return Some(matrices(problem, emitter, node));
    }
    let weight = problem.weight_matrix();
    match problem.kind {
        // One row or column is the same either way round, and no work for a library.
        _ if weight.contains(&1) => None,
        Kind::Forward | Kind::BackwardData => Some(with_turned_weight(problem, emitter, node, weight)),
        Kind::BackwardWeight => Some(weight_gradient(problem, emitter, node, weight)),
    }
}

fn matrices(problem: &Problem, emitter: &mut Emitter, node: &Node) -> LibraryCall {
    let operands = problem.places(emitter.memory(), node).map(Tensor::At);
    let (result, after) = match &node.epilogue {
        None => (Tensor::At(emitter.memory().place(node.outputs[0])), Vec::new()),
        Some(_) => (Tensor::Workspace(0), vec![finish_plain(problem, emitter, node, 0)]),
    };
    let layer = layer(emitter, node);
    LibraryCall { form: Form::Matrices, layer, before: Vec::new(), operands, fused: None, result, after }
}

fn with_turned_weight(
    problem: &Problem,
    emitter: &mut Emitter,
    node: &Node,
    weight: [usize; 2],
) -> LibraryCall {
    let [x, w] = problem.places(emitter.memory(), node);
    let to = emitter.memory().place(node.outputs[0]);
    let room = weight.iter().product::<usize>().next_multiple_of(ALIGNMENT);
    let before = Launch {
        workspace: Count::fixed(room),
        ..turned(emitter, node, [Argument::Place(w), Argument::Workspace], weight)
    };
    let is_final = node.epilogue.is_none() && to.region.element() == Element::Real;
    let (result, after) = match is_final {
        true => (Tensor::At(to), Vec::new()),
        false => (Tensor::Workspace(room), vec![finish_plain(problem, emitter, node, room)]),
    };
    LibraryCall {
        form: Form::Convolution,
        layer: layer(emitter, node),
        before: vec![before],
        operands: [Tensor::At(x), Tensor::Workspace(0)],
        fused: None,
        result,
        after,
    }
}

fn weight_gradient(
    problem: &Problem,
    emitter: &mut Emitter,
    node: &Node,
    [rows, columns]: [usize; 2],
) -> LibraryCall {
    let operands = problem.places(emitter.memory(), node).map(Tensor::At);
    let to = Argument::Place(emitter.memory().place(node.outputs[0]));
    let after = Launch {
        workspace: Count::fixed(rows * columns),
        ..turned(emitter, node, [Argument::Workspace, to], [columns, rows])
    };
    LibraryCall {
        form: Form::Convolution,
        layer: layer(emitter, node),
        before: Vec::new(),
        operands,
        fused: None,
        result: Tensor::Workspace(0),
        after: vec![after],
    }
}

/// A launch that turns a matrix of so many rows and columns from the first place to the second.
fn turned(emitter: &mut Emitter, node: &Node, places: [Argument; 2], [rows, columns]: [usize; 2]) -> Launch {
    let axes = [Axis { extent: columns, from: 1, to: rows }, Axis { extent: rows, from: columns, to: 1 }];
    let elements = places.map(|place| match place {
        Argument::Place(Place { region, .. }) => region.element(),
        _ => Element::Real,
    });
    let Turn { threads, blocks, body } = turn(&axes, elements);
    let [from, to] = elements.map(Element::c_type);
    let parameters = vec![format!("const {from} *__restrict__ x"), format!("{to} *__restrict__ y")];
    let parts: Parts = (parameters, places.to_vec());
    emitter.launch(node, "turned", threads, Count::fixed(blocks), parts, &body)
}

fn layer(emitter: &Emitter, node: &Node) -> String {
    emitter.graph().origins[node.origin.0].path()
}
