//! The example networks against the reference: evaluation, and steps of training.
//!
//! Prints the worst relative difference of each network with `--nocapture`. With `NNC_DUMP=DIR`
//! it also writes what `tests/pytorch/parity.py` compares with PyTorch.

#[path = "support/dump.rs"]
mod dump;
mod support;

use nnc::runtime::program::Program;
use nnc::runtime::select::Mode;
use support::compiled::{FORWARD_TOLERANCE, Network, forward_by_default, programs};
use support::values::{Batch, Generator};

nnc::network!("examples/digits.nn");
nnc::network!("examples/mnist.nn");
nnc::network!("examples/resnet20.nn");
nnc::network!("examples/vgg.nn");

/// The relative difference that is still agreement. `f32` has seven digits; sums over a map and
/// the layers of a network cost three of them at worst.
const TOLERANCE: f64 = 1e-4;

/// Of the parameters. A gradient jumps where the input of a ReLU is zero, and of the millions of a deep network there may
/// be one so near to it that rounding decides; with the seed of each network here, none is.
const SEED: u64 = 11;

#[test]
fn digits_agree_with_the_reference() {
    agree(programs![Digits], SEED, [5, 3]);
}

#[test]
fn mnist_agrees_with_the_reference() {
    agree(programs![Mnist], SEED, [5, 3]);
}

#[test]
fn resnet20_agrees_with_the_reference() {
    agree(programs![ResNet20], 12, [5, 3]);
}

/// A thousand million multiply-adds a sample: two are a batch.
#[test]
fn vgg_agrees_with_the_reference() {
    agree(programs![Vgg], SEED, [2, 1]);
}

/// Two steps on batches of two sizes, with an evaluation before and after. Gradients are those of
/// [`Mode::Deterministic`], outputs and losses those of the default mode too.
#[expect(clippy::print_stdout, reason = "the measured difference is wanted beside the verdict")]
fn agree([program]: [&'static Program; 1], seed: u64, [first, last]: [usize; 2]) {
    let mut network = Network::random(program, Mode::Deterministic, seed);
    let mut generator = Generator::new(12);
    let [first, last] = [first, last].map(|samples| Batch::random(&network.checked, samples, &mut generator));
    dump::write(program, seed, &first);
    let mut report = network.evaluation(&first);
    report.extend(network.step(&first));
    report.extend(network.step(&last));
    report.extend(network.evaluation(&last));
    let forward = forward_by_default(program, seed, [&first, &last]);
    println!("{:10} {}, forward by default {}", program.name, report.worst(), forward.worst());
    assert!(report.worst().relative < TOLERANCE, "{}: {}", program.name, report.worst());
    assert!(forward.worst().relative < FORWARD_TOLERANCE, "{}: {}", program.name, forward.worst());
}
