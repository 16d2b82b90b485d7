//! Products that a library of the machine may compute.
//!
//! A library is given the operands as they are, and writes the result where it belongs if nothing is fused
//! after it. If something is, it leaves the plain product in the workspace, stored as activations are; a
//! launch goes on from there. Weights' gradients are summed over the whole batch, so they stay `float`.

use super::problem::{Kind, Problem};
use super::result::finish_plain;
use crate::cuda::{Element, Emitter, LibraryCall, PlainResult};
use crate::graph::Node;

/// What a library is told, if it can compute the product.
pub(super) fn call(problem: &Problem, emitter: &mut Emitter, node: &Node) -> Option<LibraryCall> {
    if !problem.is_matrix_product() {
        return None;
    }
    let result = match &node.epilogue {
        None => PlainResult::Final(emitter.memory().place(node.outputs[0])),
        Some(_) => {
            let element = match problem.kind {
                Kind::Forward | Kind::BackwardData => Element::Real,
                Kind::BackwardWeight => Element::Float,
            };
            PlainResult::Unfinished(element, finish_plain(problem, emitter, node, element))
        }
    };
    let operands = problem.places(emitter.memory(), node);
    Some(LibraryCall { layer: emitter.graph().origins[node.origin.0].path(), operands, result })
}
