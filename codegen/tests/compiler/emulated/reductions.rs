//! Reductions, statistics and pools at extents that the small models of the gradients do not reach: many
//! blocks, odd numbers of channels, several tiles of them, vectors that straddle pixels.

use nnc_codegen::cuda::{Emitter, Step};
use nnc_codegen::graph::{Graph, Keep, Mode, Node, Op, Operand, Origin, OriginId, Section, Source, Type};
use nnc_codegen::plan::plan;
use nnc_dsl::model::{Layer, Loss, Window};
use nnc_dsl::scalar::Expr;

use super::{Precision, check_training, optimised};
use crate::gradients::feed;
use crate::models::{Body, pooling, window};

/// In training alone: evaluation has nothing else.
fn check_layer(name: &str, shape: &[usize], layer: Layer, output: &[usize]) {
    let scale = Layer::Scale { initial: 0.5 };
    let body = Body::new(shape).same("scale", scale.clone()).layer(name, layer, output).same("scale", scale);
    check_training(&format!("{name} on {shape:?}"), &body.model_with(Loss::MeanSquaredError));
}

#[test]
fn norms_of_many_sizes() {
    let norm = || Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 };
    for shape in [&[1, 70, 40][..], &[3, 50, 41], &[24, 33, 20], &[520, 5, 4], &[300], &[64]] {
        check_layer("bn", shape, norm(), shape);
    }
    for shape in [&[2, 7, 5][..], &[10, 3, 3], &[72, 3, 3], &[1100], &[1000, 2, 1]] {
        check_layer("ln", shape, Layer::LayerNorm { eps: 1e-3 }, shape);
    }
    for (groups, channels) in [(1, 24), (3, 24), (24, 24), (2, 10), (5, 5)] {
        let layer = Layer::GroupNorm { groups, eps: 1e-3, affine: true };
        check_layer("gn", &[channels, 9, 13], layer.clone(), &[channels, 9, 13]);
        check_layer("gn", &[channels], layer, &[channels]);
    }
}

#[test]
fn pools_of_many_sizes() {
    for channels in [3, 4, 16] {
        let window = |size, stride, pad| pooling(size, stride, pad);
        let mean = |window: Window| Layer::AvgPool { window, count_pad: true };
        check_layer("maxpool", &[channels, 9, 11], Layer::MaxPool(window(3, 2, 1)), &[channels, 5, 6]);
        check_layer("maxpool", &[channels, 8, 12], Layer::MaxPool(window(2, 2, 0)), &[channels, 4, 6]);
        check_layer("maxpool", &[channels, 7, 7], Layer::MaxPool(window(2, 3, 0)), &[channels, 2, 2]);
        check_layer("avgpool", &[channels, 9, 11], mean(window(3, 1, 1)), &[channels, 9, 11]);
        check_layer("gmp", &[channels, 9, 11], Layer::GlobalMaxPool, &[channels]);
        check_layer("gap", &[channels, 9, 11], Layer::GlobalAvgPool, &[channels]);
        check_layer("adaptive", &[channels, 9, 11], Layer::AdaptiveMaxPool, &[channels, 4, 5]);
        check_layer("adaptive", &[channels, 9, 11], Layer::AdaptiveAvgPool, &[channels, 4, 5]);
    }
}

#[test]
fn random_numbers_and_spreads_of_many_sizes() {
    for shape in [&[3, 5, 4][..], &[24, 3, 3], &[7], &[32]] {
        for layer in [
            Layer::Dropout { rate: 0.4 },
            Layer::SpatialDropout { rate: 0.4 },
            Layer::StochasticDepth { rate: 0.4 },
            Layer::GaussianNoise { std: 0.3 },
            Layer::PRelu { initial: 0.25 },
        ] {
            check_layer("random", shape, layer, shape);
        }
    }
}

/// What follows from the statistics of a batch is computed where they are stored.
#[test]
fn a_batch_norm_takes_few_launches() {
    let norm = Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 };
    for (shape, expected) in [(&[24, 3, 3][..], [2, 1]), (&[24], [1, 1])] {
        let model = Body::new(shape).same("norm", norm.clone()).model_with(Loss::MeanSquaredError);
        let plan = optimised(&model, Mode::Training);
        let forward = plan.graph.nodes.iter().filter(|node| node.section == Section::Forward);
        let nodes: Vec<&Node> = forward.collect();
        let mut emitter = Emitter::new(&plan, Vec::new());
        let launches: Vec<usize> = emitter.steps(&nodes).iter().map(|(_, steps)| steps.len()).collect();
        assert_eq!(launches, expected, "statistics of {shape:?} with what follows, then the norm");
    }
    let model = Body::new(&[4, 5, 5]).mixed().same("norm", norm).model_with(Loss::MeanSquaredError);
    let plan = optimised(&model, Mode::Training);
    let forward = plan.graph.nodes.iter().filter(|node| node.section == Section::Forward);
    let nodes: Vec<&Node> = forward.collect();
    let mut emitter = Emitter::new(&plan, Vec::new());
    let steps = emitter.steps(&nodes);
    let together: Vec<usize> = steps.iter().map(|(nodes, _)| nodes.len()).collect();
    assert_eq!(together, [4, 1], "a product, its statistics and what follows, then the norm");
    let launches = steps[0].1.iter().flat_map(|step| match step {
        Step::Product(product) => product.candidates.iter().map(|way| way.launches.len()).collect(),
        Step::Launch(_) => Vec::new(),
    });
    assert_eq!(launches.collect::<Vec<_>>(), [2], "the product, and its tiles together");
}

/// Squares of numbers about 300 have no digits left for a variance of 1/3; deviations have.
#[test]
fn variances_far_from_zero() {
    let norms = [
        Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 },
        Layer::LayerNorm { eps: 1e-3 },
        Layer::GroupNorm { groups: 2, eps: 1e-3, affine: true },
        Layer::GroupNorm { groups: 24, eps: 1e-3, affine: true },
    ];
    for norm in norms {
        let model = Body::new(&[24, 30, 20]).same("norm", norm.clone()).model_with(Loss::MeanSquaredError);
        let plan = optimised(&model, Mode::Training);
        let mut feed = feed(&plan.graph);
        feed.inputs[0].iter_mut().for_each(|x| *x += 300.0);
        if let Err(difference) = super::compare_plan(&plan, &feed, Precision::F32, &str::to_owned) {
            panic!("{norm:?}: {difference}");
        }
    }
}

/// Nor have those of numbers about 1000 for deviations of a hundredth, which each tile of a product takes from an origin
/// of its own.
#[test]
fn variances_of_products_far_from_zero() {
    let far = Layer::Activation(Expr::Const(1000.0) + Expr::Const(0.01) * Expr::var(0));
    for (before, after) in [(16, 64), (3, 5)] {
        let conv = Layer::Conv(window(&[1, 1], 1, 0));
        let body = Body::new(&[before, 40, 40]).layer("conv", conv, &[after, 40, 40]);
        let norm = Layer::BatchNorm { eps: 1e-9, momentum: 0.1, gamma: 1.0 };
        let model = body.same("far", far.clone()).same("norm", norm).model_with(Loss::MeanSquaredError);
        let plan = optimised(&model, Mode::Training);
        let feed = feed(&plan.graph);
        assert_eq!(super::compare_plan(&plan, &feed, Precision::F32, &str::to_owned), Ok(()), "{before}");
    }
}

/// Twenty operands and sixteen results, which no launch takes.
#[test]
fn more_tensors_than_a_launch_takes() {
    let mut graph = Graph::new(Mode::Training);
    let name = String::new;
    graph.origins.push(Origin { scope: name(), step: name(), word: "many".into(), text: name() });
    let ty = Type::batched(&[3, 4]);
    let operands: Vec<_> =
        (0..20).map(|index| graph.add_value("x", ty.clone(), Source::Input(index))).collect();
    let exprs: Vec<Expr> = (0..16).map(|index| Expr::var(index) * Expr::var(index + 4)).collect();
    let keep = Keep::Positions;
    let ops = [(Op::Pointwise(exprs.clone()), ty.clone()), (Op::Reduce { exprs, keep }, keep.of(&ty))];
    for (op, ty) in ops {
        let outputs: Vec<_> = (0..16).map(|_| graph.add_value("y", ty.clone(), Source::Node)).collect();
        graph.outputs.extend(&outputs);
        let inputs = operands.iter().map(|operand| Operand::Value(*operand)).collect();
        let (origin, section) = (OriginId(0), Section::Forward);
        graph.nodes.push(Node { op, inputs, outputs, epilogue: None, section, origin, words: Vec::new() });
    }
    graph.loss = graph.outputs[0];
    let plan = plan(graph);
    let mut emitter = Emitter::new(&plan, Vec::new());
    let nodes: Vec<&Node> = plan.graph.nodes.iter().collect();
    let launches: Vec<usize> = emitter.steps(&nodes).iter().map(|(_, steps)| steps.len()).collect();
    assert_eq!(launches, [2, 2]);
    let feed = feed(&plan.graph);
    assert_eq!(super::compare_plan(&plan, &feed, Precision::F32, &str::to_owned), Ok(()));
}
