//! Kernels broken on purpose: what the comparison is for.

use nnc_codegen::graph;
use nnc_codegen::graph::Mode;
use nnc_dsl::model::{CheckedModel, Conv, Layer};
use nnc_dsl::scalar::{Binary, Expr};

use super::check_changed;
use crate::gradients::feed;
use crate::models::{Body, pooling, window};

/// Statistics, sums, functions of each element, and pools whose windows overlap.
fn model() -> CheckedModel {
    let norm = Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 };
    let relu = Layer::Activation(Expr::var(0).binary(Binary::Max, Expr::Const(0.0)));
    let body = Body::new(&[4, 5, 5]).mixed().same("bn", norm).same("relu", relu);
    let body = body.layer("maxpool", Layer::MaxPool(pooling(3, 2, 1)), &[4, 3, 3]);
    body.same("ln", Layer::LayerNorm { eps: 1e-3 }).mixed().model()
}

/// Sums over enough pixels for several blocks.
fn shared_among_blocks() -> CheckedModel {
    let scale = || Layer::Scale { initial: 0.5 };
    Body::new(&[256, 12, 12]).same("scale", scale()).same("scale", scale()).model()
}

/// A convolution that a library may compute.
fn convolution() -> CheckedModel {
    let conv = Layer::Conv(Conv { bias: true, ..window(&[3, 3], 1, 1) });
    let relu = Layer::Activation(Expr::var(0).binary(Binary::Max, Expr::Const(0.0)));
    let body = Body::new(&[8, 5, 5]).same("scale", Layer::Scale { initial: 0.5 });
    body.layer("conv", conv, &[16, 5, 5]).same("relu", relu).model()
}

/// Asserts that replacing `old` by `new` in all texts is found, in a kernel that has it.
fn caught(old: &str, new: &str) {
    caught_in(&model(), old, new);
}

fn caught_in(model: &CheckedModel, old: &str, new: &str) {
    let feed = feed(&graph(model, Mode::Training));
    let change = |text: &str| text.replace(old, new);
    let Err(difference) = check_changed(model, &feed, &change) else {
        panic!("nobody notices `{new}` instead of `{old}`");
    };
    assert!(difference.contains(new), "`{new}` instead of `{old}` was not the mistake:\n{difference}");
}

#[test]
fn the_models_are_right_unchanged() {
    for model in [model(), shared_among_blocks(), convolution()] {
        let feed = feed(&graph(&model, Mode::Training));
        assert_eq!(check_changed(&model, &feed, &str::to_owned), Ok(()));
    }
}

#[test]
fn barriers_that_are_missing() {
    caught(
        "        barrier();\n        if (row < half && row + half",
        "        if (row < half && row + half",
    );
    let blocks = shared_among_blocks();
    caught_in(&blocks, "        barrier();\n        if (row < half) ", "        if (row < half) ");
    caught_in(&blocks, "block * 256 +", "block * 255 +");
}

#[test]
fn indices_that_are_off_by_one() {
    // One pixel further on, one channel, one row of a block, one window.
    caught("+ at;", "+ at + 1;");
    caught("shared[lane]", "shared[lane ^ 1]");
    caught("pixel = first + row;", "pixel = first + row + 1;");
    caught("int_max(y * 2 - 1, 0)", "int_max(y * 2, 0)");
    caught("sample * 25 + ", "sample * 24 + ");
}

#[test]
fn a_weight_that_is_turned_wrongly_for_a_library() {
    caught_in(&convolution(), "(int64)row * 72 + column", "(int64)row * 64 + column");
}

#[test]
fn functions_and_operands_that_are_swapped() {
    caught("nnc_max(", "nnc_min(");
    caught("value[i] > best[i]", "value[i] < best[i]");
    caught("add_to_moments(share, mean + i, squares + i, ", "add_to_moments(share, squares + i, mean + i, ");
    caught("store1(mean_at + ", "store1(variance_at + ");
    caught("(float)i * count", "count");
}
