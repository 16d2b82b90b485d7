//! Takes two steps of training on made-up samples, and prints the first loss and how many milliseconds
//! the second took.
//!
//!     step SAMPLES [FILE LEN…]
//!
//! FILE gets everything that another program needs to compute the first step again: parameters, states,
//! samples, the first LEN numbers of each stream of random numbers, and then loss, gradients and states
//! after it. Tensors are numbered in the order of the network's words. `network` stands for the crate.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use network::PROGRAM;
use nnc_runtime::checkpoint::Tensor;
use nnc_runtime::devices::cpu::Pool;
use nnc_runtime::program::TargetKind;
use nnc_runtime::random::{Purpose, Stream};
use nnc_runtime::select::{Mode, Selector};
use nnc_runtime::{Error, Model, Targets};

const SEED: u64 = 7;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let samples: usize = arguments[0].parse().expect("the first argument is a number");
    // Winograd's rounding would put more inputs on the other side of a kink.
    let pool = Pool::default().with_selector(Selector::new(Mode::Deterministic));
    let mut model = Model::with_pool(&PROGRAM, SEED, Arc::new(pool));
    shake(&mut model)?;
    let given = arguments.get(1).map(|_| given(&model)).transpose()?;
    let inputs = uniform(0, samples * PROGRAM.inputs[0].shape.iter().product::<usize>(), 1.5);
    let (classes, values) = targets(samples);
    let targets = match PROGRAM.targets[0].kind {
        TargetKind::Classes => Targets::Classes(&classes),
        TargetKind::Values => Targets::Values(&values),
    };
    let report = model.train_step(&inputs, targets)?;
    if let (Some(path), Some(mut tensors)) = (arguments.get(1), given) {
        tensors.extend(streams(&arguments[2..]));
        tensors.push(tensor("loss".into(), &[1], vec![report.loss]));
        tensors.extend(computed(&model)?);
        tensors.push(tensor("target".into(), &[values.len()], values.clone()));
        tensors.push(tensor("input".into(), &[inputs.len()], inputs.clone()));
        let mut checkpoint = model.checkpoint();
        checkpoint.tensors = tensors;
        checkpoint.write(Path::new(path))?;
    }
    let start = Instant::now();
    model.train_step(&inputs, targets)?;
    println!("{} {}", report.loss, start.elapsed().as_millis());
    Ok(())
}

/// Moves what is the same in every channel at the start, so that a mistake in it cannot hide.
fn shake(model: &mut Model) -> Result<(), Error> {
    for (index, parameter) in PROGRAM.parameters.iter().enumerate().filter(|(_, own)| own.shape.len() == 1) {
        let noise = uniform(1 + index as u32, parameter.shape[0], 0.2);
        let values =
            model.parameter(parameter.name)?.into_iter().zip(noise).map(|(value, noise)| value + noise);
        model.set_parameter(parameter.name, &values.collect::<Vec<f32>>())?;
    }
    Ok(())
}

/// Classes, and the same as numbers; or values of which each is 0 or 1.
fn targets(samples: usize) -> (Vec<u32>, Vec<f32>) {
    let shape = PROGRAM.outputs[PROGRAM.targets[0].output].shape;
    match PROGRAM.targets[0].kind {
        TargetKind::Classes => {
            let classes: Vec<u32> =
                (0..samples).map(|sample| (7 * sample + 1) as u32 % shape[0] as u32).collect();
            let values = classes.iter().map(|class| *class as f32).collect();
            (classes, values)
        }
        TargetKind::Values => {
            let noise = uniform(1 << 20, samples * shape.iter().product::<usize>(), 1.0);
            (Vec::new(), noise.into_iter().map(|value| f32::from(value > 0.0)).collect())
        }
    }
}

fn given(model: &Model) -> Result<Vec<Tensor>, Error> {
    let mut tensors = states(model, "before")?;
    for (index, own) in PROGRAM.parameters.iter().enumerate() {
        tensors.push(tensor(
            format!("parameter.{index}.{}", own.name),
            own.shape,
            model.parameter(own.name)?,
        ));
    }
    Ok(tensors)
}

fn computed(model: &Model) -> Result<Vec<Tensor>, Error> {
    let mut tensors = states(model, "after")?;
    for (index, own) in PROGRAM.parameters.iter().enumerate() {
        tensors.push(tensor(format!("gradient.{index}.{}", own.name), own.shape, model.gradient(own.name)?));
    }
    Ok(tensors)
}

fn states(model: &Model, when: &str) -> Result<Vec<Tensor>, Error> {
    let states = PROGRAM.states.iter().enumerate();
    let one = |(index, own): (usize, &nnc_runtime::program::State)| {
        Ok(tensor(format!("{when}.{index}.{}", own.name), own.shape, model.state(own.name)?))
    };
    states.map(one).collect()
}

/// The numbers that the words which drop something have drawn in the first step.
fn streams(lens: &[String]) -> Vec<Tensor> {
    let one = |(id, len): (usize, &String)| {
        let stream = Stream::new(SEED, Purpose::Dropout, id as u32, 0);
        let values: Vec<f32> =
            (0..len.parse().expect("lengths are numbers")).map(|index| stream.uniform(index)).collect();
        tensor(format!("random.{id}"), &[values.len()], values)
    };
    lens.iter().enumerate().map(one).collect()
}

fn tensor(name: String, shape: &[usize], values: Vec<f32>) -> Tensor {
    Tensor { name, shape: shape.to_vec(), values }
}

/// Numbers between −`bound` and `bound`.
fn uniform(id: u32, len: usize, bound: f32) -> Vec<f32> {
    let stream = Stream::new(SEED, Purpose::Split, id, 0);
    (0..len as u64).map(|index| bound * (2.0 * stream.uniform(index) - 1.0)).collect()
}
