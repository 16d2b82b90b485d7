//! Random values for a network and its batches.
//!
//! Every number is one that `f32` has too, so that a compiled network and the reference start from
//! the same numbers and differ only by what they compute.

use nnc_dsl::CheckedModel;
use nnc_dsl::model::Loss;

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
    pub(crate) inputs: Vec<f64>,
    pub(crate) classes: Vec<u32>,
    pub(crate) values: Vec<f64>,
}

impl Batch {
    /// Samples with the kind of target that the network's loss takes.
    pub(crate) fn random(model: &CheckedModel, samples: usize, generator: &mut Generator) -> Batch {
        let inputs = (0..samples * model.input.len()).map(|_| generator.normal(1.0)).collect();
        let mut batch = Batch { inputs, classes: Vec::new(), values: Vec::new() };
        match model.train.loss {
            Loss::CrossEntropy => {
                let classes = model.output.len() as f64;
                batch.classes = (0..samples).map(|_| generator.uniform(0.0, classes - 0.01) as u32).collect();
            }
            Loss::MeanSquaredError => {
                batch.values = (0..samples * model.output.len()).map(|_| generator.normal(1.0)).collect();
            }
        }
        batch
    }

    pub(crate) fn targets(&self) -> Targets<'_> {
        if self.classes.is_empty() { Targets::Values(&self.values) } else { Targets::Classes(&self.classes) }
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
