//! How many kernels remain, and which. What they compute is tested by the gradients.

use crate::models::{Body, window};
use nnc_codegen::compile;
use nnc_codegen::graph::{Node, Op, Section};
use nnc_dsl::model::{CheckedModel, Conv, Init, Join, Layer};
use nnc_dsl::scalar::{Binary, Expr, Unary};

/// The kernels of a section of the training pass, by the path of the word they belong to.
fn kernels(model: &CheckedModel, section: Section, path: &str) -> Vec<String> {
    let graph = compile(model).training.graph;
    let own = |node: &&Node| {
        node.section == section && graph.origins[node.origin.0].path() == path && node.op != Op::Reshape
    };
    graph.nodes.iter().filter(own).map(|node| format!("{} {}", node.op.name(), node.outputs.len())).collect()
}

fn relu() -> Layer {
    Layer::Activation(Expr::var(0).binary(Binary::Max, Expr::Const(0.0)))
}

fn linear() -> Layer {
    Layer::Linear { bias: true, init: Init::HE_NORMAL }
}

fn normed(layer: Layer) -> CheckedModel {
    Body::new(&[4, 2, 3]).mixed().same("norm", layer).same("relu", relu()).mixed().model()
}

#[test]
fn a_norm_of_samples_costs_two_sums_and_one_pass_back() {
    let layers = [
        (Layer::LayerNorm { eps: 1e-5 }, "position_statistics 2", "reduce_positions 2"),
        (Layer::GroupNorm { groups: 2, eps: 1e-5, affine: true }, "group_statistics 2", "reduce_groups 2"),
    ];
    for (layer, statistics, sums) in layers {
        let model = normed(layer);
        assert_eq!(kernels(&model, Section::Forward, "norm1"), [statistics, "pointwise 1"]);
        assert_eq!(kernels(&model, Section::Forward, "relu1"), ["pointwise 1"]);
        assert_eq!(kernels(&model, Section::Backward, "norm1"), ["reduce_channels 2", sums, "pointwise 1"]);
        assert_eq!(kernels(&model, Section::Backward, "relu1"), [""; 0]);
    }
}

#[test]
fn a_batch_norm_costs_one_sum_and_one_pass_back() {
    let model = normed(Layer::BatchNorm { eps: 1e-5, momentum: 0.1, gamma: 1.0 });
    let forward = ["channel_statistics 2", "running_statistics 2", "pointwise 1"];
    assert_eq!(kernels(&model, Section::Forward, "norm1"), forward);
    assert_eq!(kernels(&model, Section::Backward, "norm1"), ["reduce_channels 2", "pointwise 1"]);
}

/// Hu et al. 2018: the map is gated per channel, by a small network on its own mean.
#[test]
fn a_gate_per_channel_spreads_both_ways() {
    let sigmoid = Layer::Activation(Expr::var(0).unary(Unary::Sigmoid));
    let gate = Body::new(&[4, 2, 3]).layer("gap", Layer::GlobalAvgPool, &[4]);
    let gate = gate.layer("linear", linear(), &[2]).same("relu", relu());
    let gate = gate.layer("linear", linear(), &[4]).same("sigmoid", sigmoid);
    let branches = vec![Body::new(&[4, 2, 3]), gate];
    let model = Body::new(&[4, 2, 3]).mixed().same("relu", relu()).join(Join::Mul, branches, &[4, 2, 3]);
    let model = model.mixed().model();
    assert_eq!(kernels(&model, Section::Forward, "join1"), ["pointwise 1"]);
    // The gate's gradient; the map's own goes into the one pass over it.
    assert_eq!(kernels(&model, Section::Backward, "join1"), ["reduce_groups 1"]);
    assert_eq!(kernels(&model, Section::Backward, "join1.branch2.gap1"), [""; 0]);
    assert_eq!(kernels(&model, Section::Backward, "relu1"), ["pointwise 1"]);
}

#[test]
fn evaluation_folds_norms_into_convolutions_of_every_kind() {
    let grouped = Layer::Conv(Conv { groups: 2, ..window(&[3, 3], 1, 1) });
    let depthwise = Conv { groups: 4, ..window(&[2, 2], 2, 0) };
    let depthwise_transposed = Layer::ConvTranspose { conv: depthwise.clone(), output_pad: vec![0, 0] };
    let whole_transposed = Layer::ConvTranspose { conv: window(&[2, 2], 2, 0), output_pad: vec![0, 0] };
    let cases = [
        ("grouped", grouped, [4, 4, 4], [""; 0].to_vec()),
        ("depthwise", Layer::Conv(depthwise), [4, 2, 2], [""; 0].to_vec()),
        // No epilogue there: the offset and the activation are a pass.
        ("depthwise transposed", depthwise_transposed, [4, 8, 8], vec!["pointwise 1"]),
        ("transposed", whole_transposed, [4, 8, 8], vec!["pointwise 1"]),
    ];
    for (name, layer, output, alone) in cases {
        let norm = Layer::BatchNorm { eps: 1e-5, momentum: 0.1, gamma: 1.0 };
        let body = Body::new(&[4, 4, 4]).layer("conv", layer, &output).same("bn", norm).same("relu", relu());
        let graph = compile(&body.model()).evaluation.graph;
        let of = |section| graph.nodes.iter().filter(move |node| node.section == section);
        let found: Vec<String> = of(Section::Forward)
            .filter(|node| matches!(node.op, Op::Pointwise(_)))
            .map(|node| format!("{} {}", node.op.name(), node.outputs.len()))
            .collect();
        assert_eq!(found, alone, "{name}");
        let folded = of(Section::Prepare).any(|node| graph.value(node.outputs[0]).name.ends_with("folded"));
        assert_eq!(folded, name != "transposed", "{name}");
    }
}
