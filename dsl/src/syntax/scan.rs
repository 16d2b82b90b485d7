//! From text to tokens, with the mistakes that lie inside a single token.
//!
//! The tokens serve recovery and wording: the grammar works on the text itself. They are the same for
//! a text and for the macro's printed tokens, so that a literal such as `0x10`, which Rust takes as
//! one token, is one token here too and is refused as one.

use super::MAX_MISTAKES;
use crate::diagnostic::{Diagnostic, Span};
use std::ops::Range;

/// The words that cannot be names of blocks, networks and values. Parameters may be called like most.
pub const KEYWORDS: [&str; 25] = [
    "block", "network", "train", "pub", "repeat", "for", "in", "let", "if", "else", "residual", "shortcut",
    "as", "from", "shared", "with", "allow", "add", "concat", "mul", "and", "or", "not", "true", "false",
];

/// A token with its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it stands.
    pub(super) span: Span,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Word,
    /// A number or a shape.
    Number,
    /// A string.
    Text,
    /// `->`
    Arrow,
    /// `(`, `[` or `{`
    Open,
    /// `)`, `]` or `}`
    Close,
    /// One of `= | , : + - * / % < > <= >= == != ..`.
    Punctuation,
    /// Something that has been reported already; the statement around it cannot be read.
    Bad,
}

/// What the scanner makes of a text.
pub(super) struct Scan {
    /// The text, with spaces in the place of what can be left out without loss.
    pub(super) text: String,
    /// Its tokens.
    pub(super) tokens: Vec<Token>,
    /// The mistakes inside single tokens.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Cuts a text into tokens, up to a number of mistakes.
pub(super) fn scan(text: &str) -> Scan {
    let (tokens, diagnostics) = Default::default();
    let mut scanner = Scanner { text, at: 0, scan: Scan { text: text.to_owned(), tokens, diagnostics } };
    while scanner.at < text.len() && scanner.scan.diagnostics.len() < MAX_MISTAKES {
        scanner.token();
    }
    scanner.scan
}

/// Overwrites a part of the text with spaces.
pub(super) fn blank(text: &mut String, range: Range<usize>) {
    let spaces = " ".repeat(range.len());
    text.replace_range(range, &spaces);
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    scan: Scan,
}

impl Scanner<'_> {
    fn token(&mut self) {
        let rest = &self.text[self.at..];
        let mut chars = rest.chars();
        let (Some(first), second) = (chars.next(), chars.next()) else { return };
        match first {
            ' ' | '\t' | '\r' | '\n' | '\u{feff}' => self.at += first.len_utf8(),
            '/' if second == Some('/') => self.at += rest.find('\n').unwrap_or(rest.len()),
            '/' if second == Some('*') => self.block_comment(),
            'a'..='z' | 'A'..='Z' | '_' => self.word(),
            '0'..='9' => self.number(),
            '"' => self.string(),
            '.' if second == Some('.') && !rest.starts_with("...") => {
                self.push(Kind::Punctuation, 2);
            }
            _ => match symbol(first, second) {
                Some((kind, len)) => {
                    self.push(kind, len);
                }
                None => self.character(first),
            },
        }
    }

    fn push(&mut self, kind: Kind, len: usize) -> Span {
        let span = Span::new(self.at, self.at + len);
        self.scan.tokens.push(Token { kind, span });
        self.at += len;
        span
    }

    fn word(&mut self) {
        let len = word_len(&self.text[self.at..]);
        if self.text[self.at + len..].starts_with('"') {
            let span = self.push(Kind::Bad, len);
            let prefix = &self.text[span.range()];
            let message = format!("a string takes no prefix, found `{prefix}` before it");
            self.scan.diagnostics.push(
                Diagnostic::error("E0101", span, message)
                    .label("touches the string")
                    .help("put a space between a word and a string; inside a string write `\\\\` for `\\`"),
            );
        } else {
            self.push(Kind::Word, len);
        }
    }

    fn number(&mut self) {
        let len = literal_len(&self.text[self.at..]);
        let literal = &self.text[self.at..self.at + len];
        match literal_mistake(literal) {
            None => {
                self.push(Kind::Number, len);
            }
            Some((message, help)) => {
                let span = self.push(Kind::Bad, len);
                self.scan
                    .diagnostics
                    .push(Diagnostic::error("E0103", span, message).label("cannot be read").help(help));
            }
        }
    }

    /// A string ends on its line: a forgotten quote costs one statement, not the rest of the text.
    fn string(&mut self) {
        let rest = &self.text[self.at..];
        let line = rest.find('\n').unwrap_or(rest.len());
        let Some(len) = string_len(&rest[..line]) else {
            let len = rest[..line].trim_end().len();
            let span = self.push(Kind::Bad, len);
            let diagnostic = Diagnostic::error("E0104", span, "this string is never closed");
            self.scan
                .diagnostics
                .push(diagnostic.label("no `\"` on the rest of the line").help("add the closing `\"`"));
            return;
        };
        match bad_escape(&rest[1..len - 1]) {
            None => {
                self.push(Kind::Text, len);
            }
            Some(escape) => self.bad_escape(len, escape),
        }
    }

    /// `escape` is the range of the escape within the string's contents.
    fn bad_escape(&mut self, len: usize, escape: Range<usize>) {
        let contents = self.at + 1;
        self.push(Kind::Bad, len);
        let span = Span::new(contents + escape.start, contents + escape.end);
        let message = format!("unknown escape `{}` in a string", &self.text[span.range()]);
        self.scan.diagnostics.push(
            Diagnostic::error("E0104", span, message)
                .label("unknown escape")
                .help("write `\\\\` for a backslash; paths may also use `/`")
                .fix(Span::new(span.start, span.start + 1), "\\\\", "double the backslash"),
        );
    }

    fn block_comment(&mut self) {
        let rest = &self.text[self.at..];
        let len = rest.find("*/").map_or(rest.len(), |end| end + 2);
        let span = Span::new(self.at, self.at + 2);
        blank(&mut self.scan.text, self.at..self.at + len);
        self.at += len;
        self.scan.diagnostics.push(
            Diagnostic::error("E0101", span, "comments start with `//`, found `/*`")
                .label("not a comment here")
                .help("put `//` in front of each line of the comment"),
        );
    }

    /// A run of the same foreign character is one mistake. A `;` separates statements in other
    /// languages, so leaving it out loses nothing.
    fn character(&mut self, found: char) {
        let run: usize = self.text[self.at..].chars().take_while(|c| *c == found).map(char::len_utf8).sum();
        let span = Span::new(self.at, self.at + run);
        if found == ';' {
            blank(&mut self.scan.text, span.range());
            self.at += run;
        } else {
            self.push(Kind::Bad, run);
        }
        let message = format!("unexpected character {}", shown(found));
        let diagnostic = Diagnostic::error("E0101", span, message).label("not part of the language");
        self.scan.diagnostics.push(match replacement(found) {
            Some(written) => {
                let shown = written.trim_end();
                let message = format!("replace it by `{shown}`");
                diagnostic.help(format!("write `{shown}` instead")).fix(span, written, message)
            }
            None if found == ';' => {
                diagnostic.help("nothing separates statements: leave it out").fix(span, "", "remove it")
            }
            None => diagnostic
                .help("names are made of the letters a to z, digits and `_`; comments start with `//`"),
        });
    }
}

/// A token that is not a word or a literal, and its length.
fn symbol(first: char, second: Option<char>) -> Option<(Kind, usize)> {
    match first {
        '-' if second == Some('>') => Some((Kind::Arrow, 2)),
        '<' | '>' | '=' | '!' if second == Some('=') => Some((Kind::Punctuation, 2)),
        '(' | '[' | '{' => Some((Kind::Open, 1)),
        ')' | ']' | '}' => Some((Kind::Close, 1)),
        '=' | '|' | ',' | ':' | '+' | '-' | '*' | '/' | '%' | '<' | '>' => Some((Kind::Punctuation, 1)),
        _ => None,
    }
}

fn word_len(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// The length of a literal as the Rust lexer takes it: suffixes belong to it, and a sign after the
/// `e` of a decimal number does.
fn literal_len(text: &str) -> usize {
    let mut len = word_len(text);
    let fraction = |at: usize| {
        let mut bytes = text[at..].bytes();
        bytes.next() == Some(b'.') && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
    };
    if fraction(len) {
        len += 1 + word_len(&text[len + 1..]);
    }
    let mantissa = text[..len].strip_suffix(['e', 'E']);
    let decimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let signed = text[len..].strip_prefix(['+', '-']).is_some_and(|rest| word_len(rest) > 0);
    if mantissa.is_some_and(decimal) && signed {
        len += 1 + word_len(&text[len + 1..]);
    }
    len
}

/// Why a literal is neither a decimal number nor a shape, and what to do.
fn literal_mistake(literal: &str) -> Option<(String, String)> {
    const FORMS: &str = "write decimal digits, as in `16`, `0.5` or `1e-3`; a shape is written `3x32x32`";
    let too_large = |what| Some((format!("the {what} `{literal}` is too large"), "use a smaller one".into()));
    if literal.starts_with("0x") {
        let help = "numbers are decimal, and no side of a shape is 0".to_owned();
        return Some((format!("`{literal}` is neither a number nor a shape"), help));
    }
    if is_shape(literal) {
        let fits = literal.split('x').all(|part| part.parse::<u64>().is_ok());
        return if fits { None } else { too_large("number") };
    }
    match literal.parse::<f64>() {
        Ok(value) if value.is_finite() => None,
        Ok(_) => too_large("number"),
        Err(_) if literal.contains('_') => Some((
            format!("`{literal}` is not a number"),
            format!("leave the `_` out: `{}`", literal.replace('_', "")),
        )),
        Err(_) if literal.ends_with('x') => Some((
            format!("the shape `{literal}` ends in `x`"),
            "write a number after each `x`, as in `3x32x32`".into(),
        )),
        Err(_) => Some((format!("`{literal}` is neither a number nor a shape"), FORMS.into())),
    }
}

/// Whether a literal is `10` or `3x32x32`.
fn is_shape(literal: &str) -> bool {
    literal.split('x').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The length of the string at the start of `line`, if it ends there.
fn string_len(line: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in line.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// The first escape that is not one of [`unescape`]'s.
fn bad_escape(contents: &str) -> Option<Range<usize>> {
    let mut chars = contents.char_indices();
    while let Some((start, c)) = chars.next() {
        if c != '\\' {
            continue;
        }
        let (at, escaped) = chars.next()?;
        if unescape(escaped).is_none() {
            return Some(start..at + escaped.len_utf8());
        }
    }
    None
}

/// What a character after a backslash stands for.
pub(super) fn unescape(escaped: char) -> Option<char> {
    match escaped {
        '\\' | '"' => Some(escaped),
        'n' => Some('\n'),
        't' => Some('\t'),
        _ => None,
    }
}

/// The character in a message: code points that are easily taken for another show their number.
fn shown(found: char) -> String {
    if found.is_ascii_graphic() {
        format!("`{found}`")
    } else if found.is_control() || found.is_whitespace() {
        format!("U+{:04X}", u32::from(found))
    } else {
        format!("`{found}` (U+{:04X})", u32::from(found))
    }
}

/// What was probably meant by a character that word processors or other languages put in.
fn replacement(found: char) -> Option<&'static str> {
    match found {
        '×' => Some("x"),
        '→' => Some("->"),
        '−' | '–' | '—' => Some("-"),
        '“' | '”' | '„' => Some("\""),
        '\u{a0}' | '\u{2009}' | '\u{202f}' => Some(" "),
        '#' => Some("//"),
        '&' => Some("and "),
        '!' => Some("not "),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<&str> {
        scan(text).tokens.iter().map(|token| &text[token.span.range()]).collect()
    }

    #[test]
    fn takes_literals_like_rust() {
        assert_eq!(
            tokens("3x32x32->0x1f 1e-5 0x1e-5 2.5e3"),
            ["3x32x32", "->", "0x1f", "1e-5", "0x1e", "-", "5", "2.5e3"]
        );
    }

    #[test]
    fn refuses_what_is_neither_number_nor_shape() {
        for literal in
            ["0x10", "1_000", "2e3x4", "3x", "1e", "3X2", "1f32", "99999999999999999999x2", "1e999"]
        {
            let diagnostics = scan(literal).diagnostics;
            assert_eq!(diagnostics.len(), 1, "{literal}");
            assert_eq!(
                (diagnostics[0].code, diagnostics[0].span),
                ("E0103", Span::new(0, literal.len())),
                "{literal}"
            );
        }
        for literal in ["0", "3x4", "007", "0.5", "1E5", "1e+5"] {
            assert!(scan(literal).diagnostics.is_empty(), "{literal}");
        }
    }

    #[test]
    fn keywords_are_sorted_out_by_the_grammar_too() {
        let grammar = include_str!("grammar.pest");
        let rule = grammar
            .split("keyword   = @{")
            .nth(1)
            .and_then(|rest| rest.split('}').next())
            .unwrap_or_default();
        for keyword in KEYWORDS {
            assert!(rule.contains(&format!("\"{keyword}\"")), "{keyword}");
        }
        assert_eq!(rule.matches('"').count(), 2 * KEYWORDS.len());
    }
}
