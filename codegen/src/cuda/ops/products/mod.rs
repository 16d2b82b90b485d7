//! Convolutions, matrix products and their gradients.
//!
//! All are matrix products by tiles whose operands are gathered from the maps as they are
//! ([`problem`]), in single precision ([`simt`]) or on the tensor cores ([`mma`]); with a group for
//! each channel there is nothing to multiply, and each result is summed on its own. Which way is the
//! fastest only the GPU knows; the first serves everything. All may be left to a library, too
//! ([`library`]). Where statistics of the result come next, a tile's are taken before it is stored
//! ([`moments`]); who does not hold a tile of the final result has them computed from what it stored.

mod axes;
mod depthwise;
mod fused;
mod library;
mod mma;
mod moments;
mod parts;
mod problem;
mod result;
mod simt;
mod way;

use super::statistics::Statistics;
use crate::cuda::{Emitter, Product, Step};
use crate::graph::Node;
use problem::Problem;
use way::Way;

/// A product by all ways that suit its extents, with statistics of its result if they are asked for; nothing for other
/// nodes.
pub(super) fn product(emitter: &mut Emitter, node: &Node, statistics: Option<&Statistics>) -> Vec<Step> {
    let types = [0, 1].map(|index| emitter.ty(node.input(index)));
    let Some(problem) = Problem::of(node, types) else { return Vec::new() };
    let elements = problem.places(emitter.memory(), node).map(|place| place.region.element());
    let operation = if statistics.is_some() { "conv_statistics" } else { problem.operation() };
    let candidates = match problem.multiplier() {
        Some(multiplier) => {
            let mut candidate = depthwise::candidate(&problem, multiplier, emitter, node, elements);
            candidate.launches.extend(statistics.iter().flat_map(|wanted| wanted.launches(emitter)));
            vec![candidate]
        }
        None => {
            let tiled = simt::ways(&problem, elements).into_iter().chain(mma::ways(&problem, elements));
            let ways: Vec<Way> = tiled.flat_map(Way::split).collect();
            ways.iter().map(|way| way.candidate(emitter, node, statistics)).collect()
        }
    };
    let mut library = library::calls(&problem, emitter, node);
    for call in &mut library {
        call.after.extend(statistics.iter().flat_map(|wanted| wanted.launches(emitter)));
    }
    vec![Step::Product(Product { operation, spec: problem.conv, candidates, library })]
}
