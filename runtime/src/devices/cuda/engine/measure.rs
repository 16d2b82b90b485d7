//! Measuring the candidates of products.

use std::io;
use std::time::Duration;

use super::Engine;
use super::choice::{Times, problem};
use super::passes::Kind;
use super::tasks::{Task, run_all};
use crate::devices::cuda::{CudaError, Event};
use crate::emitted::cuda::{Product, Step};
use crate::error::{Error, Phase};
use crate::select::Problem;

/// How often a candidate runs, after a first time that is not counted.
const RUNS: u32 = 5;

/// The candidates of a product, and how long they take.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Of which kind of pass.
    pub phase: Phase,
    /// The path of its layer.
    pub layer: &'static str,
    /// What is computed.
    pub problem: Problem,
    /// The names of the candidates and their seconds, the fastest first.
    pub seconds: Vec<(&'static str, f64)>,
    /// What is taken without measurements.
    pub estimated: &'static str,
}

/// What was measured of the products of a network.
#[derive(Debug)]
pub struct Measurements {
    /// The products of training, then those of evaluation.
    pub products: Vec<Measured>,
    /// Whether the times were kept for other runs.
    pub kept: io::Result<()>,
}

impl Engine {
    /// Measures the candidates of all products, for batches of this size, and keeps the times.
    pub(crate) fn candidates(&mut self, batch: usize) -> Result<Measurements, Error> {
        self.reserve(batch)?;
        self.functions.compile(self.choices.launches(self.cuda))?;
        let (mut products, mut new) = (Vec::new(), Vec::new());
        for (phase, kind) in [(Phase::Training, Kind::Train), (Phase::Evaluation, Kind::Measure)] {
            let of_pass: Vec<_> = self.products(kind).collect();
            new.extend(self.measure_products(kind, &of_pass, batch)?);
            products.extend(of_pass.iter().map(|product| self.measured(phase, product, batch)));
        }
        Ok(Measurements { products, kept: self.choices.keep(&new) })
    }

    fn measured(&self, phase: Phase, product: &'static Product, batch: usize) -> Measured {
        let times = self.choices.times(product, batch);
        let open = self.choices.open(product).map(|candidate| candidate.name);
        let timed = open.filter_map(|name| Some((name, *times?.get(name)?)));
        let mut seconds: Vec<(&'static str, f64)> = timed.collect();
        seconds.sort_by(|a, b| a.1.total_cmp(&b.1));
        let launches = product.candidates.iter().flat_map(|candidate| candidate.launches);
        Measured {
            phase,
            layer: launches.map(|launch| launch.layer).next().unwrap_or_default(),
            problem: problem(product, batch),
            seconds,
            estimated: self.choices.estimated(product, batch).name,
        }
    }

    /// Measures the candidates of each product of a pass that has several, inside the buffers that it will work in. What lies
    /// there meanwhile does not matter, so no batch may be on its way.
    pub(super) fn measure_candidates(&mut self, kind: Kind, batch: usize) -> Result<(), CudaError> {
        let wanted: Vec<_> =
            self.products(kind).filter(|product| self.choices.wants(product, batch)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let candidates = wanted.iter().flat_map(|product| self.choices.open(product));
        self.functions.compile(candidates.flat_map(|candidate| candidate.launches))?;
        let new = self.measure_products(kind, &wanted, batch)?;
        // What cannot be kept is measured again by the next run.
        let _ = self.choices.keep(&new);
        Ok(())
    }

    fn products(&self, kind: Kind) -> impl Iterator<Item = &'static Product> + use<> {
        self.pass(kind).steps().filter_map(|step| match step {
            Step::Product(product) => Some(product),
            Step::Launch(_) => None,
        })
    }

    /// Measures the products whose times are not known; what was measured.
    fn measure_products(
        &mut self,
        kind: Kind,
        products: &[&'static Product],
        batch: usize,
    ) -> Result<Vec<(Problem, Times)>, CudaError> {
        let mut new = Vec::new();
        for product in products {
            // The same one may stand in several layers.
            if self.choices.times(product, batch).is_none() {
                let times = self.measure_product(kind, product, batch)?;
                self.choices.learn(product, batch, times.clone());
                new.push((problem(product, batch), times));
            }
        }
        Ok(new)
    }

    fn measure_product(
        &self,
        kind: Kind,
        product: &'static Product,
        batch: usize,
    ) -> Result<Times, CudaError> {
        let binding = self.binding(kind, batch);
        let measured = self.choices.open(product).map(|candidate| {
            let tasks = binding.bound(candidate.launches.iter());
            Ok((candidate.name.to_owned(), self.time(&tasks)?.as_secs_f64()))
        });
        measured.collect()
    }

    /// Of one run.
    fn time(&self, tasks: &[Task]) -> Result<Duration, CudaError> {
        let run = || run_all(tasks, &self.functions, &self.stream);
        let [start, end] = [Event::timed(&self.context)?, Event::timed(&self.context)?];
        run()?;
        start.record(&self.stream)?;
        (0..RUNS).try_for_each(|_| run())?;
        end.record(&self.stream)?;
        end.synchronize()?;
        Ok(end.since(&start)? / RUNS)
    }
}
