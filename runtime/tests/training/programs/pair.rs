//! `network Pair<map: 2x2x2, meta: 3 -> class: 2x2x2, value: 2>`: the map's channels are scaled, for
//! a class per position, and a linear layer reads the other input; its weight is frozen, and its bias
//! learns at half the rate. It has what one input and one output leave out: regions of several
//! tensors, a label per position, groups of parameters, and targets that are named in another order
//! than the outputs.

use nnc_runtime::emitted::{self, CrossEntropy, Extent, Linear, Operand, Pass, Region, Slot, Update};
use nnc_runtime::program::{
    Data, Defaults, Evaluation, Group, Init, Layout, Optimizer, Parameter, Port, Program, Target, TargetKind,
    Training,
};

const EXTENT: Extent = Extent { positions: 4, channels: 2 };
const LINEAR: Linear = Linear { inputs: 3, outputs: 2 };
const CROSS_ENTROPY: CrossEntropy = CrossEntropy {
    classes: 2,
    positions: 4,
    target: 0,
    label_smoothing: 0.0,
    class_weights: &[],
    weight: 1.0,
};

const MAP: Slot = Slot::new(Region::Input, 0, 8);
const META: Slot = Slot::new(Region::Input, 8, 3);
const WANTED: Slot = Slot::new(Region::Target, 0, 2);
const SCALE: Slot = Slot::new(Region::Parameter, 0, 2);
const BIAS: Slot = Slot::new(Region::Parameter, 2, 2);
const WEIGHT: Slot = Slot::new(Region::Parameter, 4, 6);
const D_SCALE: Slot = Slot::new(Region::Gradient, 0, 2);
const D_BIAS: Slot = Slot::new(Region::Gradient, 2, 2);

const CLASS: Slot = Slot::new(Region::Batched, 0, 8);
const VALUE: Slot = Slot::new(Region::Batched, 8, 2);
const CLASS_LOSS: Slot = Slot::new(Region::Batched, 10, 1);
const VALUE_LOSS: Slot = Slot::new(Region::Batched, 11, 1);
const LOSS: Slot = Slot::new(Region::Batched, 12, 1);
const D_CLASS: Slot = Slot::new(Region::Batched, 13, 8);
const D_VALUE: Slot = Slot::new(Region::Batched, 21, 2);

/// The network.
pub(crate) static PROGRAM: Program = PAIR;

/// Its first half: one input and one target, a class per position.
pub(crate) static SEGMENTS: Program =
    Program { inputs: &[PORTS[0]], outputs: &[PORTS[2]], targets: &[CLASSES], ..PAIR };

const PORTS: [Port; 4] = [
    Port { name: "map", shape: &[2, 2, 2] },
    Port { name: "meta", shape: &[3] },
    Port { name: "class", shape: &[2, 2, 2] },
    Port { name: "value", shape: &[2] },
];
const CLASSES: Target =
    Target { output: 0, kind: TargetKind::Classes, slot: Slot::new(Region::Target, 0, 0) };

const PAIR: Program = Program {
    name: "Pair",
    source: "network Pair<map: 2x2x2, meta: 3 -> class: 2x2x2, value: 2> { scale as class from meta linear 2 as value }",
    inputs: &[PORTS[0], PORTS[1]],
    outputs: &[PORTS[2], PORTS[3]],
    targets: &[Target { output: 1, kind: TargetKind::Values, slot: WANTED }, CLASSES],
    parameters: &[
        Parameter {
            name: "scale1.weight",
            shape: &[2],
            layout: Layout::Plain,
            init: Init::Uniform { bound: 1.0 },
            offset: 0,
        },
        Parameter {
            name: "linear1.weight",
            shape: &[2, 3],
            layout: Layout::Linear,
            init: Init::Orthogonal { gain: 1.0 },
            offset: 4,
        },
        Parameter {
            name: "linear1.bias",
            shape: &[2],
            layout: Layout::Plain,
            init: Init::Constant(0.5),
            offset: 2,
        },
    ],
    parameter_len: 10,
    trained_len: 4,
    groups: &[
        Group { end: 2, learning_rate: 1.0, decays: true },
        Group { end: 4, learning_rate: 0.5, decays: false },
    ],
    states: &[],
    state_len: 0,
    training: Training {
        batched_len: 23,
        fixed_len: 0,
        forward,
        loss,
        backward,
        outputs: &[CLASS, VALUE],
        loss_slot: LOSS,
    },
    evaluation: Evaluation {
        batched_len: 13,
        fixed_len: 0,
        prepared_len: 0,
        prepare: |_| {},
        forward,
        loss,
        outputs: &[CLASS, VALUE],
        loss_slot: LOSS,
    },
    optimizer: Optimizer {
        name: "sgd",
        hyperparameters: &[("lr", 0.1), ("momentum", 0.5), ("weight_decay", 0.01)],
        states: &["momentum_buffer"],
        update,
    },
    defaults: Defaults {
        data: Some(Data { format: "digits", path: None, target: None }),
        flip: false,
        crop: 0,
        batch: 2,
        epochs: 1,
        seed: 0,
    },
    cuda: None,
};

fn forward(p: &Pass) {
    p.layer("scale1");
    let operands = [Operand::Full(MAP), Operand::Channel(SCALE)];
    emitted::pointwise(p, EXTENT, operands, [CLASS], |[pixel, scale]| [pixel * scale]);
    p.layer("linear1");
    let operands = [Operand::Result, Operand::Channel(BIAS)];
    emitted::linear_then(p, &LINEAR, META, WEIGHT, VALUE, operands, |[sum, bias]| [sum + bias]);
}

fn loss(p: &Pass) {
    p.layer("loss");
    emitted::cross_entropy(p, &CROSS_ENTROPY, CLASS, CLASS_LOSS);
    emitted::loss_terms(p, 2, VALUE, WANTED, VALUE_LOSS, |value, wanted| 0.5 * (value - wanted).powi(2));
    let (one, terms) = (Extent { positions: 1, channels: 1 }, [CLASS_LOSS, VALUE_LOSS].map(Operand::Full));
    emitted::pointwise(p, one, terms, [LOSS], |[class, value]| [class + value]);
}

fn backward(p: &Pass) {
    p.layer("loss");
    emitted::cross_entropy_backward(p, &CROSS_ENTROPY, CLASS, D_CLASS);
    emitted::loss_terms_backward(p, 2, VALUE, WANTED, D_VALUE, |value, wanted| value - wanted);
    p.layer("linear1");
    let extent = Extent { positions: 1, channels: 2 };
    emitted::reduce_channels(p, extent, D_VALUE, [Operand::Full(D_VALUE)], [D_BIAS], |[d]| [d]);
    p.layer("scale1");
    let operands = [Operand::Full(D_CLASS), Operand::Full(MAP)];
    emitted::reduce_channels(p, EXTENT, D_CLASS, operands, [D_SCALE], |[d, pixel]| [d * pixel]);
}

fn update(u: &Update) {
    let (lr, momentum, decay) = (u.hyperparameter(0), u.hyperparameter(1), u.decay());
    emitted::update(u, move |parameter, gradient, [velocity]| {
        let velocity = momentum * velocity + gradient + decay * parameter;
        (parameter - lr * velocity, [velocity])
    });
}
