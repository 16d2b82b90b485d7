//! What the checker makes of right models: names, shapes, values, biases, limits.

use std::time::Instant;

use nnc_dsl::model::{Layer, Loss, Sequence, Step, StepKind};
use nnc_dsl::scalar::Expr;
use nnc_dsl::words::{Found, Meaning, WORDS, find};
use nnc_dsl::{CheckedModel, Entry, Options, check};

fn model(text: &str) -> CheckedModel {
    with(text, &[])
}

fn with(text: &str, set: &[(&str, &str)]) -> CheckedModel {
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let outcome = check(text, Entry::Macro, &Options { set, ..Options::default() });
    let errors: Vec<_> = outcome.diagnostics.iter().filter(|found| found.is_error()).collect();
    assert!(errors.is_empty(), "{text}: {errors:?}");
    outcome.models.into_iter().next().unwrap()
}

/// The codes of the errors.
fn codes(text: &str) -> Vec<&'static str> {
    let outcome = check(text, Entry::File, &Options::default());
    outcome.diagnostics.iter().filter(|found| found.is_error()).map(|found| found.code).collect()
}

/// Every layer, as `path | text | output`, with `bias` where there is one.
fn layers(model: &CheckedModel) -> Vec<String> {
    let mut lines = Vec::new();
    list(&model.body, "", &mut lines);
    lines
}

fn list(sequence: &Sequence, path: &str, lines: &mut Vec<String>) {
    for step in &sequence.steps {
        let path = format!("{path}{}", step.name);
        match &step.kind {
            StepKind::Layer(layer) => lines.push(line(step, &path, layer)),
            StepKind::Scope(inner) => list(inner, &format!("{path}."), lines),
            StepKind::Shared { path, body } => list(body, &format!("{path}."), lines),
            StepKind::From(tap) => lines.push(format!("{path} | {} | {}", tap.0, step.output)),
            StepKind::Join { branches, .. } => {
                for (name, branch) in branches {
                    list(branch, &format!("{path}.{name}."), lines);
                }
            }
        }
    }
}

fn line(step: &Step, path: &str, layer: &Layer) -> String {
    let bias = match layer {
        Layer::Conv(conv) => conv.bias,
        Layer::Linear { bias, .. } => *bias,
        _ => false,
    };
    format!("{path} | {} | {}{}", step.text, step.output, if bias { " bias" } else { "" })
}

#[test]
fn steps_are_named_and_numbered_among_siblings() {
    let model = model(
        "block cbr(c, s = 1) { conv3 (c) stride=(s) bn relu }
         network Net(width = 8)<3x8x8 -> 2> {
             cbr (width) cbr 16 s=2
             repeat 2 { residual { conv3 16 bn } relu }
             for c in [4, 2] { conv1 (c) }
             concat { pool2 | avgpool2 | pool2 conv1x1 (2*width) }
             gap let h = 3 linear (h) lrelu slope=0.5 linear 2
         }",
    );
    let expected = [
        "cbr1.conv1 | conv3 8 stride=1 | 8x8x8",
        "cbr1.bn1 | bn | 8x8x8",
        "cbr1.relu1 | relu | 8x8x8",
        "cbr2.conv1 | conv3 16 stride=2 | 16x4x4",
        "cbr2.bn1 | bn | 16x4x4",
        "cbr2.relu1 | relu | 16x4x4",
        "repeat1.residual1.body.conv1 | conv3 16 | 16x4x4",
        "repeat1.residual1.body.bn1 | bn | 16x4x4",
        "repeat1.relu1 | relu | 16x4x4",
        "repeat2.residual1.body.conv1 | conv3 16 | 16x4x4",
        "repeat2.residual1.body.bn1 | bn | 16x4x4",
        "repeat2.relu1 | relu | 16x4x4",
        "for1.conv1 | conv1 4 | 4x4x4 bias",
        "for2.conv1 | conv1 2 | 2x4x4 bias",
        "concat1.branch1.pool1 | pool2 | 2x2x2",
        "concat1.branch2.avgpool1 | avgpool2 | 2x2x2",
        "concat1.branch3.pool1 | pool2 | 2x2x2",
        "concat1.branch3.conv1 | conv1x1 16 | 16x2x2 bias",
        "gap1 | gap | 20",
        "linear1 | linear 3 | 3 bias",
        "lrelu1 | lrelu slope=0.5 | 3",
        "linear2 | linear 2 | 2 bias",
    ];
    assert_eq!(layers(&model), expected);
    assert_eq!(model.parameters, [("width".to_owned(), 8.0)]);
}

#[test]
fn ranges_end_before_their_second_value() {
    let model = model(
        "network Net(n = 2)<3x8x8 -> 2> {
             for i in 1..n + 2 { conv1 (i) } for _i in n..n { bn } for _i in (n)..-1 { relu } gap linear 2
         }",
    );
    let convs = ["for1.conv1 | conv1 1 | 1x8x8 bias", "for2.conv1 | conv1 2 | 2x8x8 bias"];
    let last = ["for3.conv1 | conv1 3 | 3x8x8 bias", "gap1 | gap | 3", "linear1 | linear 2 | 2 bias"];
    assert_eq!(layers(&model), [&convs[..], &last].concat());
}

#[test]
fn a_bias_is_dropped_only_right_before_batch_norm() {
    let biased = |body: &str| {
        let model =
            model(&format!("block n() {{ bn }} network N<3x8x8 -> 3> {{ {body} gap linear 3 bias=false }}"));
        layers(&model).iter().any(|line| line.ends_with("bias"))
    };
    assert!(!biased("conv3 3 bn"));
    assert!(!biased("conv3 3 identity n"));
    assert!(!biased("repeat 2 { bn conv3 3 } bn"));
    assert!(!biased("residual { conv3 3 bn }"));
    assert!(biased("conv3 3 relu bn"));
    assert!(biased("residual { conv3 3 } bn"));
    assert!(biased("conv3 3 residual { bn }"));
    assert!(biased("repeat 2 { bn conv3 3 }"));
    assert!(biased("conv3 3 bias=true bn"));
}

#[test]
fn parameters_take_values_from_outside() {
    let text =
        "network N(width = 8, deep = false)<8 -> 2> { linear (select(deep, 2*width, width)) linear 2 }";
    let model = with(text, &[("width", "4*4"), ("deep", "true")]);
    assert_eq!(model.parameters, [("width".to_owned(), 16.0), ("deep".to_owned(), 1.0)]);
    assert_eq!(model.body.steps[0].text, "linear 32");
    assert_eq!(with(text, &[("width", "1"), ("width", "2")]).body.steps[0].text, "linear 2");
}

#[test]
fn one_network_of_several_can_be_chosen() {
    let text = "network A<8 -> 2> { linear 2 } network B(n)<8 -> 2> { linear 2 }";
    let options = Options { network: Some("A".to_owned()), ..Options::default() };
    let outcome = check(text, Entry::File, &options);
    assert_eq!(outcome.diagnostics, []);
    assert_eq!(outcome.models.len(), 1);
    assert_eq!(codes(text), ["E0215"]);
}

#[test]
fn the_loss_follows_the_output_unless_it_is_written() {
    let loss = |text: &str| model(text).train.losses[0].loss.clone();
    assert_eq!(loss("network N<8 -> 2> { linear 2 }"), Loss::CROSS_ENTROPY);
    assert_eq!(loss("network N<8 -> 1> { linear 1 }"), Loss::MeanSquaredError);
    assert_eq!(loss("network N<3x8x8 -> 2x8x8> { conv3 2 }"), Loss::MeanSquaredError);
    assert_eq!(loss("network N<8 -> 2> { linear 2 softmax }"), Loss::MeanSquaredError);
    assert_eq!(loss("network N<8 -> 2> { linear 2 } train N { loss mse }"), Loss::MeanSquaredError);
}

#[test]
fn an_anonymous_network_has_its_signature_as_its_place() {
    let model = model("<1x8x8 -> 10> conv3 8 gap linear 10");
    assert_eq!((model.name.as_str(), model.name_span.range()), ("", 0..13));
    assert_eq!(layers(&model).len(), 3);
}

#[test]
fn activations_are_their_formulas() {
    // Reference values of the textbook formulas, independent of the table.
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    type Case<'c> = (&'c str, &'c dyn Fn(f64) -> f64);
    let cases: [Case; 8] = [
        ("relu", &|x: f64| x.max(0.0)),
        ("lrelu", &|x: f64| if x > 0.0 { x } else { 0.01 * x }),
        ("lrelu slope=0.3", &|x: f64| if x > 0.0 { x } else { 0.3 * x }),
        ("elu alpha=2", &|x: f64| if x > 0.0 { x } else { 2.0 * x.exp_m1() }),
        ("silu", &|x: f64| x * logistic(x)),
        ("sigmoid", &logistic),
        ("tanh", &f64::tanh),
        // Φ(1) = 0.841344746, Φ(-1) = 0.158655254, Φ(0) = 0.5, Φ(3) = 0.998650102 (tables).
        ("gelu", &|x: f64| match x as i64 {
            1 => 0.841344746068543,
            -1 => -0.158655253931457,
            3 => 2.995950305744,
            _ => 0.0,
        }),
    ];
    for (word, expected) in cases {
        let model = model(&format!("network N<2 -> 2> {{ {word} }}"));
        let StepKind::Layer(Layer::Activation(formula)) = &model.body.steps[0].kind else { panic!("{word}") };
        for x in [-1.0, 0.0, 1.0, 3.0] {
            let (found, expected) = (formula.eval(&[x]), expected(x));
            assert!((found - expected).abs() < 1e-9, "{word}({x}) = {found}, not {expected}");
        }
    }
}

#[test]
fn every_formula_and_example_of_the_table_checks() {
    for word in WORDS {
        let model = model(word.example);
        let found = layers(&model).iter().any(|line| line.contains(&format!("| {}", word.name)));
        assert!(found, "the example of `{}`", word.name);
        if let (Meaning::Formula(_), Found::Word(..)) = (word.meaning, find(word.name)) {
            let uses_x = format!("{:?}", activation(&model.body, word.name)).contains("Var(0)");
            assert!(uses_x, "{}", word.name);
        }
    }
}

fn activation(sequence: &Sequence, stem: &str) -> Option<Expr> {
    sequence.steps.iter().find(|step| step.name == format!("{stem}1")).and_then(|step| match &step.kind {
        StepKind::Layer(Layer::Activation(formula)) => Some(formula.clone()),
        _ => None,
    })
}

#[test]
fn long_chains_of_blocks_neither_overflow_nor_take_long() {
    let chain = |length: usize| {
        let blocks = (0..length).map(|i| format!("block b{i}() {{ b{} }}\n", i + 1)).collect::<String>();
        format!("{blocks} block b{length}() {{ relu }} network N<8 -> 8> {{ b0 }}")
    };
    assert_eq!(codes(&chain(50)), Vec::<&str>::new());
    assert_eq!(codes(&chain(5_000)), ["E0212"]);
    let doubling = (0..40).map(|i| format!("block b{i}() {{ b{} b{} }}\n", i + 1, i + 1)).collect::<String>();
    assert_eq!(codes(&format!("{doubling} block b40() {{ relu }} network N<8 -> 8> {{ b0 }}")), ["E0212"]);
    let circle = chain(5_000).replace("{ relu }", "{ b0 }");
    assert_eq!(codes(&circle), ["E0211"]);
}

#[test]
fn two_hundred_words_take_milliseconds() {
    let words = "conv3 16 bn gelu residual { conv3 (8*2) bn } relu\n".repeat(30);
    let text = format!("network N<3x32x32 -> 10> {{ {words} gap linear 10 }}");
    check(&text, Entry::File, &Options::default());
    let start = Instant::now();
    let outcome = check(&text, Entry::File, &Options::default());
    let taken = start.elapsed();
    assert_eq!(outcome.models.len(), 1);
    // Measured: 0.7 ms in the development profile on two cores; the promise is 20.
    assert!(taken.as_millis() < 20, "{taken:?}");
}

#[test]
fn bodies_that_are_never_taken_are_checked_without_shapes() {
    let text = |word: &str| {
        format!(
            "network N(n = 0)<8 -> 2> {{ repeat (n) {{ let d = 4 linear (d) {word} }} for c in [] {{ linear (c) }} linear 2 }}"
        )
    };
    assert_eq!(codes(&text("relu")), Vec::<&str>::new());
    assert_eq!(codes(&text("rleu")), ["E0201"]);
}
