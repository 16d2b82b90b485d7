//! Lints: advice about models that check.
//!
//! ```text
//! CheckedModel ─Flow::of▶ Flow ─every lint of the table▶ findings ─levels, allow(…)▶ diagnostics
//! ```
//!
//! A lint is a row of [`LINTS`] with a page and a small function that looks at a network's flow, its `train`
//! section or the text, and gives all that it finds. Whether a finding is silent, a warning or an error is
//! decided here and not there. What is a mistake in every case is none of theirs: the checker has it.
//! Places in the standard library are nobody's to mend, so findings there are dropped by the caller.

mod activations;
mod branches;
mod design;
mod dropout;
mod flow;
mod layer;
mod level;
mod norms;
mod sizes;
mod subject;
mod table;
mod text;
mod training;
mod windows;

use crate::ast::Train;
use crate::diagnostic::Diagnostic;
use crate::model::CheckedModel;
use flow::Flow;
pub use level::{Group, Level, is_known};
pub(crate) use level::{unknown_levels, unknown_names};
use subject::Subject;
pub(crate) use subject::Text;
pub use table::LINTS;

/// Memory of the device if nobody says otherwise: that of the largest single GPU in common use.
pub const MEMORY: u64 = 80 << 30;

/// A piece of advice that the compiler can give.
pub struct Lint {
    /// Its name in `allow(…)`, on the command line, and as the code of its findings.
    pub name: &'static str,
    /// Its group, which decides its level where nobody says otherwise.
    pub group: Group,
    /// Its page, in Markdown: what it finds, why, from where, with examples.
    pub page: &'static str,
    check: Check,
}

/// What a lint looks at.
enum Check {
    /// Each network.
    Model(fn(&Subject) -> Vec<Diagnostic>),
    /// The text as a whole.
    Text(fn(&Text) -> Vec<Diagnostic>),
}

impl Lint {
    /// What it finds, in a few words.
    pub fn title(&self) -> &'static str {
        let first = self.page.lines().next().unwrap_or_default();
        first.split_once(": ").map_or("", |(_, title)| title)
    }
}

/// The lint of this name.
pub fn find(name: &str) -> Option<&'static Lint> {
    LINTS.iter().find(|lint| lint.name.eq_ignore_ascii_case(name))
}

/// The names of all lints.
pub fn names() -> impl Iterator<Item = &'static str> {
    LINTS.iter().map(|lint| lint.name)
}

/// All findings of all lints that are not silent: `models` stand with their `train` sections.
pub(crate) fn run(
    text: &Text,
    models: &[(&CheckedModel, Option<&Train>)],
    levels: &[(String, Level)],
    memory: Option<u64>,
) -> Vec<Diagnostic> {
    let allows: Vec<_> = text.files.iter().flat_map(|(span, module)| level::allows(*span, module)).collect();
    let sections: Vec<_> = text.files.iter().flat_map(|(_, module)| level::sections(module)).collect();
    let is_silent = |lint, one: &Diagnostic| allows.iter().any(|allow| allow.silences(lint, one, &sections));
    let memory = memory.unwrap_or(MEMORY);
    let inputs = |model| text.network(model).map_or(&[][..], |network| &network.inputs);
    let subject = |&(model, section)| {
        let (flow, inputs) = (Flow::of(model), inputs(model));
        Subject { model, flow, inputs, section, memory }
    };
    let subjects: Vec<Subject> = models.iter().map(subject).collect();
    let mut findings = Vec::new();
    for lint in LINTS {
        let Some(severity) = lint.level(levels).severity() else { continue };
        let found = match lint.check {
            Check::Model(check) => subjects.iter().flat_map(check).collect(),
            Check::Text(check) => check(text),
        };
        let heard = found.into_iter().filter(|one| !is_silent(lint, one));
        findings.extend(heard.map(|one| Diagnostic { code: lint.name, severity, ..one }));
    }
    findings
}
