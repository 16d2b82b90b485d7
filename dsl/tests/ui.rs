//! Wrong models: each `tests/ui/*.nn` beside the exact message (`.txt`) and JSON (`.json`) it gives.
//! The files that they use lie in `tests/ui/parts`. Fixes that a tool may apply mend the models.
//!
//! A first line `// set NAME=VALUE …` gives values from outside, `// network NAME` names the
//! network to check. `NNC_BLESS=1` rewrites the expectations.

use std::path::{Path, PathBuf};

use nnc_dsl::json::line;
use nnc_dsl::render::{ColorChoice, render_sources};
use nnc_dsl::{Entry, Options, Outcome, Source, check, check_file, fix};

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
    let outcome = outcome(path, &text);
    let drawn = render_sources(&outcome.diagnostics, &outcome.sources, ColorChoice::Never);
    let lines = outcome.diagnostics.iter().map(|one| line(one, &outcome.sources) + "\n");
    let pairs = [("txt", drawn), ("json", lines.collect())];
    pairs.into_iter().filter_map(|(end, found)| differs(&path.with_extension(end), &found)).collect()
}

fn outcome(path: &Path, text: &str) -> Outcome {
    let folder = path.parent().unwrap();
    let loader = |used: &str, user: &str| {
        let name = Path::new(user).with_file_name(used);
        let text = std::fs::read_to_string(folder.join(&name)).map_err(|_| "no such file".to_owned())?;
        Ok(Source { name: name.to_string_lossy().into_owned(), text })
    };
    check_file(&name(path), text, Entry::File, &options(text), &loader)
}

#[test]
fn what_fixes_leave_has_fewer_mistakes() {
    let mut mended = 0;
    for path in cases() {
        let text = std::fs::read_to_string(&path).unwrap();
        let errors =
            |text: &str| outcome(&path, text).diagnostics.iter().filter(|one| one.is_error()).count();
        let (fixed, applied) = fix(&text, &outcome(&path, &text).diagnostics);
        if applied == 0 {
            continue;
        }
        let (before, after) = (errors(&text), errors(&fixed));
        // More mistakes than are shown cannot be counted.
        if before == 20 {
            continue;
        }
        // A finding that is no error is mended without another one in its place.
        assert!(after < before || after == 0, "{}: {before} errors become {after}:\n{fixed}", name(&path));
        assert!(before != 1 || after == 0, "{}: the only error stays:\n{fixed}", name(&path));
        mended += applied;
    }
    assert!(mended > 20, "{mended} fixes");
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
        ..Options::default()
    }
}
