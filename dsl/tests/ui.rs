//! Wrong models: each `tests/ui/*.nn` beside the exact message (`.txt`) and JSON (`.json`) it gives.
//!
//! A first line `// set NAME=VALUE …` gives values from outside, `// network NAME` names the
//! network to check. `NNC_BLESS=1` rewrites the expectations.

use std::path::{Path, PathBuf};

use nnc_dsl::json::to_json;
use nnc_dsl::render::{ColorChoice, render};
use nnc_dsl::{Entry, Options, check};

#[test]
fn every_wrong_model_gives_its_message() {
    let paths = cases();
    assert!(paths.len() > 20, "the cases lie in tests/ui");
    let failures: Vec<String> = paths.iter().flat_map(|path| compare(path)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_ten_customary_mistakes_give_one_error_each() {
    let ten = cases().into_iter().filter(|path| name(path).starts_with("ten_"));
    let codes: Vec<(String, Vec<&str>)> = ten
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let outcome = check(&text, Entry::File, &Options::default());
            (name(&path), outcome.diagnostics.iter().map(|diagnostic| diagnostic.code).collect())
        })
        .collect();
    let codes: Vec<(&str, &[&str])> = codes.iter().map(|(name, codes)| (name.as_str(), &codes[..])).collect();
    let expected: &[(&str, &[&str])] = &[
        ("ten_argument_count.nn", &["E0203"]),
        ("ten_linear_on_map.nn", &["E0301"]),
        ("ten_misspelt_word.nn", &["E0201"]),
        ("ten_output.nn", &["E0307"]),
        ("ten_pool_larger_than_map.nn", &["E0302"]),
        ("ten_recursion.nn", &["E0211"]),
        ("ten_residual.nn", &["E0303"]),
        ("ten_unbalanced_brace.nn", &["E0102"]),
        ("ten_unknown_block.nn", &["E0201"]),
        ("ten_zero_stride.nn", &["E0207"]),
    ];
    assert_eq!(codes, expected);
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "nn")).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn compare(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let outcome = check(&text, Entry::File, &options(&text));
    let drawn = render(&outcome.diagnostics, &name(path), &text, ColorChoice::Never);
    let lines = outcome.diagnostics.iter().map(|one| to_json(one, &name(path), &text) + "\n");
    let pairs = [("txt", drawn), ("json", lines.collect())];
    pairs.into_iter().filter_map(|(end, found)| differs(&path.with_extension(end), &found)).collect()
}

fn differs(path: &Path, found: &str) -> Option<String> {
    if std::env::var_os("NNC_BLESS").is_some() {
        std::fs::write(path, found).unwrap();
        return None;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if found == expected {
        return None;
    }
    let same = found.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("nothing").to_owned();
    let (expected, found) = (line(&expected), line(found));
    Some(format!("{}:{}: expected\n{expected}\nfound\n{found}", path.display(), same + 1))
}

fn options(text: &str) -> Options {
    let first = text.lines().next().unwrap_or_default();
    let set = first.strip_prefix("// set ").unwrap_or_default().split_whitespace();
    let pairs = set.filter_map(|pair| pair.split_once('='));
    Options {
        set: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        network: first.strip_prefix("// network ").map(str::to_owned),
    }
}
