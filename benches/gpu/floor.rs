//! The least time for the launches of a network: what a GPU's memory and arithmetic set.
//!
//! A launch takes as long as each of its tensors once through the memory, or as its multiply-adds on the units that serve the
//! precision, whichever is more. Tensors that stay in the cache between launches cost less, so what is
//! small may be faster than this.

use std::str::FromStr;

use nnc::runtime::Precision;
use nnc::runtime::emitted::cuda::{Argument, Cuda, Element, Launch, Place, Step};
use nnc::runtime::program::Program;

/// What a GPU can do: bytes and floating-point operations per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peaks {
    bandwidth: f64,
    f32: f64,
    tf32: f64,
    bf16: f64,
}

/// NVIDIA's data sheet of the H100 SXM5, without sparsity.
pub(crate) const H100: &str = "3.35,67,495,990";

/// Seconds of a step of training, and of an evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Floor {
    pub(crate) training: f64,
    pub(crate) evaluation: f64,
}

impl Peaks {
    pub(crate) fn floor(self, program: &Program, batch: usize, precision: Precision) -> Option<Floor> {
        let cuda = program.cuda?;
        let of = |step: &Step| self.step(program, step, batch, precision);
        let sum = |parts: &[&[Step]]| parts.iter().flat_map(|part| part.iter()).map(of).sum::<f64>();
        let Cuda { training, evaluation, update, .. } = cuda;
        let update = update.iter().map(|launch| self.memory(program, launch, batch, precision));
        Some(Floor {
            training: sum(&[training.forward, training.loss, training.backward]) + update.sum::<f64>(),
            evaluation: sum(&[evaluation.forward, evaluation.loss]),
        })
    }

    fn step(self, program: &Program, step: &Step, batch: usize, precision: Precision) -> f64 {
        let product = match step {
            Step::Launch(launch) => return self.memory(program, launch, batch, precision),
            Step::Product(product) => product,
        };
        // Candidates differ in their workspace alone; one launch has all operands.
        let launches = product.candidates.iter().flat_map(|candidate| candidate.launches);
        let memory =
            launches.map(|launch| self.memory(program, launch, batch, precision)).fold(0.0, f64::max);
        let operations = 2.0 * (batch * product.spec.macs()) as f64;
        memory.max(operations / self.of_products(precision))
    }

    fn of_products(self, precision: Precision) -> f64 {
        match precision {
            Precision::F32 => self.f32,
            Precision::Tf32 => self.tf32,
            Precision::Bf16 | Precision::F16 => self.bf16,
        }
    }

    /// Of the tensors of a launch.
    fn memory(self, program: &Program, launch: &Launch, batch: usize, precision: Precision) -> f64 {
        let bytes = |argument: &Argument| match argument {
            Argument::At(place) => bytes(place, batch, precision),
            Argument::OptimizerState(_) => 4 * program.trained_len,
            Argument::Labels(_)
            | Argument::Workspace
            | Argument::Step
            | Argument::Hyperparameters
            | Argument::Batch => 0,
        };
        launch.arguments.iter().map(bytes).sum::<usize>() as f64 / self.bandwidth
    }
}

fn bytes(place: &Place, batch: usize, precision: Precision) -> usize {
    let size = match (place.region.element(), precision) {
        (Element::Float, _) | (Element::Real, Precision::F32 | Precision::Tf32) => 4,
        (Element::Place, _) | (Element::Real, Precision::Bf16 | Precision::F16) => 2,
    };
    size * place.len * if place.region.is_batched() { batch } else { 1 }
}

impl FromStr for Peaks {
    type Err = String;

    /// Terabytes per second, then tera-operations per second at each precision.
    fn from_str(text: &str) -> Result<Peaks, String> {
        let numbers: Result<Vec<f64>, _> = text.split(',').map(str::parse).collect();
        let positive = numbers.ok().filter(|numbers| numbers.iter().all(|number| *number > 0.0));
        let Some(&[bandwidth, f32, tf32, bf16]) = positive.as_deref() else {
            let wanted = "expected TB/s, then TFLOP/s in f32, tf32 and bf16, such as 3.35,67,495,990";
            return Err(format!("{wanted}, found `{text}`"));
        };
        let [bandwidth, f32, tf32, bf16] = [bandwidth, f32, tf32, bf16].map(|peak| peak * 1e12);
        Ok(Peaks { bandwidth, f32, tf32, bf16 })
    }
}
