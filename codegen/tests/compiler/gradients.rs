//! The compiler against finite differences: every layer, join and loss, in double precision.
//!
//! For each model three things must hold: the gradients of the training graph are the slopes of its
//! loss, no pass changes a result, and neither does one in evaluation.

use crate::emulated;
use crate::interpret::{Feed, Run, run, uniform};
use crate::models::{Body, network, pooling, window};
use nnc_codegen::graph::{Graph, Mode, Source, verify};
use nnc_codegen::{graph, passes};
use nnc_dsl::model::{
    CheckedModel, Conv, Init, Input, Interpolation, Join, Layer, Loss, LossTerm, Output, Sequence, Shape,
    StepKind, Tap, Window,
};
use nnc_dsl::scalar::{Expr, Unary};

const BATCH: usize = 3;

fn check(name: &str, model: &CheckedModel) {
    let training = graph(model, Mode::Training);
    assert_eq!(verify(&training), Ok(()), "{name}\n{training}");
    let feed = feed(&training);
    gradients_are_slopes(name, &training, &feed);
    for mode in [Mode::Training, Mode::Evaluation] {
        passes_change_nothing(name, &graph(model, mode), &feed);
    }
    emulated::check(name, model, &feed);
}

fn gradients_are_slopes(name: &str, graph: &Graph, feed: &Feed) {
    const STEP: f64 = 1e-5;
    let exact = run(graph, feed).gradients();
    assert_eq!(exact.len(), graph.parameters.len(), "{name}");
    let mut largest: f64 = 0.0;
    for (index, gradient) in exact.iter().enumerate() {
        let Some(gradient) = gradient else { continue };
        for (element, exact) in gradient.iter().enumerate() {
            let at = |shift: f64| {
                let mut feed = feed.clone();
                feed.parameters[index][element] += shift;
                run(graph, &feed).loss()
            };
            let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let parameter = &graph.parameters[index].name;
            let close = (slope - exact).abs() < 1e-6 * (1.0 + slope.abs());
            assert!(close, "{name}: {parameter}[{element}] is {exact}, the slope {slope}\n{graph}");
            largest = largest.max(exact.abs());
        }
    }
    assert!(largest > 1e-6, "{name}: nothing reaches the parameters\n{graph}");
}

fn passes_change_nothing(name: &str, graph: &Graph, feed: &Feed) {
    let mut optimised = graph.clone();
    passes::optimise(&mut optimised);
    assert_eq!(verify(&optimised), Ok(()), "{name}\n{optimised}");
    let (before, after) = (run(graph, feed), run(&optimised, feed));
    let agree = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + a.abs()));
    for (a, b) in results(graph, &before).iter().zip(results(&optimised, &after)) {
        assert!(agree(a, &b), "{name}: {a:?}, after the passes {b:?}\n{graph}\n{optimised}");
    }
}

fn results(graph: &Graph, run: &Run) -> Vec<Vec<f64>> {
    let states = graph.states.iter().map(|state| state.value);
    graph.results().chain(states).map(|value| run.value(value).to_vec()).collect()
}

/// Random values for all that comes from outside: parameters within ±1, states about 1.
pub(crate) fn feed(graph: &Graph) -> Feed {
    let mut seed = 0;
    let mut draw = |count: usize, low: f64, high: f64| -> Vec<f64> {
        seed += 1 << 32;
        (0..count as u64).map(|index| low + (high - low) * uniform(seed + index)).collect()
    };
    let mut feed = Feed {
        batch: BATCH,
        inputs: Vec::new(),
        targets: vec![Vec::new(); graph.outputs.len()],
        labels: Vec::new(),
        parameters: Vec::new(),
        states: Vec::new(),
    };
    for value in &graph.values {
        let len = value.ty.len();
        match value.source {
            Source::Input(_) => feed.inputs.push(draw(BATCH * len, -1.0, 1.0)),
            Source::Target(output) => feed.targets[output] = draw(BATCH * len, 0.0, 1.0),
            Source::Parameter(_) => feed.parameters.push(draw(len, -1.0, 1.0)),
            Source::State(_) => feed.states.push(draw(len, 0.5, 1.5)),
            Source::Node => {}
        }
    }
    for output in &graph.outputs {
        let ty = graph.ty(*output);
        let classes = ty.channels() as f64;
        let labels = draw(BATCH * ty.positions(), 0.0, classes);
        feed.labels.push(labels.into_iter().map(|label| label as usize).collect());
    }
    feed
}

/// Each layer after one with weights, so that its input has a gradient too.
#[test]
fn layers_that_keep_the_shape() {
    let layers = [
        ("bn", Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 }),
        ("ln", Layer::LayerNorm { eps: 1e-3 }),
        ("gn", Layer::GroupNorm { groups: 2, eps: 1e-3, affine: true }),
        ("plain gn", Layer::GroupNorm { groups: 1, eps: 1e-3, affine: false }),
        ("instance norm", Layer::GroupNorm { groups: 4, eps: 1e-3, affine: true }),
        ("rms", Layer::RmsNorm { eps: 1e-3 }),
        ("lrn", Layer::LocalResponseNorm { size: 3, alpha: 0.9, beta: 0.75, k: 1.0 }),
        ("even lrn", Layer::LocalResponseNorm { size: 2, alpha: 0.9, beta: 0.75, k: 1.0 }),
        ("scale", Layer::Scale { initial: 0.1 }),
        ("tanh", Layer::Activation(Expr::var(0).unary(Unary::Tanh))),
        ("prelu", Layer::PRelu { initial: 0.25 }),
        ("rrelu", Layer::RRelu { lower: 0.1, upper: 0.4 }),
        ("softmax", Layer::Softmax),
        ("log softmax", Layer::LogSoftmax),
        ("channel shuffle", Layer::ChannelShuffle { groups: 2 }),
        ("dropout", Layer::Dropout { rate: 0.4 }),
        ("spatial dropout", Layer::SpatialDropout { rate: 0.4 }),
        ("alpha dropout", Layer::AlphaDropout { rate: 0.4 }),
        ("stochastic depth", Layer::StochasticDepth { rate: 0.4 }),
        ("noise", Layer::GaussianNoise { std: 0.3 }),
        ("identity", Layer::Identity),
    ];
    for (name, layer) in layers {
        for shape in [&[4][..], &[4, 3], &[4, 2, 3], &[4, 2, 1, 2]] {
            let model = Body::new(shape).mixed().same(name, layer.clone()).mixed().model();
            check(&format!("{name} on {shape:?}"), &model);
        }
    }
}

#[test]
fn layers_that_change_the_shape() {
    let half = |axes: &[usize]| Window {
        size: axes.to_vec(),
        stride: vec![2; axes.len()],
        pad: vec![0; axes.len()],
    };
    let mean = |window: Window, count_pad| Layer::AvgPool { window, count_pad };
    let cases: Vec<(&str, &[usize], Layer, &[usize])> = vec![
        ("linear", &[5], Layer::Linear { bias: true, init: Init::HE_NORMAL }, &[3]),
        ("glu", &[4, 2, 3], Layer::Glu, &[2, 2, 3]),
        ("glu of a vector", &[6], Layer::Glu, &[3]),
        ("max pool", &[3, 4, 4], Layer::MaxPool(half(&[2, 2])), &[3, 2, 2]),
        ("max pool 1d", &[3, 6], Layer::MaxPool(half(&[2])), &[3, 3]),
        ("overlapping max pool", &[2, 5, 5], Layer::MaxPool(pooling(3, 2, 1)), &[2, 3, 3]),
        ("avg pool 3d", &[2, 4, 2, 2], mean(half(&[2, 2, 2]), true), &[2, 2, 1, 1]),
        ("avg pool with padding", &[2, 5, 4], mean(pooling(3, 2, 1), true), &[2, 3, 2]),
        ("avg pool without padding", &[2, 5, 4], mean(pooling(3, 2, 1), false), &[2, 3, 2]),
        ("avg pool beyond the border", &[2, 6, 6], mean(pooling(3, 2, 1), true), &[2, 4, 4]),
        ("adaptive max pool", &[2, 5, 4], Layer::AdaptiveMaxPool, &[2, 3, 2]),
        ("adaptive avg pool", &[2, 5, 3], Layer::AdaptiveAvgPool, &[2, 3, 2]),
        ("gap", &[3, 2, 4], Layer::GlobalAvgPool, &[3]),
        ("gmp", &[3, 2, 4], Layer::GlobalMaxPool, &[3]),
        ("nearest", &[2, 2, 3], Layer::Resize(Interpolation::Nearest), &[2, 4, 7]),
        ("bilinear", &[2, 2, 3], Layer::Resize(Interpolation::Linear), &[2, 4, 7]),
        ("smaller", &[2, 5, 4], Layer::Resize(Interpolation::Linear), &[2, 2, 3]),
        ("linear 1d", &[2, 3], Layer::Resize(Interpolation::Linear), &[2, 5]),
        ("pixel shuffle", &[8, 2, 3], Layer::PixelShuffle { factor: 2 }, &[2, 4, 6]),
        ("pad", &[2, 2, 3], Layer::Pad { before: vec![1, 0], after: vec![2, 1] }, &[2, 5, 4]),
        ("slice of channels", &[5, 2, 2], Layer::Slice { axis: 0, start: 1 }, &[3, 2, 2]),
        ("slice of columns", &[2, 2, 5], Layer::Slice { axis: 2, start: 2 }, &[2, 2, 2]),
        ("crop", &[2, 5, 4], Layer::Crop { before: vec![1, 2] }, &[2, 3, 2]),
        ("flatten", &[3, 2, 2], Layer::Flatten, &[12]),
        ("reshape", &[4, 3, 2], Layer::Reshape, &[6, 4]),
        ("reshape of a vector", &[12], Layer::Reshape, &[3, 2, 2]),
        ("permute", &[3, 2, 4], Layer::Permute { order: vec![2, 0, 1] }, &[4, 3, 2]),
    ];
    for (name, input, layer, output) in cases {
        check(name, &Body::new(input).mixed().layer(name, layer, output).mixed().model());
    }
}

#[test]
fn convolutions_of_every_kind() {
    let grouped = Conv { groups: 2, bias: true, ..window(&[3, 3], 1, 1) };
    let depthwise = Conv { groups: 4, ..window(&[3, 3], 2, 1) };
    let dilated = Conv { dilation: vec![2, 1], ..window(&[2, 3], 1, 0) };
    let cases: Vec<(&str, Conv, &[usize], &[usize])> = vec![
        ("1d", window(&[3], 2, 1), &[2, 7], &[3, 4]),
        ("2d", Conv { bias: true, ..window(&[3, 3], 1, 1) }, &[2, 4, 3], &[3, 4, 3]),
        ("3d", window(&[2, 1, 2], 1, 0), &[2, 3, 2, 3], &[2, 2, 2, 2]),
        ("grouped", grouped, &[4, 3, 3], &[6, 3, 3]),
        ("depthwise with a multiplier", depthwise, &[4, 4, 4], &[8, 2, 2]),
        ("dilated", dilated, &[2, 4, 4], &[2, 2, 2]),
    ];
    for (name, conv, input, output) in cases {
        let norm = Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 };
        let body = Body::new(input).mixed().layer("conv", Layer::Conv(conv), output).same("bn", norm);
        check(name, &body.model());
    }
}

#[test]
fn transposed_convolutions_of_every_kind() {
    let transposed =
        |conv: Conv, output_pad: &[usize]| Layer::ConvTranspose { conv, output_pad: output_pad.to_vec() };
    let depthwise = Conv { groups: 3, bias: true, ..window(&[4, 4], 2, 1) };
    let grouped = Conv { groups: 2, dilation: vec![2, 2], ..window(&[2, 2], 1, 0) };
    let cases: Vec<(&str, Layer, &[usize], &[usize])> = vec![
        ("1d", transposed(window(&[3], 2, 1), &[1]), &[2, 3], &[3, 6]),
        ("2d", transposed(Conv { bias: true, ..window(&[4, 4], 2, 1) }, &[0, 0]), &[2, 2, 3], &[3, 4, 6]),
        ("depthwise", transposed(depthwise, &[0, 0]), &[3, 2, 2], &[3, 4, 4]),
        ("grouped and dilated", transposed(grouped, &[0, 0]), &[4, 2, 2], &[6, 4, 4]),
    ];
    for (name, layer, input, output) in cases {
        let norm = Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 };
        check(name, &Body::new(input).mixed().layer("deconv", layer, output).same("bn", norm).model());
    }
}

#[test]
fn joins() {
    let shape = [4, 2, 3];
    let map = || Body::new(&shape).mixed();
    // About one each, so that the product of many is too.
    let near_one = Expr::Const(1.0) + Expr::Const(0.1) * Expr::var(0).unary(Unary::Tanh);
    let ones = || Body::new(&shape).same("near_one", Layer::Activation(near_one.clone()));
    let cases: Vec<(&str, Join, Vec<Body>, &[usize])> = vec![
        ("add", Join::Add, vec![map(), Body::new(&shape), map()], &shape),
        ("concat", Join::Concat, vec![map(), Body::new(&shape)], &[8, 2, 3]),
        ("mul", Join::Mul, vec![map(), map()], &shape),
        ("many", Join::Add, (0..40).map(|_| Body::new(&shape)).collect(), &shape),
        ("many factors", Join::Mul, (0..3).map(|_| map()).chain((0..15).map(|_| ones())).collect(), &shape),
        ("square", Join::Mul, vec![Body::new(&shape), Body::new(&shape)], &shape),
        (
            "mul by channel",
            Join::Mul,
            vec![Body::new(&shape), map().layer("gap", Layer::GlobalAvgPool, &[4]).mixed()],
            &shape,
        ),
        (
            "mul by channel of a map",
            Join::Mul,
            vec![map(), map().layer("pool", Layer::AdaptiveAvgPool, &[4, 1, 1])],
            &shape,
        ),
        (
            "mul by position",
            Join::Mul,
            vec![map(), map().layer("conv", Layer::Conv(window(&[1, 1], 1, 0)), &[1, 2, 3])],
            &shape,
        ),
    ];
    for (name, join, branches, output) in cases {
        check(name, &map().join(join, branches, output).mixed().model());
    }
}

#[test]
fn a_frozen_part_has_no_gradients() {
    let norm = || Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 };
    let body = Body::new(&[2, 3, 3]).mixed().learning_rate(0.0).same("bn", norm()).learning_rate(0.0);
    let below = body.clone().mixed().same("bn", norm()).model();
    check("frozen below", &below);
    let graph = graph(&below, Mode::Training);
    let frozen: Vec<bool> = graph.gradients.iter().map(Option::is_none).collect();
    assert_eq!(frozen, [true, true, true, true, false, false, false, false]);
    let data_gradients = graph.nodes.iter().filter(|node| node.op.name() == "conv_backward_data").count();
    assert_eq!(data_gradients, 0, "nothing learns below");
    let between = Body::new(&[2, 3, 3]).mixed().same("bn", norm()).learning_rate(0.0);
    let between = between.same("gn", Layer::GroupNorm { groups: 1, eps: 1e-3, affine: true });
    check("frozen between", &between.learning_rate(0.0).mixed().model());
}

#[test]
fn a_shared_part_sums_its_gradients() {
    let shape = [3, 2, 2];
    let norm = Layer::BatchNorm { eps: 1e-3, momentum: 0.1, gamma: 1.0 };
    let tower = || {
        let body = Body::new(&shape).mixed().same("bn", norm.clone()).sequence();
        StepKind::Shared { path: "tower".to_owned(), body }
    };
    let model =
        Body::new(&shape).mixed().step("tower", tower(), &shape).step("tower", tower(), &shape).model();
    check("shared", &model);
    let graph = graph(&model, Mode::Training);
    let names: Vec<&str> = graph.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let own = ["tower.conv11.weight", "tower.conv11.bias", "tower.bn1.weight", "tower.bn1.bias"];
    assert_eq!(names, [&["conv11.weight", "conv11.bias"][..], &own].concat());
    assert_eq!(graph.states.len(), 2);
}

#[test]
fn names_lead_to_earlier_values() {
    let shape = [2, 3, 3];
    let from = |tap: usize| Body::new(&shape).step("from", StepKind::From(Tap(tap)), &shape);
    let body = Body::new(&shape).mixed().tap(1).mixed().step("from", StepKind::From(Tap(1)), &shape);
    let scope = StepKind::Scope(Body::new(&shape).mixed().tap(2).mixed().sequence());
    let body =
        body.step("block", scope, &shape).join(Join::Concat, vec![Body::new(&shape), from(2)], &[4, 3, 3]);
    check("names", &body.mixed().model());
}

#[test]
fn several_inputs_and_outputs() {
    let (image, meta) = ([2, 3, 3], [4]);
    let input = |name: &str, shape: &[usize], tap| Input {
        name: name.to_owned(),
        shape: Shape(shape.to_vec()),
        tap: Tap(tap),
    };
    let output = |name: &str, shape: &[usize], tap: Option<usize>| Output {
        name: name.to_owned(),
        shape: Shape(shape.to_vec()),
        tap: tap.map(Tap),
    };
    let linear = || Layer::Linear { bias: true, init: Init::HE_NORMAL };
    let meta_branch =
        Body::new(&[2]).step("from", StepKind::From(Tap(1)), &meta).layer("linear", linear(), &[2]);
    let body = Body::new(&image).mixed().layer("gap", Layer::GlobalAvgPool, &[2]);
    let body = body.join(Join::Add, vec![Body::new(&[2]), meta_branch], &[2]).tap(2);
    let body = body.layer("linear", linear(), &[3]).tap(3).step("from", StepKind::From(Tap(2)), &[2]);
    let body: Sequence = body.layer("linear", linear(), &[4]).sequence();
    let losses = vec![
        LossTerm { output: 1, loss: Loss::Huber { delta: 0.3 }, weight: 0.5 },
        LossTerm { output: 0, loss: Loss::CROSS_ENTROPY, weight: 2.0 },
    ];
    let inputs = vec![input("image", &image, 0), input("meta", &meta, 1)];
    let outputs = vec![output("class", &[3], Some(3)), output("box", &[4], None)];
    check("several", &network(inputs.clone(), outputs.clone(), body.clone(), losses.clone()));
    let unjudged = network(inputs, outputs, body, losses[..1].to_vec());
    let graph = graph(&unjudged, Mode::Training);
    let feed = feed(&graph);
    let gradients = run(&graph, &feed).gradients();
    let class_weight = graph.parameters.iter().position(|parameter| parameter.name == "linear1.weight");
    let class_weight = class_weight.and_then(|index| gradients[index].clone());
    assert_eq!(class_weight, Some(vec![0.0; 6]), "an output that nothing judges");
}

#[test]
fn losses() {
    let losses = [
        ("cross entropy", Loss::CROSS_ENTROPY),
        ("smoothed", Loss::CrossEntropy { label_smoothing: 0.1, class_weights: Vec::new() }),
        ("weighted", Loss::CrossEntropy { label_smoothing: 0.2, class_weights: vec![1.0, 2.0, 0.5, 0.25] }),
        ("bce", Loss::BinaryCrossEntropy),
        ("mse", Loss::MeanSquaredError),
        ("mae", Loss::MeanAbsoluteError),
        ("huber", Loss::Huber { delta: 0.4 }),
    ];
    for (name, loss) in losses {
        check(name, &Body::new(&[4]).mixed().model_with(loss.clone()));
        check(&format!("{name} on a map"), &Body::new(&[4, 2, 3]).mixed().model_with(loss));
    }
}
