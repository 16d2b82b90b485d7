//! Measuring the candidates of products.

use std::time::Duration;

use super::Engine;
use super::passes::Kind;
use super::tasks::{Task, run_all};
use crate::devices::cuda::{CudaError, Event};
use crate::emitted::cuda::{Product, Step};

/// How often a candidate runs, after a first time that is not counted.
const RUNS: u32 = 5;

impl Engine {
    /// Measures the candidates of each product of a pass that has several, inside the buffers that it will work in. What lies
    /// there meanwhile does not matter, so no batch may be on its way.
    pub(super) fn measure_candidates(&mut self, kind: Kind, batch: usize) -> Result<(), CudaError> {
        for step in self.pass(kind).steps() {
            let Step::Product(product) = step else { continue };
            if self.choices.wants(product, batch) {
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
    ) -> Result<Vec<(&'static str, f64)>, CudaError> {
        let binding = self.binding(kind, batch);
        let measured = self.choices.open(product).map(|candidate| {
            let tasks = binding.bound(candidate.launches.iter());
            Ok((candidate.name, self.time(&tasks)?.as_secs_f64()))
        });
        measured.collect()
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
