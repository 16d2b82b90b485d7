//! Which tokens to pass over after a mistake, so that reading can go on.
//!
//! The unit of recovery is the statement. Tokens tell where statements begin, as nothing
//! separates them in the language: a word that no `=` or operator ties to its neighbours begins one.

use super::build::SETTINGS;
use super::chunk::is_item_keyword;
use super::scan::{Kind, Token};
use std::cmp::Ordering;
use std::ops::Range;

/// The tokens of the statement that `at` belongs to, or none if `at` lies outside all bodies, where
/// only the whole item can be given up. `body` is the first token of a body without braces, if the
/// text is one. The range is never empty.
pub(super) fn broken_statement(
    text: &str,
    tokens: &[Token],
    at: usize,
    body: Option<usize>,
) -> Option<Range<usize>> {
    let reader = Reader { text, tokens };
    let mut at = at;
    loop {
        let level = match reader.enclosing(at) {
            Some(open) if reader.slice(open) == "{" => open + 1,
            Some(open) => {
                at = open;
                continue;
            }
            None => body.filter(|first| *first <= at)?,
        };
        let range = reader.statement(level, at);
        if !range.is_empty() {
            return Some(range);
        }
        // An empty statement before a closing brace: the braces themselves are out of place.
        at = level.checked_sub(1)?;
    }
}

/// The keywords that a statement begins with.
const BEGINNINGS: [&str; 13] = [
    "let", "repeat", "for", "if", "residual", "as", "from", "shared", "with", "allow", "add", "concat", "mul",
];

/// What the word behind it belongs to.
#[rustfmt::skip]
const TYING: [&str; 32] = [
    "..", "=", "+", "-", "*", "/", "%", "<", ">", "<=", ">=", "==", "!=", ",", ":", "and", "or", "not", "let", "for", "in", "else",
    "as", "from", "shared", "with", "add", "concat", "mul", "block", "network", "train",
];

struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token],
}

impl Reader<'_> {
    /// The innermost bracket around `at`.
    fn enclosing(&self, at: usize) -> Option<usize> {
        let mut depth = 0;
        (0..at).rev().find(|&index| match self.tokens[index].kind {
            Kind::Close => {
                depth += 1;
                false
            }
            Kind::Open if depth == 0 => true,
            Kind::Open => {
                depth -= 1;
                false
            }
            _ => false,
        })
    }

    /// The statement around `at` among those that begin at `level`.
    fn statement(&self, level: usize, at: usize) -> Range<usize> {
        let (mut start, mut index) = (level, level);
        while index < self.tokens.len() && self.tokens[index].kind != Kind::Close {
            let begins = match index.cmp(&at) {
                Ordering::Less => self.begins(level, index),
                Ordering::Equal => self.follows_end(level, index),
                Ordering::Greater => false,
            };
            if begins {
                start = index;
            } else if index >= at && self.ends(level, index, at) {
                break;
            }
            index = self.after(index);
        }
        start..index
    }

    /// Whether the statement of the unexpected token `at` has ended before `index`. `at` itself
    /// begins the next one only if it is a keyword: a name may be what was written in the place of
    /// something else.
    fn ends(&self, level: usize, index: usize, at: usize) -> bool {
        let begins = if index == at { self.is_keyword(index) } else { self.begins(level, index) };
        begins || self.slice(index) == "|"
    }

    /// The token after this one, or after the bracketed group that it opens.
    fn after(&self, index: usize) -> usize {
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(index) {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    fn begins(&self, level: usize, index: usize) -> bool {
        if self.slice(0) == "train" {
            return self.follows_end(level, index) || SETTINGS.contains(&self.slice(index));
        }
        self.follows_end(level, index)
            || self.is_keyword(index)
            || self.tokens[index].kind == Kind::Arrow
            || (self.tokens[index].kind == Kind::Word && !self.is_tied(level, index))
    }

    fn is_keyword(&self, index: usize) -> bool {
        // A keyword may also be the key of an argument.
        let word = self.slice(index);
        let goes_on = word == "if" && index > 0 && self.slice(index - 1) == "else";
        let is_key = word != "let" && self.tokens.len() > index + 1 && self.slice(index + 1) == "=";
        !is_key && !goes_on && (BEGINNINGS.contains(&word) || is_item_keyword(word))
    }

    /// Whether a statement has certainly ended before `index`.
    fn follows_end(&self, level: usize, index: usize) -> bool {
        let goes_on = matches!(self.slice(index), "shortcut" | "else");
        index == level || (matches!(self.slice(index - 1), "}" | "|") && !goes_on)
    }

    /// Whether a word belongs to the token before or after it.
    fn is_tied(&self, level: usize, index: usize) -> bool {
        if matches!(self.slice(index), "in" | "shortcut" | "else" | "true" | "false" | "and" | "or" | "not") {
            return true;
        }
        let before = (index > level).then(|| self.slice(index - 1));
        let after = (index + 1 < self.tokens.len()).then(|| self.slice(index + 1));
        let unclosed = matches!(before, Some("(" | "["));
        unclosed || after == Some("=") || before.is_some_and(|before| TYING.contains(&before))
    }

    fn slice(&self, index: usize) -> &str {
        &self.text[self.tokens[index].span.range()]
    }
}
