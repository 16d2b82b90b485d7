//! The products that the passes of a network compute, for whoever measures them.

use super::batch::{Feed, judged};
use super::cpu::Cpu;
use super::engine::Engine;
use super::layout::channels_and_positions;
use super::{Model, Targets};
use crate::error::{Error, Phase};
use crate::program::{Port, Program, Target, TargetKind};
use nnc_kernels::emitted::{RandomKey, Trace};
use nnc_kernels::select::Problem;

/// A convolution or a matrix product of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Of which kind of pass.
    pub phase: Phase,
    /// The path of its layer.
    pub layer: String,
    /// What is computed.
    pub problem: Problem,
}

/// A target of zeros.
enum MadeUp {
    Classes(Vec<u32>),
    Values(Vec<f32>),
}

impl Model {
    /// The products of a step of training and of an evaluation of `batch` samples, in the order in
    /// which they are computed, on the processor. Both passes run once, on zeros, and leave the model as it was.
    pub fn products(&mut self, batch: usize) -> Result<Vec<Product>, Error> {
        let inputs: Vec<Vec<f32>> =
            self.program.inputs.iter().map(|port| vec![0.0; batch * elements(port)]).collect();
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let targets: Vec<MadeUp> =
            judged(self.program).map(|target| MadeUp::new(self.program, target, batch)).collect();
        let targets: Vec<Targets> = targets.iter().map(MadeUp::as_targets).collect();
        let mut products = Vec::new();
        for phase in [Phase::Training, Phase::Evaluation] {
            products.extend(self.staged(|model, staging| -> Result<_, Error> {
                let mut feed = staging.samples(&model.pool, model.program, &inputs, &targets)?;
                Ok(match &mut model.engine {
                    Engine::Cpu(cpu) => cpu.trace(phase, &mut feed),
                    #[cfg(feature = "cuda")]
                    Engine::Cuda(_) => Vec::new(),
                })
            })?);
        }
        Ok(products)
    }
}

impl Cpu {
    /// The products of a pass, which leaves everything as it was.
    fn trace(&mut self, phase: Phase, feed: &mut Feed) -> Vec<Product> {
        let (trace, program) = (Trace::default(), self.program());
        match phase {
            Phase::Training => {
                self.save_states();
                let pass = self.training_pass(feed, RandomKey::default()).tracing(&trace);
                (program.training.forward)(&pass);
                (program.training.loss)(&pass);
                (program.training.backward)(&pass);
                self.restore_states();
            }
            Phase::Evaluation => {
                let pass = self.evaluation_pass(feed).tracing(&trace);
                (program.evaluation.forward)(&pass);
            }
        }
        let products = trace.into_inner().into_iter();
        products.map(|(layer, problem)| Product { phase, layer: layer.to_string(), problem }).collect()
    }
}

impl MadeUp {
    fn new(program: &Program, target: &Target, batch: usize) -> MadeUp {
        let port = &program.outputs[target.output];
        match target.kind {
            TargetKind::Classes => {
                let (_, positions) = channels_and_positions(port.shape);
                MadeUp::Classes(vec![0; batch * positions])
            }
            TargetKind::Values => MadeUp::Values(vec![0.0; batch * elements(port)]),
        }
    }

    fn as_targets(&self) -> Targets<'_> {
        match self {
            MadeUp::Classes(classes) => Targets::Classes(classes),
            MadeUp::Values(values) => Targets::Values(values),
        }
    }
}

fn elements(port: &Port) -> usize {
    port.shape.iter().product()
}
