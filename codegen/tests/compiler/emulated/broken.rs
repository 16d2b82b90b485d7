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

/// A convolution that a library may compute, and another that reads what is fused after it.
fn convolutions() -> CheckedModel {
    let conv = |size| Layer::Conv(Conv { bias: true, ..window(&[size, size], 1, size / 2) });
    let relu = Layer::Activation(Expr::var(0).binary(Binary::Max, Expr::Const(0.0)));
    let body = Body::new(&[8, 5, 5]).same("scale", Layer::Scale { initial: 0.5 });
    body.layer("conv", conv(3), &[16, 5, 5]).same("relu", relu).layer("last", conv(1), &[16, 5, 5]).model()
}

/// A convolution and the statistics of its result, over several tiles, the last of them in part.
fn normalised() -> CheckedModel {
    let norm = Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 };
    let body = Body::new(&[8, 5, 5]).same("scale", Layer::Scale { initial: 0.5 });
    body.layer("conv", Layer::Conv(window(&[3, 3], 1, 1)), &[16, 5, 5]).same("bn", norm).model()
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
    for model in [model(), shared_among_blocks(), convolutions(), normalised()] {
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
fn places_around_a_library() {
    let model = convolutions();
    // The weight's rows, the product in the workspace, and rows of the weight's gradient.
    caught_in(&model, "(int64)row * 72 + column", "(int64)row * 64 + column");
    caught_in(&model, "workspace + 1152 + ", "workspace + 1136 + ");
    caught_in(&model, "(int64)row * 16 + column", "(int64)row * 12 + column");
}

#[test]
fn moments_of_tiles() {
    let model = normalised();
    // Tiles, and threads, each have an origin of their own.
    caught_in(&model, "(own_origin[0] - origin[0])", "0.0f");
    caught_in(&model, "(origins[at] - origins[column])", "0.0f");
    // The last tile has fewer rows; a thread has every so many of them.
    caught_in(&model, "pixels - begin < share ? pixels - begin : share", "share");
    caught_in(&model, "(rows_left - owner + OWNERS - 1) / OWNERS", "(TILE_M - owner + OWNERS - 1) / OWNERS");
    // The tile is read before moments take its place, and those of all threads are there before they are.
    let stores = "    float_store8(origins + ";
    caught_in(&model, &format!("    barrier();\n{stores}"), stores);
    caught_in(&model, "    barrier();\n    for (int column = ", "    for (int column = ");
}

#[test]
fn functions_and_operands_that_are_swapped() {
    caught("nnc_max(", "nnc_min(");
    caught("value[i] > best[i]", "value[i] < best[i]");
    caught("add_to_moments(share, mean + i, squares + i, ", "add_to_moments(share, squares + i, mean + i, ");
    caught("store1(mean_at + ", "store1(variance_at + ");
    caught("(float)i * count", "count");
}
