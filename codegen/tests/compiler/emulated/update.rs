//! The optimiser's update on the emitted kernel, against its expressions in double precision.

use nnc_codegen::cuda::{self, Element, Place, Region};
use nnc_codegen::optimizers::{update_rule, variable_names};
use nnc_codegen::plan::Tensors;
use nnc_codegen::{Compiled, compile};
use nnc_dsl::model::{CheckedModel, Layer, OptimizerKind};

use super::device::Device;
use super::{Precision, library};
use crate::gradients::feed;
use crate::interpret::uniform;
use crate::models::Body;

/// Updates so far.
const STEPS: u64 = 6;

/// Steps that were skipped, which only half precision knows.
const SKIPPED: u64 = 2;

/// Weights and others, at two rates each, and a part that is frozen.
fn model(kind: OptimizerKind) -> CheckedModel {
    let norm = Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 };
    let body = Body::new(&[5, 3, 3]).mixed().learning_rate(0.0).mixed().learning_rate(0.5);
    let mut model = body.same("bn", norm).mixed().model();
    model.train.optimizer.kind = kind;
    model
}

/// About 0.1 for rates, near 1 for averages, so that each matters.
fn hyperparameters(kind: OptimizerKind) -> Vec<f32> {
    let value = |(name, _): &(&str, f64)| match *name {
        "lr" => 0.1,
        "eps" => 1e-3,
        "nesterov" => 1.0,
        "weight_decay" => 0.2,
        "beta2" => 0.99,
        _ => 0.9,
    };
    kind.hyperparameters().iter().map(value).collect()
}

/// A flat buffer that is different for each `number`.
fn buffer(number: u64, len: usize) -> Vec<f64> {
    (0..len as u64).map(|index| f64::from(uniform(number << 32 | index) as f32)).collect()
}

/// The new parameter and states, a buffer each.
fn expected(kind: OptimizerKind, tensors: &Tensors, buffers: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let (rule, values) = (update_rule(kind), hyperparameters(kind));
    let element = |index: usize| -> Vec<f64> {
        let group = tensors.groups.iter().find(|group| index < group.end).expect("groups cover all");
        let operand = |name: &str| {
            let own = kind.hyperparameters().iter().position(|(found, _)| *found == name);
            let own = own.map(|index| f64::from(values[index]));
            match name {
                "parameter" => buffers[0][index],
                "gradient" => buffers[1][index],
                "decay" => {
                    if group.decays {
                        f64::from(*values.last().expect("weight_decay"))
                    } else {
                        0.0
                    }
                }
                "step" => STEPS as f64 + 1.0,
                "lr" => own.expect("a rate") * group.learning_rate,
                _ => own.unwrap_or_else(|| {
                    let state = rule.states.iter().position(|state| *state == name).expect("a state");
                    buffers[2 + state][index]
                }),
            }
        };
        let operands: Vec<f64> = variable_names(kind).into_iter().map(operand).collect();
        rule.exprs.iter().map(|expr| expr.eval(&operands)).collect()
    };
    let elements: Vec<Vec<f64>> = (0..tensors.trained_len).map(element).collect();
    (0..rule.exprs.len()).map(|result| elements.iter().map(|element| element[result]).collect()).collect()
}

/// Parameters, their copies, and states after the update.
fn updated(
    model: &CheckedModel,
    compiled: &Compiled,
    precision: Precision,
    buffers: &[Vec<f64>],
    not_finite: u32,
    reverse: bool,
) -> (Vec<f64>, Vec<f64>, Vec<Vec<f32>>) {
    let cuda = cuda::emit(model, compiled);
    let launch = &cuda.update[0];
    let kernel = &cuda.kernels[launch.kernel];
    let library = library(std::slice::from_ref(kernel), precision);
    let mut device = Device::new(&cuda.training.memory, &feed(&compiled.training.graph), precision);
    let place = |region| Place { region, offset: 0, len: compiled.training.tensors.trained_len };
    device.poison(&[launch]);
    device.write(place(Region::Parameter), &buffers[0]);
    let scaled: Vec<f64> = buffers[1].iter().map(|gradient| gradient * precision.loss_scale()).collect();
    device.write(place(Region::Gradient), &scaled);
    device.hyperparameters = hyperparameters(model.train.optimizer.kind);
    device.states = buffers[2..].iter().map(|state| state.iter().map(|x| *x as f32).collect()).collect();
    device.step.step = STEPS + if precision == Precision::F16 { SKIPPED } else { 0 };
    device.step.skipped = SKIPPED;
    device.step.not_finite = not_finite;
    device.launch(&library, kernel, launch, reverse);
    let [parameters, copies] =
        [Region::Parameter, Region::ParameterReal].map(|region| device.read(place(region)));
    (parameters, copies, device.states)
}

#[test]
fn of_every_optimiser_in_groups() {
    for kind in OptimizerKind::ALL {
        let model = model(kind);
        let compiled = compile(&model);
        let tensors = &compiled.training.tensors;
        assert!(tensors.groups.len() == 4 && tensors.trained_len < tensors.parameter_len, "{tensors:?}");
        let count = 2 + update_rule(kind).states.len() as u64;
        let buffers: Vec<Vec<f64>> = (0..count).map(|number| buffer(number, tensors.trained_len)).collect();
        let expected = expected(kind, tensors, &buffers);
        for (precision, reverse) in [(Precision::F32, false), (Precision::Bf16, true), (Precision::F16, true)]
        {
            let (parameters, copies, states) = updated(&model, &compiled, precision, &buffers, 0, reverse);
            let states = states.iter().map(|state| state.iter().map(|x| f64::from(*x)).collect());
            let found = std::iter::once(parameters.clone()).chain(states);
            for (found, expected) in found.zip(&expected) {
                for (index, (found, expected)) in (0..).zip(found.iter().zip(expected)) {
                    let near = (found - expected).abs() <= 1e-5 * (0.1 + expected.abs());
                    assert!(near, "{kind:?}: element {index} is {found}, not {expected}");
                }
            }
            if precision != Precision::F32 {
                let rounded: Vec<f64> =
                    parameters.iter().map(|x| precision.round(Element::Real, *x)).collect();
                assert_eq!(copies, rounded, "{kind:?}: the copies are the rounded parameters");
            }
        }
    }
}

#[test]
fn nothing_changes_in_a_step_that_fails_or_is_skipped() {
    let kind = OptimizerKind::Adam;
    let model = model(kind);
    let compiled = compile(&model);
    let buffers: Vec<_> =
        (0..4).map(|number| buffer(number, compiled.training.tensors.trained_len)).collect();
    for (precision, not_finite) in [(Precision::F32, 1), (Precision::F16, 1), (Precision::F16, 2)] {
        let (parameters, _, states) = updated(&model, &compiled, precision, &buffers, not_finite, false);
        assert_eq!(parameters, buffers[0]);
        assert_eq!(f64::from(states[1][7]), buffers[3][7]);
    }
}
