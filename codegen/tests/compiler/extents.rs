//! CUDA kernels at extents that the small models do not reach: whole tiles, warps and blocks, vectors,
//! more parts than a launch takes.

use crate::emulated;
use crate::gradients::feed;
use crate::models::{Body, window};
use nnc_codegen::graph;
use nnc_codegen::graph::Mode;
use nnc_dsl::model::{CheckedModel, Conv, Interpolation, Join, Layer, Loss};

const SCALE: Layer = Layer::Scale { initial: 0.5 };

fn check(name: &str, model: &CheckedModel) {
    emulated::check(name, model, &feed(&graph(model, Mode::Training)));
}

/// A layer between two that have gradients.
fn check_layer(name: &str, input: &[usize], layer: Layer, output: &[usize]) {
    let body = Body::new(input).same("scale", SCALE).layer(name, layer, output);
    check(&format!("{name} of {input:?}"), &body.same("scale", SCALE).model());
}

#[test]
fn changes_of_order() {
    check_layer("flatten", &[40, 6, 7], Layer::Flatten, &[1680]);
    check_layer("flatten", &[16, 12, 12], Layer::Flatten, &[2304]);
    check_layer("flatten", &[3, 16, 16], Layer::Flatten, &[768]);
    check_layer("permute", &[24, 70, 20], Layer::Permute { order: vec![1, 2, 0] }, &[70, 20, 24]);
    check_layer("permute", &[24, 5, 20], Layer::Permute { order: vec![0, 2, 1] }, &[24, 20, 5]);
    check_layer("permute", &[5, 17, 33], Layer::Permute { order: vec![2, 1, 0] }, &[33, 17, 5]);
    check_layer("shuffle", &[64, 3, 2], Layer::PixelShuffle { factor: 2 }, &[16, 6, 4]);
    check_layer("shuffle", &[64, 3, 2], Layer::ChannelShuffle { groups: 4 }, &[64, 3, 2]);
}

#[test]
fn joins_and_cuts_of_channels() {
    let join = |channels: &[usize]| {
        let branch = |channels: &usize| {
            let slice = Layer::Slice { axis: 0, start: 1 };
            Body::new(&[65, 3, 2]).layer("slice", slice, &[*channels, 3, 2]).same("scale", SCALE)
        };
        let whole = [channels.iter().sum(), 3, 2];
        let branches = channels.iter().map(branch).collect();
        let body = Body::new(&[65, 3, 2]).same("scale", SCALE).join(Join::Concat, branches, &whole);
        check(&format!("concat of {channels:?}"), &body.clone().model());
        check(&format!("concat of {channels:?}"), &body.same("scale", SCALE).model());
    };
    join(&[64, 16, 8]);
    join(&[4, 64, 12]);
    join(&[3, 5]);
    join(&[2; 33]);
    check_layer("glu", &[64, 3, 2], Layer::Glu, &[32, 3, 2]);
}

#[test]
fn other_sizes() {
    for interpolation in [Interpolation::Nearest, Interpolation::Linear] {
        for output in [[14, 4], [3, 17], [7, 5], [1, 1]] {
            let output = [16, output[0], output[1]];
            check_layer("resize", &[16, 7, 5], Layer::Resize(interpolation), &output);
        }
        check_layer("resize", &[3, 2, 3, 4], Layer::Resize(interpolation), &[3, 5, 3, 7]);
    }
}

/// In single precision: what stands where in a grid is the same at all of them.
#[test]
fn more_groups_and_residues_than_a_grid_has_blocks_along_z() {
    for (name, groups, stride) in [("groups of two", 4, [128, 129]), ("groups of one", 8, [257, 256])] {
        let conv = Conv { groups, stride: stride.to_vec(), ..window(&[2, 2], 1, 0) };
        let body = Body::new(&[8, stride[0], stride[1]]).same("before", SCALE);
        let model = body.layer("conv", Layer::Conv(conv), &[8, 1, 1]).same("after", SCALE).model();
        let feed = feed(&graph(&model, Mode::Training));
        emulated::check_changed(&model, &feed, &str::to_owned).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

#[test]
fn softmax_of_few_and_many_channels() {
    for shape in [&[10][..], &[1000], &[20, 5, 7], &[2052], &[9001]] {
        check_layer("softmax", shape, Layer::Softmax, shape);
        check_layer("log softmax", shape, Layer::LogSoftmax, shape);
    }
}

#[test]
fn losses_of_few_and_many_classes() {
    for shape in [&[10][..], &[1000], &[3001], &[20, 5, 7], &[3, 40, 40]] {
        let weights = (0..shape[0]).map(|class| 0.5 + class as f64 / shape[0] as f64).collect();
        let losses = [
            Loss::CROSS_ENTROPY,
            Loss::CrossEntropy { label_smoothing: 0.1, class_weights: Vec::new() },
            Loss::CrossEntropy { label_smoothing: 0.1, class_weights: weights },
        ];
        for loss in losses {
            let name = format!("{loss:?} of {shape:?}");
            check(&name, &Body::new(shape).same("scale", SCALE).model_with(loss));
        }
    }
}

#[test]
fn terms_of_few_and_many_elements() {
    for shape in [&[3][..], &[100], &[3, 50, 60], &[2, 70, 61]] {
        for loss in [Loss::MeanSquaredError, Loss::BinaryCrossEntropy, Loss::Huber { delta: 0.4 }] {
            let name = format!("{loss:?} of {shape:?}");
            check(&name, &Body::new(shape).same("scale", SCALE).model_with(loss));
        }
    }
}
