//! Batches and parameters, the same for every device.

use nnc::runtime::program::{Program, TargetKind};
use nnc::runtime::random::{Purpose, Stream};
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

/// Streams of random numbers, each to be used once.
pub(crate) struct Streams {
    seed: u64,
    next: u32,
}

impl Streams {
    pub(crate) fn new(seed: u64) -> Streams {
        Streams { seed, next: 0 }
    }

    /// The next stream.
    fn stream(&mut self) -> Stream {
        self.next += 1;
        Stream::new(self.seed, Purpose::Initialization, self.next, 0)
    }

    /// Numbers of mean 0.
    fn normal(&mut self, len: usize, deviation: f32) -> Vec<f32> {
        let stream = self.stream();
        (0..len as u64).map(|index| deviation * stream.normal(index)).collect()
    }

    /// Numbers between the bounds.
    fn uniform(&mut self, len: usize, [low, high]: [f32; 2]) -> Vec<f32> {
        let stream = self.stream();
        (0..len as u64).map(|index| low + (high - low) * stream.uniform(index)).collect()
    }

    /// Changes each number by up to `by` of itself.
    pub(crate) fn change(&mut self, values: &mut [f32], by: f32) {
        let factors = self.uniform(values.len(), [1.0 - by, 1.0 + by]);
        values.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
    }

    fn classes(&mut self, len: usize, classes: usize) -> Vec<u32> {
        let stream = self.stream();
        (0..len as u32).map(|index| stream.below(index, classes as u32)).collect()
    }
}

impl Batch {
    pub(crate) fn random(program: &Program, samples: usize, seed: u64) -> Batch {
        let mut streams = Streams::new(seed);
        let len = |shape: &[usize]| samples * shape.iter().product::<usize>();
        let inputs = program.inputs.iter().map(|port| streams.normal(len(port.shape), 1.0)).collect();
        let target = |target: &nnc::runtime::program::Target| {
            let shape = program.outputs[target.output].shape;
            match target.kind {
                TargetKind::Classes => Target::Classes(streams.classes(len(shape) / shape[0], shape[0])),
                TargetKind::Values => Target::Values(streams.uniform(len(shape), [0.0, 1.0])),
            }
        };
        Batch { inputs, targets: program.targets.iter().map(target).collect() }
    }

    /// The inputs, in the order of the signature.
    pub(crate) fn inputs(&self) -> Vec<&[f32]> {
        self.inputs.iter().map(Vec::as_slice).collect()
    }

    /// The inputs, to be changed.
    pub(crate) fn inputs_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.inputs.iter_mut().map(Vec::as_mut_slice)
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

/// Gives `model` parameters and states at which signals neither vanish nor explode; scales and shifts away from
/// 1 and 0, where mistakes would not show. Biases lie further from zero by `away`, on the side where they are.
pub(crate) fn randomise(model: &mut Model, seed: u64, away: f32) -> Outcome<()> {
    let mut streams = Streams::new(seed);
    let program = model.program();
    for parameter in program.parameters {
        let len: usize = parameter.shape.iter().product();
        let inputs: usize = parameter.shape.iter().skip(1).product();
        let values = match parameter.shape.len() {
            0 | 1 if parameter.name.ends_with("bias") => {
                let biases = streams.uniform(len, [-0.5, 0.5]);
                biases.into_iter().map(|bias| bias + away.copysign(bias)).collect()
            }
            0 | 1 => streams.uniform(len, [0.5, 1.5]),
            _ => streams.normal(len, (2.0 / inputs as f32).sqrt()),
        };
        model.set_parameter(parameter.name, &values)?;
    }
    for state in program.states {
        let bounds = if state.name.ends_with("mean") { [-0.5, 0.5] } else { [0.4, 2.5] };
        let values = streams.uniform(state.shape.iter().product(), bounds);
        model.set_state(state.name, &values)?;
    }
    Ok(())
}
