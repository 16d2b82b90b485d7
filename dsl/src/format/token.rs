//! Tokens with what stands between them, and which of them begin a statement.

use std::collections::HashSet;

use crate::ast::{Body, Item, Module, Statement};
use crate::syntax::token_spans;

/// A token.
#[derive(Debug)]
pub(super) struct Token<'t> {
    /// As written.
    pub(super) text: &'t str,
    /// Where it starts in the text.
    pub(super) start: usize,
    /// What stands between the token before it and it.
    pub(super) gap: Gap<'t>,
    /// Whether an item, a statement or a setting begins with it.
    pub(super) begins: bool,
    /// The index of the closing brace of an opening one; else its own.
    pub(super) partner: usize,
    /// Whether a space stands before it, if a token does.
    pub(super) space: bool,
}

/// What stands between two tokens.
#[derive(Debug, Default)]
pub(super) struct Gap<'t> {
    /// The comments.
    pub(super) comments: Vec<Comment<'t>>,
    /// Line breaks behind the last of them.
    pub(super) newlines: usize,
}

/// A comment.
#[derive(Debug)]
pub(super) struct Comment<'t> {
    /// From `//` to its last visible character.
    pub(super) text: &'t str,
    /// Line breaks before it; none if it ends the line of the token before it.
    pub(super) newlines: usize,
}

/// The tokens of a text that has been read without a mistake, and an empty one at its end.
pub(super) fn tokens<'t>(text: &'t str, module: &Module) -> Vec<Token<'t>> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut end = 0;
    for span in token_spans(text) {
        let gap = gap(&text[end..span.start]);
        // A comma before a closing bracket says nothing.
        if matches!(&text[span.range()], ")" | "]" | "->") && gap.comments.is_empty() {
            drop_comma(&mut tokens);
        }
        tokens.push(token(&text[span.range()], span.start, gap));
        end = span.end;
    }
    tokens.push(token("", text.len(), gap(&text[end..])));
    mark_beginnings(&mut tokens, module);
    pair_braces(&mut tokens);
    tokens
}

fn token<'t>(text: &'t str, start: usize, gap: Gap<'t>) -> Token<'t> {
    Token { text, start, gap, begins: false, partner: 0, space: true }
}

fn drop_comma(tokens: &mut Vec<Token>) {
    if tokens.last().is_some_and(|last| last.text == "," && last.gap.comments.is_empty()) {
        tokens.pop();
    }
}

fn gap(text: &str) -> Gap<'_> {
    let mut gap = Gap::default();
    let mut rest = text;
    while let Some(at) = rest.find("//") {
        let line = rest[at..].find('\n').map_or(rest.len(), |len| at + len);
        gap.comments.push(Comment { text: rest[at..line].trim_end(), newlines: newlines(&rest[..at]) });
        rest = &rest[line..];
    }
    gap.newlines = newlines(rest);
    gap
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

fn pair_braces(tokens: &mut [Token]) {
    let mut open = Vec::new();
    for index in 0..tokens.len() {
        tokens[index].partner = index;
        match tokens[index].text {
            "{" => open.push(index),
            "}" => {
                if let Some(opener) = open.pop() {
                    tokens[opener].partner = index;
                }
            }
            _ => {}
        }
    }
}

fn mark_beginnings(tokens: &mut [Token], module: &Module) {
    let mut beginnings = Beginnings::default();
    module.items.iter().for_each(|item| beginnings.item(item));
    for index in 0..tokens.len() {
        if beginnings.at.contains(&tokens[index].start) {
            tokens[index].begins = true;
        } else if beginnings.before.contains(&tokens[index].start) && index > 0 {
            let is_public = index > 1 && tokens[index - 2].text == "pub";
            tokens[index - 1 - usize::from(is_public)].begins = true;
        }
    }
}

/// Where statements begin.
#[derive(Default)]
struct Beginnings {
    /// Starts of their first tokens.
    at: HashSet<usize>,
    /// Starts of names whose keyword is the first token.
    before: HashSet<usize>,
}

impl Beginnings {
    fn item(&mut self, item: &Item) {
        match item {
            Item::Block(block) => {
                self.before.insert(block.name.span.start);
                self.body(&block.body);
            }
            Item::Network(network) => {
                self.before.extend(network.name.as_ref().map(|name| name.span.start));
                self.body(&network.body);
            }
            Item::Train(train) => {
                self.before.insert(train.name.span.start);
                self.at.extend(train.settings.iter().map(|setting| setting.key.span.start));
                self.at.extend(train.allows.iter().map(|allow| allow.keyword.start));
            }
            Item::Activation(activation) => {
                self.before.insert(activation.name.span.start);
            }
            Item::Use(import) => {
                self.at.insert(import.keyword.start);
            }
            Item::Allow(allow) => {
                self.at.insert(allow.keyword.start);
            }
        }
    }

    fn body(&mut self, body: &Body) {
        body.statements.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Statement) {
        let start = match statement {
            Statement::Let { name, .. } => {
                self.before.insert(name.span.start);
                return;
            }
            Statement::Word(word) => word.name.span,
            Statement::Assert(shape) => shape.span,
            Statement::Allow(allow) => allow.keyword,
            Statement::Join { keyword, .. } | Statement::JoinNamed { keyword, .. } => keyword.span,
            Statement::Repeat { keyword, .. }
            | Statement::For { keyword, .. }
            | Statement::If { keyword, .. }
            | Statement::Residual { keyword, .. }
            | Statement::As { keyword, .. }
            | Statement::From { keyword, .. }
            | Statement::Shared { keyword, .. }
            | Statement::With { keyword, .. } => *keyword,
        };
        self.at.insert(start.start);
        bodies(statement).into_iter().for_each(|body| self.body(body));
    }
}

fn bodies(statement: &Statement) -> Vec<&Body> {
    match statement {
        Statement::Repeat { body, .. }
        | Statement::For { body, .. }
        | Statement::Shared { body, .. }
        | Statement::With { body, .. } => vec![body],
        Statement::Residual { body, shortcut, .. } => [body].into_iter().chain(shortcut).collect(),
        Statement::If { arms, otherwise, .. } => arms.iter().map(|arm| &arm.body).chain(otherwise).collect(),
        Statement::Join { branches, .. } => branches.iter().collect(),
        Statement::Word(_)
        | Statement::Assert(_)
        | Statement::Let { .. }
        | Statement::As { .. }
        | Statement::From { .. }
        | Statement::JoinNamed { .. }
        | Statement::Allow(_) => Vec::new(),
    }
}
