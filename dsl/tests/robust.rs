//! The edits that diagnostics offer mend what they say, in every text of the repository.

use nnc_dsl::{Diagnostic, Entry, Fix, Options, check};

#[path = "support/corpus.rs"]
mod corpus;

#[test]
fn edits_mend_their_mistake() {
    let mut fixes = 0;
    for (_, text) in corpus::texts(&["tests/ui", "tests/lints", "../examples", "../examples/gallery"]) {
        for diagnostic in diagnose(&text) {
            for fix in &diagnostic.fixes {
                let mended = apply(&text, fix);
                let same = |other: &Diagnostic| {
                    other.code == diagnostic.code && other.message == diagnostic.message && near(other, fix)
                };
                let rest = diagnose(&mended);
                assert!(!rest.iter().any(same), "{diagnostic:?}\n{mended}");
                fixes += 1;
            }
        }
    }
    assert!(fixes > 30, "{fixes} edits");
}

/// Whether a diagnostic of the mended text stands where the edit was. Another one may say the
/// same of another place.
fn near(diagnostic: &Diagnostic, fix: &Fix) -> bool {
    let end = fix.span.start + fix.replacement.len();
    diagnostic.span.start <= end && fix.span.start <= diagnostic.span.end
}

fn diagnose(text: &str) -> Vec<Diagnostic> {
    check(text, Entry::File, &Options::default()).diagnostics
}

fn apply(text: &str, fix: &Fix) -> String {
    format!("{}{}{}", &text[..fix.span.start], fix.replacement, &text[fix.span.end..])
}
