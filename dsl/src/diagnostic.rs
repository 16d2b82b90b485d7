//! Diagnostics as data: what is wrong, where, why, and what to do about it.

use std::ops::Range;

/// A range of bytes in the source text, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The span of the bytes `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Span) -> Span {
        Span::new(self.start.min(other.start), self.end.max(other.end))
    }

    /// The span as a range of byte indices.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The model compiles; something in it is probably not meant.
    Warning,
    /// The model cannot be compiled.
    Error,
}

/// A place that a diagnostic points at besides its primary span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// A few words; the place says the rest.
    pub message: String,
}

/// An edit that mends the mistake and that a tool can apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The bytes to replace; empty for an insertion.
    pub span: Span,
    /// The new text.
    pub replacement: String,
    /// What the edit does, for a menu.
    pub message: String,
    /// Whether a tool may apply it without asking.
    pub applicability: Applicability,
}

/// How sure an edit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Applicability {
    /// It mends the mistake, most probably as it was meant: `nnc check --fix` applies it.
    Automatic,
    /// It is one way of several, or changes what the model computes: somebody must choose.
    Suggested,
}

/// One finding of the parser, the checker or a lint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, such as `E0204`; `nnc explain` has a page for each.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One lowercase sentence that stands alone.
    pub message: String,
    /// The exact word.
    pub span: Span,
    /// What stands beside the primary span, in a few words; may be empty.
    pub label: String,
    /// Other places that explain this one.
    pub labels: Vec<Label>,
    /// Facts that are not advice.
    pub notes: Vec<String>,
    /// What the user can do.
    pub help: Vec<String>,
    /// Edits that a tool can apply.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, span, message.into())
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, span, message.into())
    }

    fn new(code: &'static str, severity: Severity, span: Span, message: String) -> Self {
        let (labels, notes, help, fixes) = Default::default();
        Self { code, severity, message, span, label: String::new(), labels, notes, help, fixes }
    }

    /// With these words beside the primary span.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With another place that explains this one.
    pub fn at(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    /// With a fact.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// With advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// With an edit that mends it as it was most probably meant: `replacement` for the bytes of `span`.
    pub fn fix(self, span: Span, replacement: impl Into<String>, message: impl Into<String>) -> Self {
        self.edit(span, replacement.into(), message.into(), Applicability::Automatic)
    }

    /// With an edit that may be what is wanted.
    pub fn suggest(self, span: Span, replacement: impl Into<String>, message: impl Into<String>) -> Self {
        self.edit(span, replacement.into(), message.into(), Applicability::Suggested)
    }

    fn edit(
        mut self,
        span: Span,
        replacement: String,
        message: String,
        applicability: Applicability,
    ) -> Self {
        self.fixes.push(Fix { span, replacement, message, applicability });
        self
    }

    /// Whether the model cannot be compiled because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
