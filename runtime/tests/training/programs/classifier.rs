//! `network Digits<1x8x8 -> 10> { flatten linear 24 bn relu dropout 0.1 linear 10 }`, trained on
//! `digits` by gradient descent with momentum. It has what makes a resume hard: running
//! statistics, random masks and an optimiser with a state.

use nnc_runtime::emitted::{
    self, CrossEntropy, Distribution, Extent, Linear, Operand, Pass, Per, Random, Region, Slot, Update, math,
};
use nnc_runtime::program::{
    Data, Defaults, Evaluation, Group, Init, Layout, Optimizer, Parameter, Port, Program, State, Target,
    TargetKind, Training,
};

const INPUTS: usize = 64;
const HIDDEN: usize = 24;
const CLASSES: usize = 10;

const KEEP: f32 = 0.9;
const EPS: f32 = 1e-5;
const MOMENTUM: f32 = 0.1;
const MASK: Operand =
    Operand::Random(Random { stream: 0, distribution: Distribution::Uniform, per: Per::Element });

const ROW: Extent = Extent { positions: 1, channels: HIDDEN };
const LOGIT_ROW: Extent = Extent { positions: 1, channels: CLASSES };
const CROSS_ENTROPY: CrossEntropy = CrossEntropy {
    classes: CLASSES,
    positions: 1,
    target: 0,
    label_smoothing: 0.0,
    class_weights: &[],
    weight: 1.0,
};

const LINEAR1: Linear = Linear { inputs: INPUTS, outputs: HIDDEN };
const LINEAR2: Linear = Linear { inputs: HIDDEN, outputs: CLASSES };

const W1: usize = 0;
const W2: usize = W1 + INPUTS * HIDDEN;
const DECAYED: usize = W2 + HIDDEN * CLASSES;
const SCALE: usize = DECAYED;
const SHIFT: usize = SCALE + HIDDEN;
const BIAS: usize = SHIFT + HIDDEN;
const PARAMETERS: usize = BIAS + CLASSES;

const INPUT: Slot = Slot::new(Region::Input, 0, INPUTS);
const RUNNING_MEAN: Slot = Slot::new(Region::State, 0, HIDDEN);
const RUNNING_VARIANCE: Slot = Slot::new(Region::State, HIDDEN, HIDDEN);

// The training arena.
const SUMS: Slot = Slot::new(Region::Batched, 0, HIDDEN);
const ACTIVE: Slot = Slot::new(Region::Batched, HIDDEN, HIDDEN);
const D_HIDDEN: Slot = Slot::new(Region::Batched, 2 * HIDDEN, HIDDEN);
const LOGITS: Slot = Slot::new(Region::Batched, 3 * HIDDEN, CLASSES);
const D_LOGITS: Slot = Slot::new(Region::Batched, 3 * HIDDEN + CLASSES, CLASSES);
const LOSS: Slot = Slot::new(Region::Batched, 3 * HIDDEN + 2 * CLASSES, 1);
const MEAN: Slot = Slot::new(Region::Fixed, 0, HIDDEN);
const VARIANCE: Slot = Slot::new(Region::Fixed, HIDDEN, HIDDEN);

const fn parameter(offset: usize, len: usize) -> Slot {
    Slot::new(Region::Parameter, offset, len)
}

const fn gradient(offset: usize, len: usize) -> Slot {
    Slot::new(Region::Gradient, offset, len)
}

/// The network.
pub(crate) static PROGRAM: Program = Program {
    name: "Digits",
    source: "network Digits<1x8x8 -> 10> { flatten linear 24 bn relu dropout 0.1 linear 10 }",
    inputs: &[Port { name: "", shape: &[1, 8, 8] }],
    outputs: &[Port { name: "", shape: &[CLASSES] }],
    targets: &[Target { output: 0, kind: TargetKind::Classes, slot: Slot::new(Region::Target, 0, 0) }],
    parameters: &[
        Parameter {
            name: "linear1.weight",
            shape: &[HIDDEN, INPUTS],
            layout: Layout::Linear,
            init: Init::Normal { std: 0.176_776_7 },
            offset: W1,
        },
        Parameter {
            name: "linear2.weight",
            shape: &[CLASSES, HIDDEN],
            layout: Layout::Linear,
            init: Init::Normal { std: 0.204 },
            offset: W2,
        },
        plain("bn1.weight", &[HIDDEN], 1.0, SCALE),
        plain("bn1.bias", &[HIDDEN], 0.0, SHIFT),
        plain("linear2.bias", &[CLASSES], 0.0, BIAS),
    ],
    parameter_len: PARAMETERS,
    trained_len: PARAMETERS,
    groups: &[
        Group { end: DECAYED, learning_rate: 1.0, decays: true },
        Group { end: PARAMETERS, learning_rate: 1.0, decays: false },
    ],
    states: &[
        State { name: "bn1.running_mean", shape: &[HIDDEN], initial: 0.0, offset: 0 },
        State { name: "bn1.running_var", shape: &[HIDDEN], initial: 1.0, offset: HIDDEN },
    ],
    state_len: 2 * HIDDEN,
    training: Training {
        batched_len: 3 * HIDDEN + 2 * CLASSES + 1,
        fixed_len: 2 * HIDDEN,
        forward,
        loss,
        backward,
        outputs: &[LOGITS],
        loss_slot: LOSS,
    },
    evaluation: Evaluation {
        batched_len: HIDDEN + CLASSES + 1,
        fixed_len: 0,
        prepared_len: 2 * HIDDEN,
        prepare,
        forward: evaluate,
        loss: evaluation_loss,
        outputs: &[EVALUATED],
        loss_slot: EVALUATED_LOSS,
    },
    optimizer: Optimizer {
        name: "sgd",
        hyperparameters: &[("lr", 0.1), ("momentum", 0.9), ("weight_decay", 1e-4)],
        states: &["momentum_buffer"],
        update,
    },
    defaults: Defaults {
        data: Some(Data { format: "digits", path: None, target: None }),
        flip: false,
        crop: 1,
        batch: 100,
        epochs: 4,
        seed: 7,
    },
    cuda: None,
};

const fn plain(name: &'static str, shape: &'static [usize], value: f32, offset: usize) -> Parameter {
    Parameter { name, shape, layout: Layout::Plain, init: Init::Constant(value), offset }
}

fn forward(p: &Pass) {
    p.layer("linear1");
    emitted::linear(p, &LINEAR1, INPUT, parameter(W1, INPUTS * HIDDEN), SUMS);
    p.layer("bn1");
    emitted::channel_statistics(p, ROW, SUMS, MEAN, VARIANCE);
    emitted::running_statistics(p, HIDDEN, 1, MOMENTUM, MEAN, VARIANCE, RUNNING_MEAN, RUNNING_VARIANCE);
    let operands = [
        Operand::Full(SUMS),
        Operand::Channel(MEAN),
        Operand::Channel(VARIANCE),
        Operand::Channel(parameter(SCALE, HIDDEN)),
        Operand::Channel(parameter(SHIFT, HIDDEN)),
        MASK,
    ];
    emitted::pointwise(p, ROW, operands, [ACTIVE], |[x, mean, variance, scale, shift, random]| {
        let normal = (x - mean) / (variance + EPS).sqrt() * scale + shift;
        [if random < KEEP { math::max(normal, 0.0) / KEEP } else { 0.0 }]
    });
    p.layer("linear2");
    let bias = [Operand::Result, Operand::Channel(parameter(BIAS, CLASSES))];
    let weight = parameter(W2, HIDDEN * CLASSES);
    emitted::linear_then(p, &LINEAR2, ACTIVE, weight, LOGITS, bias, |[sum, bias]| [sum + bias]);
}

fn loss(p: &Pass) {
    p.layer("cross_entropy");
    emitted::cross_entropy(p, &CROSS_ENTROPY, LOGITS, LOSS);
}

fn backward(p: &Pass) {
    p.layer("cross_entropy");
    emitted::cross_entropy_backward(p, &CROSS_ENTROPY, LOGITS, D_LOGITS);
    p.layer("linear2");
    let bias = gradient(BIAS, CLASSES);
    emitted::reduce_channels(p, LOGIT_ROW, D_LOGITS, [Operand::Full(D_LOGITS)], [bias], |[d]| [d]);
    emitted::linear_backward_weight(p, &LINEAR2, ACTIVE, D_LOGITS, gradient(W2, HIDDEN * CLASSES));
    emitted::linear_backward_data(p, &LINEAR2, D_LOGITS, parameter(W2, HIDDEN * CLASSES), ACTIVE);
    backward_bn(p);
    p.layer("linear1");
    emitted::linear_backward_weight(p, &LINEAR1, INPUT, D_HIDDEN, gradient(W1, INPUTS * HIDDEN));
}

/// Through dropout, relu and batch norm; `ACTIVE` holds the gradient of dropout's result.
fn backward_bn(p: &Pass) {
    let operands = [
        Operand::Full(SUMS),
        Operand::Channel(MEAN),
        Operand::Channel(VARIANCE),
        Operand::Channel(parameter(SCALE, HIDDEN)),
        Operand::Channel(parameter(SHIFT, HIDDEN)),
        MASK,
        Operand::Full(ACTIVE),
    ];
    let through = |[x, mean, variance, scale, shift, random, d]: [f32; 7]| {
        let normal = (x - mean) / (variance + EPS).sqrt();
        let passes = random < KEEP && normal * scale + shift > 0.0;
        (normal, if passes { d / KEEP } else { 0.0 })
    };
    let sums = [gradient(SCALE, HIDDEN), gradient(SHIFT, HIDDEN)];
    emitted::reduce_channels(p, ROW, SUMS, operands, sums, move |values| {
        let (normal, d) = through(values);
        [d * normal, d]
    });
    let [x, mean, variance, scale, shift, mask, d] = operands;
    let [d_scale, d_shift] = sums.map(Operand::Channel);
    let operands = [x, mean, variance, scale, shift, mask, d, d_scale, d_shift];
    let count = p.count(1);
    emitted::pointwise(p, ROW, operands, [D_HIDDEN], move |values| {
        let [x, mean, variance, scale, shift, random, d, d_scale, d_shift] = values;
        let (normal, d) = through([x, mean, variance, scale, shift, random, d]);
        [scale / (variance + EPS).sqrt() * (d - (d_shift + normal * d_scale) / count)]
    });
}

// The evaluation pass: batch norm becomes a factor and a shift.
const FACTOR: Slot = Slot::new(Region::Prepared, 0, HIDDEN);
const FOLDED_SHIFT: Slot = Slot::new(Region::Prepared, HIDDEN, HIDDEN);
const EVALUATED_HIDDEN: Slot = Slot::new(Region::Batched, 0, HIDDEN);
const EVALUATED: Slot = Slot::new(Region::Batched, HIDDEN, CLASSES);
const EVALUATED_LOSS: Slot = Slot::new(Region::Batched, HIDDEN + CLASSES, 1);

fn prepare(p: &Pass) {
    let operands = [
        Operand::Full(RUNNING_MEAN),
        Operand::Full(RUNNING_VARIANCE),
        Operand::Full(parameter(SCALE, HIDDEN)),
        Operand::Full(parameter(SHIFT, HIDDEN)),
    ];
    emitted::pointwise(p, ROW, operands, [FACTOR, FOLDED_SHIFT], |[mean, variance, scale, shift]| {
        let factor = scale / (variance + EPS).sqrt();
        [factor, shift - mean * factor]
    });
}

fn evaluate(p: &Pass) {
    p.layer("linear1");
    let operands = [Operand::Result, Operand::Channel(FACTOR), Operand::Channel(FOLDED_SHIFT)];
    let weight = parameter(W1, INPUTS * HIDDEN);
    emitted::linear_then(p, &LINEAR1, INPUT, weight, EVALUATED_HIDDEN, operands, |[x, factor, shift]| {
        [math::max(x * factor + shift, 0.0)]
    });
    p.layer("linear2");
    let bias = [Operand::Result, Operand::Channel(parameter(BIAS, CLASSES))];
    let weight = parameter(W2, HIDDEN * CLASSES);
    emitted::linear_then(p, &LINEAR2, EVALUATED_HIDDEN, weight, EVALUATED, bias, |[sum, bias]| [sum + bias]);
}

fn evaluation_loss(p: &Pass) {
    p.layer("cross_entropy");
    emitted::cross_entropy(p, &CROSS_ENTROPY, EVALUATED, EVALUATED_LOSS);
}

fn update(u: &Update) {
    let (lr, momentum, decay) = (u.hyperparameter(0), u.hyperparameter(1), u.decay());
    emitted::update(u, move |parameter, gradient, [velocity]| {
        let velocity = momentum * velocity + gradient + decay * parameter;
        (parameter - lr * velocity, [velocity])
    });
}
