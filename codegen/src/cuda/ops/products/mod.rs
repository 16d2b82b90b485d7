//! Convolutions, matrix products and their gradients.
//!
//! All are matrix products by tiles whose operands are gathered from the maps as they are
//! ([`problem`]), in single precision ([`simt`]) or on the tensor cores ([`mma`]); with a group for
//! each channel there is nothing to multiply, and each result is summed on its own. Which way is the
//! fastest only the GPU knows; the first serves everything. All may be left to a library, too
//! ([`library`]).

mod axes;
mod depthwise;
mod library;
mod mma;
mod parts;
mod problem;
mod result;
mod simt;
mod way;

use crate::cuda::{Emitter, Product, Step};
use crate::graph::Node;
use problem::Problem;
use way::Way;

/// A product by all ways that suit its extents; nothing for other nodes.
pub(super) fn product(emitter: &mut Emitter, node: &Node) -> Vec<Step> {
    let types = [0, 1].map(|index| emitter.ty(node.input(index)));
    let Some(problem) = Problem::of(node, types) else { return Vec::new() };
    let elements = problem.places(emitter.memory(), node).map(|place| place.region.element());
    let (operation, spec) = (problem.operation(), problem.conv);
    if let Some(multiplier) = problem.multiplier() {
        let candidates = vec![depthwise::candidate(&problem, multiplier, emitter, node, elements)];
        let library = library::call(&problem, emitter, node);
        return vec![Step::Product(Product { operation, spec, candidates, library })];
    }
    let tiled = simt::ways(&problem, elements).into_iter().chain(mma::ways(&problem, elements));
    let ways: Vec<Way> = tiled.flat_map(Way::split).collect();
    let candidates = ways.iter().map(|way| way.candidate(emitter, node)).collect();
    let library = library::call(&problem, emitter, node);
    vec![Step::Product(Product { operation, spec, candidates, library })]
}
