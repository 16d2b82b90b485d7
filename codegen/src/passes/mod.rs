//! Rewrites of the graph. One pass, one file, one public function.

mod dead_code;
mod expand;
mod fold_batch_norm;
mod fuse_epilogue;
mod fuse_pointwise;
mod fuse_prologue;

use crate::graph::{Graph, verify};

/// A rewrite with its name in dumps.
type Pass = (&'static str, fn(&mut Graph));

/// The passes in the order in which they run.
pub const PASSES: [Pass; 7] = [
    // Composite nodes as their element-wise expressions, so that fusion sees through them.
    ("expand", expand::expand),
    // In evaluation, batch norm's factor goes into the weights before it.
    ("fold_batch_norm", fold_batch_norm::fold_batch_norm),
    // What nothing reads.
    ("dead_code", dead_code::remove_dead_code),
    // Element-wise nodes into their element-wise and reducing readers.
    ("fuse_pointwise", fuse_pointwise::fuse_pointwise),
    // An element-wise node into the convolution or matrix product before it.
    ("fuse_epilogue", fuse_epilogue::fuse_epilogue),
    // An element-wise node into the maximum after it.
    ("fuse_prologue", fuse_prologue::fuse_prologue),
    // What fusion left behind.
    ("dead_code", dead_code::remove_dead_code),
];

/// Runs all passes; in debug builds, the verifier after each.
pub fn optimise(graph: &mut Graph) {
    for (name, pass) in PASSES {
        pass(graph);
        debug_assert_eq!(verify(graph), Ok(()), "after `{name}`:\n{graph}");
    }
}
