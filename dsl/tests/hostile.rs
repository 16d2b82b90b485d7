//! Texts made to break the compiler: each gets a clear error, or a model, at once.
//!
//! Huge counts, nesting and repetition; texts as long as they may be in which everything happens very
//! often; circles and towers of definitions; names that mean something elsewhere.

use std::time::Duration;

use nnc_dsl::lints::Level;
use nnc_dsl::syntax::MAX_TEXT;
use nnc_dsl::{Diagnostic, Entry, Options, Outcome, Source, check, check_file, format};

#[path = "support/answer.rs"]
mod answer;
#[path = "support/cpu_time.rs"]
mod cpu_time;

use answer::assert_answer;
use cpu_time::cpu_time;

/// Tests check and format with slower code than a release: a second there is a few here.
const BOUND: Duration = Duration::from_secs(4);

/// Checks with every lint, formats, and inspects the answer, all within the bound.
fn answer(text: &str) -> Outcome {
    let options = Options { levels: vec![("all".to_owned(), Level::Warn)], ..Options::default() };
    timed(text, || {
        let _ = format(text);
        check(text, Entry::File, &options)
    })
}

fn timed(text: &str, act: impl FnOnce() -> Outcome) -> Outcome {
    let start = cpu_time();
    let outcome = act();
    assert_answer(&outcome);
    let (elapsed, shown) = (cpu_time() - start, beginning(text));
    assert!(elapsed < BOUND, "{elapsed:?}: {shown}");
    outcome
}

fn beginning(text: &str) -> String {
    text.chars().take(90).collect()
}

/// The text has an error with one of these codes, and it is a short one.
fn refused(text: &str, codes: &[&str]) {
    let outcome = answer(text);
    let errors: Vec<&Diagnostic> = outcome.diagnostics.iter().filter(|found| found.is_error()).collect();
    let found = || errors.iter().map(|error| (error.code, &error.message)).collect::<Vec<_>>();
    assert!(errors.iter().any(|error| codes.contains(&error.code)), "{}: {:?}", beginning(text), found());
    assert!(errors.len() <= 100, "{} errors", errors.len());
}

fn network(words: &str) -> String {
    format!("network Net<3x8x8 -> 10> {{ {words} gap linear 10 }}")
}

/// As much of a piece as a text can hold beside a small network.
fn much(piece: &str) -> String {
    piece.repeat((MAX_TEXT - 200) / piece.len())
}

/// As many numbered pieces as a text can hold beside a small network; each begins with what `piece` gives.
fn many(piece: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        let next = piece(number);
        if text.len() + next.len() > MAX_TEXT - 200 {
            break;
        }
        text.push_str(&next);
    }
    text
}

#[test]
fn numbers_out_of_all_bounds() {
    refused(&network("repeat 1000000000 { relu }"), &["E0212"]);
    refused(&network("repeat 99999 { repeat 99999 { relu } }"), &["E0212"]);
    refused(&network("repeat 1000 { repeat 1000 { bn } }"), &["E0212"]);
    refused(&network("for i in 0..1000000000 { relu }"), &["E0212"]);
    refused(&network("for i in [1, 2] { for j in 0..19999 { relu } }"), &["E0212"]);
    refused(&network("shared a { repeat 1000000 { relu } } a"), &["E0212"]);
    refused(&network("-> 1x99999999999"), &["E0308"]);
    refused(&network("-> 99999999999999999999999999999"), &["E0308", "E0101", "E0103"]);
    refused(&network("reshape 1x99999999999"), &["E0308", "E0324", "E0207"]);
    refused(&network("conv3 99999999999"), &["E0308", "E0207"]);
    refused(&network("conv3 8 stride=99999999999x99999999999"), &["E0207"]);
    refused(&network("pad 1000000000"), &["E0308", "E0207"]);
    refused(&network("upsample 1000000"), &["E0308", "E0207"]);
    refused(&network("conv1 1000000000 conv1 1000000000"), &["E0308", "E0207"]);
    refused(&network("permute order=[9999999999999999999999, 1]"), &["E0103"]);
    // The last step that fits is a turn of a loop.
    refused(&network("relu repeat 10000 { relu }"), &["E0212"]);
    refused(&network("conv3 (1e300*1e300)"), &["E0208", "E0209", "E0207"]);
    refused("network A<1x99999999999 -> 10> { linear 10 }", &["E0308"]);
    refused(&format!("network A<{} -> 10> {{ linear 10 }}", vec!["2"; 1000].join("x")), &["E0308"]);
    // Strides multiply along the way.
    answer(&network(&"conv1 8 stride=4294967295 ".repeat(5)));
}

#[test]
fn texts_of_any_size() {
    for text in [" ".repeat(10_000_000), "relu ".repeat(2_000_000), "}".repeat(3_000_000)] {
        refused(&text, &["E0105"]);
    }
    refused(&much(" "), &["E0213"]);
    refused(&much("// a comment\n"), &["E0213"]);
    refused(&network(&much("relu ")), &["E0212"]);
    refused(&network(&much("{")), &["E0105", "E0102", "E0101"]);
    refused(&much("\u{1f980}"), &["E0101"]);
    refused(&network(&format!("conv3 {}", much("9"))), &["E0101", "E0103", "E0207"]);
    refused(&network(&much("n")), &["E0201"]);
    refused(&format!("network {}<4 -> 5> {{ relu }}", much("N")), &["E0307"]);
}

#[test]
fn nesting_without_end() {
    for opening in ["residual { ", "if (true) { ", "repeat 2 { ", "for i in [1] { ", "add { ", "with lr=1 { "]
    {
        for depth in [1_000_000, 8_000, 500, 97] {
            refused(&network(&opening.repeat(depth)), &["E0102", "E0105"]);
            refused(
                &network(&format!("{}{}", opening.repeat(depth), "} ".repeat(depth))),
                &["E0105", "E0212"],
            );
        }
    }
    for depth in [1_000_000, 100_000, 300] {
        refused(&network(&format!("conv3 {}8{}", "(".repeat(depth), ")".repeat(depth))), &["E0105"]);
        refused(&network(&format!("conv3 ({}8)", "-".repeat(depth))), &["E0105"]);
        refused(&network(&format!("conv3 ({}8)", "not ".repeat(depth))), &["E0105"]);
        refused(&network(&format!("conv3 (1{})", "+1".repeat(depth))), &["E0105"]);
        refused(&format!("activation f(x) = {}x", "x*".repeat(depth)), &["E0105"]);
    }
}

#[test]
fn chains_and_crowds() {
    let chain = format!("if (false) {{ relu }} {}", much("else if (false) { relu }"));
    answer(&network(&chain));
    answer(&network(&format!("add {{ relu {} }}", much("| relu "))));
    answer(&network(&format!("concat {{ relu {} }}", much("| relu "))));
    answer(&network(&format!("as a concat {}a", much("a, "))));
    answer(&network(&format!("as a {}", much("concat a "))));
    answer(&network(&format!("as a {}", much("add a "))));
    answer(&network(&format!("conv3 8 stride=[{}1]", much("1, "))));
    answer(&network(&format!("for i in [{}1] {{ relu }}", much("1, "))));
    answer(&network(&much("as a ")));
    answer(&network(&many(|number| format!("as a{number} "))));
    answer(&network(&many(|number| format!("from a{number} "))));
    answer(&network(&many(|number| format!("let a{number} = {number} "))));
    answer(&network(&many(|number| format!("shared a{number} {{ relu }} "))));
    answer(&network(&many(|number| format!("unknown{number} "))));
    answer(&network(&many(|number| format!("conv3 (name{number}) "))));
    answer(&network(&many(|number| format!("relu allow(lint-{number}) "))));
    answer(&format!("network Net<{}a: 1 -> 10> {{ linear 10 }}", many(|number| format!("a{number}: 1, "))));
    answer(&format!("network Net({}a = 1)<4 -> 4> {{ relu }}", many(|number| format!("a{number} = 1, "))));
}

#[test]
fn crowds_of_definitions() {
    let with = |items: String| format!("{items} network Net<3x8x8 -> 10> {{ gap linear 10 }}");
    answer(&with(many(|number| format!("block b{number}() {{ relu }} "))));
    answer(&with(many(|number| format!("network N{number}<4 -> 4> {{ relu }} "))));
    answer(&with(many(|number| format!("activation a{number}(x) = x*x "))));
    answer(&with(many(|number| format!("use \"f{number}.nn\" "))));
    answer(&with(much("block b() { relu } ")));
    answer(&with(much("train Net { batch 1 } ")));
    answer(&with(many(|number| format!("train N{number} {{ }} "))));
    answer(&with(much("allow(all) ")));
    answer(&with(format!("train Net {{ {} }}", much("batch 1 "))));
    answer(&with(format!("train Net {{ loss cross_entropy class_weights=[{}1] }}", much("1, "))));
    // Many unknown words, each compared with many known ones.
    let known = many(|number| format!("block known_{number}() {{ relu }} "));
    let half = known.len() / 2;
    let known = &known[..known[..half].rfind("block").unwrap()];
    let unknown: String = (0..8000).map(|number| format!("unknown_{number} ")).collect();
    answer(&format!("{known} {}", network(&unknown)));
}

#[test]
fn towers_of_definitions() {
    // Each block uses the one below twice: the top one has 2^64 words.
    let blocks = (1..=64).map(|level| format!("block b{level}() {{ b{0} b{0} }} ", level - 1));
    let tower = format!("block b0() {{ relu }} {}", blocks.collect::<String>());
    refused(&format!("{tower} {}", network("b64")), &["E0212"]);
    refused(&format!("{tower} {}", network("residual { b64 }")), &["E0212"]);
    refused(&format!("{tower} {}", network("shared s { b64 } s s")), &["E0212"]);
    // A tower nobody uses, and one of mistakes.
    answer(&format!("{tower} {}", network("relu")));
    let wrong = tower.replace("relu", "gap gap conv3 (x) unknown");
    answer(&format!("{wrong} {}", network("b64")));
    let networks = (1..=64).map(|level| format!("network N{level}<4 -> 4> {{ N{0} N{0} }} ", level - 1));
    let tower = format!("network N0<4 -> 4> {{ relu }} {}", networks.collect::<String>());
    refused(&tower, &["E0212"]);
    let long = |number| format!("network L{number}<4 -> 4> {{ repeat 9000 {{ relu }} }} ");
    refused(&many(long), &["E0212"]);
    // Channels double at each join.
    refused(&network(&"concat { relu | relu } ".repeat(64)), &["E0308", "E0304"]);
    refused(&network(&"repeat 1000 { ".repeat(8).replace('{', "{ foo")), &["E0102"]);
    refused(&network("repeat 64 { repeat 1000 { lrelu slope=(unknown) conv3 3 stride=(0/0) } }"), &["E0202"]);
}

#[test]
fn circles_of_definitions() {
    refused(&format!("block a() {{ a }} {}", network("a")), &["E0211"]);
    let next = |number: usize| (number + 1) % 5000;
    let circle: String =
        (0..5000).map(|number| format!("block b{number}() {{ b{} }} ", next(number))).collect();
    refused(&format!("{circle} {}", network("b0")), &["E0211"]);
    refused("network A<4 -> 4> { B } network B<4 -> 4> { A }", &["E0211"]);
}

#[test]
fn imports_in_circles_and_crowds() {
    let main = network("a");
    // Every file uses itself, the main one, and a new one without end.
    let text = format!("use \"a.nn\" use \"b.nn\" {main}");
    let outcome = timed(&text, || {
        check_file("main.nn", &text, Entry::File, &Options::default(), &|used, user| {
            let text = format!("use \"{used}\" use \"main.nn\" use \"x{user}\" block a() {{ relu }}");
            Ok(Source { name: used.to_owned(), text })
        })
    });
    assert!(outcome.models.is_empty());
    // Long files, of which each uses the next.
    let outcome = timed(&text, || {
        check_file("main.nn", &text, Entry::File, &Options::default(), &|used, _| {
            Ok(Source { name: used.to_owned(), text: format!("use \"x{used}\" {}", much("// a comment\n")) })
        })
    });
    assert!(outcome.models.is_empty());
}

/// Names of Rust, CUDA and the shell: a model, or an error that says that the name is taken.
#[test]
fn names_that_mean_something_elsewhere() {
    let names = [
        "Self",
        "self",
        "crate",
        "super",
        "fn",
        "struct",
        "type",
        "impl",
        "match",
        "mod",
        "move",
        "async",
        "dyn",
        "std",
        "core",
        "alloc",
        "main",
        "Vec",
        "Option",
        "String",
        "u8",
        "f32",
        "usize",
        "str",
        "int",
        "float",
        "half",
        "__global__",
        "__device__",
        "__shared__",
        "threadIdx",
        "blockIdx",
        "printf",
        "exit",
        "abort",
        "asm",
        "template",
        "typename",
        "class",
        "namespace",
        "extern",
        "static",
        "const",
        "unsafe",
        "union",
        "macro_rules",
        "_",
        "__",
        "_0",
        "r",
        "b",
        "c",
        "x",
        "y",
        "max",
        "min",
        "exp",
        "select",
        "channels",
        "width",
        "all",
        "layer",
        "relu",
        "conv",
        "se",
        "new",
        "train",
        "network",
        "block",
        "repeat",
        "true",
        "and",
        "in",
        "use",
        "activation",
        "CON",
        "aux",
        "nul",
    ];
    for name in names {
        for text in [
            format!("network {name}<4 -> 4> {{ relu }}"),
            format!("block {name}() {{ relu }} network N<4 -> 4> {{ {name} }}"),
            format!("activation {name}(x) = x*x network N<4 -> 4> {{ {name} }}"),
            format!("activation f({name}) = {name}*{name} network N<4 -> 4> {{ f }}"),
            format!("block b({name} = 4) {{ linear ({name}) }} network N<4 -> 4> {{ b }}"),
            format!("network N({name} = 4)<4 -> 4> {{ linear ({name}) }}"),
            format!("network N<4 -> 4> {{ let {name} = 4 linear ({name}) }}"),
            format!("network N<4 -> 4> {{ as {name} relu add {name} }}"),
            format!("network N<4 -> 4> {{ shared {name} {{ relu }} {name} {name} }}"),
            format!("network N<{name}: 4, b2: 4 -> 4> {{ add b2 }}"),
            format!("network N<4 -> {name}: 4> {{ relu as {name} }}"),
        ] {
            let outcome = answer(&text);
            assert!(outcome.diagnostics.iter().filter(|found| found.is_error()).count() <= 4, "{text}");
        }
    }
}

/// Characters that end a string or a comment of another language, and letters outside of ASCII.
#[test]
fn letters_that_mean_something_elsewhere() {
    let pieces = [
        "a\"b",
        "a'b",
        "a`b",
        "a\\b",
        "a*/b",
        "/*",
        "a;b",
        "a$b",
        "a{b",
        "#[x]",
        "a\nb",
        "a\r\nb",
        "a\0b",
        "a\u{7f}b",
        "größe",
        "名前",
        "\u{1f980}",
        "a\u{301}",
        "a\u{200b}b",
        "\u{202e}relu",
        "ﬁ",
        "ａ",
        "Ｎ",
        "\u{feff}a",
        "a\u{2028}b",
        "²",
        "٣",
        "１",
    ];
    for piece in pieces {
        for text in [
            format!("network {piece}<4 -> 4> {{ relu }}"),
            format!("network N<4 -> 4> {{ {piece} }}"),
            format!("network N<4 -> 4> {{ relu as {piece} }}"),
            format!("network N({piece} = 4)<4 -> 4> {{ linear ({piece}) }}"),
            format!("network N<4 -> 4> {{ relu }} // {piece}"),
        ] {
            answer(&text);
        }
        // Within quotes it is the name of a file, and means nothing.
        let quoted = piece.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("network N<4 -> 4> {{ relu }} train N {{ data csv \"{quoted}\" }}");
        let outcome = answer(&text);
        if let [model] = &outcome.models[..] {
            let data = model.train.data.as_ref().unwrap();
            assert!(std::format!("{data:?}").contains("csv"), "{data:?}");
        }
    }
}
