//! Element-wise loops against plain loops in double precision.

use super::*;
use crate::cpu::{Buffer, Isa, Pool};
use crate::emitted::{Distribution, Extent, Flat, Operand, Per, Random, Slot, Update, math};
use crate::testing::{Case, assert_close, values};

/// Extents and batches around the block, the task and the chunk, with few and many channels.
const SIZES: [(usize, usize, usize); 13] = [
    (1, 1, 1),
    (1, 7, 3),
    (2, 500, 31),
    (3, 5, 7),
    (4, 64, 300),
    (10, 13, 2),
    (16, 8, 5),
    (17, 1, 40),
    (33, 40, 100),
    (100, 7, 100),
    (129, 3, 1),
    (256, 2, 300),
    (5000, 2, 9),
];

/// Every kind of operand at once, over one extent.
struct Operands {
    extent: Extent,
    batch: usize,
    tensors: [Vec<f32>; 4],
}

impl Operands {
    fn new((channels, positions, batch): (usize, usize, usize)) -> Operands {
        let lens = [batch * positions * channels, channels, batch * channels, batch * positions];
        let tensors = std::array::from_fn(|index| values(index as u64 + 1, lens[index]));
        Operands { extent: Extent { positions, channels }, batch, tensors }
    }

    fn len(&self) -> usize {
        self.batch * self.extent.len()
    }

    fn slices(&self) -> [&[f32]; 4] {
        self.tensors.each_ref().map(Vec::as_slice)
    }

    /// The operands at the slots of the tensors.
    fn of(slots: &[Slot]) -> [Operand; 5] {
        [
            Operand::Channel(slots[1]),
            Operand::Full(slots[0]),
            Operand::SampleChannel(slots[2]),
            Operand::Value(0.5),
            Operand::Position(slots[3]),
        ]
    }

    /// What they are at one element, in the same order.
    fn at(&self, index: usize) -> [f64; 5] {
        let Extent { positions, channels } = self.extent;
        let (pixel, channel) = (index / channels, index % channels);
        let sample = pixel / positions * channels + channel;
        let [full, channel_values, samples, pixels] = &self.tensors;
        [channel_values[channel], full[index], samples[sample], 0.5, pixels[pixel]].map(f64::from)
    }

    fn case(&self, f: impl FnOnce(&Case, &dyn Fn(usize) -> [f64; 2]), lens: [usize; 2]) {
        let case = Case { batch: self.batch, labels: &[], inputs: &self.slices(), outputs: &lens };
        f(&case, &|index| {
            let [channel, full, sample, half, pixel] = self.at(index);
            [channel * full + half * pixel, full - sample]
        });
    }
}

/// The function of [`Operands::case`].
fn function([channel, full, sample, half, pixel]: [f32; 5]) -> [f32; 2] {
    [channel * full + half * pixel, full - sample]
}

#[test]
fn pointwise_reads_every_kind_of_operand() {
    for size in SIZES {
        let operands = Operands::new(size);
        let check = |case: &Case, f: &dyn Fn(usize) -> [f64; 2]| {
            let expected = [0, 1].map(|output| (0..operands.len()).map(|index| f(index)[output]).collect());
            case.check(&expected, 1e-6, |p, i, o| {
                pointwise(p, operands.extent, Operands::of(i), [o[0], o[1]], function);
            });
        };
        operands.case(check, [operands.len(); 2]);
    }
}

/// The sums of both results over the elements that `place` puts together.
fn sums(
    elements: usize,
    places: usize,
    place: impl Fn(usize) -> usize,
    f: &dyn Fn(usize) -> [f64; 2],
) -> [Vec<f64>; 2] {
    let mut sums = [vec![0.0; places], vec![0.0; places]];
    for index in 0..elements {
        sums.iter_mut().zip(f(index)).for_each(|(sums, term)| sums[place(index)] += term);
    }
    sums
}

#[test]
fn reductions_over_batch_and_positions() {
    for size in SIZES {
        let (operands, channels) = (Operands::new(size), size.0);
        let check = |case: &Case, f: &dyn Fn(usize) -> [f64; 2]| {
            let expected = sums(operands.len(), channels, |index| index % channels, f);
            case.check(&expected, 1e-5, |p, i, o| {
                reduce_channels(p, operands.extent, i[0], Operands::of(i), [o[0], o[1]], function);
            });
        };
        operands.case(check, [channels; 2]);
    }
}

#[test]
fn reductions_over_the_groups_of_a_sample() {
    for size @ (channels, positions, batch) in SIZES {
        let operands = Operands::new(size);
        for groups in [1, channels, 2, 5].into_iter().filter(|groups| channels.is_multiple_of(*groups)) {
            let group_len = channels / groups;
            let check = |case: &Case, f: &dyn Fn(usize) -> [f64; 2]| {
                let place =
                    |index: usize| index / (positions * channels) * groups + index % channels / group_len;
                let expected = sums(operands.len(), batch * groups, place, f);
                let spread = |index: usize| index / channels * groups + index % channels / group_len;
                let expected = expected
                    .map(|sums| (0..batch * channels).map(|index| sums[spread(index)]).collect::<Vec<_>>());
                case.check(&expected, 1e-5, |p, i, o| {
                    let (inputs, outputs) = (Operands::of(i), [o[0], o[1]]);
                    reduce_groups(p, operands.extent, groups, i[0], inputs, outputs, function);
                });
            };
            operands.case(check, [batch * channels; 2]);
        }
    }
}

#[test]
fn reductions_over_the_channels_of_a_position() {
    for size @ (channels, positions, batch) in SIZES {
        let operands = Operands::new(size);
        let check = |case: &Case, f: &dyn Fn(usize) -> [f64; 2]| {
            let expected = sums(operands.len(), batch * positions, |index| index / channels, f);
            case.check(&expected, 1e-5, |p, i, o| {
                reduce_positions(p, operands.extent, i[0], Operands::of(i), [o[0], o[1]], function);
            });
        };
        operands.case(check, [batch * positions; 2]);
    }
}

fn random(stream: u32, distribution: Distribution, per: Per) -> Operand {
    Operand::Random(Random { stream, distribution, per })
}

#[test]
fn uniform_numbers_depend_on_the_place_alone() {
    use crate::random::{Purpose, Stream};
    for (channels, positions, batch) in SIZES {
        let expected = |stream, place: &dyn Fn(usize) -> usize| -> Vec<f64> {
            let stream = Stream::new(7, Purpose::Dropout, stream, 3);
            let len = batch * positions * channels;
            (0..len).map(|index| f64::from(stream.uniform(place(index) as u64))).collect()
        };
        let per_element = expected(5, &|index| index);
        let len = positions * channels;
        let per_channel = expected(6, &|index| index / len * channels + index % channels);
        let per_sample = expected(1 << 20, &|index| index / len);
        let outputs = [per_element.len(); 3];
        let case = Case { batch, labels: &[], inputs: &[], outputs: &outputs };
        case.check(&[per_element, per_channel, per_sample], 0.0, |p, _, o| {
            let inputs = [
                random(5, Distribution::Uniform, Per::Element),
                random(6, Distribution::Uniform, Per::SampleChannel),
                random(1 << 20, Distribution::Uniform, Per::Sample),
            ];
            pointwise(p, Extent { positions, channels }, inputs, [o[0], o[1], o[2]], |x| x);
        });
    }
}

#[test]
fn normal_numbers_have_the_moments_of_a_normal() {
    let (batch, extent) = (20_000, Extent { positions: 2, channels: 7 });
    let outputs = [batch * extent.len(); 2];
    let case = Case { batch, labels: &[], inputs: &[], outputs: &outputs };
    let results = case.run(&Pool::new(2), |p, _, o| {
        let inputs = [
            random(1, Distribution::Normal, Per::Element),
            random(2, Distribution::Normal, Per::SampleChannel),
        ];
        pointwise(p, extent, inputs, [o[0], o[1]], |x| x);
    });
    for values in &results {
        let moment =
            |power| values.iter().map(|&x| f64::from(x).powi(power)).sum::<f64>() / values.len() as f64;
        for (power, exact) in [(1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)] {
            assert!((moment(power) - exact).abs() < 0.05, "{power}: {}", moment(power));
        }
    }
    let again = Case { outputs: &[70; 1], ..case }.run(&Pool::with_isa(1, Isa::Portable), |p, _, o| {
        let (inputs, extent) =
            ([random(1, Distribution::Normal, Per::Element)], Extent { positions: 1, channels: 70 });
        pointwise(p, extent, inputs, [o[0]], |x| x);
    });
    assert_eq!(again[0], results[0][..70], "the same bits on every instruction set and in every extent");
}

#[test]
fn an_epilogue_draws_the_same_random_numbers() {
    use crate::emitted::{Linear, linear_then};
    let (batch, spec) = (300, Linear { inputs: 1, outputs: 7 });
    let (x, w) = (values(1, batch), values(2, 7));
    let case = Case { batch, labels: &[], inputs: &[&x, &w], outputs: &[batch * 7; 2] };
    let results = case.run(&Pool::new(2), |p, i, o| {
        let f = |[element, sample, _]: [f32; 3]| [element + sample];
        let element = random(2, Distribution::Uniform, Per::Element);
        let sample = random(3, Distribution::Normal, Per::Sample);
        linear_then(p, &spec, i[0], i[1], o[0], [element, sample, Operand::Result], f);
        let extent = Extent { positions: 1, channels: 7 };
        pointwise(p, extent, [element, sample], [o[1]], |[element, sample]| [element + sample]);
    });
    assert_eq!(results[0], results[1]);
}

#[test]
fn element_wise_results_are_the_same_bits_on_every_instruction_set() {
    let x = values(1, 1000);
    let case = Case { batch: 1, labels: &[], inputs: &[&x], outputs: &[1000] };
    let run = |isa| {
        case.run(&Pool::with_isa(1, isa), |p, i, o| {
            let (extent, inputs) = (Extent { positions: 100, channels: 10 }, [Operand::Full(i[0])]);
            pointwise(p, extent, inputs, [o[0]], |[x]| [math::tanh(x) * math::exp(x) + x]);
        })
    };
    for isa in Isa::available() {
        assert_eq!(run(isa), run(Isa::Portable), "{}", isa.name());
    }
}

#[test]
fn updates_follow_their_formula() {
    // Past one task, with a part of a block at the end.
    let len = 40_001;
    let (parameters, gradients, state) = (values(1, len), values(2, len), values(3, len));
    let run = |pool: &Pool| {
        let (mut parameters, mut states) = (parameters.clone(), [Buffer::from_slice(&state)]);
        let range = 0..len;
        let flat = Flat { parameters: &mut parameters, gradients: &gradients, states: &mut states, range };
        let u = Update::new(pool, flat, &[0.5, 0.9], 0.1, 4);
        let (lr, momentum, decay, step) = (u.hyperparameter(0), u.hyperparameter(1), u.decay(), u.step());
        update(&u, |parameter, gradient, [velocity]: [f32; 1]| {
            let velocity = momentum * velocity + gradient + decay * parameter;
            (parameter - lr / step * velocity, [velocity])
        });
        (parameters, states[0].to_vec())
    };
    let found = run(&Pool::new(1));
    let velocity: Vec<f64> = (0..len)
        .map(|at| 0.9 * f64::from(state[at]) + f64::from(gradients[at]) + 0.1 * f64::from(parameters[at]))
        .collect();
    let moved: Vec<f64> = (0..len).map(|at| f64::from(parameters[at]) - 0.125 * velocity[at]).collect();
    assert_close(&found.0, &moved, 1e-6, "parameters");
    assert_close(&found.1, &velocity, 1e-6, "state");
    assert!(run(&Pool::new(3)) == found && run(&Pool::with_isa(2, Isa::Portable)) == found);
}
