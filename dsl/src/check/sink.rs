//! The collected diagnostics.
//!
//! A mistake in a block or a loop is met once per use; it is kept once. One in the standard library
//! is a mistake of the word that uses it, and is kept there. At the end the diagnostics stand in the
//! order of the text, and beyond a limit only their number is told.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Label, Span};

/// The most diagnostics of one run; more are rarely read.
const LIMIT: usize = 20;

/// The collected diagnostics.
#[derive(Default)]
pub(super) struct Sink {
    found: Vec<Diagnostic>,
    seen: HashSet<(&'static str, Span)>,
    muted: usize,
    /// The words around whose definitions are being walked.
    words: Vec<Span>,
    /// Where the standard library begins, if there is any.
    library: Option<usize>,
}

impl Sink {
    /// With those that the parser found, for a text in which the standard library begins at `library`.
    pub(super) fn new(found: Vec<Diagnostic>, library: usize) -> Sink {
        let seen = found.iter().map(|diagnostic| (diagnostic.code, diagnostic.span)).collect();
        Sink { found, seen, library: Some(library), ..Sink::default() }
    }

    /// Keeps a diagnostic, unless its place has the same one already or the sink is muted.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        let diagnostic = self.out_of_library(diagnostic);
        if self.muted == 0 && self.seen.insert((diagnostic.code, diagnostic.span)) {
            self.found.push(diagnostic);
        }
    }

    /// The definition of this word is walked, until [`Sink::leave`].
    pub(super) fn enter(&mut self, word: Span) {
        self.words.push(word);
    }

    /// Ends what [`Sink::enter`] began.
    pub(super) fn leave(&mut self) {
        self.words.pop();
    }

    fn is_library(&self, span: Span) -> bool {
        self.library.is_some_and(|start| span.start >= start)
    }

    /// Has a diagnostic inside of the library point at the word of the user's text that led there.
    fn out_of_library(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        let word = self.words.iter().rev().find(|word| !self.is_library(**word));
        let Some(word) = word.filter(|_| self.is_library(diagnostic.span)) else { return diagnostic };
        let label = std::mem::replace(&mut diagnostic.label, "in this use".to_owned());
        diagnostic.labels.retain(|label| label.span != *word);
        diagnostic.labels.insert(0, Label { span: diagnostic.span, message: label });
        diagnostic.span = *word;
        diagnostic.fixes.retain(|fix| !self.is_library(fix.span));
        diagnostic
    }

    /// From here on nothing is kept, until [`Sink::unmute`] has been called as often.
    pub(super) fn mute(&mut self) {
        self.muted += 1;
    }

    /// Ends what [`Sink::mute`] began.
    pub(super) fn unmute(&mut self) {
        self.muted -= 1;
    }

    /// Whether an error has been kept.
    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(Diagnostic::is_error)
    }

    /// The diagnostics in the order of the text, cut at the limit.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.code));
        let more = self.found.len().saturating_sub(LIMIT);
        // An error must survive the cut, or warnings at the top would hide why nothing compiles.
        if more > 0 {
            self.found.sort_by_key(|diagnostic| !diagnostic.is_error());
            self.found.truncate(LIMIT);
            if let Some(last) = self.found.last_mut() {
                last.notes.push(format!("{more} more mistakes are not shown"));
            }
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_once_sorted_and_cut() {
        let mut sink = Sink::default();
        for place in (0..30).rev().chain(0..30) {
            sink.report(Diagnostic::error("E0201", Span::new(place, place + 1), "m"));
        }
        sink.mute();
        sink.report(Diagnostic::error("E0202", Span::new(0, 1), "m"));
        sink.unmute();
        let found = sink.finish();
        assert_eq!(found.len(), LIMIT);
        assert_eq!(found[0].span.start, 0);
        assert_eq!(found[19].notes, ["10 more mistakes are not shown"]);
    }
}
