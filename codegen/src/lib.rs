//! The compiler: from a checked model to Rust source.
//!
//! ```text
//! CheckedModel ─lower▶ Graph ─differentiate, passes▶ Graph ─plan▶ Plan ─emit▶ Rust source
//! ```
//!
//! Each stage has its own type. After *lower* no name is unresolved; after *plan* no choice is
//! open; *emit* only writes. This room is pure: no files, no environment, no clock. The same model
//! and options give the same bytes.

pub mod cuda;
pub mod differentiate;
pub mod emit;
pub mod graph;
pub mod lower;
pub mod optimizers;
pub mod passes;
pub mod plan;
pub mod scalar;
pub mod summary;

use nnc_dsl::CheckedModel;

use graph::{Graph, Mode};
use plan::Plan;

/// Both passes of a network, ready to be written.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// Batch statistics, dropout, gradients.
    pub training: Plan,
    /// Running statistics folded into the weights.
    pub evaluation: Plan,
}

/// Compiles a model.
pub fn compile(model: &CheckedModel) -> Compiled {
    let [training, evaluation] = [Mode::Training, Mode::Evaluation].map(|mode| {
        let mut graph = graph(model, mode);
        passes::optimise(&mut graph);
        plan::plan(graph)
    });
    Compiled { training, evaluation }
}

/// The graph of one mode before any pass, with gradients in training.
pub fn graph(model: &CheckedModel, mode: Mode) -> Graph {
    let mut graph = lower::lower(model, mode);
    if mode == Mode::Training {
        differentiate::differentiate(&mut graph);
    }
    debug_assert_eq!(graph::verify(&graph), Ok(()), "after lowering:\n{graph}");
    graph
}
