//! The edits that diagnostics offer, applied to the text.

use crate::diagnostic::{Applicability, Diagnostic, Fix};

/// The text with the automatic edits of the diagnostics, and how many were applied.
///
/// Of a diagnostic that offers several, the first automatic one counts; of edits that touch each
/// other, the first in the text. An edit may uncover a mistake that could not be seen before, so a
/// caller checks the result and applies again until nothing is left to apply.
pub fn fix(text: &str, diagnostics: &[Diagnostic]) -> (String, usize) {
    let mut edits: Vec<&Fix> = diagnostics.iter().filter_map(automatic).collect();
    edits.retain(|edit| text.get(edit.span.range()).is_some());
    edits.sort_by_key(|edit| edit.span);
    let (mut fixed, mut end, mut count) = (String::with_capacity(text.len()), 0, 0);
    for edit in edits {
        // Two insertions at one place are alternatives of two mistakes more often than not.
        if count > 0 && edit.span.start <= end {
            continue;
        }
        fixed.push_str(&text[end..edit.span.start]);
        // A deleted word takes one of the two blanks around it along.
        let ends = text[edit.span.end..].chars().next().is_none_or(char::is_whitespace);
        if edit.replacement.is_empty() && ends && fixed.ends_with(' ') {
            fixed.pop();
        }
        fixed.push_str(&edit.replacement);
        (end, count) = (edit.span.end, count + 1);
    }
    fixed.push_str(&text[end..]);
    (fixed, count)
}

fn automatic(diagnostic: &Diagnostic) -> Option<&Fix> {
    diagnostic.fixes.iter().find(|fix| fix.applicability == Applicability::Automatic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    fn mistake(start: usize, end: usize) -> Diagnostic {
        Diagnostic::error("E0201", Span::new(start, end), "m")
    }

    #[test]
    fn edits_that_touch_are_applied_once() {
        let at = |start, end| Span::new(start, end);
        let found = [
            mistake(4, 7).suggest(at(4, 7), "no", "f").fix(at(4, 7), "two", "f").fix(at(4, 7), "no", "f"),
            mistake(0, 3).fix(at(0, 3), "one", "f"),
            mistake(6, 7).fix(at(6, 7), "no", "f"),
            mistake(8, 8).fix(at(8, 8), "three ", "f"),
            mistake(90, 91).fix(at(90, 91), "no", "f"),
        ];
        assert_eq!(fix("eno owt .", &found), ("one two three .".to_owned(), 3));
        assert_eq!(fix("text", &[mistake(0, 1)]), ("text".to_owned(), 0));
    }

    #[test]
    fn a_deleted_word_takes_one_blank_along() {
        let deleted = |text: &str| {
            let start = text.find("gap").unwrap();
            let span = Span::new(start, start + 3);
            fix(text, &[Diagnostic::error("E0301", span, "m").fix(span, "", "delete `gap`")]).0
        };
        assert_eq!(deleted("relu gap linear 3"), "relu linear 3");
        assert_eq!(deleted("{ relu gap }"), "{ relu }");
        assert_eq!(deleted("{gap}"), "{}");
        assert_eq!(deleted("\u{feff}gap"), "\u{feff}");
    }
}
