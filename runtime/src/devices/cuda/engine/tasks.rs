//! Launches with everything that a batch leaves open filled in.

use super::choice::{Choices, Way};
use super::functions::Functions;
use super::library::Call;
use super::regions::Regions;
use crate::devices::cuda::{CudaError, Memory, Stream};
use crate::emitted::cuda::{Argument, Cuda, Launch, Place, Step, Tensor};

/// Something to do for one size of the batch.
pub(super) enum Task {
    Kernel(Kernel),
    Library(Call),
}

/// A launch for one size of the batch.
pub(super) struct Kernel {
    launch: &'static Launch,
    grid: [u32; 3],
    threads: u32,
    arguments: Vec<u64>,
}

/// What the arguments of launches stand for.
pub(super) struct Binding<'a> {
    pub(super) cuda: &'static Cuda,
    pub(super) regions: &'a Regions,
    pub(super) workspace: &'a Memory,
    pub(super) hyperparameters: &'a Memory,
    pub(super) optimizer: &'a [Memory],
    /// The address of the `Step`.
    pub(super) step: u64,
    pub(super) batch: usize,
}

impl Binding<'_> {
    /// The tasks of some steps, products by the candidates that were chosen.
    pub(super) fn tasks(&self, steps: &'static [Step], choices: &Choices) -> Vec<Task> {
        let tasks = steps.iter().flat_map(|step| match step {
            Step::Launch(launch) => self.bound(std::slice::from_ref(launch)),
            Step::Product(product) => self.tasks_of(&choices.chosen(product, self.batch)),
        });
        tasks.collect()
    }

    /// The tasks of one way to compute a product.
    pub(super) fn tasks_of(&self, way: &Way) -> Vec<Task> {
        let library = match way {
            Way::Own(_) => None,
            Way::Library(offer) => Some(Task::Library(self.call(offer))),
        };
        let [before, after] = way.launches().map(|launches| self.bound(launches));
        before.into_iter().chain(library).chain(after).collect()
    }

    /// The tasks of launches; those without a block are left out.
    pub(super) fn bound(&self, launches: &'static [Launch]) -> Vec<Task> {
        let kernels = launches.iter().map(|launch| self.kernel(launch));
        kernels.filter(|kernel| !kernel.grid.contains(&0)).map(Task::Kernel).collect()
    }

    fn kernel(&self, launch: &'static Launch) -> Kernel {
        let blocks = |axis: usize| blocks(launch.grid[axis].at(self.batch));
        Kernel {
            launch,
            grid: [blocks(0), blocks(1), blocks(2)],
            threads: self.cuda.kernels[launch.kernel].threads,
            arguments: launch.arguments.iter().map(|argument| self.argument(argument)).collect(),
        }
    }

    fn argument(&self, argument: &Argument) -> u64 {
        match argument {
            Argument::At(place) => self.regions.address(place, self.batch),
            Argument::Labels(output) => {
                self.regions.labels().address() + self.regions.labels_start(*output, self.batch) as u64
            }
            Argument::Workspace => self.workspace.address(),
            Argument::Step => self.step,
            Argument::Hyperparameters => self.hyperparameters.address(),
            Argument::OptimizerState(index) => self.optimizer[*index].address(),
            Argument::Batch => self.batch as u64,
        }
    }
}

impl Task {
    /// The path of the layer that it belongs to.
    pub(super) fn layer(&self) -> &'static str {
        match self {
            Task::Kernel(kernel) => kernel.launch.layer,
            Task::Library(call) => call.call.layer,
        }
    }

    /// What it reads and writes.
    pub(super) fn places(&self) -> Vec<&'static Place> {
        let place = |argument: &'static Argument| match argument {
            Argument::At(place) => Some(place),
            _ => None,
        };
        match self {
            Task::Kernel(kernel) => kernel.launch.arguments.iter().filter_map(place).collect(),
            Task::Library(Call { call, .. }) => {
                let tensors = call.operands.iter().chain([&call.result]).filter_map(Tensor::place);
                tensors.chain(call.bias()).collect()
            }
        }
    }

    /// Gives it to a stream.
    pub(super) fn run(&self, functions: &Functions, stream: &Stream) -> Result<(), CudaError> {
        match self {
            Task::Kernel(kernel) => kernel.run(functions, stream),
            Task::Library(call) => call.run(stream),
        }
    }
}

impl Kernel {
    fn run(&self, functions: &Functions, stream: &Stream) -> Result<(), CudaError> {
        let Some(function) = functions.get(self.launch.kernel) else {
            unreachable!("the kernels of a schedule are compiled before it is made")
        };
        // SAFETY: kernel and arguments come from one launch of the compiler, whose tests run each kernel on memory with
        // guarded ends; the addresses are those of the engine's buffers, which hold a batch of this size, and which only this
        // stream uses. A task, and a graph of tasks, is thrown away before the buffers are replaced.
        unsafe { stream.launch(function, self.grid, self.threads, self.launch.shared, &self.arguments) }
    }
}

/// A number of blocks as the driver takes it. One that is too large stays so, for the driver to refuse: it has at most
/// 2³¹ − 1 of them along x, and 65535 along y and z, where the compiler bounds what grows with the batch.
pub(super) fn blocks(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Gives tasks to a stream, one after the other.
pub(super) fn run_all(tasks: &[Task], functions: &Functions, stream: &Stream) -> Result<(), CudaError> {
    tasks.iter().try_for_each(|task| task.run(functions, stream))
}
