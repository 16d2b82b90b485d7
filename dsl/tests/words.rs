//! What words become: the settings that their arguments, their defaults and the `with`s around give.

use nnc_dsl::model::{Conv, Fan, Form, Init, Interpolation, Layer, Sequence, Step, StepKind, Window};
use nnc_dsl::{Entry, Options, check};

/// The layers of a text in order, those of scopes included, each with the text of its word.
fn layers(text: &str) -> Vec<(String, Layer)> {
    let outcome = check(text, Entry::File, &Options::default());
    let errors: Vec<_> = outcome.diagnostics.iter().filter(|found| found.is_error()).collect();
    assert!(errors.is_empty(), "{text}: {errors:?}");
    let mut found = Vec::new();
    collect(&outcome.models[0].body, &mut found);
    found
}

fn collect(sequence: &Sequence, found: &mut Vec<(String, Layer)>) {
    for Step { text, kind, .. } in &sequence.steps {
        match kind {
            StepKind::Layer(layer) => found.push((text.clone(), layer.clone())),
            StepKind::Scope(body) | StepKind::Shared { body, .. } => collect(body, found),
            StepKind::From(_) => {}
            StepKind::Join { branches, .. } => {
                branches.iter().for_each(|(_, branch)| collect(branch, found));
            }
        }
    }
}

/// The layer of a text with one word.
fn layer(input: &str, word: &str, output: &str) -> Layer {
    layers(&format!("network N(s = 2)<{input} -> {output}> {{ {word} }}")).swap_remove(0).1
}

fn conv(layer: &Layer) -> &Conv {
    match layer {
        Layer::Conv(conv) | Layer::ConvTranspose { conv, .. } => conv,
        other => panic!("{other:?} is no convolution"),
    }
}

#[test]
fn settings_have_an_element_per_axis() {
    let strided = layer("3x8x8", "conv3x1 4 stride=[s, 1] dilation=2x1", "4x4x8");
    let expected = Conv {
        kernel: vec![3, 1],
        stride: vec![2, 1],
        pad: vec![2, 0],
        dilation: vec![2, 1],
        groups: 1,
        bias: true,
        init: Init::HE_NORMAL,
    };
    assert_eq!(strided, Layer::Conv(expected));
    let window = Window { size: vec![3; 3], stride: vec![2; 3], pad: vec![1; 3] };
    let pool = layer("4x8x8x8", "avgpool3 stride=2 pad=1 count_pad=false", "4x4x4x4");
    assert_eq!(pool, Layer::AvgPool { window, count_pad: false });
    let calculated = layer("4x16", "conv 4 window=(2*s + 1)", "4x16");
    assert_eq!((&conv(&calculated).kernel, &conv(&calculated).pad), (&vec![5], &vec![2]));
    assert_eq!(conv(&layer("6x8x8", "dwconv3 multiplier=2", "12x8x8")).groups, 6);
    assert_eq!(layer("4x8", "upsample mode=bilinear", "4x16"), Layer::Resize(Interpolation::Linear));
    assert_eq!(layer("4x8", "permute [1, 0]", "8x4"), Layer::Permute { order: vec![1, 0] });
    assert_eq!(layer("4x8", "pad before=1", "4x9"), Layer::Pad { before: vec![1], after: vec![0] });
    assert_eq!(layer("4x8", "slice 1 (s) 6", "4x4"), Layer::Slice { axis: 1, start: 2 });
}

#[test]
fn defaults_are_those_of_pytorch() {
    let vector = |word| layer("8", word, "8");
    assert_eq!(vector("bn"), Layer::BatchNorm { eps: 1e-5, momentum: 0.1, gamma: 1.0 });
    assert_eq!(vector("bn gamma=0"), Layer::BatchNorm { eps: 1e-5, momentum: 0.1, gamma: 0.0 });
    assert_eq!(vector("ln"), Layer::LayerNorm { eps: 1e-5 });
    assert_eq!(vector("gn 2"), Layer::GroupNorm { groups: 2, eps: 1e-5, affine: true });
    assert_eq!(vector("prelu"), Layer::PRelu { initial: 0.25 });
    assert_eq!(vector("rrelu"), Layer::RRelu { lower: 0.125, upper: 1.0 / 3.0 });
    assert_eq!(vector("scale 1e-6"), Layer::Scale { initial: 1e-6 });
    assert_eq!(vector("noise 0.1"), Layer::GaussianNoise { std: 0.1 });
    assert_eq!(vector("stochastic_depth 0.2"), Layer::StochasticDepth { rate: 0.2 });
    let map = |word| layer("8x4x4", word, "8x4x4");
    assert_eq!(map("instancenorm"), Layer::GroupNorm { groups: 8, eps: 1e-5, affine: false });
    let lrn = Layer::LocalResponseNorm { size: 5, alpha: 1e-4, beta: 0.75, k: 1.0 };
    assert_eq!(map("lrn"), lrn);
    assert_eq!(map("spatial_dropout"), Layer::SpatialDropout { rate: 0.5 });
}

#[test]
fn initial_weights_by_name() {
    let init = |name: &str| match layer("8", &format!("linear 8 init={name}"), "8") {
        Layer::Linear { init, .. } => init,
        other => panic!("{other:?}"),
    };
    let scaled = |scale, fan, form| Init::Scaled { scale, fan, form };
    assert_eq!(init("he_uniform"), scaled(2.0, Fan::In, Form::Uniform));
    assert_eq!(init("he_normal_out"), scaled(2.0, Fan::Out, Form::Normal));
    assert_eq!(init("glorot_normal"), scaled(1.0, Fan::Average, Form::Normal));
    assert_eq!(init("lecun_normal"), scaled(1.0, Fan::In, Form::Normal));
    assert_eq!(init("orthogonal"), Init::Orthogonal { gain: 1.0 });
    assert_eq!(init("orthogonal(sqrt(2))"), Init::Orthogonal { gain: 2.0_f64.sqrt() });
    assert_eq!(init("constant(-0.5)"), Init::Constant(-0.5));
    assert_eq!(init("truncated_normal(0.02)"), Init::Random { std: 0.02, form: Form::TruncatedNormal });
    // A uniform distribution up to b has the standard deviation b / √3.
    assert_eq!(init("uniform(3)"), Init::Random { std: 3.0 / 3.0_f64.sqrt(), form: Form::Uniform });
}

#[test]
fn a_word_wins_over_the_settings_around_it() {
    let text = "network N<3x8x8 -> 4x8x8> {
        with init=orthogonal bias=false { conv1 4 relu conv1 4 init=lecun_normal bias=true relu }
        conv1 4
    }";
    let found = layers(text);
    let convs: Vec<&Conv> = [0, 2, 4].map(|index| conv(&found[index].1)).to_vec();
    assert_eq!(convs.iter().map(|conv| conv.bias).collect::<Vec<_>>(), [false, true, true]);
    let inits: Vec<Init> = convs.iter().map(|conv| conv.init).collect();
    let lecun = Init::Scaled { scale: 1.0, fan: Fan::In, form: Form::Normal };
    assert_eq!(inits, [Init::Orthogonal { gain: 1.0 }, lecun, Init::HE_NORMAL]);
    // What is not written is not shown, either.
    assert_eq!(found[0].0, "conv1 4");
    assert_eq!(found[2].0, "conv1 4 bias=true init=lecun_normal");
}

#[test]
fn all_convolutions_lose_their_bias_before_batch_norm() {
    let biased = |words: &str| {
        let found = layers(&format!("network N<4x8x8 -> 4x8x8> {{ {words} }}"));
        conv(&found[0].1).bias
    };
    assert!(!biased("dwconv3 bn"));
    assert!(!biased("deconv3 4 bn"));
    assert!(!biased("conv3 4 groups=2 bn"));
    assert!(biased("dwconv3 bias=true bn"));
    assert!(biased("with bias=true { deconv3 4 bn }"));
    assert!(biased("dwconv3 ln"));
    assert!(biased("deconv3 4 instancenorm"));
}
