//! Evaluation keeps packed weights, and they are those of the parameters as they are.

use std::sync::Arc;

use std::path::Path;

use nnc::runtime::devices::cpu::Pool;
use nnc::runtime::random::{Purpose, Stream};
use nnc::runtime::select::{Algorithm, Mode, Selector};
use nnc::{Model, Targets};

nnc::network! {
    /// Weights of windows, in groups, transposed, used twice, folded with a norm, and of linear layers.
    Kinds<3x14x13 -> 10> {
        allow(all)
        shared twice { conv3 16 }
        conv3 16 bn relu
        twice relu pool2 twice relu
        conv3 16 groups=4 relu
        deconv4 6 stride=2 pad=1
        conv1 20 gap linear 30 relu linear 10
    }
}

/// How algorithms are chosen: each packs in its own way.
const MODES: [Mode; 5] = [
    Mode::Heuristic,
    Mode::Always(Algorithm::ImplicitGemm),
    Mode::Always(Algorithm::Spread),
    Mode::Always(Algorithm::Winograd2),
    Mode::Always(Algorithm::Winograd4),
];

/// Batches for which weights are packed in panels of different widths.
const BATCHES: [usize; 2] = [1, 20];

#[test]
fn evaluation_follows_a_step() {
    check(|model| {
        let classes: Vec<u32> = (0..7).collect();
        model.set_learning_rate(0.1).expect("it has one");
        model.train_step(&inputs(model, 7), Targets::Classes(&classes)).expect("the batch fits");
    });
}

#[test]
fn evaluation_follows_a_parameter() {
    check(|model| {
        for parameter in model.program().parameters {
            let values = model.parameter(parameter.name).expect("it is its own");
            let changed: Vec<f32> = values.iter().map(|value| 0.9 * value + 0.01).collect();
            model.set_parameter(parameter.name, &changed).expect("it is its own");
        }
    });
}

#[test]
fn evaluation_follows_a_state() {
    check(|model| {
        let name = "bn1.running_var";
        let values = model.state(name).expect("the network has it");
        let changed: Vec<f32> = values.iter().map(|value| value + 1.0).collect();
        model.set_state(name, &changed).expect("the network has it");
    });
}

#[test]
fn evaluation_follows_a_checkpoint() {
    check(|model| {
        let other = Model::new(model.program(), 77).checkpoint().unwrap();
        model.restore(&other, Path::new("memory")).expect("the network is the same");
    });
}

/// Two networks of one kind, each with weights of its own.
#[test]
fn models_keep_their_own() {
    let program = Kinds::new(0).model().program();
    let mut models = [1, 2].map(|seed| Model::new(program, seed));
    let before = models.each_mut().map(outputs);
    assert_ne!(before[0], before[1]);
    assert_eq!(models.each_mut().map(outputs), before);
}

/// What is kept is allocated once for each size of batch.
#[test]
fn the_workspace_stops_growing() {
    let mut model = Model::with_threads(Kinds::new(0).model().program(), 0, 1);
    let mut round = || {
        let classes = [1; 20];
        model.train_step(&inputs(&model, 20), Targets::Classes(&classes)).expect("the batch fits");
        outputs(&mut model);
        model.workspace()
    };
    let first = round();
    assert!(first > 0);
    assert_eq!(round(), first);
}

/// Whether a model that has evaluated, changes and evaluates again says what one says that has never known
/// other parameters.
#[track_caller]
fn check(change: impl Fn(&mut Model)) {
    for mode in MODES {
        let fresh = || {
            let pool = Pool::new(2).with_selector(Selector::new(mode));
            Model::with_pool(Kinds::new(0).model().program(), 3, Arc::new(pool))
        };
        let mut model = fresh();
        let before = outputs(&mut model);
        assert_eq!(outputs(&mut model), before, "{mode:?}, twice");
        change(&mut model);
        let after = outputs(&mut model);
        assert_ne!(after, before, "{mode:?}");
        let mut other = fresh();
        other.restore(&model.checkpoint().unwrap(), Path::new("memory")).expect("the network is the same");
        assert_eq!(after, outputs(&mut other), "{mode:?}, changed");
    }
}

/// The bits of what it says about batches of several sizes.
fn outputs(model: &mut Model) -> Vec<Vec<u32>> {
    BATCHES.map(|samples| predict(model, samples)).to_vec()
}

fn predict(model: &mut Model, samples: usize) -> Vec<u32> {
    let outputs = model.predict(&inputs(model, samples)).expect("the batch fits");
    outputs.into_iter().map(f32::to_bits).collect()
}

fn inputs(model: &Model, samples: usize) -> Vec<f32> {
    let stream = Stream::new(3, Purpose::Augmentation, 0, 0);
    let len = samples * model.program().inputs[0].shape.iter().product::<usize>();
    (0..len).map(|element| stream.normal(element as u64)).collect()
}
