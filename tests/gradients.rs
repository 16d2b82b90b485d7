//! Every word of the language, every way that words meet, and every block of the library against the
//! reference: evaluation and steps of training of a small network for each.
//!
//! A wrong derivative in the compiler, a wrong kernel or a wrong fusion shows here, under the name
//! of the word. Prints the worst relative difference of each network with `--nocapture`; with `NNC_DUMP=DIR`
//! it also writes what `tests/pytorch/words.py` compares with PyTorch.

#[path = "support/dump.rs"]
mod dump;
#[path = "support/networks.rs"]
mod networks;
mod support;

use std::collections::BTreeSet;

use networks::{library, structure, words};
use nnc::runtime::program::Program;
use nnc::runtime::select::Mode;
use nnc_dsl::words::WORDS;
use nnc_dsl::{Entry, Options, check};
use support::compiled::{FORWARD_TOLERANCE, Network, forward_by_default};
use support::values::{Batch, Generator};

mod large {
    use nnc::runtime::program::Program;

    nnc::network!("tests/networks/large.nn");

    pub(super) fn all() -> Vec<&'static Program> {
        crate::support::compiled::programs![LargeMaps LargeLine LargeVolume LargeVectors].to_vec()
    }
}

const TEXTS: [&str; 4] = [
    include_str!("networks/words.nn"),
    include_str!("networks/structure.nn"),
    include_str!("networks/library.nn"),
    include_str!("networks/large.nn"),
];

/// The relative difference that is still agreement. `f32` has seven digits, and these networks are too
/// small to lose three of them, as long as nothing saturates and no normalisation is left with one or two
/// elements, whose gradients are differences of nearly equal numbers.
const TOLERANCE: f64 = 5e-5;

const SEED: u64 = 21;

#[test]
fn every_word_agrees_with_the_reference() {
    agree(words::all());
}

#[test]
fn every_structure_agrees_with_the_reference() {
    agree(structure::all());
}

#[test]
fn every_block_of_the_library_agrees_with_the_reference() {
    agree(library::all());
}

#[test]
fn large_networks_agree_with_the_reference() {
    agree(large::all());
}

#[test]
fn every_word_has_a_network() {
    for word in WORDS {
        let is_word = |text: &str| {
            let window = text.strip_prefix(word.name);
            window.is_some_and(|window| window.chars().all(|c| c.is_ascii_digit() || c == 'x'))
        };
        assert!(TEXTS[0].split_whitespace().any(is_word), "no network of the file has `{}`", word.name);
    }
}

#[test]
fn every_block_of_the_library_has_a_network() {
    for block in nnc_dsl::library::names() {
        let is_used = TEXTS[2].split_whitespace().any(|word| word == block);
        assert!(is_used, "no network of the file has `{block}`");
    }
}

#[test]
fn no_network_of_the_files_is_left_out() {
    for (text, tried) in TEXTS.into_iter().zip([words::all(), structure::all(), library::all(), large::all()])
    {
        let outcome = check(text, Entry::File, &Options::default());
        let written: BTreeSet<&str> = outcome.models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(tried.iter().map(|program| program.name).collect::<BTreeSet<&str>>(), written);
    }
}

fn agree(programs: Vec<&'static Program>) {
    let failures: Vec<String> = programs.into_iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// How the network fails to agree, if it does. The batches are odd, to leave a remainder in every
/// vector, and one is a single sample, which batch norm of a vector has no variance for.
#[expect(clippy::print_stdout, reason = "the measured difference is wanted beside the verdict")]
fn failure(program: &'static Program) -> Option<String> {
    let mut network = Network::random(program, Mode::Deterministic, SEED);
    let mut generator = Generator::new(22);
    let [large, small, single] =
        [7, 3, 1].map(|samples| Batch::random(&network.checked, samples, &mut generator));
    dump::write(program, SEED, &large);
    let mut report = network.evaluation(&large);
    report.extend(network.step(&large));
    report.extend(network.step(&small));
    report.extend(network.step(&single));
    report.extend(network.evaluation(&small));
    let forward = forward_by_default(program, SEED, [&large, &small]);
    let (worst, forward) = (report.worst(), forward.worst());
    println!("{:26} {worst}, forward by default {forward}", program.name);
    let agrees = worst.relative < TOLERANCE && forward.relative < FORWARD_TOLERANCE;
    (!agrees).then(|| format!("{}: {worst}, forward by default {forward}", program.name))
}
