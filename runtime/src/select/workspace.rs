//! What the products of a network take for themselves, known before they run.

use super::{Machine, Problem, Selector};
use crate::kernels::conv;

/// Bytes beside the buffers of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    /// The most that a product borrows: a weight that it packs for this call, copies of a gradient, and what
    /// its threads work on.
    pub scratch: usize,
    /// The weights that stay packed from one call to the next.
    pub packed: usize,
}

impl Workspace {
    /// What these products take with the algorithms that are chosen without measuring. Other kernels borrow
    /// less, and so do products with less than some tens of KB.
    pub fn of(problems: &[Problem], machine: Machine) -> Workspace {
        let selector = Selector::default();
        let mut workspace = Workspace::default();
        for problem in problems {
            let algorithm = selector.estimated(*problem, machine).algorithm;
            let shared = algorithm.workspace(problem, machine.isa);
            let threads = machine.threads * conv::thread_workspace(algorithm, problem, machine.isa);
            let [borrowed, kept] = if problem.packed { [threads, shared] } else { [threads + shared, 0] };
            workspace.scratch = workspace.scratch.max(borrowed);
            workspace.packed += kept;
        }
        workspace
    }

    /// All together.
    pub fn bytes(self) -> usize {
        self.scratch + self.packed
    }
}
