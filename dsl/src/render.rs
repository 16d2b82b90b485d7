//! Diagnostics for people: the message, the lines it is about, and what to do.
//!
//! Drawn by codespan-reporting in plain characters, so that the same text stands in a
//! terminal, in a log and in an error of the Rust compiler.

use codespan_reporting::diagnostic::{Diagnostic as Drawing, Label, Severity as Level};
use codespan_reporting::files::SimpleFiles;
use codespan_reporting::term::termcolor::{Ansi, NoColor, WriteColor};
use codespan_reporting::term::{Chars, Config, emit_to_write_style};

use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::sources::SourceMap;

/// Whether the drawing has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorChoice {
    /// Plain text.
    Never,
    /// ANSI escape sequences, for terminals.
    Ansi,
}

/// Draws diagnostics of the text of a single file, with an empty line after each.
pub fn render(diagnostics: &[Diagnostic], file_name: &str, text: &str, color: ColorChoice) -> String {
    render_sources(diagnostics, &SourceMap::new(file_name, text), color)
}

/// Draws diagnostics, each in its file, with an empty line after each.
pub fn render_sources(diagnostics: &[Diagnostic], sources: &SourceMap, color: ColorChoice) -> String {
    let bytes = match color {
        ColorChoice::Never => draw(NoColor::new(Vec::new()), diagnostics, sources).into_inner(),
        ColorChoice::Ansi => draw(Ansi::new(Vec::new()), diagnostics, sources).into_inner(),
    };
    // Lines that only continue the drawing end in spaces.
    let text = String::from_utf8_lossy(&bytes);
    text.split('\n').map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn draw<W: WriteColor>(mut writer: W, diagnostics: &[Diagnostic], sources: &SourceMap) -> W {
    let mut files = SimpleFiles::new();
    for file in sources.files() {
        files.add(file.name.as_str(), sources.text_of(file));
    }
    let config = Config { chars: Chars::ascii(), ..Config::default() };
    for diagnostic in diagnostics {
        // Writing into memory does not fail, and a span outside of the text loses its lines only.
        if emit_to_write_style(&mut writer, &config, &files, &drawing(diagnostic, sources)).is_err() {
            let _ = writeln!(writer, "{}: {}\n", diagnostic.code, diagnostic.message);
        }
    }
    writer
}

fn drawing(diagnostic: &Diagnostic, sources: &SourceMap) -> Drawing<usize> {
    let level = match diagnostic.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
    };
    let place = |span: Span| (sources.index(span.start), sources.local(span).range());
    let (file, range) = place(diagnostic.span);
    let primary = Label::primary(file, range).with_message(&diagnostic.label);
    let others = diagnostic.labels.iter().map(|label| {
        let (file, range) = place(label.span);
        Label::secondary(file, range).with_message(&label.message)
    });
    let notes = diagnostic.notes.iter().map(|note| format!("note: {note}"));
    let help = diagnostic.help.iter().map(|help| format!("help: {help}"));
    Drawing::new(level)
        .with_code(diagnostic.code)
        .with_message(&diagnostic.message)
        .with_labels([primary].into_iter().chain(others).collect())
        .with_notes(notes.chain(help).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    fn diagnostic() -> Diagnostic {
        Diagnostic::error("E0201", Span::new(4, 8), "no word is called `rleu`")
            .label("unknown word")
            .note("a fact")
            .help("did you mean `relu`?")
    }

    #[test]
    fn shows_the_place_and_the_help() {
        let text = render(&[diagnostic()], "net.nn", "bn\n rleu\n", ColorChoice::Never);
        let expected = "error[E0201]: no word is called `rleu`\n  --> net.nn:2:2\n  |\n2 |  rleu\n  |  ^^^^ unknown word\n  |\n  = note: a fact\n  = help: did you mean `relu`?\n\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn each_place_is_shown_in_its_file() {
        let mut sources = SourceMap::new("net.nn", "bn\n rleu\n");
        let other = sources.push("other.nn", "one\ntwo");
        let two = Span::new(other.start + 4, other.end);
        let text = render_sources(&[diagnostic().at(two, "there")], &sources, ColorChoice::Never);
        assert!(
            text.contains("  --> net.nn:2:2\n") && text.contains("other.nn:2:1\n  |\n2 | two\n"),
            "{text}"
        );
    }

    #[test]
    fn colours_are_escape_sequences() {
        assert!(render(&[diagnostic()], "net.nn", "bn\n rleu\n", ColorChoice::Ansi).contains('\u{1b}'));
    }

    #[test]
    fn a_span_outside_of_the_text_is_no_panic() {
        let far = Diagnostic::error("E0201", Span::new(400, 800), "far away");
        assert!(render(&[far], "net.nn", "bn", ColorChoice::Never).contains("far away"));
    }
}
