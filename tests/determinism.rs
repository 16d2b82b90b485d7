//! The same seed gives the same bits, whatever the number of threads.

use nnc::runtime::program::Program;
use nnc::runtime::random::{Purpose, Stream};
use nnc::{Model, Targets};

nnc::network!("examples/digits.nn");
nnc::network!("examples/resnet20.nn");

nnc::network! {
    /// A kernel of each kind.
    Kinds<4x13x11 -> 10> {
        allow(all)
        noise 0.1 conv3 8 groups=2 dilation=2 bn prelu as fine
        dwconv3 stride=2 ln gelu spatial_dropout 0.2 conv1 12 gn 3 rrelu
        deconv4 8 stride=2 crop before=1 instancenorm adaptive_pool 13x11
        mul { add fine | gap linear 8 sigmoid | conv1 1 tanh } permute [0, 2, 1]
        residual { lrn 3 conv3 8 rms selu alpha_dropout 0.1 stochastic_depth 0.3 }
        concat { avgpool3 stride=2 pad=1 | upsample size=6x7 mode=bilinear } pad 1 glu log_softmax
        adaptive_avgpool 4 flatten dropout 0.1 linear 10
    }
}

/// Batches of several sizes: work is shared out differently for each.
const BATCHES: [usize; 3] = [37, 64, 6];

#[test]
fn threads_do_not_change_a_bit_of_digits() {
    threads_do_not_change_a_bit(Digits::new(0).model().program());
}

#[test]
fn threads_do_not_change_a_bit_of_resnet20() {
    threads_do_not_change_a_bit(ResNet20::new(0).model().program());
}

#[test]
fn threads_do_not_change_a_bit_of_any_kernel() {
    threads_do_not_change_a_bit(Kinds::new(0).model().program());
}

#[test]
fn another_seed_is_another_network() {
    let program = Digits::new(0).model().program();
    assert_ne!(trained(program, 1, 2), trained(program, 2, 2));
}

/// Two networks that differ in nothing but the seed of their dropout learn different things.
#[test]
fn another_seed_drops_other_elements() {
    let program = Digits::new(0).model().program();
    let [first, again, other] = [1, 1, 2].map(|seed| {
        let mut model = Model::with_threads(program, seed, 2);
        for parameter in program.parameters {
            let values = Model::new(program, 7).parameter(parameter.name).expect("it is its own");
            model.set_parameter(parameter.name, &values).expect("it is its own");
        }
        train(&mut model);
        bits(&model)
    });
    assert_eq!(first, again);
    assert_ne!(first, other);
}

fn threads_do_not_change_a_bit(program: &'static Program) {
    let alone = trained(program, 5, 1);
    for threads in [1, 2, 3] {
        let together = trained(program, 5, threads);
        let differing: Vec<&str> =
            alone.iter().zip(&together).filter(|(a, b)| a != b).map(|(a, _)| a.0).collect();
        assert!(differing.is_empty(), "{} on {threads} threads: {differing:?}", program.name);
    }
}

/// All that a network consists of after some steps.
fn trained(program: &'static Program, seed: u64, threads: usize) -> Vec<(&'static str, Vec<u32>)> {
    let mut model = Model::with_threads(program, seed, threads);
    train(&mut model);
    bits(&model)
}

fn train(model: &mut Model) {
    let program = model.program();
    for (step, samples) in BATCHES.into_iter().enumerate() {
        let stream = Stream::new(3, Purpose::Augmentation, step as u32, 0);
        let len = samples * program.inputs[0].shape.iter().product::<usize>();
        let inputs: Vec<f32> = (0..len).map(|element| stream.normal(element as u64)).collect();
        let classes: Vec<u32> = (0..samples).map(|sample| stream.below(sample as u32, 10)).collect();
        model.train_step(&inputs, Targets::Classes(&classes)).expect("the batch fits");
    }
}

/// The bits of parameters, running statistics, gradients of the last step.
fn bits(model: &Model) -> Vec<(&'static str, Vec<u32>)> {
    let program = model.program();
    let mut found = Vec::new();
    for parameter in program.parameters {
        found.push((parameter.name, model.parameter(parameter.name)));
        found.push((parameter.name, model.gradient(parameter.name)));
    }
    found.extend(program.states.iter().map(|state| (state.name, model.state(state.name))));
    let bits = |values: Vec<f32>| values.iter().map(|value| value.to_bits()).collect();
    found.into_iter().map(|(name, values)| (name, bits(values.expect("it is its own")))).collect()
}
