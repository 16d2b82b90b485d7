//! Named values, several ports, conditions, settings, shared parts, networks as words, files.

use nnc_dsl::model::{Join, Layer, Sequence, Shape, Step, StepKind, Tap};
use nnc_dsl::{CheckedModel, Entry, Options, Outcome, Source, check, check_file, parameter_count};

fn model(text: &str) -> CheckedModel {
    with(text, &[])
}

fn with(text: &str, set: &[(&str, &str)]) -> CheckedModel {
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    first(check(text, Entry::File, &Options { set, ..Options::default() }), text)
}

fn first(outcome: Outcome, text: &str) -> CheckedModel {
    let errors: Vec<_> = outcome.diagnostics.iter().filter(|found| found.is_error()).collect();
    assert!(errors.is_empty(), "{text}: {errors:?}");
    outcome.models.into_iter().next().unwrap()
}

/// The codes of the checker's findings, without the lints.
fn codes(text: &str) -> Vec<&'static str> {
    let outcome = check(text, Entry::File, &Options::default());
    outcome.diagnostics.iter().map(|found| found.code).filter(|code| code.starts_with(['E', 'W'])).collect()
}

/// `name text shape`, with ` @tap` where there is one.
fn shown(step: &Step) -> String {
    let tap = step.tap.map_or(String::new(), |tap| format!(" @{}", tap.0));
    format!("{}: {} {}{tap}", step.name, step.text, step.output)
}

fn steps(sequence: &Sequence) -> Vec<String> {
    sequence.steps.iter().map(shown).collect()
}

fn scope(step: &Step) -> &Sequence {
    match &step.kind {
        StepKind::Scope(body) | StepKind::Shared { body, .. } => body,
        other => panic!("no scope: {other:?}"),
    }
}

fn branches(step: &Step) -> (Join, Vec<&Sequence>) {
    match &step.kind {
        StepKind::Join { join, branches } => (*join, branches.iter().map(|(_, branch)| branch).collect()),
        other => panic!("no join: {other:?}"),
    }
}

#[test]
fn named_values_are_carried_by_the_steps_that_make_them() {
    let net = model(
        "network N<3x8x8 -> 10> {
            as image conv3 4 as a as b relu
            pool2 upsample 2 concat a, image
            residual { as inner conv3 11 add inner } as sum
            from a conv3 11 mul sum
            gap linear 10
        }",
    );
    let expected = [
        "conv1: conv3 4 4x8x8 @1",
        "relu1: relu 4x8x8",
        "pool1: pool2 4x4x4",
        "upsample1: upsample 2 4x8x8",
        "concat1: concat a, image 11x8x8",
        "residual1: residual 11x8x8 @3",
        "from1: from a 4x8x8",
        "conv2: conv3 11 11x8x8",
        "mul1: mul sum 11x8x8",
        "gap1: gap 11",
        "linear1: linear 10 10",
    ];
    assert_eq!(steps(&net.body), expected);
    let (join, read) = branches(&net.body.steps[4]);
    assert_eq!(join, Join::Concat);
    assert!(read[0].steps.is_empty());
    assert_eq!(read[1].steps[0].kind, StepKind::From(Tap(1)));
    assert_eq!(read[2].steps[0].kind, StepKind::From(Tap(0)));
    let (_, inside) = branches(&net.body.steps[5]);
    assert_eq!(steps(inside[0])[0], "as1: as inner 11x8x8 @2");
    assert_eq!(inside[0].steps[0].kind, StepKind::Layer(Layer::Identity));
}

#[test]
fn several_inputs_and_outputs() {
    let net = model(
        "network N<image: 3x8x8, meta: 8 -> class: 10, box: 4> {
            conv3 16 relu gap concat meta as joined
            linear 10 as class
            from joined linear 4 as box
        }",
    );
    let inputs: Vec<_> = net.inputs.iter().map(|i| (i.name.as_str(), i.shape.to_string(), i.tap.0)).collect();
    assert_eq!(inputs, [("image", "3x8x8".to_owned(), 0), ("meta", "8".to_owned(), 1)]);
    let outputs: Vec<_> = net.outputs.iter().map(|o| (o.name.as_str(), o.shape.to_string(), o.tap)).collect();
    assert_eq!(outputs, [("class", "10".to_owned(), Some(Tap(3))), ("box", "4".to_owned(), Some(Tap(4)))]);
    let text = net.to_string();
    let head = "network N<image: 3x8x8, meta: 8 -> class: 10, box: 4>\n  class is 3\n  box is 4\n";
    assert!(text.starts_with(head) && text.contains("  10  as 3\n"), "{text}");
    let single = model("network N<8 -> class: 10> { linear 10 }");
    assert_eq!(single.outputs[0].tap, None);
    let early = model("network N<8 -> class: 10> { linear 10 as class linear 3 }");
    assert_eq!(early.outputs[0].tap, Some(Tap(1)));
}

#[test]
fn factors_are_spread_over_the_first_value() {
    for factor in ["gap linear 4 sigmoid", "conv1 1 sigmoid", "conv3 4", "gap linear 4 reshape 4x1x1"] {
        let net = model(&format!("network N<4x8x8 -> 4x8x8> {{ mul {{ identity | {factor} }} }}"));
        assert_eq!(net.body.output, Shape::map(4, 8, 8));
    }
    assert_eq!(codes("network N<4x8x8 -> 4x8x8> { mul { identity | gap linear 3 } }"), ["E0505"]);
    assert_eq!(codes("network N<4x8x8 -> 4> { mul { gap | identity } }"), ["E0505"]);
}

#[test]
fn conditions_choose_a_body() {
    let text = "network N(depth = 2, wide = false)<8 -> 2> {
        if (depth > 2 and not wide) { linear 16 } else if (wide or depth == 1) { linear 32 } else { relu }
        if (depth != 2) { linear (8/(depth - 2)) }
        linear 2
    }";
    assert_eq!(steps(&with(text, &[]).body), ["if1: else 8", "linear1: linear 2 2"]);
    let deep = with(text, &[("depth", "3")]);
    assert_eq!(steps(&deep.body)[0], "if1: if (depth > 2 and not wide) 16");
    assert_eq!(steps(scope(&deep.body.steps[1])), ["linear1: linear 8 8"]);
    assert_eq!(scope(&with(text, &[("wide", "true")]).body.steps[0]).output, Shape::vector(32));
    assert_eq!(codes("network N(n = 1)<8 -> 8> { if (n) { relu } }"), ["E0206"]);
    assert_eq!(codes("network N(n = 1)<8 -> 8> { if (n > 2) { rleu } else { tanh } }"), ["E0201"]);
}

#[test]
fn sides_of_the_present_shape_have_names() {
    let net = model(
        "block half(c = floor(channels/2)) { conv1 (c) }
         network N<8x6x4 -> 2> {
            conv1 (channels + height*width) half relu
            let height = 3 conv1 (height) flatten linear (features/6) for c in [features, features] { linear (c) }
            linear 2
         }",
    );
    let expected = [
        "conv1: conv1 32 32x6x4",
        "half1: half 16x6x4",
        "relu1: relu 16x6x4",
        "conv2: conv1 3 3x6x4",
        "flatten1: flatten 72",
        "linear1: linear 12 12",
        "for1: for c=12 12",
        "for2: for c=12 12",
        "linear2: linear 2 2",
    ];
    assert_eq!(steps(&net.body), expected);
    assert_eq!(codes("network N<8 -> 2> { linear (height) linear 2 }"), ["E0506"]);
    assert_eq!(codes("network N(c = channels)<8x4x4 -> 2> { conv3 (c) gap linear 2 }"), ["E0202"]);
}

#[test]
fn settings_hold_for_all_words_within() {
    let net = model(
        "block cbr() { conv3 4 bn relu }
         network N<3x8x8 -> 2> {
            with frozen=true { cbr as low }
            with lr=0.5 init=orthogonal bias=true { conv3 4 with lr=0.1 { conv3 4 bn } }
            add low gap linear 2
         }",
    );
    let frozen = scope(&scope(&net.body.steps[0]).steps[0]);
    assert!(frozen.steps.iter().all(|step| step.learning_rate == 0.0));
    let slow = scope(&net.body.steps[1]);
    assert_eq!(slow.steps[0].learning_rate, 0.5);
    let StepKind::Layer(Layer::Conv(conv)) = &slow.steps[0].kind else { panic!("a convolution") };
    assert_eq!((conv.init, conv.bias), (nnc_dsl::model::Init::Orthogonal { gain: 1.0 }, true));
    let slower = scope(&slow.steps[1]);
    assert!((slower.steps[0].learning_rate - 0.05).abs() < 1e-12);
    let StepKind::Layer(Layer::Conv(conv)) = &slower.steps[0].kind else { panic!("a convolution") };
    assert!(conv.bias, "the text asks for it, although batch norm follows");
    assert_eq!(net.body.steps.last().unwrap().learning_rate, 1.0);
}

#[test]
fn settings_of_one_use_say_nothing_of_another() {
    let net = model(
        "block unit() { conv3 4 bn relu }
         network N<3x8x8 -> 2> { with bias=true { unit residual { unit } } unit residual { unit } gap linear 2 }",
    );
    let biases = 2 * 4;
    assert_eq!(parameter_count(&net.body), conv_bn(3) + 3 * conv_bn(4) + biases + 4 * 2 + 2);
}

/// Parameters of a 3x3 convolution to four channels and its norm.
fn conv_bn(inputs: usize) -> usize {
    9 * inputs * 4 + 2 * 4
}

#[test]
fn shared_parts_have_one_path() {
    let net = model(
        "block two() { shared head { conv3 4 bn } head head }
         network N<4x8x8 -> 2> {
            let c = 4
            shared tower { conv3 (c) relu two }
            { tower } tower pool2
            let c = 5
            tower two gap linear 2
         }"
        .replace("{ tower } tower", "tower tower")
        .as_str(),
    );
    let paths: Vec<&str> = net
        .body
        .steps
        .iter()
        .filter_map(|step| match &step.kind {
            StepKind::Shared { path, .. } => Some(path.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(paths, ["tower"; 3]);
    let inner = |step: &Step| match &scope(step).steps[0].kind {
        StepKind::Shared { path, .. } => path.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(inner(&scope(&net.body.steps[0]).steps[2]), "tower.two1.head");
    assert_eq!(inner(&net.body.steps[4]), "two1.head");
    let conv = 4 * 4 * 9;
    assert_eq!(parameter_count(&net.body), (conv + 4) + 2 * (conv + 8) + 4 * 2 + 2);
    let differs = "network N<4x8x8 -> 2> { shared t { conv3 8 } t t gap linear 2 }";
    assert_eq!(codes(differs), ["E0508"]);
}

#[test]
fn networks_are_words() {
    let net = model(
        "network N<3x8x8 -> 2> { Part 8 Part 8 gap linear 2 }
         network Part(c = 4)<x: 3x8x8 -> y: 3x8x8> { conv3 (c) relu conv3 3 add x as y tanh }",
    );
    assert_eq!(steps(&net.body)[..2], ["Part1: Part 8 3x8x8", "Part2: Part 8 3x8x8"]);
    let part = scope(&net.body.steps[0]);
    let expected = [
        "as1: as x 3x8x8 @1",
        "conv1: conv3 8 8x8x8",
        "relu1: relu 8x8x8",
        "conv2: conv3 3 3x8x8",
        "add1: add x 3x8x8 @2",
        "tanh1: tanh 3x8x8",
        "output: from y 3x8x8",
    ];
    assert_eq!(steps(part), expected);
    assert_eq!(codes("network A<8 -> 8> { B } network B<8 -> 8> { A }"), ["E0211"]);
    assert_eq!(codes("network A<8 -> 8> { B } network B<4 -> 8> { linear 8 }"), ["E0509"]);
}

#[test]
fn activations_of_the_text_are_words() {
    let net = model(
        "activation swish(t, beta = 1.0) = t*sigmoid(beta*t)
         network N<8 -> 2> { swish swish 2 swish beta=0.5 linear 2 }",
    );
    assert_eq!(
        steps(&net.body)[..3],
        ["swish1: swish 8", "swish2: swish beta=2 8", "swish3: swish beta=0.5 8"]
    );
    let StepKind::Layer(Layer::Activation(formula)) = &net.body.steps[1].kind else {
        panic!("an activation")
    };
    assert!((formula.eval(&[1.5]) - 1.5 / (1.0 + (-3.0_f64).exp())).abs() < 1e-12);
    let uses = |definition: &str, word: &str| codes(&format!("{definition} network N<8 -> 8> {{ {word} }}"));
    assert_eq!(uses("activation f(x) = tnah(x)", "f"), ["E0504"]);
    assert_eq!(uses("activation f(x) = exp(x, 2)", "f"), ["E0504"]);
    assert_eq!(uses("activation f() = 2", "f"), ["E0504"]);
    assert_eq!(uses("activation f(x, a) = a*x", "f"), ["E0203"]);
}

/// A main text with these files beside it.
fn files(text: &str, files: &[(&str, &str)]) -> Outcome {
    let loader = |path: &str, _: &str| match files.iter().find(|(name, _)| *name == path) {
        Some((name, text)) => Ok(Source { name: (*name).to_owned(), text: (*text).to_owned() }),
        None => Err("no such file".to_owned()),
    };
    check_file("main.nn", text, Entry::File, &Options::default(), &loader)
}

#[test]
fn files_give_their_items() {
    let main = "use \"a.nn\" network N<8 -> 2> { twice act linear 2 }";
    let a = ("a.nn", "use \"b.nn\" block twice() { once relu once }");
    let b = ("b.nn", "block once() { linear 4 } activation act(x) = x*x");
    let outcome = files(main, &[a, b]);
    assert_eq!(outcome.diagnostics, []);
    let net = first(outcome, main);
    assert_eq!(steps(&net.body), ["twice1: twice 4", "act1: act 4", "linear1: linear 2 2"]);

    let found = |main: &str, others: &[(&str, &str)]| -> Vec<(&'static str, String)> {
        let outcome = files(main, others);
        let file = |byte: usize| outcome.sources.file(byte).unwrap().name.clone();
        outcome.diagnostics.iter().map(|one| (one.code, file(one.span.start))).collect()
    };
    let one = |code, file: &str| vec![(code, file.to_owned())];
    assert_eq!(found("use \"x.nn\" network N<8 -> 8> { relu }", &[]), one("E0510", "main.nn"));
    let circle = ("b.nn", "use \"a.nn\" block once() { linear 4 }");
    assert_eq!(found(main, &[a, circle]), one("E0511", "b.nn"));
    assert_eq!(found("use \"b.nn\" network N<8 -> 8> { relu }", &[b]), one("unused-import", "main.nn"));

    let wrong = ("b.nn", "block once() { linear 4 conv3 8 }");
    assert_eq!(found("use \"b.nn\" network N<8 -> 8> { once }", &[wrong]), one("E0301", "b.nn"));
    let unread = ("b.nn", "block once() { linear 4 repeat { } }");
    assert_eq!(found("use \"b.nn\" network N<8 -> 8> { once }", &[unread])[0].1, "b.nn");
    let clash = ("b.nn", "block once() { relu }");
    assert_eq!(
        found("use \"b.nn\" block once() { relu } network N<8 -> 8> { once }", &[clash]),
        one("E0210", "b.nn")
    );
}

#[test]
fn mistakes_in_the_library_point_at_the_use() {
    let text = "network N<8 -> 8> { se }";
    let outcome = check(text, Entry::File, &Options::default());
    let found = &outcome.diagnostics[0];
    assert_eq!(&text[found.span.range()], "se");
    assert!(found.fixes.is_empty());
    assert_eq!(outcome.sources.files().len(), 2);
}
