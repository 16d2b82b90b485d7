//! Every text of the project through both doors: as a text, and as tokens through the macro.
//!
//! Both must say the same with the same codes about the same words, and make the same models. What
//! tokens cannot carry is listed with its reason.

use std::path::{Path, PathBuf};

use nnc_dsl::syntax::{parse, print};
use nnc_dsl::{Diagnostic, Entry, Options, Outcome, Severity, Source, SourceMap, check_file};

use super::*;
use crate::expand::Call;
use crate::files::Files;

/// Folders of texts, from the folder of this package.
const FOLDERS: [&str; 8] = [
    "../examples",
    "../examples/gallery",
    "../dsl/src/library",
    "../dsl/tests/lints",
    "../dsl/tests/syntax",
    "../dsl/tests/syntax/format",
    "../dsl/tests/ui",
    "../dsl/tests/ui/parts",
];

/// Texts that Rust itself refuses before a macro sees them, and why. They are compared without the lines
/// that it refuses, unless their braces do not balance.
const REFUSED: &[(&str, &str)] = &[
    ("brace-never-closed-at-end.nn", BRACES),
    ("brace-never-closed.nn", BRACES),
    ("brace-not-opened.nn", BRACES),
    ("brace-stray.nn", BRACES),
    ("brackets-do-not-match.nn", "`[1, 2)`"),
    ("characters.nn", "`×`, `→`, `ä` and `#`"),
    ("lists.nn", "a `[` that is never closed"),
    ("macro-expression.nn", "a stray `]`"),
    ("recovery.nn", "a `(` that is never closed"),
    ("several-mistakes.nn", "stray brackets, and a string that is never closed"),
    ("strings.nn", "`\\d` is no escape of Rust's, and a string that is never closed"),
    ("after_syntax_error.nn", "a stray `]`"),
    ("ten_unbalanced_brace.nn", BRACES),
];

const BRACES: &str = "the braces do not balance";

/// Texts about which the doors say different things.
const DIFFERENT: &[(&str, &str)] = &[("characters.nn", "Rust drops `/* … */` before the macro sees it")];

#[test]
fn every_text_says_the_same_through_both_doors() {
    let (mut refused, mut different, mut compared) = (Vec::new(), Vec::new(), 0);
    for path in FOLDERS.iter().flat_map(|folder| texts(Path::new(folder))) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut read = text.clone();
        if text.parse::<TokenStream>().is_err() {
            refused.push(name.clone());
            read = lines_of_tokens(&text);
        }
        let Ok(tokens) = read.parse::<TokenStream>() else {
            let reason = REFUSED.iter().find(|(known, _)| *known == name);
            assert_eq!(reason.map(|(_, reason)| *reason), Some(BRACES), "{name}");
            continue;
        };
        compared += 1;
        if let Some(difference) = difference(&path, &read, tokens) {
            different.push((name, difference));
        }
    }
    assert!(compared > 100, "only {compared} texts");
    let listed = |list: &[(&'static str, &str)]| list.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    assert_eq!(refused, listed(REFUSED));
    let names: Vec<&str> = different.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, listed(DIFFERENT), "{different:#?}");
}

/// The text without the lines that Rust refuses for something else than their braces.
fn lines_of_tokens(text: &str) -> String {
    let has_tokens = |line: &&str| line.replace(['{', '}'], " ").parse::<TokenStream>().is_ok();
    text.lines().filter(has_tokens).collect::<Vec<_>>().join("\n")
}

fn texts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "nn")).collect();
    paths.sort();
    paths
}

/// The first thing that differs, as the text has it and as the tokens do.
fn difference(path: &Path, text: &str, tokens: TokenStream) -> Option<[String; 2]> {
    let folder = path.parent().unwrap();
    let printed = Text::new(tokens);
    let written: Vec<Place> = printed.tokens.iter().map(|(_, span)| place(*span)).collect();
    let from_text = outcome(folder, text);
    let from_tokens = Call::new(printed, Files::new(folder.to_owned()));
    let (printed, outcome) = (&from_tokens.text, &from_tokens.outcome);
    let left = findings(&from_text, |one| covered(&written, one, |token| *token));
    let right = findings(outcome, |one| covered(&printed.tokens, one, |(token, _)| *token));
    let trees = [text, &printed.text].map(|text| print(&parse(text, Entry::Macro).0));
    let models = [&from_text, outcome].map(without_places);
    let lists = [left, right].map(|list| list.into_iter().map(|one| format!("{one:?}")).collect::<Vec<_>>());
    let unequal =
        (0..lists[0].len().max(lists[1].len())).find(|index| lists[0].get(*index) != lists[1].get(*index));
    match unequal {
        Some(index) => Some(lists.map(|list| list.get(index).cloned().unwrap_or_default())),
        None => [trees, models].into_iter().find(|[left, right]| left != right),
    }
}

fn place(span: Span) -> Place {
    let Range { start, end } = span.byte_range();
    Place::new(start, end)
}

fn outcome(folder: &Path, text: &str) -> Outcome {
    let files = Files::new(folder.to_owned());
    let load = |path: &str, importer: &str| -> Result<Source, String> { files.load(path, importer) };
    check_file("", text, Entry::Macro, &Options::default(), &load)
}

/// Code, severity, message, and the place: tokens of the call, or bytes of another file.
type Finding = (&'static str, Severity, String, String, Range<usize>);

fn findings(outcome: &Outcome, covered: impl Fn(Place) -> Range<usize>) -> Vec<Finding> {
    let sources = &outcome.sources;
    outcome.diagnostics.iter().map(|found| finding(found, sources, &covered)).collect()
}

fn finding(found: &Diagnostic, sources: &SourceMap, covered: impl Fn(Place) -> Range<usize>) -> Finding {
    let file = sources.file(found.span.start).map(|file| file.name.clone()).unwrap_or_default();
    let place =
        if sources.is_main(found.span) { covered(found.span) } else { sources.local(found.span).range() };
    (found.code, found.severity, found.message.clone(), file, place)
}

/// The models, of which only the spans differ.
fn without_places(outcome: &Outcome) -> String {
    let models = format!("{:#?}", outcome.models);
    models.lines().filter(|line| !line.contains("start: ") && !line.contains("end: ")).collect()
}
