//! Mean and sum of squares of a tile's columns, taken of the numbers as they are stored.
//!
//! They are those of the numbers after rounding, since it is those that the normalisation reads, and that every
//! other way to compute the product takes the statistics of. A thread stores every so many rows of its columns,
//! and sums distances from the first number of each and their squares; threads are then put together through shared
//! memory, whose tile nobody needs any more.

use super::problem::Problem;
use crate::cuda::Element;
use crate::cuda::text::{Vector, fill};

/// The text that stores a tile, with `finish` for each vector, and leaves its moments in the workspace: a row of means
/// as distances from the first row of the tile, and a row of sums of squares.
pub(super) fn store_text(problem: &Problem, vector: Vector, element: Element, finish: &str) -> String {
    let width = vector.width().to_string();
    let stored = match element {
        Element::Real => "from_real(to_real(result[i]))",
        Element::Float | Element::Place => "result[i]",
    };
    let begin = fill(include_str!("../../templates/products/moments_begin.cu"), &[("WIDTH", width.clone())]);
    let add = fill(
        include_str!("../../templates/products/moments_add.cu"),
        &[("WIDTH", width.clone()), ("STORED", stored.to_owned())],
    );
    let values = [("WIDTH", width), ("STORE", vector.store(Element::Float))];
    let end = problem.fill(include_str!("../../templates/products/moments_end.cu"), &values);
    begin + &problem.store_text(vector.width(), &(finish.to_owned() + &add)) + &end
}

/// Bytes of shared memory that putting threads together takes.
pub(super) fn shared_bytes(threads: usize, vector: Vector) -> usize {
    3 * 4 * threads * vector.width()
}
