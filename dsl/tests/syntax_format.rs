//! Formatting: one canonical layout, the same tree, every comment kept, and a second time nothing changes.
//!
//! `tests/syntax/format/*.nn` stand beside what they become. `NNC_BLESS=1` rewrites the expectations.

use std::path::{Path, PathBuf};

use nnc_dsl::format;
use nnc_dsl::syntax::{Entry, parse, print};
use proptest::prelude::*;

#[test]
fn texts_become_their_canonical_layout() {
    let inputs = texts(&root().join("tests/syntax/format"));
    assert!(!inputs.is_empty());
    for path in inputs {
        let text = std::fs::read_to_string(&path).unwrap();
        let found = format(&text).unwrap();
        let expectation = path.with_extension("golden");
        if std::env::var_os("NNC_BLESS").is_some() {
            std::fs::write(&expectation, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&expectation).unwrap_or_default();
        assert!(found == expected, "{}: found\n{found}\nexpected\n{expected}", path.display());
    }
}

#[test]
fn every_text_of_the_repository_keeps_its_tree_and_comments() {
    let folders = ["tests/syntax/format", "tests/syntax", "tests/ui", "src/library", "../examples"];
    let mut formatted = 0;
    for path in folders.iter().flat_map(|folder| texts(&root().join(folder))) {
        let text = std::fs::read_to_string(&path).unwrap();
        if parse(&text, Entry::File).1.is_empty() {
            assert_keeps(&text);
            formatted += 1;
        }
    }
    assert!(formatted > 20, "{formatted} texts");
}

#[test]
fn what_cannot_be_read_is_not_formatted() {
    let diagnostics = format("network Net<3 -> 3> { conv3 ( }").unwrap_err();
    assert_eq!(diagnostics[0].code, "E0102");
}

#[test]
fn ends_of_texts() {
    for (text, formatted) in [
        ("", ""),
        ("\n\n", ""),
        ("// a\n\n\n// b", "// a\n\n// b\n"),
        ("use \"a\"use \"b\"\r\n\r\n\r\n// c\r\n", "use \"a\"\nuse \"b\"\n\n// c\n"),
        ("block a{\n}", "block a {}\n"),
        ("block a{// c\n}", "block a {  // c\n}\n"),
        ("block a{\n\n// c {\n\n\nbn\n\n}", "block a {\n    // c {\n\n    bn\n}\n"),
    ] {
        assert_eq!(format(text).as_deref(), Ok(formatted), "{text:?}");
    }
}

#[test]
fn lines_are_broken_between_statements_only() {
    let words = "conv3 16 bn relu ".repeat(20);
    let formatted = format(&format!("block a {{ {words} }}")).unwrap();
    assert!(formatted.lines().all(|line| line.len() <= 100), "{formatted}");
    assert!(formatted.lines().all(|line| !line.trim().starts_with("16")), "{formatted}");
    assert_keeps(&formatted);
}

/// A text without spaces in its strings.
const SAMPLE: &str = r#"
use "a.nn" activation f(x, beta = 1.0) = x*sigmoid(-beta*x) allow(small-batch, W0001)
pub network Net(in = 2, deep = true)<image: 3x64x64, meta: 8 -> class: 10, box: 4> {
    as start let half = max(in / 2, 1) allow(odd-size) -> 3x64x64
    shared tower { conv3 16 init=constant(0.1) relu } as low
    if (deep and not in < 1) { tower } else if (in == 2) { residual { } } else { bn as b } as skip
    with lr=0.1 frozen=true { conv 8 stride=2x1 window=(3) }
    for i in -1..(in) + 2 { bn } for i in min(2, 3)..max((1), 3) { relu }
    for c in [16, 2*in] { residual { conv3 (c) } shortcut { conv1 (c) bn } }
    mul { identity | gap linear (channels/4) sigmoid | } concat low, skip repeat 3 { add start }
}
train Net { data csv "x.csv" target="y" loss cross_entropy output=class class_weights=[1, 2] batch 32 seed (1) }
"#;

/// The tokens of the sample; some stay together, such as `lr=0.1`.
fn tokens() -> Vec<String> {
    let mut tokens = Vec::new();
    for word in SAMPLE.split_whitespace() {
        let mut token = String::new();
        for c in word.chars() {
            if "()[],:".contains(c) {
                tokens.extend((!token.is_empty()).then(|| std::mem::take(&mut token)));
                tokens.push(c.to_string());
            } else {
                token.push(c);
            }
        }
        tokens.extend((!token.is_empty()).then_some(token));
    }
    tokens
}

/// The sample with comments and line breaks anywhere between its tokens.
fn sprinkled() -> impl Strategy<Value = String> {
    let tokens = tokens();
    let separators =
        [" ", " ", " ", "\n", "\n\n\n", " // end\n", "\n// own\n", "\n\n\n// own {\n\n", " // a\n// b |\n"];
    let between = proptest::collection::vec(proptest::sample::select(separators.to_vec()), tokens.len());
    let quiet = proptest::collection::vec(0..10_usize, tokens.len());
    (between, quiet, 1..10_usize).prop_map(move |(between, quiet, level)| {
        let separated = tokens.iter().zip(between).zip(quiet);
        separated.map(|((token, gap), quiet)| token.clone() + if quiet < level { gap } else { " " }).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn comments_anywhere_are_kept(text in sprinkled()) {
        assert_keeps(&text);
    }
}

fn assert_keeps(text: &str) {
    let formatted = format(text).unwrap_or_else(|diagnostics| panic!("{text}\n{diagnostics:?}"));
    let again = format(&formatted).unwrap();
    assert!(again == formatted, "first\n{formatted}\nthen\n{again}");
    assert_eq!(tree(text), tree(&formatted), "{formatted}");
    assert_eq!(comments(text), comments(&formatted), "{formatted}");
    assert!(formatted.lines().all(|line| line.trim_end() == line), "{formatted}");
    assert!(!formatted.contains("\n\n\n"), "{formatted}");
}

/// The canonical text of the tree, which has no layout.
fn tree(text: &str) -> String {
    print(&parse(text, Entry::File).0)
}

/// The comments in order. No string of these texts holds `//`.
fn comments(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.find("//").map(|at| line[at..].trim_end())).collect()
}

fn texts(folder: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "nn"));
    paths.sort();
    paths
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
