//! What words cost.

use crate::models::{Body, window};
use nnc_codegen::compile;
use nnc_codegen::summary::{Cost, summary};
use nnc_dsl::model::{Conv, Layer, StepKind};

/// Parameters and multiply-adds of a layer, the parameters also as the plan has them.
fn cost(layer: Layer, input: &[usize], output: &[usize]) -> (u64, u64) {
    let model = Body::new(input).layer("word", layer, output).model();
    let compiled = compile(&model);
    let summary = summary(&model, &compiled);
    let planned = compiled.training.graph.parameters.iter();
    let planned: usize = planned.map(|parameter| parameter.dims.iter().product::<usize>()).sum();
    assert_eq!(summary.parameters, planned as u64, "the plan has as many");
    (summary.parameters, summary.macs)
}

#[test]
fn groups_divide_the_weights() {
    let grouped = Conv { groups: 2, bias: true, ..window(&[3, 3], 1, 1) };
    assert_eq!(cost(Layer::Conv(grouped), &[4, 5, 5], &[6, 5, 5]), (9 * 2 * 6 + 6, 9 * 2 * 6 * 25));
    let depthwise = Conv { groups: 4, ..window(&[3], 1, 1) };
    assert_eq!(cost(Layer::Conv(depthwise), &[4, 7], &[4, 7]), (3 * 4, 3 * 4 * 7));
}

#[test]
fn a_transposed_convolution_works_at_the_positions_of_its_input() {
    let layer = Layer::ConvTranspose { conv: window(&[2, 2], 2, 0), output_pad: vec![0, 0] };
    assert_eq!(cost(layer, &[3, 4, 4], &[5, 8, 8]), (4 * 3 * 5, 4 * 3 * 5 * 16));
}

#[test]
fn norms_and_slopes_have_parameters_per_channel() {
    let shape = [6, 2, 2];
    let cases = [
        (Layer::LayerNorm { eps: 1e-5 }, 12),
        (Layer::GroupNorm { groups: 2, eps: 1e-5, affine: true }, 12),
        (Layer::GroupNorm { groups: 6, eps: 1e-5, affine: false }, 0),
        (Layer::RmsNorm { eps: 1e-5 }, 6),
        (Layer::Scale { initial: 0.1 }, 6),
        (Layer::PRelu { initial: 0.25 }, 6),
    ];
    for (layer, parameters) in cases {
        assert_eq!(cost(layer.clone(), &shape, &shape), (parameters, 0), "{layer:?}");
    }
}

#[test]
fn a_shared_part_is_counted_where_it_is_used_first() {
    let shape = [3, 2, 2];
    let tower = || StepKind::Shared { path: "tower".to_owned(), body: Body::new(&shape).mixed().sequence() };
    let body = Body::new(&shape).step("tower", tower(), &shape).step("tower", tower(), &shape);
    let model = body.model();
    let compiled = compile(&model);
    let summary = summary(&model, &compiled);
    let costs: Vec<Option<Cost>> = summary.rows.iter().map(|row| row.cost).collect();
    let [first, second] = [12, 0].map(|parameters| Some(Cost { parameters, macs: 9 * 4 }));
    assert_eq!(costs, [None, first, None, second]);
    assert_eq!((summary.parameters, summary.macs), (12, 72));
}

#[test]
fn what_is_frozen_has_no_gradients_and_no_optimiser_states() {
    let frozen = Body::new(&[16]).mixed().learning_rate(0.0).mixed().model();
    let memory = summary(&frozen, &compile(&frozen)).memory;
    let bytes = 4 * (16 * 16 + 16);
    assert_eq!((memory.parameters, memory.gradients), (2 * bytes, bytes));
    assert_eq!(memory.optimizer, 2 * bytes, "two states of Adadelta");
}
