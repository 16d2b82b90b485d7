//! The language reference: its tables are those of the code, and its examples check.
//!
//! `NNC_BLESS=1` rewrites the parts between markers.

use std::path::PathBuf;

use nnc_dsl::codes::{CODES, title};
use nnc_dsl::model::OptimizerKind;
use nnc_dsl::syntax::{KEYWORDS, SETTINGS};
use nnc_dsl::words::{WORDS, initial_weights, reference};
use nnc_dsl::{Entry, Options, check, library};

#[test]
fn generated_parts_are_those_of_the_tables() {
    let path = path();
    let old = std::fs::read_to_string(&path).unwrap();
    let codes = CODES.iter().map(|(code, _)| format!("| `{code}` | {} |\n", title(code).unwrap_or_default()));
    let table = format!("| code | |\n|---|---|\n{}", codes.collect::<String>());
    let parts = [
        ("library", library::reference()),
        ("codes", table),
        ("initial-weights", initial_weights()),
        ("words", reference()),
    ];
    let new = parts.iter().fold(old.clone(), |text, (name, content)| replace(&text, name, content));
    if old != new && std::env::var_os("NNC_BLESS").is_some() {
        // Renamed into place, as the other tests read the page at the same time.
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, &new).unwrap();
        std::fs::rename(&fresh, &path).unwrap();
        return;
    }
    assert!(old == new, "docs/language.md is not what the tables say; NNC_BLESS=1 rewrites it");
}

#[test]
fn the_examples_check() {
    let text = std::fs::read_to_string(path()).unwrap();
    let examples: Vec<&str> =
        text.split("```nn\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 6);
    for example in examples {
        let outcome = check(example, Entry::File, &Options::default());
        assert_eq!(outcome.diagnostics, [], "{example}");
    }
}

#[test]
fn every_words_example_checks() {
    for word in WORDS {
        let outcome = check(word.example, Entry::File, &Options::default());
        let errors: Vec<_> = outcome.diagnostics.iter().filter(|found| found.is_error()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", word.name);
        let summary = outcome.models[0].to_string();
        let step = summary.lines().any(|line| line.trim_start().starts_with(&format!("{}1 ", word.name)));
        assert!(step, "the example of `{}` has no step of its name:\n{summary}", word.name);
    }
}

#[test]
fn every_keyword_setting_and_hyperparameter_is_told() {
    let text = std::fs::read_to_string(path()).unwrap();
    for word in KEYWORDS.iter().chain(&SETTINGS) {
        assert!(text.contains(&format!("`{word}")), "{word}");
    }
    for kind in OptimizerKind::ALL {
        let line = text.lines().find(|line| line.contains(&format!("`optimizer {}`", kind.name()))).unwrap();
        assert!(kind.hyperparameters().iter().all(|(name, _)| line.contains(&format!("`{name}="))), "{line}");
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/language.md")
}

/// The text with other content between the markers of this name.
fn replace(text: &str, name: &str, content: &str) -> String {
    let (before, rest) = text.split_once(&format!("<!-- {name}:")).expect("an opening marker");
    let (marker, rest) = rest.split_once("-->\n").expect("the marker's end");
    let (_, after) = rest.split_once(&format!("<!-- /{name} -->")).expect("a closing marker");
    format!("{before}<!-- {name}:{marker}-->\n\n{content}\n<!-- /{name} -->{after}")
}
