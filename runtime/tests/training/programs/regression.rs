//! `network Plane<2 -> 1> { linear 1 }` with the mean squared error and plain gradient descent.

use nnc_runtime::emitted::{self, Extent, Linear, Operand, Pass, Region, Slot, Update};
use nnc_runtime::program::{
    Data, Defaults, Evaluation, Group, Init, Layout, Optimizer, Parameter, Port, Program, Target, TargetKind,
    Training,
};

const LINEAR: Linear = Linear { inputs: 2, outputs: 1 };
const INPUT: Slot = Slot::new(Region::Input, 0, 2);
const TARGET: Slot = Slot::new(Region::Target, 0, 1);
const WEIGHT: Slot = Slot::new(Region::Parameter, 0, 2);
const BIAS: Slot = Slot::new(Region::Parameter, 2, 1);
const D_WEIGHT: Slot = Slot::new(Region::Gradient, 0, 2);
const D_BIAS: Slot = Slot::new(Region::Gradient, 2, 1);
const OUTPUT: Slot = Slot::new(Region::Batched, 0, 1);
const LOSS: Slot = Slot::new(Region::Batched, 1, 1);
const D_OUTPUT: Slot = Slot::new(Region::Batched, 2, 1);

/// The network.
pub(crate) static PROGRAM: Program = Program {
    name: "Plane",
    source: "network Plane<2 -> 1> { linear 1 }",
    inputs: &[Port { name: "", shape: &[2] }],
    outputs: &[Port { name: "", shape: &[1] }],
    targets: &[Target { output: 0, kind: TargetKind::Values, slot: TARGET }],
    parameters: &[
        Parameter {
            name: "linear1.weight",
            shape: &[1, 2],
            layout: Layout::Linear,
            init: Init::Normal { std: 1.0 },
            offset: 0,
        },
        Parameter {
            name: "linear1.bias",
            shape: &[1],
            layout: Layout::Plain,
            init: Init::Constant(0.0),
            offset: 2,
        },
    ],
    parameter_len: 3,
    trained_len: 3,
    groups: &[Group { end: 3, learning_rate: 1.0, decays: true }],
    states: &[],
    state_len: 0,
    training: Training {
        batched_len: 3,
        fixed_len: 0,
        forward,
        loss,
        backward,
        outputs: &[OUTPUT],
        loss_slot: LOSS,
    },
    evaluation: Evaluation {
        batched_len: 3,
        fixed_len: 0,
        prepared_len: 0,
        prepare: |_| {},
        forward,
        loss,
        outputs: &[OUTPUT],
        loss_slot: LOSS,
    },
    optimizer: Optimizer { name: "sgd", hyperparameters: &[("lr", 0.05)], states: &[], update },
    defaults: Defaults {
        data: Some(Data { format: "csv", path: None, target: None }),
        flip: false,
        crop: 0,
        batch: 16,
        epochs: 20,
        seed: 0,
    },
    cuda: None,
};

fn forward(p: &Pass) {
    p.layer("linear1");
    let operands = [Operand::Result, Operand::Channel(BIAS)];
    emitted::linear_then(p, &LINEAR, INPUT, WEIGHT, OUTPUT, operands, |[sum, bias]| [sum + bias]);
}

fn loss(p: &Pass) {
    p.layer("mse");
    emitted::loss_terms(p, 1, OUTPUT, TARGET, LOSS, |prediction, target| (prediction - target).powi(2));
}

fn backward(p: &Pass) {
    let derivative = |prediction, target| 2.0 * (prediction - target);
    emitted::loss_terms_backward(p, 1, OUTPUT, TARGET, D_OUTPUT, derivative);
    p.layer("linear1");
    emitted::linear_backward_weight(p, &LINEAR, INPUT, D_OUTPUT, D_WEIGHT);
    let one = Extent { positions: 1, channels: 1 };
    emitted::reduce_channels(p, one, D_OUTPUT, [Operand::Full(D_OUTPUT)], [D_BIAS], |[d]| [d]);
}

fn update(u: &Update) {
    let lr = u.hyperparameter(0);
    emitted::update(u, move |parameter, gradient, []| (parameter - lr * gradient, []));
}
