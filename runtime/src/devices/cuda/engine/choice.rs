//! Which candidate computes a product.
//!
//! Modes are those of the processor, and so is the file of measured times. In the default one a rule decides, so that the
//! same network computes the same bits on each run.

use std::collections::BTreeMap;
use std::io;

use crate::devices::cuda::Properties;
use crate::emitted::Conv;
use crate::emitted::cuda::{Candidate, Cuda, Launch, Product, Step, Units};
use crate::model::{Gpu, Precision};
use crate::select::{GpuMachine, Mode, Operation, Problem, TimingCache};

/// What was chosen so far, and by what rule the rest is.
pub(super) struct Choices {
    gpu: GpuMachine,
    precision: Precision,
    multiprocessors: usize,
    /// Bytes of shared memory that a block can have.
    shared_bytes: u32,
    mode: Mode,
    cache: TimingCache,
    /// Measured seconds of the candidates that may be taken.
    measured: BTreeMap<(&'static str, Conv, usize), Times>,
}

/// Seconds by the names of candidates.
pub(super) type Times = BTreeMap<String, f64>;

impl Choices {
    /// For a GPU, known to the file as `device`: by its name and the versions of what works for it.
    pub(super) fn new(device: String, gpu: &Gpu, properties: &Properties) -> Choices {
        Choices {
            gpu: GpuMachine { device, precision: gpu.precision.name() },
            precision: gpu.precision,
            multiprocessors: properties.multiprocessors as usize,
            shared_bytes: properties.shared_bytes,
            mode: gpu.mode,
            cache: TimingCache::of_user(),
            measured: BTreeMap::new(),
        }
    }

    /// The candidates that serve the precision and that the GPU has shared memory for. In single precision tensor cores do
    /// not serve, as they round the factors.
    pub(super) fn open(&self, product: &'static Product) -> impl Iterator<Item = &'static Candidate> {
        let (rounds, most) = (self.precision != Precision::F32, self.shared_bytes);
        let fits = move |candidate: &Candidate| candidate.launches.iter().all(|launch| launch.shared <= most);
        let serves = move |candidate: &Candidate| candidate.units == Units::Simt || rounds;
        product.candidates.iter().filter(move |candidate| serves(candidate) && fits(candidate))
    }

    /// What computes some steps, products by the candidates that were chosen.
    pub(super) fn chosen_launches(
        &self,
        steps: impl IntoIterator<Item = &'static Step>,
        batch: usize,
    ) -> impl Iterator<Item = &'static Launch> {
        steps.into_iter().flat_map(move |step| match step {
            Step::Launch(launch) => std::slice::from_ref(launch),
            Step::Product(product) => self.chosen(product, batch).launches,
        })
    }

    /// The candidate for batches of this size.
    pub(super) fn chosen(&self, product: &'static Product, batch: usize) -> &'static Candidate {
        let times = self.times(product, batch);
        let time = |candidate: &&Candidate| times.and_then(|times| times.get(candidate.name)).copied();
        let timed = self.open(product).filter_map(|candidate| Some((candidate, time(&candidate)?)));
        let fastest = timed.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(candidate, _)| candidate);
        fastest.unwrap_or_else(|| self.estimated(product, batch))
    }

    /// What was measured of a product.
    pub(super) fn times(&self, product: &'static Product, batch: usize) -> Option<&Times> {
        self.measured.get(&(product.operation, product.spec, batch))
    }

    /// Whether the candidates have to be measured: where measurements decide, and neither this process nor the file
    /// knows them all.
    pub(super) fn wants(&mut self, product: &'static Product, batch: usize) -> bool {
        if self.mode != Mode::Benchmark || self.open(product).count() < 2 {
            return false;
        }
        if self.times(product, batch).is_some() {
            return false;
        }
        let remembered = self.cache.gpu_times(&self.gpu, &problem(product, batch));
        let Some(times) =
            remembered.filter(|times| self.open(product).all(|one| times.contains_key(one.name)))
        else {
            return true;
        };
        self.measured.insert((product.operation, product.spec, batch), times);
        false
    }

    /// Takes measured seconds to account.
    pub(super) fn learn(&mut self, product: &'static Product, batch: usize, times: Times) {
        self.measured.insert((product.operation, product.spec, batch), times);
    }

    /// Keeps measured seconds for other runs.
    pub(super) fn keep(&self, measured: &[(Problem, Times)]) -> io::Result<()> {
        self.cache.keep_gpu(&self.gpu, measured)
    }

    /// Every launch that may ever be asked for.
    pub(super) fn launches(&self, cuda: &'static Cuda) -> impl Iterator<Item = &'static Launch> {
        let steps = cuda.passes().into_iter().flat_map(|pass| pass.steps());
        steps.flat_map(|step| self.launches_of(step)).chain(cuda.update)
    }

    fn launches_of(&self, step: &'static Step) -> Vec<&'static Launch> {
        match step {
            Step::Launch(launch) => vec![launch],
            Step::Product(product) => self.open(product).flat_map(|candidate| candidate.launches).collect(),
        }
    }

    /// Tensor cores where they are admitted; then, because a larger tile reads less, the fewest blocks that still give every
    /// multiprocessor one, or else the most blocks. The rule was not measured.
    pub(super) fn estimated(&self, product: &'static Product, batch: usize) -> &'static Candidate {
        let merit = |candidate: &&Candidate| {
            let blocks = candidate.launches.iter().map(|launch| blocks(launch, batch)).max().unwrap_or(0);
            let is_full = blocks >= self.multiprocessors;
            let few = if is_full { usize::MAX - blocks } else { blocks };
            (candidate.units == Units::TensorCores, is_full, few)
        };
        self.open(product).max_by_key(merit).unwrap_or(&product.candidates[0])
    }
}

/// What is found under in the file. That of the processor has other operations' names, not others' meaning.
pub(super) fn problem(product: &'static Product, batch: usize) -> Problem {
    let operation = match product.operation {
        "conv" => Operation::Forward,
        "conv_backward_data" => Operation::BackwardData,
        _ => Operation::BackwardWeight,
    };
    Problem { operation, spec: product.spec, batch, packed: false }
}

fn blocks(launch: &Launch, batch: usize) -> usize {
    launch.grid.iter().map(|count| count.at(batch)).product()
}
