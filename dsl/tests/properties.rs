//! Promises about every text: parsing ends without a panic and within bounds, its diagnostics point
//! into the text, and printing a tree and parsing it again changes nothing.

use nnc_dsl::ast::Module;
use nnc_dsl::format;
use nnc_dsl::syntax::{Entry, MAX_NESTING, MAX_TEXT, parse, parse_formula, print};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Every construct of the language.
const SAMPLE: &str = r#"
use "blocks/\"mine\".nn"
activation swish(x, beta = 1.0) = x * sigmoid(beta*x)
allow(small-batch, W0001,)
block cbr(c, k = 2*3) { conv3 (c) bn relu } // a comment
pub network Vgg(width = 32, deep = true)<3x32x32 -> 10> {
    let double = 2*(width + 1) - -1 / min(width, 4) % 3
    let less = width < double
    for c in [width, 2*width, 4 * width,] { cbr (c) cbr (c) k=less pool2 }
    -> 128x4x4
    repeat 3 { residual { conv3 16 bn relu } shortcut { conv1 16 stride=-1e-5 bias=false } relu }
    for i in -1..2*(width - 30) { for j in (i)..max(i, 3) { } }
    repeat (width - 30) { residual { } }
    add { relu | bn gelu | } concat { identity | conv3 (8) pad=(1 + 1) x=y }
    conv1 10 gap
}
network Ports(in = 2, deep = true)<image: 3x64x64, meta: 8 -> class: 10, volume: 4x2x2x2> {
    as start let repeat = (in) allow(odd-size)
    shared tower { conv3 16 init=he_uniform relu } as low
    if (deep and not (in < 1) or in >= 3) { tower as a } else if (in == 2) { tower } else { bn as b } as skip
    if (in != channels) { }
    with lr=0.1 frozen=true init=constant(0.1) { conv 8 stride=2x1 pad=(in) window=(3) mul=1 }
    mul { identity | gap linear (channels/4) sigmoid } concat low, skip add start from meta
    reshape 4x7x7 permute order=[1, 0, 2,] crop [1, (in), -2] size=3x3 as box concat box
}
train Ports { allow(small-batch) loss cross_entropy output=class class_weights=[1, 2, 0.5] }
train Vgg {
    data cifar10 "path/to \"data\"\\n" augment flip crop=4
    optimizer sgd lr=0.1 momentum=(1 - 0.1) nesterov=true name="x" batch 128 epoch 30 seed (1)
}
"#;

const EXPRESSION_FORM: &str = "<1x8x8 -> 10> conv3 8 bn relu residual { conv3 8 } gap linear 10";

#[test]
fn printing_keeps_the_tree() {
    for (text, entry) in [(SAMPLE, Entry::File), (SAMPLE, Entry::Macro), (EXPRESSION_FORM, Entry::Macro)] {
        let (module, diagnostics) = parse(text, entry);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        assert!(!module.items.is_empty());
        assert_prints_back(&module, entry);
        if entry == Entry::File {
            assert_formats(text, &module, diagnostics.is_empty());
        }
    }
}

/// What can be read is formatted, which keeps the tree; what cannot is refused.
fn assert_formats(text: &str, module: &Module, is_right: bool) {
    let formatted = format(text);
    assert_eq!(formatted.is_ok(), is_right, "{text}");
    if let Ok(formatted) = formatted {
        let (again, _) = parse(&formatted, Entry::File);
        assert_eq!(without_spans(module), without_spans(&again), "{formatted}");
        assert_eq!(format(&formatted).as_ref(), Ok(&formatted));
    }
}

#[test]
fn printed_form_is_canonical() {
    let (module, _) = parse(SAMPLE, Entry::File);
    assert_golden("tests/syntax/printed.golden", &print(&module));
}

#[test]
fn hostile_texts_are_answered_quickly() {
    let many = MAX_TEXT - 100;
    for text in [
        "(".repeat(1_000_000),
        "x".repeat(10_000_000),
        "(".repeat(many),
        "{".repeat(many),
        "}".repeat(many),
        "network A<3 -> 3> {".repeat(many / 20),
        format!("network A<3 -> 3> {{ conv3 ({}1) }}", "- ".repeat(many / 3)),
        format!("network A<3 -> 3> {{ conv3 ({}1) }}", "a+".repeat(many / 3)),
        format!("network A<3 -> 3> {{ conv3 {}1 }}", "min(".repeat(many / 5)),
        format!("network A<3 -> 3> {{ {} }}", "| ".repeat(many / 2)),
        format!("network A<3 -> 3> {{ {} }}", "a = ".repeat(many / 5)),
        format!("network A<3 -> 3> {{ {} }}", "let = ".repeat(many / 7)),
        format!("network A<3 -> 3> {{ {} }}", "if (a) { ".repeat(many / 9)),
        format!("network A<3 -> 3> {{ if (a) {{ }} {} else }}", "else if (a) { } ".repeat(many / 16)),
        format!("network A<3 -> 3> {{ {} as }}", "as a ".repeat(many / 6)),
        format!("network A<3 -> 3> {{ concat {} }}", "a, ".repeat(many / 3)),
        format!("network A<3 -> 3> {{ permute order=[{} }}", "1, ".repeat(many / 4)),
        format!("network A<3 -> 3> {{ permute order={} }}", "[".repeat(many - 60)),
        format!("network A<3 -> 3> {{ with {} {{ }}", "a=1 ".repeat(many / 5)),
        format!("network A<3 -> 3> {{ let a = {}1 }}", "not ".repeat(many / 5)),
        format!("network A<3 -> 3> {{ for i in {}1 {{ }} }}", "0..".repeat(many / 3)),
        format!("network A<3 -> 3> {{ for i in 0..{}1 {{ }} }}", "- ".repeat(many / 3)),
        format!("network A<3 -> 3> {{ let a = b{} }}", " and b".repeat(many / 7)),
        format!("network A<{} -> 3> {{ }}", "a: 1 ".repeat(many / 6)),
        "allow(a-".repeat(many / 8),
        "use \"a\" activation ".repeat(many / 20),
        "activation f(x) = ".repeat(many / 20),
        "@".repeat(many),
        "@#".repeat(many / 2),
        "9".repeat(many),
        "block ".repeat(many / 6),
        "\"\n".repeat(many / 2),
        "x".repeat(many),
    ] {
        let start = Instant::now();
        let (_, diagnostics) = parse(&text, Entry::File);
        let elapsed = start.elapsed();
        let shown: String = text.chars().take(40).collect();
        assert!(!diagnostics.is_empty() && diagnostics.len() < 200, "{shown}: {}", diagnostics.len());
        assert!(elapsed < Duration::from_secs(10), "{shown}: {elapsed:?}");
    }
}

#[test]
fn long_texts_without_a_mistake_are_read() {
    // The layout may be longer than the text.
    let many = MAX_TEXT / 2;
    for text in [
        format!("network A<3 -> 3> {{ {} }}", "as a ".repeat(many / 5)),
        format!("network A<3 -> 3> {{ if (a) {{ }} {} }}", "else if (a) { } ".repeat(many / 17)),
        format!("network A<3 -> 3> {{ permute order=[{}1] }}", "1, ".repeat(many / 4)),
        format!("network A<3 -> 3> {{ concat {}a }}", "a, ".repeat(many / 4)),
        format!("network A<3 -> 3> {{ relu {} }}", "a=1 ".repeat(many / 5)),
        "use \"a\" ".repeat(many / 8),
    ] {
        let start = Instant::now();
        let (module, diagnostics) = parse(&text, Entry::File);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        assert_formats(&text, &module, true);
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(10), "{}: {elapsed:?}", &text[..40]);
    }
}

#[test]
fn the_limits_are_reported_and_what_is_within_them_is_read() {
    let nested = |depth: usize| {
        let inner = depth - 1;
        format!("network A<3 -> 3> {{ {}relu{} }}", "residual { ".repeat(inner), " }".repeat(inner))
    };
    let (module, diagnostics) = parse(&nested(MAX_NESTING), Entry::File);
    assert_eq!((module.items.len(), diagnostics.len()), (1, 0));
    assert_prints_back(&module, Entry::File);
    for text in [
        nested(MAX_NESTING + 1),
        " ".repeat(MAX_TEXT + 1),
        format!("block a(b = {}1) {{}}", "1+".repeat(300)),
    ] {
        let (_, diagnostics) = parse(&text, Entry::File);
        assert_eq!(diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(), ["E0105"]);
    }
    let parentheses = |depth: usize| format!("{}x{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse_formula(&parentheses(MAX_NESTING)).is_ok());
    assert_eq!(parse_formula(&parentheses(MAX_NESTING + 1)).unwrap_err().code, "E0105");
}

#[test]
fn formulas_are_read_whole() {
    for formula in ["select(x > 0, x, slope*x)", "0.5*x*(1 + erf(x/sqrt(2)))", "-x"] {
        assert!(parse_formula(formula).is_ok(), "{formula}");
    }
    for wrong in ["", "x x", "x +", "(x", "x)", "1x2", "x > 0 > 1", "a, b", "<1 -> 2> relu"] {
        assert!(parse_formula(wrong).is_err(), "{wrong}");
    }
}

/// Pieces of text that meet in unforeseen ways.
#[rustfmt::skip]
const PIECES: &[&str] = &[
        "network", "block", "train", "pub", "repeat", "for", "in", "let", "residual", "shortcut", "add",
        "concat", "mul", "if", "else", "as", "from", "shared", "with", "allow", "and", "or", "not", "use", "activation",
        "lr=", "==", "!=", "<=", ">=", ":", "[1, 2]", "2x1", "(a)", "..", "for i in 0..a {", "true", "a", "conv3", "bn", "data", "batch", "3", "3x32x32", "0x1", "1e5", "0.5", "->",
        "<", ">", "{", "}", "(", ")", "[", "]", "|", ",", "=", "+", "-", "*", "/", "%", "\"t\"", "\"", "//",
        "\n", ";", "@", "×", "ä", "/*", "*/", "\\", "#", "'",
    ];

fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![9 => proptest::sample::select(PIECES).prop_map(String::from), 1 => any::<String>()]
}

fn soup() -> impl Strategy<Value = String> {
    proptest::collection::vec(fragment(), 0..60).prop_map(|pieces| pieces.join(" "))
}

/// The sample with a few pieces put in or taken out.
fn mutated() -> impl Strategy<Value = String> {
    let edits = proptest::collection::vec((0..SAMPLE.len(), 0..12_usize, fragment()), 1..4);
    edits.prop_map(|edits| {
        let mut text = SAMPLE.to_owned();
        for (at, removed, inserted) in edits {
            let start = text.floor_char_boundary(at);
            let end = text.floor_char_boundary((start + removed).min(text.len()));
            text.replace_range(start..end, &inserted);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        assert_promises(&text);
    }

    #[test]
    fn any_tokens_are_answered(text in soup()) {
        assert_promises(&text);
    }

    #[test]
    fn any_edit_is_answered(text in mutated()) {
        assert_promises(&text);
    }
}

fn assert_promises(text: &str) {
    let _ = parse_formula(text);
    for entry in [Entry::File, Entry::Macro] {
        let (module, diagnostics) = parse(text, entry);
        for diagnostic in &diagnostics {
            let spans = diagnostic.labels.iter().map(|label| label.span);
            for span in spans.chain([diagnostic.span]) {
                assert!(text.get(span.range()).is_some(), "{span:?} of {diagnostic:?}");
            }
            assert!(!diagnostic.help.is_empty(), "{diagnostic:?}");
        }
        assert_prints_back(&module, entry);
    }
}

fn assert_prints_back(module: &Module, entry: Entry) {
    let printed = print(module);
    let (again, diagnostics) = parse(&printed, entry);
    assert!(diagnostics.is_empty(), "{printed}\n{diagnostics:?}");
    assert_eq!(without_spans(module), without_spans(&again), "{printed}");
    assert_eq!(print(&again), printed);
}

/// The tree's text form with all places taken out.
fn without_spans(module: &Module) -> String {
    let text = format!("{module:?}");
    let mut parts = text.split("Span { ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + part.split_once('}').map_or("", |(_, rest)| rest))
}

fn assert_golden(path: &str, found: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("NNC_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "found\n{found}\nexpected\n{expected}");
}
