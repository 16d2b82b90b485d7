//! Which lints are silent, which warn and which stop: groups, levels and `allow(…)`.

use super::{Lint, find, names};
use crate::ast::{Allow, Ident, Item, Module, SettingValue, Statement, Train};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::words::nearest;

/// What a lint's findings come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Nothing.
    Allow,
    /// Warnings.
    Warn,
    /// Errors.
    Deny,
}

/// A family of lints, which decides their level where nobody says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// What is found is wrong.
    Correctness,
    /// What is found is most probably not meant.
    Suspicious,
    /// What is found could be said or done better.
    Style,
    /// What is found is a matter of taste, or right in some networks; read it once.
    Pedantic,
}

impl Group {
    /// All of them, in the order of the documentation.
    pub const ALL: [Group; 4] = [Group::Correctness, Group::Suspicious, Group::Style, Group::Pedantic];

    /// Its name in `allow(…)` and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Group::Correctness => "correctness",
            Group::Suspicious => "suspicious",
            Group::Style => "style",
            Group::Pedantic => "pedantic",
        }
    }

    /// The level of its lints where nobody says otherwise.
    pub fn level(self) -> Level {
        match self {
            Group::Correctness => Level::Deny,
            Group::Suspicious | Group::Style => Level::Warn,
            Group::Pedantic => Level::Allow,
        }
    }
}

/// The word for all lints at once.
pub(super) const ALL: &str = "all";

impl Lint {
    /// Whether a name means this lint: its own, its group's, or `all`.
    fn answers_to(&self, name: &str) -> bool {
        name == self.name || name == self.group.name() || name == ALL
    }

    /// Its level under these choices, of which the last one that means it counts.
    pub(super) fn level(&self, levels: &[(String, Level)]) -> Level {
        let chosen = levels.iter().rev().find(|(name, _)| self.answers_to(name));
        chosen.map_or(self.group.level(), |(_, level)| *level)
    }
}

impl Level {
    /// How bad a finding is; none if it is silent.
    pub(super) fn severity(self) -> Option<Severity> {
        match self {
            Level::Allow => None,
            Level::Warn => Some(Severity::Warning),
            Level::Deny => Some(Severity::Error),
        }
    }
}

/// An `allow(…)` with the part of the text that it is for.
pub(super) struct Allowed<'a> {
    range: Span,
    lints: &'a [Ident],
}

impl Allowed<'_> {
    /// Whether a finding is silent: its place lies in the range, or it is about a setting and a word that it
    /// also shows does.
    pub(super) fn silences(&self, lint: &Lint, finding: &Diagnostic, sections: &[Span]) -> bool {
        let is_setting = sections.iter().any(|section| holds(*section, finding.span));
        let labels = finding.labels.iter().map(|label| label.span).filter(|_| is_setting);
        let mut places = [finding.span].into_iter().chain(labels);
        let means = self.lints.iter().any(|name| lint.answers_to(&name.value));
        means && places.any(|place| holds(self.range, place))
    }
}

fn holds(range: Span, place: Span) -> bool {
    range.start <= place.start && place.start < range.end
}

/// The places of the `train` sections of a file.
pub(super) fn sections(module: &Module) -> impl Iterator<Item = Span> {
    module.items.iter().filter_map(|item| match item {
        Item::Train(train) => Some(section(train)),
        _ => None,
    })
}

/// The `allow(…)`s of a file.
pub(super) fn allows(file: Span, module: &Module) -> Vec<Allowed<'_>> {
    let mut found = Vec::new();
    for item in &module.items {
        match item {
            Item::Allow(allow) => found.push(Allowed { range: file, lints: &allow.lints }),
            Item::Train(train) => found.extend(
                train.allows.iter().map(|allow| Allowed { range: section(train), lints: &allow.lints }),
            ),
            Item::Block(_) | Item::Network(_) | Item::Activation(_) | Item::Use(_) => {}
        }
        for body in super::text::bodies_of(item) {
            let end = body.span.end;
            let allows = body.statements.iter().filter_map(as_allow);
            found.extend(
                allows
                    .map(|allow| Allowed { range: Span::new(allow.keyword.start, end), lints: &allow.lints }),
            );
        }
    }
    found
}

fn as_allow(statement: &Statement) -> Option<&Allow> {
    match statement {
        Statement::Allow(allow) => Some(allow),
        _ => None,
    }
}

/// From the name of a `train` section to its last setting.
fn section(train: &Train) -> Span {
    let settings = train.settings.iter();
    let ends = settings.flat_map(|setting| setting.values.iter().map(value).chain([setting.key.span]));
    ends.fold(train.name.span, Span::to)
}

fn value(value: &SettingValue) -> Span {
    match value {
        SettingValue::Word(word) | SettingValue::Text(word) => word.span,
        SettingValue::Expr(expr) => expr.span,
        SettingValue::Named(key, inner) => key.span.to(self::value(inner)),
    }
}

/// The errors of names in `allow(…)`s that no lint and no group has.
pub(crate) fn unknown_names(module: &Module) -> Vec<Diagnostic> {
    let file = Span::new(0, usize::MAX);
    let allows = allows(file, module);
    let written = allows.iter().flat_map(|allowed| allowed.lints);
    written.filter(|name| !is_known(&name.value)).map(|name| unknown(&name.value, name.span, true)).collect()
}

/// The errors of chosen levels (`-W`, `-A`, `-D`) for names that no lint and no group has. They do not
/// stand in the text, and so are reported at `place`.
pub(crate) fn unknown_levels(levels: &[(String, Level)], place: Span) -> Vec<Diagnostic> {
    let unknown_ones = levels.iter().filter(|(name, _)| !is_known(name));
    unknown_ones.map(|(name, _)| unknown(name, place, false)).collect()
}

/// Whether a lint or a group has this name, or it is `all`.
pub fn is_known(name: &str) -> bool {
    name == ALL || find(name).is_some() || Group::ALL.iter().any(|group| group.name() == name)
}

fn unknown(name: &str, span: Span, is_written: bool) -> Diagnostic {
    let groups = Group::ALL.iter().map(|group| group.name());
    let meant = nearest(name, names().chain(groups).chain([ALL]));
    let error = Diagnostic::error("E0601", span, format!("no lint is called `{name}`")).label("unknown lint");
    match meant {
        Some(meant) if is_written => {
            error.help(format!("did you mean `{meant}`?")).fix(span, meant, format!("write `{meant}`"))
        }
        Some(meant) => error.help(format!("did you mean `{meant}`?")),
        None => error.help("`nnc explain` lists all lints"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(lint: &str, levels: &[(&str, Level)]) -> Level {
        let levels: Vec<_> = levels.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect();
        find(lint).unwrap().level(&levels)
    }

    #[test]
    fn the_last_level_that_means_a_lint_counts() {
        assert_eq!(level("small-batch", &[]), Level::Warn);
        assert_eq!(level("small-batch", &[("all", Level::Deny)]), Level::Deny);
        assert_eq!(level("small-batch", &[("all", Level::Deny), ("suspicious", Level::Allow)]), Level::Allow);
        assert_eq!(level("small-batch", &[("small-batch", Level::Allow), ("all", Level::Warn)]), Level::Warn);
        assert_eq!(level("small-batch", &[("pedantic", Level::Deny)]), Level::Warn);
        assert_eq!(level("even-window", &[]), Level::Allow);
    }
}
