//! What the products of a network take for themselves, known before they run.

use super::{Algorithm, Machine, Problem, Selector};
use crate::conv;

/// Bytes beside the buffers of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    /// What products borrow: the most that the threads of one share, which is a weight that is packed for this
    /// call or copies of a gradient, and for each thread the most that it works on.
    pub scratch: usize,
    /// The weights that stay packed from one call to the next.
    pub packed: usize,
}

impl Workspace {
    /// What these products take with the algorithms that are chosen without measuring. Other kernels borrow
    /// less.
    pub fn of(problems: &[Problem], machine: Machine) -> Workspace {
        let selector = Selector::default();
        let [mut shared, mut own, mut kept] = [0; 3];
        for problem in problems {
            let algorithm = selector.estimated(*problem, machine).algorithm;
            let common = algorithm.workspace(problem, machine.isa);
            own = own.max(conv::thread_workspace(algorithm, problem, machine.isa));
            // A joined weight is made anew in each call.
            if problem.packed && algorithm != Algorithm::Joined {
                kept += common;
            } else {
                shared = shared.max(common);
            }
        }
        Workspace { scratch: shared + machine.threads * own, packed: kept }
    }

    /// All together.
    pub fn bytes(self) -> usize {
        self.scratch + self.packed
    }
}
