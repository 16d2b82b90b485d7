//! Mistakes in the writing: each `tests/syntax/*.nn` beside the exact diagnostics it gives.
//!
//! Names that begin with `macro` go through the macro's door. `NNC_BLESS=1` rewrites the expectations.

use nnc_dsl::syntax::{Entry, parse, print};
use nnc_dsl::{Diagnostic, Span};
use std::fmt::Write;
use std::path::Path;

#[test]
fn mistakes_are_reported_on_their_words() {
    let mut cases = 0;
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syntax")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "nn") {
            check(&path);
            cases += 1;
        }
    }
    assert!(cases > 0);
}

fn check(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let is_macro = path.file_name().unwrap().to_string_lossy().starts_with("macro");
    let (module, diagnostics) = parse(&text, if is_macro { Entry::Macro } else { Entry::File });
    let mut found = String::new();
    for diagnostic in &diagnostics {
        show(&text, diagnostic, &mut found);
    }
    write!(found, "--- what could be read\n{}", print(&module)).unwrap();
    let expectation = path.with_extension("txt");
    if std::env::var_os("NNC_BLESS").is_some() {
        std::fs::write(&expectation, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&expectation).unwrap_or_default();
    assert!(found == expected, "{}: found\n{found}\nexpected\n{expected}", path.display());
}

fn show(text: &str, diagnostic: &Diagnostic, out: &mut String) {
    let Diagnostic { code, message, span, label, .. } = diagnostic;
    writeln!(out, "{code} {message}\n  {}: {label}", place(text, *span)).unwrap();
    for other in &diagnostic.labels {
        writeln!(out, "  {}: {}", place(text, other.span), other.message).unwrap();
    }
    for help in &diagnostic.help {
        writeln!(out, "  help: {help}").unwrap();
    }
    for fix in &diagnostic.fixes {
        writeln!(out, "  fix {}: `{}`, {}", place(text, fix.span), fix.replacement, fix.message).unwrap();
    }
}

fn place(text: &str, span: Span) -> String {
    let line = text[..span.start].matches('\n').count() + 1;
    let column = text[..span.start].chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{line}:{column} `{}`", &text[span.range()])
}
