//! Every word of the language and every block of its library on the emitted kernels, as the tests of whole
//! networks have them.

use nnc_codegen::graph::Mode;
use nnc_dsl::{Entry, Options, check};

use super::{Precision, compare_plan, optimised};
use crate::gradients::feed;

/// Both modes in single precision; in others training alone, which has all kernels of evaluation but what is folded.
fn check_networks(source: &str, others: &[Precision]) {
    let models = check(source, Entry::File, &Options::default()).models;
    assert!(!models.is_empty(), "the networks have no mistakes");
    for model in &models {
        let exact = [Mode::Training, Mode::Evaluation].map(|mode| (mode, Precision::F32));
        let rounded = others.iter().map(|precision| (Mode::Training, *precision));
        for (mode, precision) in exact.into_iter().chain(rounded) {
            let plan = optimised(model, mode);
            let feed = feed(&plan.graph);
            if let Err(difference) = compare_plan(&plan, &feed, precision, &str::to_owned) {
                panic!("{}, {mode:?}, {precision:?}: {difference}", model.name);
            }
        }
    }
}

#[test]
fn words() {
    check_networks(include_str!("../../../../tests/networks/words.nn"), &[Precision::Bf16, Precision::F16]);
}

#[test]
fn structures() {
    check_networks(include_str!("../../../../tests/networks/structure.nn"), &[Precision::Bf16]);
}

#[test]
fn blocks_of_the_library() {
    check_networks(include_str!("../../../../tests/networks/library.nn"), &[Precision::Bf16]);
}
