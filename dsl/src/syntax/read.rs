//! Runs the grammar over a chunk, past its mistakes.
//!
//! The grammar stops at the first mistake. That one is reported, the statement around it is
//! overwritten with spaces, so that all offsets stay, and the chunk is read again.

use super::chunk::Chunk;
use super::expected::{Found, unexpected};
use super::generated::{Grammar, Rule};
use super::recover::broken_statement;
use super::scan::{KEYWORDS, Kind, Token, blank};
use crate::diagnostic::{Diagnostic, Span};
use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pairs;

/// How many mistakes of one item are reported.
const MAX_MISTAKES: usize = 20;

/// How many operators one expression may have; trees of expressions are walked recursively.
const MAX_OPERATORS: usize = 256;

/// Keywords within expressions, which tell nothing of the statement.
const LOGIC: [&str; 5] = ["and", "or", "not", "true", "false"];

/// Reads a chunk by `rule` and hands the tree, whose offsets count from the given base, to `build`.
/// `next` is the token after the chunk. Without a tree the item cannot be read at all.
pub(super) fn read<T>(
    text: &str,
    chunk: &Chunk,
    rule: Rule,
    next: Option<Token>,
    build: impl FnOnce(Pairs<Rule>, usize) -> T,
) -> (Option<T>, Vec<Diagnostic>) {
    let mut reader = Reader::new(text, chunk, rule, next);
    if reader.drop_bad_tokens().is_none() {
        return (None, reader.mistakes);
    }
    while reader.mistakes.len() < MAX_MISTAKES {
        let work = std::mem::take(&mut reader.work);
        let failure = match Grammar::parse(rule, &work) {
            Err(error) => Failure::from(error),
            Ok(pairs) => match long_expression(pairs.clone()) {
                None => return (Some(build(pairs, reader.base)), reader.mistakes),
                Some(start) => Failure::LongExpression(start),
            },
        };
        reader.work = work;
        if reader.pass_over(failure).is_none() {
            break;
        }
    }
    (None, reader.mistakes)
}

/// Why a chunk cannot be read, at an offset in it.
enum Failure {
    /// The rules tried in vain at the furthest token.
    Unexpected(usize, Vec<Rule>),
    /// An expression with too many operators.
    LongExpression(usize),
}

impl From<pest::error::Error<Rule>> for Failure {
    fn from(error: pest::error::Error<Rule>) -> Self {
        let at = match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
        };
        match error.variant {
            ErrorVariant::ParsingError { positives, .. } => Failure::Unexpected(at, positives),
            ErrorVariant::CustomError { .. } => Failure::Unexpected(at, Vec::new()),
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    /// What is left of the chunk's text.
    work: String,
    /// Where `work` begins in `text`.
    base: usize,
    /// What is left of the chunk's tokens.
    tokens: Vec<Token>,
    /// The first token of a body without braces.
    body: Option<usize>,
    next: Option<Token>,
    /// Whether the chunk lacks closing braces, which has been reported.
    cut_off: bool,
    mistakes: Vec<Diagnostic>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, chunk: &Chunk, rule: Rule, next: Option<Token>) -> Self {
        let span = chunk.span();
        let signature_end = chunk.tokens.iter().position(|token| &text[token.span.range()] == ">");
        let mut reader = Reader {
            text,
            work: text[span.range()].to_owned(),
            base: span.start,
            tokens: chunk.tokens.clone(),
            body: signature_end.filter(|_| rule == Rule::expression_form).map(|index| index + 1),
            next,
            cut_off: chunk.missing > 0,
            mistakes: Vec::new(),
        };
        for stray in &chunk.strays {
            reader.blank(*stray);
        }
        reader.work.push_str(&"}".repeat(chunk.missing));
        reader
    }

    /// Passes over the statements around tokens that have been reported before.
    fn drop_bad_tokens(&mut self) -> Option<()> {
        while let Some(at) = self.tokens.iter().position(|token| token.kind == Kind::Bad) {
            self.drop_statement(at)?;
        }
        Some(())
    }

    /// Reports a failure and passes over the statement that holds it.
    fn pass_over(&mut self, failure: Failure) -> Option<()> {
        let (Failure::Unexpected(start, _) | Failure::LongExpression(start)) = failure;
        let at = self.tokens.partition_point(|token| token.span.end <= self.base + start);
        let found = self.found(at);
        let ends_early = at == self.tokens.len() && self.cut_off;
        let known = self.mistakes.iter().any(|mistake| mistake.span == found.span);
        if !ends_early && !known {
            self.mistakes.push(match failure {
                Failure::Unexpected(_, rules) => unexpected(&rules, found),
                Failure::LongExpression(_) => too_long(found.span),
            });
        }
        self.drop_statement(at)
    }

    fn found(&self, at: usize) -> Found<'t> {
        let slice = |token: &Token| (&self.text[token.span.range()], token.span);
        let end = self.tokens.last().map_or(self.base, |last| last.span.end);
        let token = self.tokens.get(at).or(self.next.as_ref()).map(slice);
        let (text, span) = token.unwrap_or(("", Span::new(end, end)));
        let back = |count| at.checked_sub(count).and_then(|place| self.tokens.get(place)).map(slice);
        let (before, earlier) = (back(1), back(2));
        let after = self.tokens.get(at + 1).map(slice);
        let word = self.word_before(at).map(slice);
        let is_keyword = |(word, _): &(&str, Span)| {
            KEYWORDS.contains(word) && !LOGIC.contains(word) || matches!(*word, "use" | "activation")
        };
        let keyword = self.tokens[..at.min(self.tokens.len())].iter().rev().map(slice).find(is_keyword);
        Found { text, span, before, earlier, after, word, keyword }
    }

    /// The word with whose arguments by position the tokens before `at` end.
    fn word_before(&self, at: usize) -> Option<&Token> {
        let mut depth = 0;
        let before = self.tokens[..at.min(self.tokens.len())].iter().rev();
        let mut rest = before.skip_while(|token| {
            match token.kind {
                Kind::Close => depth += 1,
                Kind::Open => depth -= 1,
                _ => return depth > 0 || token.kind == Kind::Number,
            }
            depth >= 0 && self.text[token.span.range()] != *"}"
        });
        rest.next().filter(|token| token.kind == Kind::Word)
    }

    fn drop_statement(&mut self, at: usize) -> Option<()> {
        let range = broken_statement(self.text, &self.tokens, at, self.body)?;
        let dropped: Vec<Token> = self.tokens.drain(range).collect();
        for token in dropped {
            self.blank(token.span);
        }
        Some(())
    }

    fn blank(&mut self, span: Span) {
        blank(&mut self.work, span.start - self.base..span.end - self.base);
    }
}

/// Where the first expression with too many operators begins.
fn long_expression(pairs: Pairs<Rule>) -> Option<usize> {
    let (mut start, mut end, mut operators) = (0, 0, 0);
    for pair in pairs.flatten() {
        match pair.as_rule() {
            Rule::expression | Rule::bound if pair.as_span().start() >= end => {
                (start, end, operators) = (pair.as_span().start(), pair.as_span().end(), 0);
            }
            Rule::or_op | Rule::and_op | Rule::not_op => operators += 1,
            Rule::compare_op | Rule::sum_op | Rule::product_op | Rule::negation => operators += 1,
            _ => {}
        }
        if operators > MAX_OPERATORS {
            return Some(start);
        }
    }
    None
}

fn too_long(span: Span) -> Diagnostic {
    Diagnostic::error("E0105", span, format!("an expression has more than {MAX_OPERATORS} operators"))
        .label("begins here")
        .help("name parts of it with `let`")
}
