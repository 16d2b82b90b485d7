//! What the kernels take for themselves, which depends on this machine's vectors and threads.

use nnc_codegen::Compiled;
use nnc_codegen::plan::{Plan, Product, ProductKind};
use nnc_runtime::devices::cpu::{Isa, Pool};
use nnc_runtime::emitted::Conv;
use nnc_runtime::select::{Machine, Operation, Problem, Workspace};

/// Bytes that are packed weights and scratch memory.
pub(super) struct KernelMemory {
    /// Of training, with the evaluation in between.
    pub(super) training: u64,
    /// Of evaluation alone.
    pub(super) evaluation: u64,
}

/// Larger batches need no more: work is cut into pieces of limited size.
const LARGE_BATCH: u64 = 1 << 20;

impl KernelMemory {
    /// On as many threads as a program takes by default.
    pub(super) fn new(compiled: &Compiled, batch: u64) -> KernelMemory {
        let machine = Machine { isa: Isa::detect(), threads: Pool::default_threads() };
        let batch = batch.min(LARGE_BATCH) as usize;
        let evaluation = problems(&compiled.evaluation, batch, true);
        // A weight stays packed in evaluation only: in training it changes with each step.
        let both = [problems(&compiled.training, batch, false), evaluation.clone()].concat();
        let bytes = |problems: &[Problem]| Workspace::of(problems, machine).bytes() as u64;
        KernelMemory { training: bytes(&both), evaluation: bytes(&evaluation) }
    }
}

fn problems(plan: &Plan, batch: usize, packed: bool) -> Vec<Problem> {
    let problem = |Product { kind, conv }: Product| {
        let operation = match kind {
            ProductKind::Forward => Operation::Forward,
            ProductKind::BackwardData => Operation::BackwardData,
            ProductKind::BackwardWeight => Operation::BackwardWeight,
        };
        let nnc_codegen::graph::Conv { input, output, kernel, stride, pad, dilation, groups } = conv;
        let spec = Conv { input, output, kernel, stride, pad, dilation, groups };
        Problem { operation, spec, batch, packed }
    };
    plan.products().into_iter().map(problem).collect()
}
