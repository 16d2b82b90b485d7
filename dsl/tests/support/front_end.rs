//! The whole front end on one text, with what it promises of every text.

use nnc_dsl::lints::Level;
use nnc_dsl::syntax::{parse, print};
use nnc_dsl::{Diagnostic, Entry, Options, Outcome, Source, check_file, fix, format, parameter_count};

use crate::answer::assert_answer;

/// Parses, checks with all lints, shows, draws, mends and formats a text, of which `other` is what it
/// uses from other files. Panics if a promise is broken.
pub(crate) fn exercise(text: &str, other: &str, entry: Entry) {
    let outcome = checked(text, other, entry);
    assert_answer(&outcome);
    if outcome.diagnostics.iter().all(|found| !found.is_error()) {
        for model in &outcome.models {
            assert!(model.to_string().starts_with("network "));
            parameter_count(&model.body);
        }
    }
    mend(text, other, entry, outcome.clone());
    if entry == Entry::File {
        assert_layout(text, other, &outcome);
    }
}

/// The answer to a text with every lint at work.
fn checked(text: &str, other: &str, entry: Entry) -> Outcome {
    let loader = |path: &str, _: &str| match path.len() % 4 {
        0 => Err("no such file".to_owned()),
        _ => Ok(Source { name: path.to_owned(), text: other.to_owned() }),
    };
    let options = Options { levels: vec![("all".to_owned(), Level::Warn)], ..Options::default() };
    check_file("main.nn", text, entry, &options, &loader)
}

/// Applies the edits as `nnc check --fix` does; each text on the way has an answer.
fn mend(text: &str, other: &str, entry: Entry, mut outcome: Outcome) {
    let mut text = text.to_owned();
    for _ in 0..4 {
        let own: Vec<Diagnostic> =
            outcome.diagnostics.iter().filter(|found| outcome.sources.is_main(found.span)).cloned().collect();
        let (fixed, count) = fix(&text, &own);
        if count == 0 {
            break;
        }
        text = fixed;
        outcome = checked(&text, other, entry);
        assert_answer(&outcome);
    }
}

/// Formatting is stable and leaves the tree and its meaning as they were; so does printing the tree.
fn assert_layout(text: &str, other: &str, outcome: &Outcome) {
    let Ok(formatted) = format(text) else { return };
    assert_eq!(format(&formatted).as_ref(), Ok(&formatted), "formatting twice");
    let shown = |outcome: &Outcome| outcome.models.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown(&checked(&formatted, other, Entry::File)), shown(outcome), "{formatted}");
    let printed = print(&parse(text, Entry::File).0);
    let (tree, mistakes) = parse(&printed, Entry::File);
    assert_eq!(mistakes, [], "{printed}");
    assert_eq!(print(&tree), printed);
}
