//! The collected diagnostics.
//!
//! A mistake in a block or a loop is met once per use; it is kept once. One in the standard library
//! is a mistake of the word that uses it, and is kept there; so is one in a block of the text's own that
//! other uses of the block do not have. At the end the diagnostics stand in the order of the text, and
//! beyond a limit only their number is told.

use std::collections::HashSet;

use crate::diagnostic::{Applicability, Diagnostic, Label, Span};

/// The most diagnostics of one run; more are rarely read.
const LIMIT: usize = 20;

/// A walk ends after so many mistakes. They repeat each other: turns of a loop that have the same one.
const FULL: usize = 500;

/// Nor does it go on after so many places with a mistake.
const MANY: usize = 100;

/// The most places that a diagnostic points at besides its own; a join may have a thousand branches.
const LABELS: usize = 12;

/// The collected diagnostics.
#[derive(Default)]
pub(super) struct Sink {
    found: Vec<Found>,
    seen: HashSet<(&'static str, Span, Option<Span>)>,
    muted: usize,
    /// The words around whose definitions are being walked, outermost first.
    uses: Vec<Use>,
    /// Uses without a mistake in what they use.
    sound: HashSet<Use>,
    /// How many mistakes have been met, kept or not.
    met: usize,
    /// Where the standard library begins, if there is any.
    library: Option<usize>,
}

/// A diagnostic, and the words whose definitions were being walked when it was found.
struct Found {
    diagnostic: Diagnostic,
    uses: Vec<Use>,
}

/// A word, and the definition that it uses.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Use {
    /// The word with its arguments.
    pub(super) word: Span,
    /// The name where it is defined.
    pub(super) definition: Span,
}

impl Sink {
    /// With those that the parser found, for a text in which the standard library begins at `library`.
    pub(super) fn new(found: Vec<Diagnostic>, library: usize) -> Sink {
        let mut sink = Sink { library: Some(library), ..Sink::default() };
        found.into_iter().for_each(|diagnostic| sink.report(diagnostic));
        sink
    }

    /// Keeps a diagnostic, unless its place has the same one already or the sink is muted.
    pub(super) fn report(&mut self, mut diagnostic: Diagnostic) {
        self.met += 1;
        if self.muted > 0 {
            return;
        }
        // Each use counts for itself until it is known which of them is to blame.
        let word = self.uses.last().map(|used| used.word).filter(|_| self.found.len() < MANY);
        if self.seen.insert((diagnostic.code, diagnostic.span, word)) {
            diagnostic.labels.truncate(LABELS);
            self.found.push(Found { diagnostic, uses: self.uses.clone() });
        }
    }

    /// The definition of this word is walked, until [`Sink::leave`] gets what this gives.
    pub(super) fn enter(&mut self, used: Use) -> usize {
        self.uses.push(used);
        self.met
    }

    /// Ends what [`Sink::enter`] began. A walk from a known shape to another one
    /// without a mistake shows that the definition is sound.
    pub(super) fn leave(&mut self, met: usize, is_known: bool) {
        let used = self.uses.pop();
        if let Some(used) = used.filter(|_| is_known && self.met == met && self.muted == 0) {
            self.sound.insert(used);
        }
    }

    fn is_library(&self, span: Span) -> bool {
        self.library.is_some_and(|start| span.start >= start)
    }

    /// Has a diagnostic point at the word that is to blame: one of the text, and not inside of a
    /// definition that others use without a mistake.
    fn at_the_blame(&self, Found { mut diagnostic, uses }: Found) -> Diagnostic {
        let is_fine = |used: &Use| {
            let others = |other: &Use| other.definition == used.definition && other.word != used.word;
            self.is_library(used.definition) || self.sound.iter().any(others)
        };
        // A mistake in the arguments of a use is found while that use is walked.
        let is_inside =
            |used: &&Use| used.word.start <= diagnostic.span.start && diagnostic.span.end <= used.word.end;
        let around = uses.iter().rev().skip_while(is_inside);
        let Some(to_blame) = around.take_while(|used| is_fine(used)).last() else {
            return diagnostic;
        };
        let label = std::mem::replace(&mut diagnostic.label, "in this use".to_owned());
        diagnostic.labels.retain(|label| label.span.start != to_blame.word.start);
        diagnostic.labels.insert(0, Label { span: diagnostic.span, message: label });
        diagnostic.span = to_blame.word;
        diagnostic.fixes.retain(|fix| !self.is_library(fix.span));
        // What is in the definition is right for the other uses.
        diagnostic.fixes.iter_mut().for_each(|fix| fix.applicability = Applicability::Suggested);
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

    /// Whether so many mistakes have been met that more of them would not be read.
    pub(super) fn is_full(&self) -> bool {
        self.met >= FULL || self.found.len() >= MANY
    }

    /// Whether an error has been kept.
    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(|found| found.diagnostic.is_error())
    }

    /// The diagnostics in the order of the text, cut at the limit.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        let found = std::mem::take(&mut self.found);
        let mut found: Vec<Diagnostic> = found.into_iter().map(|found| self.at_the_blame(found)).collect();
        let mut seen = HashSet::new();
        found.retain(|diagnostic| seen.insert((diagnostic.code, diagnostic.span)));
        found.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.code));
        cut(found)
    }
}

/// Leaves out what is beyond the limit, and tells how much that is.
fn cut(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let more = found.len().saturating_sub(LIMIT);
    // An error must survive the cut, or warnings at the top would hide why nothing compiles.
    if more > 0 {
        found.sort_by_key(|diagnostic| !diagnostic.is_error());
        found.truncate(LIMIT);
        if let Some(last) = found.last_mut() {
            last.notes.push(format!("{more} more mistakes are not shown"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word at this place, which uses the definition at 100, is walked with or without a mistake.
    fn walk(sink: &mut Sink, place: usize, is_wrong: bool) {
        let word = Span::new(place, place + 2);
        let met = sink.enter(Use { word, definition: Span::new(100, 101) });
        if is_wrong {
            sink.report(Diagnostic::error("E0201", Span::new(110, 111), "m").label("inside"));
        }
        sink.leave(met, true);
    }

    #[test]
    fn a_mistake_of_one_use_is_not_one_of_the_definition() {
        let mut sink = Sink::default();
        walk(&mut sink, 10, true);
        walk(&mut sink, 20, false);
        walk(&mut sink, 30, true);
        let found = sink.finish();
        assert_eq!(found.iter().map(|one| one.span.start).collect::<Vec<_>>(), [10, 30]);
        assert_eq!(found[0].labels, [Label { span: Span::new(110, 111), message: "inside".to_owned() }]);
    }

    #[test]
    fn a_mistake_of_all_uses_is_one_of_the_definition() {
        let mut sink = Sink::default();
        walk(&mut sink, 10, true);
        walk(&mut sink, 20, true);
        let found = sink.finish();
        assert_eq!(found.iter().map(|one| one.span.start).collect::<Vec<_>>(), [110]);
    }

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
