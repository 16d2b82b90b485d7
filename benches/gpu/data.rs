//! Batches and parameters, the same for every device.

use nnc::runtime::program::{Program, TargetKind};
use nnc::{Model, Targets};

use crate::Outcome;

/// A batch for any network.
pub(crate) struct Batch {
    inputs: Vec<Vec<f32>>,
    targets: Vec<Target>,
}

enum Target {
    Classes(Vec<u32>),
    Values(Vec<f32>),
}

/// SplitMix64 (Steele, Lea & Flood 2014).
pub(crate) struct Generator(pub(crate) u64);

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Between the bounds.
    pub(crate) fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / (1 << 24) as f32)
    }

    /// Mean 0, deviation about 1.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform(0.0, 1.0)).sum::<f32>() - 6.0
    }
}

impl Batch {
    pub(crate) fn random(program: &Program, samples: usize, generator: &mut Generator) -> Batch {
        let input = |len: usize, generator: &mut Generator| (0..len).map(|_| generator.normal()).collect();
        let lens = program.inputs.iter().map(|port| samples * port.shape.iter().product::<usize>());
        let inputs = lens.map(|len| input(len, generator)).collect();
        let judged = (0..program.outputs.len())
            .flat_map(|output| program.targets.iter().filter(move |target| target.output == output));
        let target = |target: &nnc::runtime::program::Target| {
            let shape = program.outputs[target.output].shape;
            let len = samples * shape.iter().product::<usize>();
            match target.kind {
                TargetKind::Classes => {
                    let classes = shape[0];
                    let count = len / classes;
                    let class = |_| generator.uniform(0.0, classes as f32 - 0.01) as u32;
                    Target::Classes((0..count).map(class).collect())
                }
                TargetKind::Values => Target::Values((0..len).map(|_| generator.uniform(0.0, 1.0)).collect()),
            }
        };
        Batch { inputs, targets: judged.map(target).collect() }
    }

    /// The inputs, in the order of the signature.
    pub(crate) fn inputs(&self) -> Vec<&[f32]> {
        self.inputs.iter().map(Vec::as_slice).collect()
    }

    /// The targets, in the order of the outputs that are judged.
    pub(crate) fn targets(&self) -> Vec<Targets<'_>> {
        self.targets.iter().map(Target::lent).collect()
    }
}

impl Target {
    fn lent(&self) -> Targets<'_> {
        match self {
            Target::Classes(classes) => Targets::Classes(classes),
            Target::Values(values) => Targets::Values(values),
        }
    }
}

/// Gives `models` the same parameters and states, at which signals neither vanish nor explode; scales
/// and shifts away from 1 and 0, where mistakes would not show.
pub(crate) fn randomise(models: &mut [&mut Model], seed: u64) -> Outcome<()> {
    let generator = &mut Generator(seed);
    let program = models[0].program();
    for parameter in program.parameters {
        let len: usize = parameter.shape.iter().product();
        let inputs: usize = parameter.shape.iter().skip(1).product();
        let mut value = || match parameter.shape.len() {
            0 | 1 if parameter.name.ends_with("bias") => generator.uniform(-0.5, 0.5),
            0 | 1 => generator.uniform(0.5, 1.5),
            _ => generator.normal() * (2.0 / inputs as f32).sqrt(),
        };
        let values: Vec<f32> = (0..len).map(|_| value()).collect();
        models.iter_mut().try_for_each(|model| model.set_parameter(parameter.name, &values))?;
    }
    for state in program.states {
        let [low, high] = if state.name.ends_with("mean") { [-0.5, 0.5] } else { [0.4, 2.5] };
        let len: usize = state.shape.iter().product();
        let values: Vec<f32> = (0..len).map(|_| generator.uniform(low, high)).collect();
        models.iter_mut().try_for_each(|model| model.set_state(state.name, &values))?;
    }
    Ok(())
}
