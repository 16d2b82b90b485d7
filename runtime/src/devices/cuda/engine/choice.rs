//! Which candidate computes a product.
//!
//! Modes are those of the processor, and so is the file of measured times. In the default one a rule decides among the
//! network's own kernels, so that the same network computes the same bits on each run. Where measurements decide, the
//! algorithms of the machine's libraries are candidates, too.

use std::collections::BTreeMap;
use std::io;

use super::is_rounded;
use super::library::{self, Libraries, Offer};
use crate::devices::cuda::{Real, Stream};
use crate::emitted::cuda::{Candidate, Cuda, Launch, LibraryCall, Product, Step, Units};
use crate::model::{Gpu, Precision};
use nnc_kernels::emitted::Conv;
use nnc_kernels::select::{GpuMachine, GpuProblem, Mode, Operation, Problem, TimingCache};

/// What was chosen so far, and by what rule the rest is.
pub(super) struct Choices {
    gpu: GpuMachine,
    precision: Precision,
    multiprocessors: usize,
    /// Bytes of shared memory that a block can have.
    shared_bytes: u32,
    /// Bytes of workspace beyond which a way is left out.
    cap: usize,
    mode: Mode,
    cache: TimingCache,
    libraries: Libraries,
    /// What libraries have offered, by the address of the product and the size of the batch.
    offers: BTreeMap<(usize, usize), Vec<Offer>>,
    /// Measured seconds of the candidates that may be taken.
    measured: BTreeMap<Measured, Times>,
}

/// The products that have the same candidates, which take as long: an operation, its extents, the size of the batch, and
/// what libraries fuse.
type Measured = (&'static str, Conv, usize, Option<&'static str>);

/// Seconds by the names of candidates.
pub(super) type Times = BTreeMap<String, f64>;

/// A way to compute a product.
#[derive(Clone)]
pub(super) enum Way {
    /// By the network's own kernels.
    Own(&'static Candidate),
    /// By a library, and what goes on from there.
    Library(Offer),
}

impl Way {
    /// For reports, and for the file of measured times.
    pub(super) fn name(&self) -> &str {
        match self {
            Way::Own(candidate) => candidate.name,
            Way::Library(offer) => &offer.name,
        }
    }

    /// Its kernels, those before a library's part and those after.
    pub(super) fn launches(&self) -> [&'static [Launch]; 2] {
        match self {
            Way::Own(candidate) => [candidate.launches, &[]],
            Way::Library(offer) => [offer.call.before, offer.call.after],
        }
    }
}

impl Choices {
    /// For a GPU, known to the file as `device`: by its name and the versions of what works for it.
    pub(super) fn new(device: String, gpu: &Gpu, stream: &Stream, real: Real) -> Choices {
        let properties = stream.context().properties();
        let libraries = match gpu.mode {
            Mode::Benchmark => Libraries::open(stream, gpu.precision, real),
            Mode::Heuristic | Mode::Deterministic | Mode::Always(_) => Libraries::none(gpu.precision, real),
        };
        Choices {
            gpu: GpuMachine { device, precision: gpu.precision.name() },
            precision: gpu.precision,
            multiprocessors: properties.multiprocessors as usize,
            shared_bytes: properties.shared_bytes,
            cap: gpu.workspace,
            mode: gpu.mode,
            cache: TimingCache::of_user(),
            libraries,
            offers: BTreeMap::new(),
            measured: BTreeMap::new(),
        }
    }

    /// Asks the libraries for their ways to compute a product, unless they have been asked.
    pub(super) fn ask(&mut self, product: &'static Product, batch: usize) {
        if self.calls(product).next().is_some() {
            let offers = || self.libraries.offers(product, &problem(product, batch), self.cap);
            self.offers.entry(key(product, batch)).or_insert_with(offers);
        }
    }

    /// The ways that may be taken, the network's own first.
    pub(super) fn open(&self, product: &'static Product, batch: usize) -> impl Iterator<Item = Way> {
        let offers = self.offers.get(&key(product, batch)).into_iter().flatten();
        self.own(product, batch).map(Way::Own).chain(offers.cloned().map(Way::Library))
    }

    /// The candidates that serve within the cap, or else those that need the least.
    fn own(&self, product: &'static Product, batch: usize) -> impl Iterator<Item = &'static Candidate> {
        let cap = self.cap.max(self.least_bytes(product, batch));
        self.serving(product).filter(move |candidate| workspace_bytes(candidate.launches, batch) <= cap)
    }

    /// Bytes of workspace that a product cannot do without.
    fn least_bytes(&self, product: &'static Product, batch: usize) -> usize {
        let each = self.serving(product).map(|candidate| workspace_bytes(candidate.launches, batch));
        each.min().unwrap_or(0)
    }

    /// The candidates that serve the precision and that the GPU has shared memory for. In single precision tensor cores do
    /// not serve, as they round the factors.
    fn serving(&self, product: &'static Product) -> impl Iterator<Item = &'static Candidate> {
        let (rounds, most) = (is_rounded(self.precision), self.shared_bytes);
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
        let launches = steps.into_iter().flat_map(move |step| match step {
            Step::Launch(launch) => [std::slice::from_ref(launch), &[]],
            Step::Product(product) => self.chosen(product, batch).launches(),
        });
        launches.flatten()
    }

    /// The way for batches of this size.
    pub(super) fn chosen(&self, product: &'static Product, batch: usize) -> Way {
        let times = self.times(product, batch);
        let time = |way: &Way| times.and_then(|times| times.get(way.name())).copied();
        let timed = self.open(product, batch).filter_map(|way| time(&way).map(|time| (way, time)));
        let fastest = timed.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(way, _)| way);
        fastest.unwrap_or_else(|| Way::Own(self.estimated(product, batch)))
    }

    /// What was measured of a product.
    pub(super) fn times(&self, product: &'static Product, batch: usize) -> Option<&Times> {
        self.measured.get(&measured(product, batch))
    }

    /// Whether the candidates have to be measured: where measurements decide, and neither this process nor the file
    /// knows them all.
    pub(super) fn wants(&mut self, product: &'static Product, batch: usize) -> bool {
        if self.mode != Mode::Benchmark || self.open(product, batch).count() < 2 {
            return false;
        }
        if self.times(product, batch).is_some() {
            return false;
        }
        let remembered = self.cache.gpu_times(&self.gpu, &gpu_problem(product, batch));
        let Some(times) =
            remembered.filter(|times| self.open(product, batch).all(|way| times.contains_key(way.name())))
        else {
            return true;
        };
        self.measured.insert(measured(product, batch), times);
        false
    }

    /// Takes measured seconds to account.
    pub(super) fn learn(&mut self, product: &'static Product, batch: usize, times: Times) {
        self.measured.insert(measured(product, batch), times);
    }

    /// Keeps measured seconds for other runs.
    pub(super) fn keep(&self, measured: &[(GpuProblem, Times)]) -> io::Result<()> {
        self.cache.keep_gpu(&self.gpu, measured)
    }

    /// Every launch that may be asked for with batches of this size.
    pub(super) fn launches(
        &self,
        cuda: &'static Cuda,
        batch: usize,
    ) -> impl Iterator<Item = &'static Launch> {
        let steps = cuda.passes().into_iter().flat_map(|pass| pass.steps());
        steps.flat_map(move |step| self.launches_of(step, batch)).chain(cuda.update)
    }

    fn launches_of(&self, step: &'static Step, batch: usize) -> Vec<&'static Launch> {
        match step {
            Step::Launch(launch) => vec![launch],
            Step::Product(product) => {
                let own = self.own(product, batch).flat_map(|candidate| candidate.launches);
                own.chain(self.calls(product).flat_map(LibraryCall::launches)).collect()
            }
        }
    }

    /// What a library may do for a product.
    fn calls(&self, product: &'static Product) -> impl Iterator<Item = &'static LibraryCall> {
        product.library.iter().filter(|call| self.libraries.serve(call))
    }

    /// Bytes of the largest workspace that batches of up to this size may ask for.
    pub(super) fn workspace_bytes(&self, cuda: &'static Cuda, batch: usize) -> usize {
        let steps = cuda.passes().into_iter().flat_map(|pass| pass.steps());
        let of_steps = steps.map(|step| match step {
            Step::Launch(launch) => workspace_bytes([launch], batch),
            Step::Product(product) => self.product_bytes(product, batch),
        });
        of_steps.chain([workspace_bytes(cuda.update, batch)]).max().unwrap_or(0)
    }

    /// A way that needs too much for the batch may be within the cap for a smaller one, and then takes as much as that.
    fn product_bytes(&self, product: &'static Product, batch: usize) -> usize {
        let own = self.serving(product).map(|candidate| candidate.launches);
        let within = own.filter(|launches| workspace_bytes(*launches, 1) <= self.cap);
        let of_own = within.map(|launches| workspace_bytes(launches, batch).min(self.cap));
        let of_calls = self.calls(product).map(|call| library::workspace_bytes(call, batch, self.cap));
        of_own.chain(of_calls).fold(self.least_bytes(product, batch), usize::max)
    }

    /// Tensor cores where they are admitted; then, because a larger tile reads less, the fewest blocks that still give every
    /// multiprocessor one, or else the most blocks. The blocks are those of the product itself, the first launch. The rule
    /// was not measured.
    pub(super) fn estimated(&self, product: &'static Product, batch: usize) -> &'static Candidate {
        let merit = |candidate: &&Candidate| {
            let blocks = candidate.launches.first().map_or(0, |launch| blocks(launch, batch));
            let is_full = blocks >= self.multiprocessors;
            let few = if is_full { usize::MAX - blocks } else { blocks };
            (candidate.units == Units::TensorCores, is_full, few)
        };
        self.own(product, batch).max_by_key(merit).unwrap_or(&product.candidates[0])
    }
}

/// The product, for reports and libraries.
pub(super) fn problem(product: &'static Product, batch: usize) -> Problem {
    let operation = match product.operation {
        "conv" | "conv_statistics" => Operation::Forward,
        "conv_backward_data" => Operation::BackwardData,
        _ => Operation::BackwardWeight,
    };
    Problem { operation, spec: product.spec, batch, packed: false }
}

/// What is found under in the file. That of the processor has other operations' names, not others' meaning.
pub(super) fn gpu_problem(product: &'static Product, batch: usize) -> GpuProblem {
    let has_statistics = product.operation == "conv_statistics";
    GpuProblem { problem: problem(product, batch), has_statistics }
}

fn measured(product: &'static Product, batch: usize) -> Measured {
    let fused = product.library.iter().find_map(|call| call.fused).map(|fused| fused.name());
    (product.operation, product.spec, batch, fused)
}

fn key(product: &'static Product, batch: usize) -> (usize, usize) {
    (std::ptr::from_ref(product).addr(), batch)
}

/// Bytes that some launches need together, each of which has the whole workspace. They grow with the batch.
pub(super) fn workspace_bytes<'a>(launches: impl IntoIterator<Item = &'a Launch>, batch: usize) -> usize {
    launches.into_iter().map(|launch| 4 * launch.workspace.at(batch)).max().unwrap_or(0)
}

fn blocks(launch: &Launch, batch: usize) -> usize {
    launch.grid.iter().map(|count| count.at(batch)).product()
}
