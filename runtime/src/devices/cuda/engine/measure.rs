//! Measuring the candidates of products.

use std::io;
use std::time::Duration;

use super::Engine;
use super::choice::{Times, Way, gpu_problem, problem};
use super::library::Offer;
use super::passes::Kind;
use super::tasks::{Binding, Task, run_all};
use crate::devices::cuda::{CudaError, Event};
use crate::emitted::cuda::{Fused, Place, Product, Tensor};
use crate::error::{Error, Phase};
use crate::model::engine::FlatBuffer;
use nnc_kernels::select::{GpuProblem, Problem};

/// How often a candidate runs, after a first time that is not counted.
const RUNS: u32 = 5;

/// Seconds of a way that is never taken, so that it is not tried again.
pub(super) const NEVER: f64 = f64::MAX;

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
        let mut seconds: Vec<(String, f64)> = timed.filter(|(_, time)| *time < NEVER).collect();
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

    /// Measures the products whose times are not known; what was measured. Running averages, which some move, are put back.
    fn measure_products(
        &mut self,
        kind: Kind,
        products: &[&'static Product],
        batch: usize,
    ) -> Result<Vec<(GpuProblem, Times)>, CudaError> {
        let states = self.read(FlatBuffer::States, 0..self.program.state_len)?;
        let measured = self.measure_new_products(kind, products, batch);
        self.write(FlatBuffer::States, 0, &states)?;
        measured
    }

    fn measure_new_products(
        &mut self,
        kind: Kind,
        products: &[&'static Product],
        batch: usize,
    ) -> Result<Vec<(GpuProblem, Times)>, CudaError> {
        let mut new = Vec::new();
        for product in products {
            // The same one may stand in several layers.
            if self.choices.times(product, batch).is_none() {
                let times = self.measure_product(kind, product, batch)?;
                self.choices.learn(product, batch, times.clone());
                new.push((gpu_problem(product, batch), times));
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
            match (self.seconds(&way, &binding), &way) {
                (Ok(seconds), _) => drop(times.insert(way.name().to_owned(), seconds)),
                (Err(error), Way::Own(_)) => return Err(error),
                // A library may refuse what it has proposed; then it is not taken.
                (Err(_), Way::Library(_)) => {}
            }
        }
        Ok(times)
    }

    /// How long a way takes, if it may be taken.
    fn seconds(&self, way: &Way, binding: &Binding) -> Result<f64, CudaError> {
        let tasks = binding.tasks_of(way);
        let time = self.time(&tasks)?;
        Ok(if self.hides_nan(way, &tasks, binding.batch)? { NEVER } else { time.as_secs_f64() })
    }

    /// Whether a library's ReLU makes zeros of what is not a number, which no documentation of cuBLASLt says. A maximum
    /// of the language does not, so that what went wrong shows.
    fn hides_nan(&self, way: &Way, tasks: &[Task], batch: usize) -> Result<bool, CudaError> {
        let Way::Library(Offer { call, .. }) = way else { return Ok(false) };
        let (Some(Fused::Relu | Fused::BiasRelu(_)), Tensor::At(from), Tensor::At(to)) =
            (call.fused, call.operands[0], call.result)
        else {
            return Ok(false);
        };
        // At every precision numbers with all bits set are none.
        let range = self.regions.range(&from, batch);
        self.regions.memory(from.region).fill(0xff, range, &self.stream)?;
        run_all(tasks, &self.functions, &self.stream)?;
        let first = self.numbers(&Place { len: 1, ..to }, batch)?;
        Ok(!first.iter().any(|number| number.is_nan()))
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
