//! Every word of the language against the reference: evaluation and a step of training of a small
//! network for each.
//!
//! A wrong derivative in the compiler, a wrong kernel or a wrong fusion shows here, under the name
//! of the word.

mod support;

use std::collections::BTreeSet;

use nnc::runtime::program::Program;
use nnc_dsl::words::WORDS;
use nnc_dsl::{Entry, Options, check};
use support::compiled::{Network, programs};
use support::values::{Batch, Generator};

nnc::network!("tests/networks/words.nn");

const TEXT: &str = include_str!("networks/words.nn");

/// The relative difference that is still agreement: these networks are too small to lose more
/// than two of the seven digits of `f32`.
const TOLERANCE: f64 = 2e-5;

#[test]
fn every_word_agrees_with_the_reference() {
    let failures: Vec<String> = all().into_iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_word_has_a_network() {
    for word in WORDS {
        let is_word = |text: &str| {
            let window = text.strip_prefix(word.name);
            window.is_some_and(|window| window.chars().all(|c| c.is_ascii_digit() || c == 'x'))
        };
        assert!(TEXT.split_whitespace().any(is_word), "no network of the file has `{}`", word.name);
    }
}

#[test]
fn no_network_of_the_file_is_left_out() {
    let outcome = check(TEXT, Entry::File, &Options::default());
    let written: BTreeSet<&str> = outcome.models.iter().map(|model| model.name.as_str()).collect();
    let tried: BTreeSet<&str> = all().iter().map(|program| program.name).collect();
    assert_eq!(tried, written);
}

fn all() -> Vec<&'static Program> {
    programs![
        Activations ActivationChain ActivationFirst Softmax SoftmaxOfMap Windows Strides Pads
        Channels Linears FlattenInput FlattenOutput BatchNorm BatchNormRelu BatchNormAfterLinear
        BatchNormAfterBias BatchNormFirst BatchNormLast BatchNormAfterPool BatchNormAfterActivation
        BatchNormTwice MaxPools MaxPoolAfterRelu MaxPoolFirst AvgPools AvgPoolFused ConcatIdentity
        ConcatVectors ConcatNorm Add AddSame Residual ResidualNorm ResidualShortcut ResidualPooled
        ResidualNested PreActivation DenseBlock Dropout DropoutOfMap DropoutInResidual Regression
    ]
    .to_vec()
}

/// How the network fails to agree, if it does. The batches are odd, to leave a remainder in every
/// vector, and one is a single sample, which batch norm of a vector has no variance for.
fn failure(program: &'static Program) -> Option<String> {
    let mut network = Network::random(program, 21);
    let mut generator = Generator::new(22);
    let [large, small, single] =
        [7, 3, 1].map(|samples| Batch::random(&network.checked, samples, &mut generator));
    let mut report = network.evaluation(&large);
    report.extend(network.step(&large));
    report.extend(network.step(&small));
    report.extend(network.step(&single));
    report.extend(network.evaluation(&small));
    let worst = report.worst();
    let agrees = worst.relative < TOLERANCE;
    (!agrees).then(|| format!("{}: {worst}", program.name))
}
