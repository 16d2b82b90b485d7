//! Every diagnostic has a page whose wrong text gives it and whose mended text checks.

use std::collections::BTreeSet;
use std::path::Path;

use nnc_dsl::codes::{CODES, explain, title};
use nnc_dsl::lints::Level;
use nnc_dsl::{Entry, Options, Outcome, Source, check_file};

#[test]
fn every_code_of_the_sources_has_a_page_and_every_page_a_use() {
    let mut used = BTreeSet::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
    let pages: BTreeSet<String> = CODES.iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(used, pages);
}

#[test]
fn wrong_texts_give_their_code_and_mended_texts_check() {
    for (code, page) in CODES {
        let wrong = outcome(page, "wrong");
        assert!(wrong.diagnostics.iter().any(|found| found.code == *code), "{code}: {:?}", wrong.diagnostics);
        let others: Vec<_> = wrong.diagnostics.iter().filter(|found| found.code != *code).collect();
        assert!(others.is_empty(), "{code} gives more: {others:?}");
        let mended = outcome(page, "mended");
        assert!(
            mended.diagnostics.is_empty() && !mended.models.is_empty(),
            "{code}: {:?}",
            mended.diagnostics
        );
    }
}

#[test]
fn pages_begin_with_their_code_and_title() {
    for (code, page) in CODES {
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        assert!(title(code).is_some_and(|title| !title.is_empty()), "{code}");
    }
    assert_eq!(explain("e0201"), explain("E0201"));
    assert_eq!(explain("E9999"), None);
}

/// The outcome of the text between ```` ```nn KIND set NAME=VALUE ```` and the next fence.
fn outcome(page: &str, kind: &str) -> Outcome {
    let (_, rest) = page.split_once(&format!("```nn {kind}")).expect("the page has the text");
    let (head, rest) = rest.split_once('\n').expect("a line");
    let (text, _) = rest.split_once("```").expect("a closing fence");
    let set = head.strip_prefix(" set ").and_then(|pair| pair.split_once('='));
    let set = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    // The text is a file that can be read, and the only one.
    let loader = |path: &str, _: &str| match path {
        "model.nn" => Ok(Source { name: path.to_owned(), text: text.to_owned() }),
        _ => Err("no such file".to_owned()),
    };
    // Lints have pages of their own.
    let levels = vec![("all".to_owned(), Level::Allow)];
    check_file("model.nn", text, Entry::File, &Options { set, levels, ..Options::default() }, &loader)
}

/// Codes in quotes in all Rust files below a folder, those of tests left out.
fn collect(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, codes);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("codes.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            codes.extend(code.split('"').filter(|part| is_code(part)).map(str::to_owned));
        }
    }
}

fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix(['E', 'W']).unwrap_or_default();
    digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit())
}
