//! The runtime's own kernels: what lies between the passes of a network.

use crate::devices::cuda::{Compiler, CudaError, Function, Kernel, Real, Stream};

/// The kernels, compiled.
pub(super) struct Own {
    functions: Vec<Function>,
}

/// Their texts, in the order of [`Name`].
const KERNELS: [Kernel; 5] = [
    Kernel { name: "nnc_cast", text: include_str!("../kernels/cast.cu") },
    Kernel { name: "nnc_finite", text: include_str!("../kernels/finite.cu") },
    Kernel { name: "nnc_report", text: include_str!("../kernels/report.cu") },
    Kernel { name: "nnc_restore", text: include_str!("../kernels/restore.cu") },
    Kernel { name: "nnc_advance", text: include_str!("../kernels/advance.cu") },
];

#[derive(Clone, Copy)]
enum Name {
    Cast,
    Finite,
    Report,
    Restore,
    Advance,
}

/// Threads of a block.
const THREADS: u32 = 256;

/// Blocks of a kernel that goes over a buffer in strides: a few for each multiprocessor of the largest GPUs.
const MOST_BLOCKS: usize = 1024;

/// How the report of a batch is made; addresses on the GPU.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Report {
    /// The loss of each sample.
    pub(super) losses: u64,
    pub(super) samples: usize,
    /// The first output that is judged by classes, and its labels.
    pub(super) logits: u64,
    pub(super) labels: u64,
    /// Labels of the batch.
    pub(super) rows: usize,
    pub(super) classes: usize,
    /// Where the result goes.
    pub(super) result: u64,
}

/// Bytes of a report's result: the sum of the losses (`double`) and the number of right labels (`int64`).
pub(super) const RESULT_BYTES: usize = 16;

impl Own {
    pub(super) fn compile(compiler: &Compiler, real: Real) -> Result<Own, CudaError> {
        Ok(Own { functions: compiler.compile(&KERNELS, real)?.functions })
    }

    /// Stores `len` numbers at `from` as `real` at `to`.
    pub(super) fn cast(&self, from: u64, to: u64, len: usize, stream: &Stream) -> Result<(), CudaError> {
        self.run(Name::Cast, len.div_ceil(4 * THREADS as usize), &[from, to, len as u64], stream)
    }

    /// Sets the flag of the step if one of `len` numbers is not finite.
    pub(super) fn finite(&self, from: u64, len: usize, step: u64, stream: &Stream) -> Result<(), CudaError> {
        let blocks = len.div_ceil(4 * THREADS as usize).min(MOST_BLOCKS);
        self.run(Name::Finite, blocks, &[from, len as u64, step], stream)
    }

    /// Sums up how a batch did; sets the flag of the step if its loss is not finite.
    pub(super) fn report(&self, report: &Report, step: u64, stream: &Stream) -> Result<(), CudaError> {
        let Report { losses, samples, logits, labels, rows, classes, result } = *report;
        let [samples, rows, classes] = [samples, rows, classes].map(|number| number as u64);
        self.run(Name::Report, 1, &[losses, samples, logits, labels, rows, classes, result, step], stream)
    }

    /// Copies `len` saved numbers back if the flag of the step is set.
    pub(super) fn restore(
        &self,
        states: u64,
        saved: u64,
        len: usize,
        step: u64,
        stream: &Stream,
    ) -> Result<(), CudaError> {
        let blocks = len.div_ceil(THREADS as usize);
        self.run(Name::Restore, blocks, &[states, saved, len as u64, step], stream)
    }

    /// Counts the step unless its flag is set.
    pub(super) fn advance(&self, step: u64, stream: &Stream) -> Result<(), CudaError> {
        self.run(Name::Advance, 1, &[step], stream)
    }

    fn run(&self, name: Name, blocks: usize, arguments: &[u64], stream: &Stream) -> Result<(), CudaError> {
        if blocks == 0 {
            return Ok(());
        }
        let threads = if matches!(name, Name::Advance) { 32 } else { THREADS };
        let function = &self.functions[name as usize];
        // SAFETY: the arguments are those of the kernel's text, as the functions above pair them; the callers give
        // addresses of the engine's buffers and lengths that they hold.
        unsafe { stream.launch(function, [blocks as u32, 1, 1], threads, 0, arguments) }
    }
}
