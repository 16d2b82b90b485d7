//! Every way to compute products on CUDA: tiles of all sizes, shared depths, vectors of all widths.
//!
//! The models of `gradients` are too small for most ways. Here each case names those that it is for, so that
//! none goes untested when the choice changes.

use std::collections::BTreeSet;

use nnc_codegen::cuda::{Emitter, Product, Step};
use nnc_codegen::graph::{Mode, Node};
use nnc_codegen::plan::plan;
use nnc_codegen::{graph, passes};
use nnc_dsl::model::{CheckedModel, Conv, Init, Layer};
use nnc_dsl::scalar::Expr;

use crate::emulated;
use crate::gradients::feed;
use crate::models::{Body, window};

/// One layer between two plain ones, so that it has both gradients.
fn between(input: &[usize], layer: Layer, output: &[usize]) -> CheckedModel {
    let scale = || Layer::Scale { initial: 0.5 };
    let body = Body::new(input).same("before", scale()).layer("layer", layer, output);
    body.same("after", scale()).model()
}

/// A convolution and what `more` lays over it, then a batch norm: statistics of the product's result. Nothing before
/// the norm learns.
fn normalised(input: &[usize], conv: Conv, output: &[usize], more: Option<Expr>) -> CheckedModel {
    let body = Body::new(input).layer("conv", Layer::Conv(conv), output).learning_rate(0.0);
    let body = more.into_iter().fold(body, |body, more| body.same("more", Layer::Activation(more)));
    body.same("bn", Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 }).model()
}

fn check(name: &str, model: &CheckedModel, ways: &[&str]) {
    let training = graph(model, Mode::Training);
    emulated::check(name, model, &feed(&training));
    assert_offered(name, model, "", ways);
}

/// The same in training alone, for products with statistics.
fn check_statistics(name: &str, model: &CheckedModel, ways: &[&str]) {
    emulated::check_training(name, model);
    assert_offered(name, model, "conv_statistics: ", ways);
}

fn assert_offered(name: &str, model: &CheckedModel, operation: &str, ways: &[&str]) {
    let offered = offered(model);
    for way in ways {
        let is_offered = offered.contains(&format!("{operation}{way}"));
        assert!(is_offered, "{name} is for {operation}{way}, but offers {offered:?}");
    }
}

/// The names of all candidates in training, with their operations.
fn offered(model: &CheckedModel) -> BTreeSet<String> {
    let name = |operation, way: &str| format!("{operation}: {way}");
    products(model)
        .iter()
        .flat_map(|product| product.candidates.iter().map(|way| name(product.operation, &way.name)))
        .collect()
}

/// The products of training.
fn products(model: &CheckedModel) -> Vec<Product> {
    let mut graph = graph(model, Mode::Training);
    passes::optimise(&mut graph);
    let plan = plan(graph);
    let mut emitter = Emitter::new(&plan, Vec::new());
    let nodes: Vec<&Node> = plan.graph.nodes.iter().collect();
    let steps = emitter.steps(&nodes);
    let product = |step| match step {
        Step::Product(product) => Some(product),
        Step::Launch(_) => None,
    };
    steps.into_iter().flat_map(|(_, steps)| steps).filter_map(product).collect()
}

#[test]
fn wide_products_have_large_tiles() {
    let conv = Conv { bias: true, ..window(&[1, 1], 1, 0) };
    let model = between(&[72, 12, 12], Layer::Conv(conv), &[136, 12, 12]);
    let ways =
        ["conv: simt 128x128", "conv: mma 256x128", "conv: mma 128x128", "conv_backward_data: mma 128x64"];
    check("72 to 136 channels", &model, &ways);
    let model = between(&[64, 9, 9], Layer::Conv(window(&[3, 3], 1, 1)), &[64, 9, 9]);
    let ways = [
        "conv: simt 64x64",
        "conv: mma 128x64",
        "conv: mma 64x64",
        "conv_backward_data: simt 64x64",
        "conv_backward_weight: simt 64x64 split",
        "conv_backward_weight: mma 64x64 split",
    ];
    check("64 channels", &model, &ways);
}

#[test]
fn narrow_products_have_narrow_tiles() {
    let model = between(&[20, 13, 12], Layer::Conv(window(&[3, 3], 2, 1)), &[24, 7, 6]);
    check("a stride", &model, &["conv: mma 64x32", "conv_backward_data: mma 64x32"]);
    let model = between(&[3, 33, 32], Layer::Conv(window(&[7, 5], 2, 2)), &[32, 15, 16]);
    let ways = ["conv: simt 128x32", "conv: mma 64x32", "conv_backward_weight: simt 64x32 split"];
    check("three channels", &model, &ways[..2]);
    let dilated = Conv { dilation: vec![2, 3], groups: 2, ..window(&[3, 2], 2, 2) };
    let model = between(&[20, 11, 12], Layer::Conv(dilated), &[36, 6, 7]);
    check("groups", &model, &["conv: mma 64x32", "conv_backward_data: mma 64x32"]);
}

#[test]
fn few_rows_share_the_depth() {
    let linear = Layer::Linear { bias: true, init: Init::HE_NORMAL };
    let ways = ["conv: simt 32x32 split", "conv: mma 64x64 split", "conv_backward_data: mma 64x64 split"];
    check("linear", &between(&[1100], linear.clone(), &[524]), &ways);
    let model = between(&[776], linear, &[10]);
    check("classes", &model, &["conv: mma 64x32 split"]);
}

#[test]
fn a_group_for_each_channel_has_kernels_of_its_own() {
    let depthwise = |groups: usize, conv: Conv| Layer::Conv(Conv { groups, ..conv });
    let cases: [(&str, Layer, &[usize], &[usize]); 4] = [
        ("a stride", depthwise(24, window(&[3, 3], 2, 1)), &[24, 13, 14], &[24, 7, 7]),
        ("many taps", depthwise(20, window(&[5, 5], 1, 2)), &[20, 11, 12], &[20, 11, 12]),
        ("a multiplier", depthwise(6, window(&[3, 2], 2, 1)), &[6, 9, 10], &[18, 5, 6]),
        ("a line", depthwise(5, Conv { dilation: vec![2], ..window(&[3], 1, 0) }), &[5, 300], &[5, 296]),
    ];
    for (name, layer, input, output) in cases {
        let operations = ["conv", "conv_backward_data", "conv_backward_weight"];
        let ways = operations.map(|operation| format!("{operation}: depthwise"));
        check(name, &between(input, layer, output), &ways.each_ref().map(String::as_str));
    }
}

/// Tiles that are full and not, of rows and of columns, with vectors of all widths; blocks that share the depth; groups.
#[test]
fn every_way_has_statistics_of_its_result() {
    let affine = Expr::Const(0.5) - Expr::Const(2.0) * Expr::var(0);
    let plain = |size: usize| window(&[size, size], 1, size / 2);
    let grouped = Conv { dilation: vec![2, 3], groups: 2, ..window(&[3, 2], 2, 2) };
    let depthwise = Conv { groups: 24, ..window(&[3, 3], 2, 1) };
    let (large, square) = (["simt 128x128", "mma 256x128", "mma 128x128"], ["mma 128x64", "mma 64x64"]);
    type Case<'a> = (&'a str, &'a [usize], Conv, &'a [usize], Option<Expr>, &'a [&'a str]);
    let cases: [Case; 9] = [
        ("wide", &[72, 12, 12], plain(1), &[136, 12, 12], Some(affine.clone()), &large),
        ("square", &[64, 9, 9], plain(3), &[64, 9, 9], None, &square),
        ("odd", &[16, 9, 9], plain(3), &[57, 9, 9], Some(affine.clone()), &["simt 64x64", "mma 64x64"]),
        ("narrow", &[3, 33, 32], window(&[7, 5], 2, 2), &[32, 15, 16], None, &["simt 128x32", "mma 64x32"]),
        ("a stride", &[20, 13, 12], window(&[3, 3], 2, 1), &[24, 7, 6], Some(affine), &["mma 64x32"]),
        ("groups", &[20, 11, 12], grouped, &[36, 6, 7], None, &["mma 64x32"]),
        ("few", &[1, 40, 40], plain(1), &[9, 40, 40], None, &["simt 32x32"]),
        ("deep", &[256, 3, 3], plain(3), &[44, 3, 3], None, &["simt 32x32 split", "mma 64x64 split"]),
        ("depthwise", &[24, 13, 14], depthwise, &[24, 7, 7], None, &["depthwise"]),
    ];
    for (name, input, conv, output, more, ways) in cases {
        check_statistics(name, &normalised(input, conv, output, more), ways);
    }
}

/// With few bits, numbers far from zero deviate as they are stored, not as they are computed: what they are rounded by
/// has a variance of its own, of 1/3 at eight bits.
#[test]
fn statistics_of_a_product_are_those_of_what_is_stored() {
    let far = Expr::Const(300.0) + Expr::Const(3.0) * Expr::var(0);
    let model = |input: &[usize], output: &[usize]| {
        normalised(input, window(&[1, 1], 1, 0), output, Some(far.clone()))
    };
    check_statistics("far from zero", &model(&[16, 13, 13], &[64, 13, 13]), &["mma 128x64"]);
    check_statistics("few channels far from zero", &model(&[3, 40, 40], &[5, 40, 40]), &["simt 32x32"]);
}

/// Tiles by the thousand are put together in two launches.
#[test]
fn many_tiles_are_put_together_in_two_turns() {
    let launches = |side: usize| {
        let model = normalised(&[3, side, side], window(&[1, 1], 1, 0), &[9, side, side], None);
        let products = products(&model);
        let product = products.iter().find(|product| product.operation == "conv_statistics");
        product.expect("the only convolution").candidates[0].launches.len()
    };
    assert_eq!([16, 17].map(launches), [2, 3]);
}
