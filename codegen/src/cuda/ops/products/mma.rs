//! Products on the tensor cores: TF32, bf16 or f16, whichever `real` is.
//!
//! A row of a tile is 64 bytes of the depth at every precision, so that sizes in shared memory do not
//! depend on it.

use super::problem::{Kind, Problem};
use super::way::{Way, blocks};
use crate::cuda::{Element, Units};

/// A tile of the result, and the part of it that a warp computes.
#[derive(Clone, Copy, Debug)]
struct Tile {
    m: usize,
    n: usize,
    warp_m: usize,
    warp_n: usize,
}

const TILES: [Tile; 5] = [
    Tile { m: 256, n: 128, warp_m: 64, warp_n: 64 },
    Tile { m: 128, n: 128, warp_m: 64, warp_n: 32 },
    Tile { m: 128, n: 64, warp_m: 64, warp_n: 32 },
    Tile { m: 64, n: 64, warp_m: 32, warp_n: 32 },
    Tile { m: 64, n: 32, warp_m: 32, warp_n: 16 },
];

/// Tiles in shared memory: those that are computed on and those that are under way.
const STAGES: usize = 4;

/// The ways that suit a problem; none if the operands are not `real`, or too small to be worth it.
pub(super) fn ways(problem: &Problem, elements: [Element; 2]) -> Vec<Way<'_>> {
    let is_real = elements == [Element::Real; 2];
    let is_large = problem.columns() >= 8 && problem.typical_depth() >= 16;
    if !is_real || !is_large {
        return Vec::new();
    }
    TILES.into_iter().filter(|tile| tile.suits(problem)).map(|tile| tile.way(problem)).collect()
}

impl Tile {
    fn suits(self, problem: &Problem) -> bool {
        let smallest = if problem.columns() <= 32 { 32 } else { 64 };
        if self.n <= smallest && self.m == 64 {
            return self.n == smallest;
        }
        let busy = problem.kind == Kind::BackwardWeight || blocks(problem, [self.m, self.n]) >= 64;
        problem.columns() > self.n / 2 && problem.typical_rows() > self.m / 2 && busy
    }

    fn way(self, problem: &Problem) -> Way<'_> {
        let Tile { m, n, warp_m, warp_n } = self;
        let [a_along, b_along] = problem.along_depth();
        let size = |tile: usize, along: bool| if along { tile * 80 } else { 64 * (tile + 8) };
        let stage = size(m, a_along) + size(n, b_along);
        let [a_width, b_width] = problem.neighbours().map(|neighbours| width(neighbours).to_string());
        Way {
            problem,
            name: format!("mma {m}x{n}"),
            units: Units::TensorCores,
            tile: [m, n],
            threads: m * n / (warp_m * warp_n) * 32,
            shared: (STAGES * stage).max(4 * m * (n + 8)),
            splits: None,
            types: ["real"; 2],
            template: include_str!("../../templates/products/mma.cu"),
            values: vec![
                ("STAGES", STAGES.to_string()),
                ("WARP_M", warp_m.to_string()),
                ("WARP_N", warp_n.to_string()),
                ("A_WIDTH", a_width),
                ("B_WIDTH", b_width),
                ("A_PITCH", pitch("M", a_along)),
                ("B_PITCH", pitch("N", b_along)),
                ("A_SIZE", format!("TILE_{} * A_PITCH", if a_along { "M" } else { "K" })),
                ("B_SIZE", format!("TILE_{} * B_PITCH", if b_along { "N" } else { "K" })),
                ("A_TO", to("a", "m", a_along)),
                ("B_TO", to("b", "n", b_along)),
                ("A_FRAGMENT", fragment("a", "m", "x", a_along)),
                ("B_FRAGMENT", fragment("b", "n", "y", b_along)),
            ],
        }
    }
}

/// The widest vector, up to eight, that neighbours consist of.
fn width(neighbours: usize) -> usize {
    1 << neighbours.trailing_zeros().min(3)
}

fn pitch(across: &str, along_depth: bool) -> String {
    if along_depth { "TILE_K + SIXTEEN_BYTES".to_owned() } else { format!("TILE_{across} + 8") }
}

/// The place of vector i of an operand in its tile.
fn to(operand: &str, across: &str, along_depth: bool) -> String {
    let upper = operand.to_uppercase();
    let (row, column) = if along_depth { (across, "k") } else { ("k", across) };
    format!("({operand}_{row} + i * {upper}_STEP) * {upper}_PITCH + {operand}_{column}")
}

/// Loads the fragment of the warp's 16 rows or columns of number m or n.
fn fragment(operand: &str, across: &str, to: &str, along_depth: bool) -> String {
    let upper = operand.to_uppercase();
    let tile = format!("warp_{across} + {across} * 16");
    if along_depth {
        let from = format!("{operand}_tile + ({tile}) * {upper}_PITCH + k");
        format!("fragment_{operand}({to}[{across}], {from}, {upper}_PITCH)")
    } else {
        let from = format!("{operand}_tile + k * {upper}_PITCH + {tile}");
        format!("fragment_{operand}_transposed({to}[{across}], {from}, {upper}_PITCH)")
    }
}
