//! Measuring the candidates of products.

use std::io;
use std::time::Duration;

use super::Engine;
use super::choice::{Times, Way, problem};
use super::passes::Kind;
use super::tasks::{Task, run_all};
use crate::devices::cuda::{CudaError, Event};
use crate::emitted::cuda::Product;
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
    pub seconds: Vec<(String, f64)>,
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
        self.functions.compile(self.choices.launches(self.cuda, batch))?;
        let (mut products, mut new) = (Vec::new(), Vec::new());
        for (phase, kind) in [(Phase::Training, Kind::Train), (Phase::Evaluation, Kind::Measure)] {
            let of_pass: Vec<_> = self.pass(kind).products().collect();
            of_pass.iter().for_each(|product| self.choices.ask(product, batch));
            new.extend(self.measure_products(kind, &of_pass, batch)?);
            products.extend(of_pass.iter().map(|product| self.measured(phase, product, batch)));
        }
        Ok(Measurements { products, kept: self.choices.keep(&new) })
    }

    fn measured(&self, phase: Phase, product: &'static Product, batch: usize) -> Measured {
        let times = self.choices.times(product, batch);
        let open = self.choices.open(product, batch).map(|way| way.name().to_owned());
        let timed = open.filter_map(|name| times?.get(&name).map(|time| (name, *time)));
        let mut seconds: Vec<(String, f64)> = timed.collect();
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
        let pass = self.pass(kind);
        pass.products().for_each(|product| self.choices.ask(product, batch));
        let wanted: Vec<_> = pass.products().filter(|product| self.choices.wants(product, batch)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let ways = wanted.iter().flat_map(|product| self.choices.open(product, batch));
        self.functions.compile(ways.flat_map(|way| way.launches()).flatten())?;
        let new = self.measure_products(kind, &wanted, batch)?;
        // What cannot be kept is measured again by the next run.
        let _ = self.choices.keep(&new);
        Ok(())
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
        let mut times = Times::new();
        for way in self.choices.open(product, batch) {
            match (self.time(&binding.tasks_of(&way)), &way) {
                (Ok(time), _) => drop(times.insert(way.name().to_owned(), time.as_secs_f64())),
                (Err(error), Way::Own(_)) => return Err(error),
                // A library may refuse what it has proposed; then it is not taken.
                (Err(_), Way::Library(_)) => {}
            }
        }
        Ok(times)
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
