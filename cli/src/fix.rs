//! `nnc check --fix`: applies the edits that mend a mistake as it was meant.
//!
//! One edit at a time, and a check after each: an edit may uncover a mistake, make another edit needless, or
//! be the same as another one's. Edits stay if fewer mistakes are left after them, or as many and fewer warnings;
//! a `flatten` that only one turn of a `repeat` needs does not. Only the named file changes; what it uses is left alone.

use std::collections::HashSet;
use std::path::Path;

use nnc_dsl::{Applicability, Diagnostic, Fix, Options, Outcome, fix};

use crate::failure::Failure;
use crate::files;
use crate::imports::check;
use crate::model_file::ModelText;

/// The most edits in a row that only uncover the next mistake.
const MAX_UNCOVERING: usize = 20;

/// What has become of a text.
#[derive(Clone)]
pub(crate) struct Fixed {
    /// The text with all edits.
    pub(crate) text: ModelText,
    /// What is left to find in it.
    pub(crate) outcome: Outcome,
    /// What was mended, with the text as it was then.
    pub(crate) applied: Vec<Applied>,
}

/// An edit that was made.
#[derive(Clone)]
pub(crate) struct Applied {
    /// What it mended.
    pub(crate) diagnostic: Diagnostic,
    /// What it does, in words.
    pub(crate) message: String,
    /// The line and the column of its place, from 1, in characters.
    pub(crate) place: (usize, usize),
    /// The diagnostic as a line of JSON.
    pub(crate) json: String,
}

/// Mends a text as far as edits do, without writing it.
pub(crate) fn mend(text: ModelText, options: &Options) -> Fixed {
    let outcome = check(&text, options);
    let mut best = Fixed { text, outcome, applied: Vec::new() };
    let mut seen = HashSet::from([best.text.text.clone()]);
    let mut next = next_edit(&best, &seen, options);
    while let Some(fixed) = next {
        seen.insert(fixed.text.text.clone());
        next = next_edit(&fixed, &seen, options);
        if findings(&fixed.outcome) < findings(&best.outcome) {
            best = fixed;
        } else if fixed.applied.len() > best.applied.len() + MAX_UNCOVERING {
            break;
        }
    }
    best
}

/// Writes the text back into its file.
pub(crate) fn save(path: &Path, fixed: &Fixed) -> Result<(), Failure> {
    if fixed.applied.is_empty() { Ok(()) } else { files::write(path, fixed.text.text.as_bytes()) }
}

/// After the edit that leaves the fewest findings, no more than there were, and leads to a new text.
fn next_edit(fixed: &Fixed, seen: &HashSet<String>, options: &Options) -> Option<Fixed> {
    let Fixed { text, outcome, applied } = fixed;
    let edits = outcome.diagnostics.iter().filter_map(|diagnostic| {
        let edit = automatic(diagnostic, outcome)?;
        let only = Diagnostic { fixes: vec![edit.clone()], ..diagnostic.clone() };
        let (edited, _) = fix(&text.text, &[only]);
        if seen.contains(&edited) {
            return None;
        }
        let edited = ModelText { file: text.file.clone(), text: edited };
        let after = check(&edited, options);
        (findings(&after) <= findings(outcome)).then(|| {
            let now = Applied {
                diagnostic: diagnostic.clone(),
                message: edit.message.clone(),
                place: place(&text.text, edit.span.start),
                json: nnc_dsl::json::line(diagnostic, &outcome.sources),
            };
            let applied = applied.iter().cloned().chain([now]).collect();
            Fixed { text: edited, outcome: after, applied }
        })
    });
    edits.min_by_key(|fixed| findings(&fixed.outcome))
}

/// How many errors there are, and how many findings at all.
fn findings(outcome: &Outcome) -> (usize, usize) {
    let errors = outcome.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    (errors, outcome.diagnostics.len())
}

/// The first edit of a diagnostic that a tool may apply, if it is one of the text itself.
fn automatic<'d>(diagnostic: &'d Diagnostic, outcome: &Outcome) -> Option<&'d Fix> {
    let edit = diagnostic.fixes.iter().find(|edit| edit.applicability == Applicability::Automatic)?;
    outcome.sources.is_main(edit.span).then_some(edit)
}

fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(byte)];
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str) -> Fixed {
        let text = ModelText { file: "<stdin>".to_owned(), text: text.to_owned() };
        mend(text, &Options::default())
    }

    #[test]
    fn edits_are_made_until_none_is_left() {
        let fixed = mended("network A<4 -> 2> {\n    linaer 8 rleu linear 2\n}\n");
        assert_eq!(fixed.text.text, "network A<4 -> 2> {\n    linear 8 relu linear 2\n}\n");
        let places: Vec<_> = fixed.applied.iter().map(|one| (one.diagnostic.code, one.place)).collect();
        assert_eq!(places, [("E0201", (2, 5)), ("E0201", (2, 14))]);
        assert!(fixed.outcome.diagnostics.is_empty());
    }

    /// The first turn needs a `flatten`, and the second one cannot have it.
    #[test]
    fn edits_that_mend_nothing_are_taken_back() {
        let text = "network A<2x4x4 -> 4> { repeat 2 { linear 4 relu } lniear 4 }";
        let fixed = mended(text);
        assert_eq!(fixed.text.text, text.replace("lniear", "linear"));
        assert_eq!(fixed.applied.len(), 1);
        assert!(!fixed.outcome.diagnostics.is_empty());
    }

    #[test]
    fn an_edit_may_uncover_the_next_mistake() {
        let text = "network A<2x4x4 -> 4> { as map relu concat mpa linear 4 }";
        let fixed = mended(text);
        assert_eq!(fixed.text.text, text.replace("mpa", "map flatten"));
        assert_eq!((fixed.applied.len(), fixed.outcome.models.len()), (2, 1));
    }

    #[test]
    fn a_text_without_mistakes_stays() {
        let fixed = mended("network A<4 -> 2> { linear 2 }");
        assert!(fixed.applied.is_empty() && fixed.outcome.models.len() == 1);
    }
}
