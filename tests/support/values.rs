//! Random values for a network and its batches.
//!
//! Every number is one that `f32` has too, so that a compiled network and the reference start from
//! the same numbers and differ only by what they compute.

use nnc_dsl::CheckedModel;
use nnc_dsl::model::{Loss, LossTerm};

use super::reference::{self, Spec, Targets, Tensors};

/// SplitMix64 (Steele, Lea & Flood 2014): the tests have a generator of their own, so that a mistake
/// in the runtime's cannot hide itself.
pub(crate) struct Generator(u64);

impl Generator {
    pub(crate) fn new(seed: u64) -> Generator {
        Generator(seed)
    }

    /// A number between the bounds.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        f64::from((low + (high - low) * unit) as f32)
    }

    /// A number with mean 0, by the sum of twelve uniform ones.
    pub(crate) fn normal(&mut self, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.uniform(0.0, 1.0)).sum();
        f64::from(((sum - 6.0) * deviation) as f32)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// A batch with its targets.
pub(crate) struct Batch {
    /// For each input of the network.
    pub(crate) inputs: Vec<Vec<f64>>,
    /// For each output that a loss judges.
    pub(crate) targets: Vec<Targets>,
}

impl Batch {
    /// Samples with the kinds of target that the network's losses take.
    pub(crate) fn random(model: &CheckedModel, samples: usize, generator: &mut Generator) -> Batch {
        let mut normal = |len: usize| (0..len).map(|_| generator.normal(1.0)).collect();
        let inputs = model.inputs.iter().map(|input| normal(samples * input.shape.len())).collect();
        let terms = reference::terms(model);
        let targets = terms.iter().map(|term| targets(model, term, samples, generator)).collect();
        Batch { inputs, targets }
    }
}

fn targets(model: &CheckedModel, term: &LossTerm, samples: usize, generator: &mut Generator) -> Targets {
    let shape = &model.outputs[term.output].shape;
    match term.loss {
        Loss::CrossEntropy { .. } => {
            let classes = shape.channels() as f64;
            let class = |_| generator.uniform(0.0, classes - 0.01) as u32;
            Targets::Classes((0..samples * shape.positions()).map(class).collect())
        }
        Loss::BinaryCrossEntropy => {
            Targets::Values((0..samples * shape.len()).map(|_| generator.uniform(0.0, 1.0)).collect())
        }
        Loss::MeanSquaredError | Loss::MeanAbsoluteError | Loss::Huber { .. } => {
            Targets::Values((0..samples * shape.len()).map(|_| generator.normal(1.0)).collect())
        }
    }
}

/// Parameters of a size at which signals neither vanish nor explode; scales and shifts away from
/// 1 and 0, where mistakes would not show.
pub(crate) fn parameters(model: &CheckedModel, generator: &mut Generator) -> Tensors {
    let value = |spec: &Spec, generator: &mut Generator| match spec.shape[..] {
        [_, ref inputs @ ..] if !inputs.is_empty() => {
            generator.normal((2.0 / inputs.iter().product::<usize>() as f64).sqrt())
        }
        _ if spec.name.ends_with("bias") => generator.uniform(-0.5, 0.5),
        _ => generator.uniform(0.5, 1.5),
    };
    tensors(reference::parameters(model), value, generator)
}

/// Running statistics away from 0 and 1.
pub(crate) fn states(model: &CheckedModel, generator: &mut Generator) -> Tensors {
    let value = |spec: &Spec, generator: &mut Generator| match spec.name.ends_with("mean") {
        true => generator.uniform(-0.5, 0.5),
        false => generator.uniform(0.4, 2.5),
    };
    tensors(reference::states(model), value, generator)
}

fn tensors(
    specs: Vec<Spec>,
    value: impl Fn(&Spec, &mut Generator) -> f64,
    generator: &mut Generator,
) -> Tensors {
    let draw = |spec: Spec| {
        let len: usize = spec.shape.iter().product();
        let values = (0..len).map(|_| value(&spec, generator)).collect();
        (spec.name, values)
    };
    specs.into_iter().map(draw).collect()
}
