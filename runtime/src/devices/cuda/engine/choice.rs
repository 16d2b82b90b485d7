//! Which candidate computes a product.

use std::collections::BTreeMap;

use crate::emitted::Conv;
use crate::emitted::cuda::{Candidate, Cuda, Launch, Product, Step, Units};
use crate::model::Precision;
use crate::select::Mode;

/// What was chosen so far, and by what rule the rest is.
pub(super) struct Choices {
    precision: Precision,
    multiprocessors: usize,
    mode: Mode,
    /// Measured seconds of each candidate that may be taken.
    measured: BTreeMap<Problem, Vec<(&'static str, f64)>>,
}

/// What a choice is made for.
type Problem = (&'static str, Conv, usize);

impl Choices {
    pub(super) fn new(precision: Precision, multiprocessors: u32, mode: Mode) -> Choices {
        Choices { precision, multiprocessors: multiprocessors as usize, mode, measured: BTreeMap::new() }
    }

    /// The candidates that serve the precision. In single precision tensor cores do not, as they round the factors.
    pub(super) fn open(&self, product: &'static Product) -> impl Iterator<Item = &'static Candidate> {
        let rounds = self.precision != Precision::F32;
        product.candidates.iter().filter(move |candidate| candidate.units == Units::Simt || rounds)
    }

    /// The candidate for batches of this size.
    pub(super) fn chosen(&self, product: &'static Product, batch: usize) -> &'static Candidate {
        let fastest = self.measured.get(&problem(product, batch)).and_then(|times| fastest(times));
        let named = fastest.and_then(|name| self.open(product).find(|candidate| candidate.name == name));
        named.unwrap_or_else(|| self.estimated(product, batch))
    }

    /// Whether the candidates are to be measured.
    pub(super) fn wants(&self, product: &'static Product, batch: usize) -> bool {
        let known = self.measured.contains_key(&problem(product, batch));
        self.mode == Mode::Benchmark && !known && self.open(product).count() > 1
    }

    /// Takes measured seconds to account.
    pub(super) fn learn(&mut self, product: &'static Product, batch: usize, times: Vec<(&'static str, f64)>) {
        self.measured.insert(problem(product, batch), times);
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
    fn estimated(&self, product: &'static Product, batch: usize) -> &'static Candidate {
        let merit = |candidate: &&Candidate| {
            let blocks = candidate.launches.iter().map(|launch| blocks(launch, batch)).max().unwrap_or(0);
            let is_full = blocks >= self.multiprocessors;
            let few = if is_full { usize::MAX - blocks } else { blocks };
            (candidate.units == Units::TensorCores, is_full, few)
        };
        self.open(product).max_by_key(merit).unwrap_or(&product.candidates[0])
    }
}

fn problem(product: &'static Product, batch: usize) -> Problem {
    (product.operation, product.spec, batch)
}

fn blocks(launch: &Launch, batch: usize) -> usize {
    launch.grid.iter().map(|count| count.at(batch)).product()
}

fn fastest(times: &[(&'static str, f64)]) -> Option<&'static str> {
    times.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| *name)
}
