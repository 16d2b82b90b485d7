//! The gallery: every model checks without a warning, has the shapes and the parameters of the
//! original, and is a fraction as long as its PyTorch source.
//!
//! Numbers of torchvision are those of version 0.29.2: `sum(p.numel() for p in model.parameters())` of a
//! model that is made without arguments unless it says otherwise.

#![expect(clippy::print_stdout, reason = "prints what has been measured")]

use nnc_dsl::library::LIBRARY;
use nnc_dsl::{CheckedModel, Entry, Options, check, parameter_count};

#[path = "support/corpus.rs"]
mod corpus;

/// What is known of a model from elsewhere.
struct Expected {
    name: &'static str,
    input: &'static str,
    output: &'static str,
    parameters: usize,
    /// Lines of torchvision's source: what `Source` counts. None where torchvision has no such model.
    source: Option<Source>,
}

/// Lines of the Python classes and functions that build a model, without imports, decorators, comments,
/// empty lines, docstrings and the tables of weights.
struct Source {
    /// In the model's own file.
    own: usize,
    /// In the parts of torchvision that it shares with others: for information only.
    shared: usize,
    /// What has been counted in its own file, and after the bar in others.
    counted: &'static str,
}

const fn model(
    name: &'static str,
    input: &'static str,
    output: &'static str,
    parameters: usize,
    source: Option<Source>,
) -> Expected {
    Expected { name, input, output, parameters, source }
}

const fn source(own: usize, shared: usize, counted: &'static str) -> Option<Source> {
    Some(Source { own, shared, counted })
}

const IMAGENET: &str = "3x224x224";

/// Every model of the gallery in the order of its names.
const GALLERY: [Expected; 18] = [
    // torchvision.models.alexnet
    model("alexnet", IMAGENET, "1000", 61_100_840, source(43, 0, "AlexNet alexnet")),
    // By hand.
    model("autoencoder", "1x28x28", "1x28x28", autoencoder(), None),
    model(
        // torchvision.models.convnext_tiny
        "convnext_t",
        IMAGENET,
        "1000",
        28_589_128,
        source(
            145,
            115,
            "LayerNorm2d CNBlock CNBlockConfig ConvNeXt _convnext convnext_tiny | ConvNormActivation \
             Conv2dNormActivation Permute StochasticDepth stochastic_depth",
        ),
    ),
    model(
        // torchvision.models.densenet121
        "densenet121",
        IMAGENET,
        "1000",
        7_978_856,
        source(155, 0, "_DenseLayer _DenseBlock _Transition DenseNet _densenet densenet121"),
    ),
    model(
        // torchvision.models.efficientnet_b0
        "efficientnet_b0",
        IMAGENET,
        "1000",
        5_288_548,
        source(
            237,
            140,
            "_MBConvConfig MBConvConfig MBConv EfficientNet _efficientnet _efficientnet_conf efficientnet_b0 | \
             _make_divisible ConvNormActivation Conv2dNormActivation SqueezeExcitation StochasticDepth \
             stochastic_depth",
        ),
    ),
    model(
        // torchvision.models.googlenet(aux_logits=False, init_weights=True)
        "inception_v1",
        IMAGENET,
        "1000",
        6_624_904,
        source(183, 0, "GoogLeNet Inception BasicConv2d googlenet"),
    ),
    // LeCun et al. 1998 with full connections between the maps, and a linear layer at the end.
    model("lenet5", "1x28x28", "10", 61_706, None),
    // By hand.
    model("mlp", "30", "2", mlp(), None),
    model(
        // torchvision.models.mobilenet_v2
        "mobilenet_v2",
        IMAGENET,
        "1000",
        3_504_872,
        source(
            122,
            86,
            "InvertedResidual MobileNetV2 mobilenet_v2 | _make_divisible ConvNormActivation Conv2dNormActivation",
        ),
    ),
    // By hand.
    model("preact_resnet", "3x32x32", "10", preact_resnet([16, 32, 64], 9), None),
    model(
        // torchvision.models.regnet_y_400mf
        "regnet_y_400mf",
        IMAGENET,
        "1000",
        4_344_144,
        source(
            269,
            110,
            "SimpleStemIN BottleneckTransform ResBottleneckBlock AnyStage BlockParams RegNet _regnet \
             regnet_y_400mf | _make_divisible ConvNormActivation Conv2dNormActivation SqueezeExcitation",
        ),
    ),
    model(
        // torchvision.models.resnet18
        "resnet18",
        IMAGENET,
        "1000",
        11_689_512,
        source(171, 0, "conv3x3 conv1x1 BasicBlock ResNet _resnet resnet18"),
    ),
    model(
        // torchvision.models.resnet50
        "resnet50",
        IMAGENET,
        "1000",
        25_557_032,
        source(173, 0, "conv3x3 conv1x1 Bottleneck ResNet _resnet resnet50"),
    ),
    model(
        // torchvision.models.shufflenet_v2_x1_0
        "shufflenet_v2",
        IMAGENET,
        "1000",
        2_278_604,
        source(128, 0, "channel_shuffle InvertedResidual ShuffleNetV2 _shufflenetv2 shufflenet_v2_x1_0"),
    ),
    model(
        // torchvision.models.squeezenet1_1
        "squeezenet",
        IMAGENET,
        "1000",
        1_235_496,
        source(87, 0, "Fire SqueezeNet _squeezenet squeezenet1_1"),
    ),
    // UNet(n_channels=3, n_classes=1, bilinear=False) of milesial/Pytorch-UNet.
    model("unet", "3x256x256", "1x256x256", 31_037_633, None),
    // torchvision.models.vgg16
    model("vgg16", IMAGENET, "1000", 138_357_544, source(62, 0, "VGG make_layers _vgg vgg16")),
    // WideResNet(depth=28, widen_factor=10, num_classes=10) of xternalz/WideResNet-pytorch, which has the
    // layers of a pre-activation ResNet.
    model("wide_resnet", "3x32x32", "10", 36_479_194, None),
];

#[test]
fn every_model_is_clean_and_has_the_numbers_of_the_original() {
    let texts = corpus::texts(&["../examples/gallery"]);
    let names: Vec<&str> = texts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, GALLERY.map(|expected| expected.name));
    for ((name, text), expected) in texts.iter().zip(GALLERY) {
        let model = checked(name, text);
        assert_eq!(model.inputs[0].shape.to_string(), expected.input, "{}", expected.name);
        assert_eq!(model.outputs[0].shape.to_string(), expected.output, "{}", expected.name);
        assert_eq!((model.inputs.len(), model.outputs.len()), (1, 1), "{}", expected.name);
        assert_eq!(model.body.output, model.outputs[0].shape, "{}", expected.name);
        assert_eq!(parameter_count(&model.body), expected.parameters, "{}", expected.name);
    }
}

/// The only model of a text, which has no finding at all.
fn checked(name: &str, text: &str) -> CheckedModel {
    let mut outcome = check(text, Entry::File, &Options::default());
    assert_eq!(outcome.diagnostics, [], "{name}");
    assert_eq!(outcome.models.len(), 1, "{name}");
    outcome.models.remove(0)
}

#[test]
fn the_numbers_by_hand_agree_with_the_published_ones() {
    // The original has as many where both are known: the sums are the right ones.
    assert_eq!(preact_resnet([160, 320, 640], 4), 36_479_194);
    assert_eq!(lenet5(), 61_706);
}

/// Each text is at most a fifth as long as the model's own source. Prints the table with `--nocapture`.
#[test]
fn a_model_is_a_fifth_of_its_pytorch_source() {
    println!("model: lines here (and of the library's blocks it uses), lines in torchvision (and shared)");
    for ((_, text), expected) in corpus::texts(&["../examples/gallery"]).iter().zip(GALLERY) {
        let Some(source) = expected.source else { continue };
        let (own, library) = (lines(text), library_lines(text));
        println!("{}: {own} ({library}), {} ({})", expected.name, source.own, source.shared);
        assert_eq!(source.shared > 0, source.counted.contains('|'), "{}", expected.name);
        assert!(5 * own <= source.own, "{}: {own} lines for {}", expected.name, source.counted);
    }
}

/// Lines that hold more than a comment.
fn lines(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// The lines of all blocks of the library that a text needs.
fn library_lines(text: &str) -> usize {
    let mut needed: Vec<&str> = Vec::new();
    let mut texts = vec![text];
    while let Some(text) = texts.pop() {
        for (name, block) in blocks() {
            let is_word = |word: &str| word == name;
            let used = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(is_word);
            if used && !needed.contains(&name) {
                needed.push(name);
                texts.push(block);
            }
        }
    }
    blocks().filter(|(name, _)| needed.contains(name)).map(|(_, block)| lines(block)).sum()
}

/// The library's blocks with their texts.
fn blocks() -> impl Iterator<Item = (&'static str, &'static str)> {
    let starts = LIBRARY.iter().flat_map(|part| part.text.split("\nblock ").skip(1));
    starts.filter_map(|block| {
        let (name, _) = block.split_once('(')?;
        let (body, _) = block.split_once("\n}")?;
        // The closing brace has a line of its own, as in the texts that are counted beside it.
        Some((name, &block[..body.len() + 2]))
    })
}

const fn conv(window: usize, inputs: usize, outputs: usize) -> usize {
    window * window * inputs * outputs
}

const fn linear(inputs: usize, outputs: usize) -> usize {
    inputs * outputs + outputs
}

/// The factors and the summands of a batch norm.
const fn norm(channels: usize) -> usize {
    2 * channels
}

const fn lenet5() -> usize {
    let convolutions = conv(5, 1, 6) + 6 + conv(5, 6, 16) + 16;
    convolutions + linear(16 * 5 * 5, 120) + linear(120, 84) + linear(84, 10)
}

const fn autoencoder() -> usize {
    let down = conv(3, 1, 16) + 16 + conv(3, 16, 32) + 32 + linear(32 * 7 * 7, 32);
    let up = linear(32, 32 * 7 * 7) + conv(4, 32, 16) + 16 + conv(4, 16, 1) + 1;
    down + up
}

/// No bias stands before a batch norm.
const fn mlp() -> usize {
    30 * 64 + norm(64) + 64 * 64 + norm(64) + linear(64, 2)
}

/// Three stages of `n` pre-activation blocks with these channels after a convolution of 16.
const fn preact_resnet(channels: [usize; 3], n: usize) -> usize {
    let [a, b, c] = channels;
    let stages = preact_stage(16, a, n) + preact_stage(a, b, n) + preact_stage(b, c, n);
    conv(3, 3, 16) + stages + norm(c) + linear(c, 10)
}

/// Where the channels change, a 1x1 convolution does it on the shortcut.
const fn preact_stage(from: usize, to: usize, n: usize) -> usize {
    let projection = if from == to { 0 } else { conv(1, from, to) };
    let first = norm(from) + conv(3, from, to) + norm(to) + conv(3, to, to) + projection;
    first + (n - 1) * (2 * norm(to) + 2 * conv(3, to, to))
}
