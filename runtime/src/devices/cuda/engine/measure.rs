//! Measuring the candidates of products.

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

impl Engine {
    /// Measures the candidates of all products, for batches of this size, and keeps the times.
    pub(crate) fn candidates(&mut self, batch: usize) -> Result<Vec<Measured>, Error> {
        self.reserve(batch)?;
        let mut measured = Vec::new();
        self.functions.compile(self.choices.launches(self.cuda))?;
        for (phase, kind) in [(Phase::Training, Kind::Train), (Phase::Evaluation, Kind::Measure)] {
            for product in self.pass(kind).products() {
                self.choices.ask(product, batch);
                if self.choices.times(product, batch).is_none() {
                    let times = self.measure_product(kind, product, batch)?;
                    self.choices.learn(product, batch, times);
                }
                measured.push(self.measured(phase, product, batch));
            }
        }
        Ok(measured)
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
        let ways = wanted.iter().flat_map(|product| self.choices.open(product, batch));
        self.functions.compile(ways.flat_map(|way| way.launches()).flatten())?;
        for product in wanted {
            // The same one may stand in several layers.
            if self.choices.times(product, batch).is_none() {
                let times = self.measure_product(kind, product, batch)?;
                self.choices.learn(product, batch, times);
            }
        }
        Ok(())
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
        let [start, end] = [Event::new(&self.context)?, Event::new(&self.context)?];
        run()?;
        start.record(&self.stream)?;
        (0..RUNS).try_for_each(|_| run())?;
        end.record(&self.stream)?;
        end.synchronize()?;
        Ok(end.since(&start)? / RUNS)
    }
}
