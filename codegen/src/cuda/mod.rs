//! The other backend: from the same plans to CUDA kernels.
//!
//! A pass becomes [`Step`]s: launches of small kernels, named after the words they come from, with all
//! extents as constants. Their texts are in the subset of C that `runtime/src/emitted/cuda/common.h`
//! describes, so that the same text runs on a GPU and, as a proof, on the processor. Nothing here
//! depends on the precision: a text says `real` where activations are stored, and places are counted
//! in elements. What remains open is what only the GPU can tell: which candidate of a [`Product`] is
//! the fastest.
//!
//! Convention: one file in `ops` per family of operations, each with its launches and their texts.

mod emitter;
mod fused;
mod launch;
mod memory;
mod ops;
mod print;
mod text;

use nnc_dsl::CheckedModel;

use crate::Compiled;
use crate::graph::{Node, Section};
use crate::plan::Plan;

pub use emitter::Emitter;
pub use launch::{
    Argument, Candidate, Count, Form, Fused, Kernel, Launch, LibraryCall, Product, Step, Tensor, Units,
};
pub use memory::{Element, Memory, Place, Region};

/// A network for the GPU.
#[derive(Clone, Debug)]
pub struct Cuda {
    /// The kernels of both passes; a text occurs once.
    pub kernels: Vec<Kernel>,
    /// The training pass.
    pub training: Pass,
    /// The evaluation pass.
    pub evaluation: Pass,
    /// The optimiser's update of all parameters after a training pass.
    pub update: Vec<Launch>,
}

/// One mode: memory, and what to launch.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The arenas.
    pub memory: Memory,
    /// By section, in execution order.
    pub sections: Vec<(Section, Vec<Step>)>,
}

/// Emits both passes and the update.
pub fn emit(model: &CheckedModel, compiled: &Compiled) -> Cuda {
    let mut kernels = Vec::new();
    let [training, evaluation] =
        [&compiled.training, &compiled.evaluation].map(|plan| pass(plan, &mut kernels));
    let mut emitter = Emitter::new(&compiled.training, kernels);
    let update = ops::update(&mut emitter, model.train.optimizer.kind, &compiled.training.tensors);
    let (_, kernels) = emitter.finish();
    Cuda { kernels, training, evaluation, update }
}

impl Cuda {
    /// By kernel: whether only those candidates launch it that compute on tensor cores.
    pub fn needs_tensor_cores(&self) -> Vec<bool> {
        let mut needs = vec![true; self.kernels.len()];
        let steps = [&self.training, &self.evaluation].map(|pass| &pass.sections);
        let steps = steps.into_iter().flatten().flat_map(|(_, steps)| steps);
        for launch in steps.flat_map(Step::plain_launches).chain(&self.update) {
            needs[launch.kernel] = false;
        }
        needs
    }
}

fn pass(plan: &Plan, kernels: &mut Vec<Kernel>) -> Pass {
    let mut emitter = Emitter::new(plan, std::mem::take(kernels));
    let section = |section| {
        let nodes: Vec<&Node> = plan.graph.nodes.iter().filter(|node| node.section == section).collect();
        (section, emitter.steps(&nodes).into_iter().flat_map(|(_, steps)| steps).collect())
    };
    let sections = Section::ALL.map(section).into();
    let memory;
    (memory, *kernels) = emitter.finish();
    Pass { memory, sections }
}
