//! Diagnostics for tools: one JSON object on one line.
//!
//! Spans are bytes of the file; lines and columns count from 1, columns in characters; ends are
//! exclusive. A label or a fix names its `file` where that is another one than the diagnostic's.

use std::fmt::Write;

use crate::diagnostic::{Applicability, Diagnostic, Fix, Label, Severity, Span};
use crate::sources::SourceMap;

/// A diagnostic of the text of a single file, as one line without its end.
pub fn to_json(diagnostic: &Diagnostic, file: &str, text: &str) -> String {
    line(diagnostic, &SourceMap::new(file, text))
}

/// A diagnostic as one line without its end.
pub fn line(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let home = sources.index(diagnostic.span.start);
    let name = sources.files().get(home).map_or("", |file| file.name.as_str());
    let [range, start, end] = place(diagnostic.span, sources);
    let fields = [
        ("code", string(diagnostic.code)),
        ("severity", string(severity)),
        ("message", string(&diagnostic.message)),
        ("file", string(name)),
        range,
        start,
        end,
        ("label", string(&diagnostic.label)),
        ("labels", array(&diagnostic.labels, |one| label(one, home, sources))),
        ("notes", array(&diagnostic.notes, |note| string(note))),
        ("help", array(&diagnostic.help, |help| string(help))),
        ("fixes", array(&diagnostic.fixes, |one| fix(one, home, sources))),
    ];
    object(&fields)
}

type Field = (&'static str, String);

/// The bytes, the start and the end of a span.
fn place(written: Span, sources: &SourceMap) -> [Field; 3] {
    let local = sources.local(written);
    let text = sources.file(written.start).map_or("", |file| sources.text_of(file));
    let lines = Lines::of(text);
    [("span", span(local)), ("start", lines.place(local.start)), ("end", lines.place(local.end))]
}

/// The name of a span's file, where it is not the diagnostic's.
fn elsewhere(span: Span, home: usize, sources: &SourceMap) -> Option<Field> {
    let index = sources.index(span.start);
    let file = sources.files().get(index).filter(|_| index != home)?;
    Some(("file", string(&file.name)))
}

fn label(label: &Label, home: usize, sources: &SourceMap) -> String {
    let file = elsewhere(label.span, home, sources).into_iter();
    let fields = file.chain(place(label.span, sources)).chain([("message", string(&label.message))]);
    object(&fields.collect::<Vec<_>>())
}

fn fix(fix: &Fix, home: usize, sources: &SourceMap) -> String {
    let file = elsewhere(fix.span, home, sources).into_iter();
    let fields = file.chain([
        ("span", span(sources.local(fix.span))),
        ("replacement", string(&fix.replacement)),
        ("message", string(&fix.message)),
        ("automatic", (fix.applicability == Applicability::Automatic).to_string()),
    ]);
    object(&fields.collect::<Vec<_>>())
}

fn span(span: Span) -> String {
    object(&[("start", span.start.to_string()), ("end", span.end.to_string())])
}

fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn array<T>(values: &[T], one: impl Fn(&T) -> String) -> String {
    format!("[{}]", values.iter().map(one).collect::<Vec<_>>().join(","))
}

/// A JSON string (RFC 8259): quotes, backslashes and control characters escaped.
fn string(text: &str) -> String {
    let mut escaped = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            // Writing into a string does not fail.
            c if c < ' ' => drop(write!(escaped, "\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped.push('"');
    escaped
}

/// A text whose bytes can be told as lines and columns.
struct Lines<'t> {
    text: &'t str,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Lines<'t> {
        Lines { text }
    }

    fn place(&self, byte: usize) -> String {
        let byte = self.text.floor_char_boundary(byte);
        let before = &self.text[..byte];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        object(&[("line", line.to_string()), ("column", column.to_string())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(string("a\"b\\c\n\u{1}é"), "\"a\\\"b\\\\c\\n\\u0001é\"");
    }

    #[test]
    fn columns_count_characters() {
        let lines = Lines::of("// é\nab");
        assert_eq!(lines.place(5), "{\"line\":1,\"column\":5}");
        assert_eq!(lines.place(6), "{\"line\":2,\"column\":1}");
        assert_eq!(lines.place(1000), "{\"line\":2,\"column\":3}");
    }

    #[test]
    fn a_diagnostic_is_one_line() {
        let diagnostic = Diagnostic::warning("W0001", Span::new(0, 2), "a\nb").at(Span::new(1, 2), "l").fix(
            Span::new(0, 1),
            "x",
            "f",
        );
        let expected = concat!(
            r#"{"code":"W0001","severity":"warning","message":"a\nb","file":"n.nn","span":{"start":0,"end":2},"#,
            r#""start":{"line":1,"column":1},"end":{"line":1,"column":3},"label":"","#,
            r#""labels":[{"span":{"start":1,"end":2},"start":{"line":1,"column":2},"end":{"line":1,"column":3},"#,
            r#""message":"l"}],"notes":[],"help":[],"#,
            r#""fixes":[{"span":{"start":0,"end":1},"replacement":"x","message":"f","automatic":true}]}"#,
        );
        assert_eq!(to_json(&diagnostic, "n.nn", "ab"), expected);
    }

    #[test]
    fn places_are_those_of_their_file() {
        let mut sources = SourceMap::new("a.nn", "ab");
        sources.push("b.nn", "cd\nef");
        let found =
            line(&Diagnostic::error("E0201", Span::new(0, 1), "m").at(Span::new(6, 7), "l"), &sources);
        let label = r#"{"file":"b.nn","span":{"start":3,"end":4},"start":{"line":2,"column":1},"#;
        assert!(found.contains(r#""file":"a.nn","span":{"start":0,"end":1}"#), "{found}");
        assert!(found.contains(label), "{found}");
    }
}
