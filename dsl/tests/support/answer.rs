//! What the checker promises of every answer.

use nnc_dsl::json::line;
use nnc_dsl::render::{ColorChoice, render_sources};
use nnc_dsl::{Diagnostic, Outcome, SourceMap, Span};

/// There is a model or an error, and every finding can be drawn.
pub(crate) fn assert_answer(outcome: &Outcome) {
    let has_errors = outcome.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(outcome.models.is_empty(), has_errors, "{:?}", outcome.diagnostics);
    for diagnostic in &outcome.diagnostics {
        inspect(diagnostic, &outcome.sources);
    }
}

fn inspect(diagnostic: &Diagnostic, sources: &SourceMap) {
    let labels = diagnostic.labels.iter().map(|label| label.span);
    let fixes = diagnostic.fixes.iter().map(|fix| fix.span);
    for Span { start, end } in labels.chain(fixes).chain([diagnostic.span]) {
        assert!(start <= end && sources.text().get(start..end).is_some(), "{diagnostic:?}");
    }
    assert!(!diagnostic.is_error() || !diagnostic.help.is_empty(), "no help: {diagnostic:?}");
    assert!(!diagnostic.message.is_empty() && !diagnostic.message.contains('\n'), "{diagnostic:?}");
    assert!(!line(diagnostic, sources).contains('\n'), "{diagnostic:?}");
    let drawn = render_sources(std::slice::from_ref(diagnostic), sources, ColorChoice::Never);
    assert!(drawn.contains(diagnostic.code), "{diagnostic:?}\n{drawn}");
}
