//! Every word of the language and every block of its library on the emitted kernels, as the tests of whole
//! networks have them.

use nnc_codegen::graph::Mode;
use nnc_dsl::{Entry, Options, check};

use super::{Precision, compare_plan, optimised};
use crate::gradients::feed;

/// Both modes in single precision; in bf16 and f16 training alone, which has all kernels of evaluation but what is
/// folded.
fn check_networks(source: &str) {
    let models = check(source, Entry::File, &Options::default()).models;
    assert!(!models.is_empty(), "the networks have no mistakes");
    for model in &models {
        let ways = [
            (Mode::Training, Precision::F32),
            (Mode::Evaluation, Precision::F32),
            (Mode::Training, Precision::Bf16),
            (Mode::Training, Precision::F16),
        ];
        for (mode, precision) in ways {
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
    check_networks(include_str!("../../../../tests/networks/words.nn"));
}

#[test]
fn structures() {
    check_networks(include_str!("../../../../tests/networks/structure.nn"));
}

#[test]
fn blocks_of_the_library() {
    check_networks(include_str!("../../../../tests/networks/library.nn"));
}
