//! The runtime's own kernels: what lies between the passes of a network.

use super::tasks;
use crate::data::Augment;
use crate::devices::cuda::{Compiler, CudaError, Function, Kernel, Real, Stream};

/// The kernels, compiled.
pub(super) struct Own {
    /// In the order of [`Name`].
    functions: Vec<Function>,
}

/// The kernels of a file are compiled together; the text stands with the first.
pub(super) const FILES: [&[Kernel]; 5] = [
    &[
        Kernel { name: "nnc_cast", text: include_str!("../kernels/cast.cu") },
        Kernel { name: "nnc_take", text: "" },
    ],
    &[Kernel { name: "nnc_finite", text: include_str!("../kernels/finite.cu") }],
    &[
        Kernel { name: "nnc_restore", text: include_str!("../kernels/guard.cu") },
        Kernel { name: "nnc_save", text: "" },
        Kernel { name: "nnc_advance", text: "" },
    ],
    &[
        Kernel { name: "nnc_score", text: include_str!("../kernels/report.cu") },
        Kernel { name: "nnc_report", text: "" },
    ],
    &[
        Kernel { name: "nnc_gather", text: include_str!("../kernels/gather.cu") },
        Kernel { name: "nnc_gather_targets", text: "" },
        Kernel { name: "nnc_next_batch", text: "" },
    ],
];

#[derive(Clone, Copy)]
enum Name {
    Cast,
    Take,
    Finite,
    Restore,
    Save,
    Advance,
    Score,
    Report,
    Gather,
    GatherTargets,
    NextBatch,
}

/// How a batch that was sent comes to where it is read; addresses on the GPU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Take {
    pub(super) from: u64,
    /// Where its inputs, target values and labels go.
    pub(super) to: [u64; 3],
    /// How many there are of each.
    pub(super) words: [usize; 3],
}

/// How a batch is gathered from a data set; addresses on the GPU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gather {
    pub(super) samples: u64,
    pub(super) order: u64,
    pub(super) mean: u64,
    pub(super) scale: u64,
    pub(super) epoch: u64,
    /// Where the batch goes.
    pub(super) input: u64,
    /// Whether samples are bytes, or numbers in single precision.
    pub(super) are_bytes: bool,
    /// Height, width and channels of a sample.
    pub(super) map: [usize; 3],
    /// Statistics repeat after so many elements.
    pub(super) period: usize,
    /// Whether a map is read as a vector.
    pub(super) transposed: bool,
    pub(super) augment: Augment,
}

/// How its targets are; addresses on the GPU.
#[derive(Clone, Copy, Debug)]
pub(super) struct GatherTargets {
    pub(super) rows: u64,
    pub(super) order: u64,
    pub(super) epoch: u64,
    /// Where they go.
    pub(super) to: u64,
    /// Labels or values of a sample.
    pub(super) len: usize,
}

/// Elements that a block of `nnc_gather` writes.
const GATHERED: usize = 2048;

/// Threads of a block, but for those that count.
const THREADS: usize = 256;

/// Blocks of a kernel that goes over its operand in strides: a few for each multiprocessor of the largest GPUs.
const MOST_BLOCKS: usize = 512;

/// Bytes of the parts that right answers are counted in.
pub(super) const PARTS_BYTES: usize = MOST_BLOCKS * size_of::<i64>();

/// How the report of a batch is made; addresses on the GPU.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Report {
    /// The loss of each sample.
    pub(super) losses: u64,
    pub(super) samples: usize,
    /// The first output that is judged by classes, and its labels.
    pub(super) logits: u64,
    pub(super) labels: u64,
    /// Labels of the batch; none if no output is judged by classes.
    pub(super) rows: usize,
    pub(super) classes: usize,
    /// Counts of parts of the rows.
    pub(super) parts: u64,
    /// Where the result goes.
    pub(super) result: u64,
}

/// Bytes of the structure `Report` of `report.cu`.
pub(super) const RESULT_BYTES: usize = 16;

/// Where it has the mean loss of the samples (`double`), and the number of right labels.
pub(super) const RESULT_LOSS: usize = 0;
pub(super) const RESULT_CORRECT: usize = 8;

/// A part of the states, and where it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct States {
    pub(super) current: u64,
    pub(super) saved: u64,
    pub(super) len: usize,
}

impl Own {
    pub(super) fn compile(compiler: &Compiler, real: Real) -> Result<Own, CudaError> {
        let compiled = FILES.into_iter().map(|file| Ok(compiler.compile(file, real)?.functions));
        let functions = compiled.collect::<Result<Vec<_>, CudaError>>()?;
        Ok(Own { functions: functions.into_iter().flatten().collect() })
    }

    /// Stores `len` numbers at `from` as `real` at `to`.
    pub(super) fn cast(&self, from: u64, to: u64, len: usize, stream: &Stream) -> Result<(), CudaError> {
        self.run(Name::Cast, len.div_ceil(8 * THREADS), &[from, to, len as u64], stream)
    }

    /// Takes a batch that was sent to where it is read.
    pub(super) fn take(&self, take: &Take, stream: &Stream) -> Result<(), CudaError> {
        let Take { from, to: [inputs, targets, labels], words } = *take;
        let [input_count, target_count, label_count] = words.map(|words| words as u64);
        let arguments = [from, inputs, targets, labels, input_count, target_count, label_count];
        self.run(Name::Take, words[0].div_ceil(8 * THREADS), &arguments, stream)
    }

    /// Sets the flag of the step if one of `len` numbers is not finite.
    pub(super) fn finite(&self, from: u64, len: usize, step: u64, stream: &Stream) -> Result<(), CudaError> {
        let blocks = len.div_ceil(4 * THREADS).min(MOST_BLOCKS);
        self.run(Name::Finite, blocks, &[from, len as u64, step], stream)
    }

    /// Keeps the states, unless the flag of the step is set.
    pub(super) fn save(&self, states: States, step: u64, stream: &Stream) -> Result<(), CudaError> {
        let States { current, saved, len } = states;
        self.run(Name::Save, len.div_ceil(4 * THREADS), &[current, saved, len as u64, step], stream)
    }

    /// Takes the states that were kept if the flag of the step is set.
    pub(super) fn restore(&self, states: States, step: u64, stream: &Stream) -> Result<(), CudaError> {
        let States { current, saved, len } = states;
        self.run(Name::Restore, len.div_ceil(4 * THREADS), &[current, saved, len as u64, step], stream)
    }

    /// Sums up how a batch did; sets the flag of the step if its loss is not finite.
    pub(super) fn report(&self, report: &Report, step: u64, stream: &Stream) -> Result<(), CudaError> {
        let Report { losses, samples, logits, labels, rows, classes, parts, result } = *report;
        let rows_of_block = THREADS / classes.next_power_of_two().min(32);
        let blocks = rows.div_ceil(rows_of_block).min(MOST_BLOCKS);
        let [samples, rows, classes, count] = [samples, rows, classes, blocks].map(|number| number as u64);
        self.run(Name::Score, blocks, &[logits, labels, parts, rows, classes], stream)?;
        self.run(Name::Report, 1, &[losses, parts, result, step, samples, count], stream)
    }

    /// Counts the step unless its flag is set.
    pub(super) fn advance(&self, step: u64, stream: &Stream) -> Result<(), CudaError> {
        self.run(Name::Advance, 1, &[step], stream)
    }

    /// Gathers the inputs of `batch` samples.
    pub(super) fn gather(&self, gather: &Gather, batch: usize, stream: &Stream) -> Result<(), CudaError> {
        let Gather { samples, order, mean, scale, epoch, input, augment, .. } = *gather;
        let [height, width, channels] = gather.map.map(|extent| extent as u64);
        let pieces = gather.map.iter().product::<usize>().div_ceil(GATHERED);
        let flags = [gather.transposed, augment.flip].map(u64::from);
        let addresses = [samples, order, mean, scale, epoch, input];
        let sizes = [u64::from(gather.are_bytes), height, width, channels, gather.period as u64];
        let arguments = [&addresses[..], &sizes, &flags, &[augment.crop as u64]].concat();
        self.run(Name::Gather, batch * pieces, &arguments, stream)
    }

    /// Gathers the targets of `batch` samples.
    pub(super) fn gather_targets(
        &self,
        targets: &GatherTargets,
        batch: usize,
        stream: &Stream,
    ) -> Result<(), CudaError> {
        let GatherTargets { rows, order, epoch, to, len } = *targets;
        let arguments = [rows, order, epoch, to, len as u64, batch as u64];
        self.run(Name::GatherTargets, (batch * len).div_ceil(THREADS), &arguments, stream)
    }

    /// Turns the epoch to the batch after one of `batch` samples.
    pub(super) fn next_batch(&self, epoch: u64, batch: usize, stream: &Stream) -> Result<(), CudaError> {
        self.run(Name::NextBatch, 1, &[epoch, batch as u64], stream)
    }

    fn run(&self, name: Name, blocks: usize, arguments: &[u64], stream: &Stream) -> Result<(), CudaError> {
        if blocks == 0 {
            return Ok(());
        }
        let threads = if matches!(name, Name::Advance | Name::NextBatch) { 32 } else { THREADS as u32 };
        let function = &self.functions[name as usize];
        // SAFETY: the arguments are those of the kernel's text, as the functions above pair them; the callers give
        // addresses of the engine's buffers and lengths that they hold.
        unsafe { stream.launch(function, [tasks::blocks(blocks), 1, 1], threads, 0, arguments) }
    }
}
