//! Cuts a text into chunks, one item each, whose brackets balance.
//!
//! Chunks are read one by one, so that no mistake in one hides those in the next. A bracket
//! without its partner is reported here; the grammar afterwards sees it repaired: a stray closing
//! bracket is blanked, a missing `}` is added at the end of the chunk, and the statement around a
//! parenthesis without its partner is marked as unreadable. Nesting is limited here too, because
//! everything behind this point recurses.

use super::MAX_MISTAKES;
use super::scan::{Kind, Token};
use crate::diagnostic::{Diagnostic, Span};

/// How deep brackets may nest.
pub const MAX_NESTING: usize = 64;

/// The tokens of one item.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// What the grammar shall see.
    pub(super) tokens: Vec<Token>,
    /// Closing brackets that close nothing; the grammar shall not see them.
    pub(super) strays: Vec<Span>,
    /// How many `}` to add at the end.
    pub(super) missing: usize,
    /// What was wrong with the brackets.
    pub(super) mistakes: Vec<Diagnostic>,
}

impl Chunk {
    /// From the first token to the last.
    pub(super) fn span(&self) -> Span {
        let spans = self.tokens.iter().map(|token| token.span).chain(self.strays.iter().copied());
        spans.reduce(Span::to).unwrap_or_default()
    }
}

/// Where chunks end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything is one chunk.
    Whole,
    /// After the `}` that closes an item, and before a keyword that begins one outside braces.
    Item,
    /// As before, but the keyword may even stand inside braces.
    BrokenItem,
}

/// Cuts tokens into chunks, or says that brackets nest too deeply.
pub(super) fn chunks(text: &str, tokens: &[Token], extent: Extent) -> Result<Vec<Chunk>, Box<Diagnostic>> {
    let mut cutter = Cutter::new(text, extent);
    cutter.cut(tokens)?;
    if extent == Extent::Item && !cutter.open.is_empty() {
        // Some brace is never closed. Only then a keyword inside braces is taken for the next
        // item, which finds the item that is broken; otherwise it is just out of place.
        cutter = Cutter::new(text, Extent::BrokenItem);
        cutter.cut(tokens)?;
    }
    cutter.finish();
    Ok(cutter.chunks)
}

struct Cutter<'t> {
    text: &'t str,
    extent: Extent,
    chunks: Vec<Chunk>,
    chunk: Chunk,
    /// Brackets that are open: indices into the chunk's tokens.
    open: Vec<usize>,
    /// Braces of the chunk that have been closed.
    closed: Vec<(Span, Span)>,
    /// How many mistakes have been reported.
    reported: usize,
}

impl<'t> Cutter<'t> {
    fn new(text: &'t str, extent: Extent) -> Self {
        let (chunks, chunk, open, closed, reported) = Default::default();
        Self { text, extent, chunks, chunk, open, closed, reported }
    }

    fn cut(&mut self, tokens: &[Token]) -> Result<(), Box<Diagnostic>> {
        for (index, &token) in tokens.iter().enumerate() {
            if self.reported >= MAX_MISTAKES {
                break;
            }
            let begins = || self.begins_item(token) || self.begins_short_network(&tokens[index + 1..]);
            if token.kind == Kind::Word && begins() {
                self.finish();
            }
            match token.kind {
                Kind::Open => self.opening(token)?,
                Kind::Close => self.closing(token),
                _ => self.chunk.tokens.push(token),
            }
        }
        Ok(())
    }

    fn begins_item(&self, token: Token) -> bool {
        let allowed = match self.extent {
            Extent::Whole => false,
            Extent::Item => self.open.is_empty(),
            Extent::BrokenItem => true,
        };
        let last = self.chunk.tokens.last().map(|last| self.slice(*last));
        let begins = match self.slice(token) {
            // These are no keywords, or statements too.
            "use" | "activation" | "allow" => {
                self.open.is_empty()
                    && !last.is_some_and(|last| is_item_keyword(last) || last == "activation")
            }
            word => is_item_keyword(word) && last != Some("pub"),
        };
        allowed && begins
    }

    /// Whether a name before these tokens begins a network in the macro's short form, `Net<3 -> 3>`, behind
    /// an item without braces, which nothing else ends.
    fn begins_short_network(&self, behind: &[Token]) -> bool {
        let Some(first) = self.chunk.tokens.first() else { return false };
        let is_bare = matches!(self.slice(*first), "use" | "activation" | "allow");
        let ends = self.chunk.tokens.last().is_some_and(|last| match last.kind {
            Kind::Word => !matches!(self.slice(*last), "activation" | "and" | "or" | "not"),
            kind => matches!(kind, Kind::Text | Kind::Number | Kind::Close),
        });
        let in_items = self.extent != Extent::Whole && self.open.is_empty();
        in_items && is_bare && ends && self.is_signature(self.after_parentheses(behind))
    }

    /// What follows the parameters that may stand first.
    fn after_parentheses<'a>(&self, tokens: &'a [Token]) -> &'a [Token] {
        if tokens.first().is_none_or(|token| self.slice(*token) != "(") {
            return tokens;
        }
        let mut depth = 0;
        let end = tokens.iter().position(|token| {
            match self.slice(*token) {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        end.map_or(&[], |end| &tokens[end + 1..])
    }

    /// Whether tokens begin with `<3x32x32` or `<image:`.
    fn is_signature(&self, tokens: &[Token]) -> bool {
        match tokens {
            [open, first, second, ..] if self.slice(*open) == "<" => {
                first.kind == Kind::Number && self.slice(*second) == "->" || self.slice(*second) == ":"
            }
            _ => false,
        }
    }

    fn opening(&mut self, token: Token) -> Result<(), Box<Diagnostic>> {
        if self.slice(token) == "{" {
            self.abandon_groups(token.span);
        }
        if self.open.len() == MAX_NESTING {
            return Err(Box::new(too_deep(token.span)));
        }
        self.open.push(self.chunk.tokens.len());
        self.chunk.tokens.push(token);
        Ok(())
    }

    fn closing(&mut self, token: Token) {
        if self.slice(token) == "}" {
            self.abandon_groups(token.span);
        }
        let opener = self.open.last().map(|index| self.chunk.tokens[*index]);
        match opener.map(|opener| (opener, self.slice(opener), self.slice(token))) {
            Some((opener, "{", "}")) => self.close_brace(opener, token),
            Some((_, "(", ")") | (_, "[", "]")) => {
                self.open.pop();
                self.chunk.tokens.push(token);
            }
            Some((_, "(", "]") | (_, "[", ")")) => self.mismatch(token),
            _ => self.stray(token),
        }
    }

    fn close_brace(&mut self, opener: Token, closer: Token) {
        self.open.pop();
        self.closed.push((opener.span, closer.span));
        self.chunk.tokens.push(closer);
        if self.open.is_empty() && self.extent != Extent::Whole {
            self.finish();
        }
    }

    /// Parentheses and square brackets never hold a brace, so one that is still open at a brace
    /// has lost its partner.
    fn abandon_groups(&mut self, found: Span) {
        while let Some(&index) = self.open.last() {
            let opener = self.chunk.tokens[index];
            if self.slice(opener) == "{" {
                break;
            }
            let message = format!("this `{}` is never closed", self.slice(opener));
            self.abandon(
                Diagnostic::error("E0102", opener.span, message)
                    .label("never closed")
                    .at(found, format!("`{}` expected before this", partner(self.slice(opener)))),
            );
        }
    }

    fn mismatch(&mut self, token: Token) {
        let Some(&index) = self.open.last() else { return };
        let opener = self.chunk.tokens[index].span;
        let (open, found) = (&self.text[opener.range()], self.slice(token));
        let close = partner(open);
        let message = format!("`{open}` is closed by `{close}`, found `{found}`");
        let diagnostic = Diagnostic::error("E0102", token.span, message).label(format!("expected `{close}`"));
        self.chunk.strays.push(token.span);
        self.abandon(diagnostic.at(opener, "opened here").fix(
            token.span,
            close,
            format!("replace it by `{close}`"),
        ));
    }

    /// Gives up the statement around the innermost open bracket.
    fn abandon(&mut self, diagnostic: Diagnostic) {
        if let Some(index) = self.open.pop() {
            self.chunk.tokens[index].kind = Kind::Bad;
        }
        let partner = "write both brackets of the pair in the same statement";
        self.report(diagnostic.help(partner));
    }

    fn stray(&mut self, token: Token) {
        let found = self.slice(token);
        let message = format!("this `{found}` closes nothing");
        let mut diagnostic = Diagnostic::error("E0102", token.span, message).label("nothing is open here");
        let in_item = self.chunk.tokens.first().is_some_and(|first| begins_item(self.slice(*first)));
        let closer = self.chunks.last().and_then(|item| item.tokens.last());
        if let Some(closer) = closer.filter(|_| !in_item) {
            diagnostic = diagnostic.at(closer.span, "the item before it ends here");
        }
        let help = format!("remove it, or write the `{}` that it should close", partner(found));
        self.report(diagnostic.help(help).fix(token.span, "", "remove it"));
        self.chunk.strays.push(token.span);
        if found == "}" && self.extent != Extent::Whole {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Some(last) = self.chunk.tokens.last() {
            self.abandon_groups(Span::new(last.span.end, last.span.end));
        }
        let braces: Vec<Span> = self.open.drain(..).map(|index| self.chunk.tokens[index].span).collect();
        if let Some(diagnostic) = unclosed(self.text, &braces, &self.closed) {
            self.report(diagnostic);
        }
        self.chunk.missing = braces.len();
        self.closed.clear();
        let chunk = std::mem::take(&mut self.chunk);
        if !chunk.tokens.is_empty() || !chunk.strays.is_empty() {
            self.chunks.push(chunk);
        }
    }

    fn report(&mut self, mistake: Diagnostic) {
        self.chunk.mistakes.push(mistake);
        self.reported += 1;
    }

    fn slice(&self, token: Token) -> &'t str {
        &self.text[token.span.range()]
    }
}

/// Whether a word begins an item where no brace is open.
pub(super) fn begins_item(word: &str) -> bool {
    is_item_keyword(word) || matches!(word, "use" | "activation" | "allow")
}

/// Whether a word begins an item wherever it stands.
pub(super) fn is_item_keyword(word: &str) -> bool {
    matches!(word, "block" | "network" | "train" | "pub")
}

/// The other bracket of a pair.
fn partner(bracket: &str) -> &'static str {
    match bracket {
        "(" => ")",
        "[" => "]",
        "{" => "}",
        ")" => "(",
        "]" => "[",
        _ => "{",
    }
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error("E0105", span, format!("brackets nest deeper than {MAX_NESTING} levels"))
        .label(format!("level {}", MAX_NESTING + 1))
        .help("move the inner part into a `block` or a `let`")
}

/// One diagnostic for the braces that stay open at the end of an item.
///
/// Where a brace is missing, the next one closes the wrong pair, and the brace that stays open is
/// another. Layout betrays the pair: its closing brace is indented less than its opening line.
fn unclosed(text: &str, open: &[Span], closed: &[(Span, Span)]) -> Option<Diagnostic> {
    let (innermost, others) = open.split_last()?;
    let message = "this `{` is never closed";
    let mut diagnostic = match closed.iter().filter(|pair| dedents(text, pair)).max_by_key(|pair| pair.0) {
        Some((opener, closer)) => Diagnostic::error("E0102", *opener, message)
            .label("its `}` seems to be missing")
            .at(*closer, "closes it instead, though indented less")
            .at(*innermost, "so this one stays open"),
        None => Diagnostic::error("E0102", *innermost, message).label("never closed"),
    };
    for other in others.iter().rev() {
        diagnostic = diagnostic.at(*other, "this one is open, too");
    }
    Some(diagnostic.help("add the missing `}`"))
}

/// Whether a closing brace begins its line and is indented less than the line of its opening brace.
fn dedents(text: &str, (open, close): &(Span, Span)) -> bool {
    let [open_line, close_line] = [open, close].map(|brace| line_start(text, brace.start));
    let begins_line = close.start - close_line == indentation(text, close.start);
    begins_line && open_line != close_line && indentation(text, open.start) > indentation(text, close.start)
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

fn indentation(text: &str, at: usize) -> usize {
    let line = &text[line_start(text, at)..];
    line.len() - line.trim_start_matches([' ', '\t']).len()
}
