//! Products in single precision, whatever their extents and however they are stored.

use super::problem::{Kind, Problem};
use super::way::{Way, blocks};
use crate::cuda::text::Vector;
use crate::cuda::{Element, Units};

/// A tile of the result, and the part of it that a thread sums.
#[derive(Clone, Copy, Debug)]
struct Tile {
    m: usize,
    n: usize,
    k: usize,
    thread_m: usize,
    thread_n: usize,
}

const LARGE: Tile = Tile { m: 128, n: 128, k: 8, thread_m: 8, thread_n: 8 };
const NARROW: Tile = Tile { m: 128, n: 32, k: 16, thread_m: 8, thread_n: 4 };
const MEDIUM: Tile = Tile { m: 64, n: 64, k: 16, thread_m: 8, thread_n: 4 };
const SMALL: Tile = Tile { m: 32, n: 32, k: 16, thread_m: 4, thread_n: 4 };

/// The ways that suit a problem, the likeliest first.
pub(super) fn ways(problem: &Problem, elements: [Element; 2]) -> Vec<Way<'_>> {
    tiles(problem).into_iter().map(|tile| tile.way(problem, elements)).collect()
}

fn tiles(problem: &Problem) -> Vec<Tile> {
    let (rows, columns) = (problem.typical_rows(), problem.columns());
    // With fewer tiles most processors of a large GPU are idle; the depth of weights' gradients is split.
    let busy = |tile: Tile| problem.kind == Kind::BackwardWeight || blocks(problem, [tile.m, tile.n]) >= 128;
    let fits = |tile: Tile| rows > tile.m / 2 && columns > tile.n / 2 && busy(tile);
    let wide = [MEDIUM, LARGE].into_iter().filter(|tile| fits(*tile));
    let narrow = (columns <= NARROW.n && fits(NARROW)).then_some(NARROW);
    let tiles: Vec<Tile> = wide.chain(narrow).collect();
    if tiles.is_empty() { vec![SMALL] } else { tiles }
}

impl Tile {
    fn way(self, problem: &Problem, elements: [Element; 2]) -> Way<'_> {
        let Tile { m, n, k, thread_m, thread_n } = self;
        let widths = problem.neighbours().map(|neighbours| Vector::dividing(&[neighbours]).at_most(4));
        let [a, b] = [0, 1].map(|operand| (widths[operand], elements[operand]));
        let [a_along, b_along] = problem.along_depth();
        let threads = m * n / (thread_m * thread_n);
        let stages = 2 * k * (m + 4 + n + 4);
        Way {
            problem,
            name: format!("simt {m}x{n}"),
            units: Units::Simt,
            tile: [m, n],
            threads,
            shared: 4 * stages.max(m * (n + 4)),
            splits: None,
            types: elements.map(Element::c_type),
            template: include_str!("../../templates/products/simt.cu"),
            values: vec![
                ("TILE_K", k.to_string()),
                ("THREAD_M", thread_m.to_string()),
                ("THREAD_N", thread_n.to_string()),
                ("A_WIDTH", a.0.width().to_string()),
                ("B_WIDTH", b.0.width().to_string()),
                ("A_LOAD", a.0.load(a.1)),
                ("B_LOAD", b.0.load(b.1)),
                ("A_STORE", store("a", "m", a_along, a.0)),
                ("B_STORE", store("b", "n", b_along, b.0)),
            ],
        }
    }
}

/// Stores vector i of an operand to its tile, whose rows go along the depth.
fn store(operand: &str, across: &str, along_depth: bool, vector: Vector) -> String {
    let (upper, width) = (operand.to_uppercase(), vector.width());
    if along_depth {
        format!(
            "UNROLL for (int v = 0; v < {width}; v++) {operand}_tile[({operand}_k + v) * {upper}_PITCH + \
             {operand}_{across} + i * {upper}_STEP] = {operand}_values[i * {width} + v];"
        )
    } else {
        let store = vector.store(Element::Float);
        format!(
            "{store}({operand}_tile + ({operand}_k + i * {upper}_STEP) * {upper}_PITCH + {operand}_{across}, \
             {operand}_values + i * {width});"
        )
    }
}
