//! Element-wise loops against plain loops in double precision.

use super::*;
use crate::devices::cpu::{Buffer, Isa, Pool};
use crate::emitted::{Decay, Operand, Update, math};
use crate::kernels::testing::{Case, assert_close, values};

/// Sizes around the block, the task and the chunk, with few and many channels.
const SIZES: [(usize, usize); 9] =
    [(1, 1), (1, 7), (3, 5), (10, 13), (16, 8), (33, 4000), (100, 700), (129, 3), (5000, 17)];

#[test]
fn pointwise_reads_every_kind_of_operand() {
    for (channels, positions) in SIZES {
        let (x, scale) = (values(1, channels * positions), values(2, channels));
        let at = |index: usize| (f64::from(x[index]), f64::from(scale[index % channels]));
        let first = (0..x.len()).map(|index| at(index).0 * at(index).1 + 0.5).collect();
        let second = (0..x.len()).map(|index| at(index).0 - at(index).1).collect();
        let case = Case { batch: 1, labels: &[], inputs: &[&x, &scale], outputs: &[x.len(); 2] };
        case.check(&[first, second], 1e-6, |p, i, o| {
            let inputs = [Operand::Channel(i[1]), Operand::Full(i[0]), Operand::Value(0.5)];
            let f = |[scale, x, half]: [f32; 3]| [x * scale + half, x - scale];
            pointwise(p, channels, inputs, [o[0], o[1]], f);
        });
    }
}

#[test]
fn uniform_numbers_depend_on_the_element_alone() {
    use crate::random::{Purpose, Stream};
    let len = 70_001;
    let expected = |stream| -> Vec<f64> {
        let stream = Stream::new(7, Purpose::Dropout, stream, 3);
        (0..len as u64).map(|index| f64::from(stream.uniform(index))).collect()
    };
    let case = Case { batch: 1, labels: &[], inputs: &[], outputs: &[len; 2] };
    case.check(&[expected(5), expected(6)], 0.0, |p, _, o| {
        let inputs = [Operand::Uniform(5), Operand::Uniform(6)];
        pointwise(p, 1, inputs, [o[0], o[1]], |pair| pair);
    });
}

#[test]
fn an_epilogue_draws_the_same_uniform_numbers() {
    use crate::emitted::{Linear, linear_then};
    let (batch, spec) = (300, Linear { inputs: 1, outputs: 7 });
    let (x, w) = (values(1, batch), values(2, 7));
    let case = Case { batch, labels: &[], inputs: &[&x, &w], outputs: &[batch * 7; 2] };
    let results = case.run(&Pool::new(2), |p, i, o| {
        let f = |[uniform, _]: [f32; 2]| [uniform];
        linear_then(p, &spec, i[0], i[1], o[0], [Operand::Uniform(2), Operand::Result], f);
        pointwise(p, 7, [Operand::Uniform(2)], [o[1]], |x| x);
    });
    assert_eq!(results[0], results[1]);
}

#[test]
fn element_wise_results_are_the_same_bits_on_every_instruction_set() {
    let x = values(1, 1000);
    let case = Case { batch: 1, labels: &[], inputs: &[&x], outputs: &[1000] };
    let run = |isa| {
        case.run(&Pool::with_isa(1, isa), |p, i, o| {
            pointwise(p, 10, [Operand::Full(i[0])], [o[0]], |[x]| [math::tanh(x) * math::exp(x) + x]);
        })
    };
    for isa in Isa::available() {
        assert_eq!(run(isa), run(Isa::Portable), "{}", isa.name());
    }
}

#[test]
fn reductions_sum_each_channel() {
    for (channels, positions) in SIZES {
        let (x, dy) = (values(1, channels * positions), values(2, channels * positions));
        let mut expected = vec![vec![0.0; channels]; 2];
        for (index, (&x, &dy)) in x.iter().zip(&dy).enumerate() {
            expected[0][index % channels] += f64::from(dy);
            expected[1][index % channels] += f64::from(x) * f64::from(dy);
        }
        let case = Case { batch: 1, labels: &[], inputs: &[&x, &dy], outputs: &[channels; 2] };
        case.check(&expected, 1e-5, |p, i, o| {
            let inputs = [Operand::Full(i[0]), Operand::Full(i[1])];
            reduce_channels(p, channels, i[1], inputs, [o[0], o[1]], |[x, dy]| [dy, x * dy]);
        });
    }
}

#[test]
fn updates_decay_the_weights_alone() {
    // Past one task, and with the border inside a task.
    let (len, decayed) = (40_000, 20_001);
    let (parameters, gradients, state) = (values(1, len), values(2, len), values(3, len));
    let run = |pool: &Pool| {
        let (mut parameters, mut states) = (parameters.clone(), [Buffer::from_slice(&state)]);
        let decay = Decay { weight: 0.1, len: decayed };
        let u = Update::new(pool, &mut parameters, &gradients, &mut states, &[0.5, 0.9], decay, 4);
        let (lr, momentum, step) = (u.hyperparameter(0), u.hyperparameter(1), u.step());
        update(&u, |decay, parameter, gradient, [velocity]: [f32; 1]| {
            let velocity = momentum * velocity + gradient + decay * parameter;
            (parameter - lr / step * velocity, [velocity])
        });
        (parameters, states[0].to_vec())
    };
    let found = run(&Pool::new(1));
    let decay = |index| if index < decayed { 0.1 } else { 0.0 };
    let velocity: Vec<f64> = (0..len)
        .map(|at| {
            0.9 * f64::from(state[at]) + f64::from(gradients[at]) + decay(at) * f64::from(parameters[at])
        })
        .collect();
    let moved: Vec<f64> = (0..len).map(|at| f64::from(parameters[at]) - 0.125 * velocity[at]).collect();
    assert_close(&found.0, &moved, 1e-6, "parameters");
    assert_close(&found.1, &velocity, 1e-6, "state");
    assert!(run(&Pool::new(3)) == found && run(&Pool::with_isa(2, Isa::Portable)) == found);
}
