//! From the grammar's pairs to the syntax tree.
//!
//! The grammar has accepted the text, so the parts of every rule are known here; where the code
//! says so with `expect`, only a change of the grammar could prove it wrong.

use super::generated::Rule;
use super::scan::unescape;
use crate::ast::{
    BinaryOp, Block, Body, Expr, ExprKind, Ident, Item, JoinWord, Network, Param, Setting, SettingValue,
    Spanned, Statement, Train, Word,
};
use crate::diagnostic::Span;
use pest::iterators::{Pair, Pairs};

/// The keys of `train`: wherever such a word stands among the settings, it begins the next one.
pub const SETTINGS: [&str; 7] = ["data", "augment", "loss", "optimizer", "batch", "epochs", "seed"];

/// Builds trees for a chunk that begins at `base` in `text`.
pub(super) struct Builder<'t> {
    /// The whole text.
    pub(super) text: &'t str,
    /// Where the offsets of the pairs count from.
    pub(super) base: usize,
}

impl Builder<'_> {
    /// The item that an entry rule holds.
    pub(super) fn item(&self, entry: Pairs<Rule>) -> Item {
        let entry = only(entry);
        if entry.as_rule() == Rule::expression_form {
            return Item::Network(self.anonymous(entry));
        }
        let item = first(entry);
        match item.as_rule() {
            Rule::block => Item::Block(self.block(item)),
            Rule::train => Item::Train(self.train(item)),
            _ => Item::Network(self.network(item)),
        }
    }

    /// The expression that the rule `formula` holds.
    pub(super) fn formula(&self, entry: Pairs<Rule>) -> Expr {
        self.expression(first(only(entry)))
    }

    fn block(&self, pair: Pair<Rule>) -> Block {
        let mut parts = Parts(pair.into_inner());
        parts.take(Rule::kw_block);
        let name = self.ident(parts.next());
        Block { name, params: self.params(&mut parts), body: self.body(parts.next()) }
    }

    fn network(&self, pair: Pair<Rule>) -> Network {
        let mut parts = Parts(pair.into_inner());
        let public = parts.take(Rule::kw_pub).is_some();
        parts.take(Rule::kw_network);
        let name = Some(self.ident(parts.next()));
        let params = self.params(&mut parts);
        let (signature_span, [input, output]) = self.signature(parts.next());
        Network { public, name, params, input, output, signature_span, body: self.body(parts.next()) }
    }

    fn anonymous(&self, pair: Pair<Rule>) -> Network {
        let mut parts = Parts(pair.into_inner());
        let (signature_span, [input, output]) = self.signature(parts.next());
        let words: Vec<_> = parts.0.filter(|part| part.as_rule() == Rule::statement).collect();
        let spans = words.iter().map(|word| self.span(word));
        let span = spans.reduce(Span::to).unwrap_or(Span::new(signature_span.end, signature_span.end));
        let statements = words.into_iter().map(|word| self.statement(word)).collect();
        let body = Body { statements, span };
        Network { public: false, name: None, params: Vec::new(), input, output, signature_span, body }
    }

    fn signature(&self, pair: Pair<Rule>) -> (Span, [Spanned<Vec<u64>>; 2]) {
        let span = self.span(&pair);
        let mut shapes =
            pair.into_inner().filter(|part| part.as_rule() == Rule::shape).map(|part| self.shape(part));
        let mut shape = || shapes.next().expect("a signature has two shapes");
        (span, [shape(), shape()])
    }

    fn params(&self, parts: &mut Parts) -> Vec<Param> {
        let params = parts.take(Rule::params).into_iter().flat_map(Pair::into_inner);
        params.filter(|part| part.as_rule() == Rule::param).map(|part| self.param(part)).collect()
    }

    fn param(&self, pair: Pair<Rule>) -> Param {
        let mut parts = Parts(pair.into_inner());
        let name = self.ident(parts.next());
        let default = parts.take(Rule::equals).map(|_| self.expression(parts.next()));
        Param { name, default }
    }

    /// A `body` in braces or a `branch` between bars.
    fn body(&self, pair: Pair<Rule>) -> Body {
        let span = self.span(&pair);
        let statements = pair.into_inner().filter(|part| part.as_rule() == Rule::statement);
        Body { statements: statements.map(|part| self.statement(part)).collect(), span }
    }

    fn statement(&self, pair: Pair<Rule>) -> Statement {
        let statement = first(pair);
        let (rule, span) = (statement.as_rule(), self.span(&statement));
        let mut parts = Parts(statement.into_inner());
        match rule {
            Rule::assertion => {
                parts.take(Rule::arrow);
                Statement::Assert(Spanned { value: self.shape(parts.next()).value, span })
            }
            Rule::binding => self.binding(parts),
            Rule::repetition => self.repetition(parts),
            Rule::for_loop => self.for_loop(parts),
            Rule::residual => self.residual(parts),
            Rule::join => self.join(parts),
            _ => Statement::Word(self.word(parts, span)),
        }
    }

    fn binding(&self, mut parts: Parts) -> Statement {
        parts.take(Rule::kw_let);
        let name = self.ident(parts.next());
        parts.take(Rule::equals);
        Statement::Let { name, value: self.expression(parts.next()) }
    }

    fn repetition(&self, mut parts: Parts) -> Statement {
        let keyword = self.span(&parts.next());
        let count = self.value(first(parts.next()));
        Statement::Repeat { keyword, count, body: self.body(parts.next()) }
    }

    fn for_loop(&self, mut parts: Parts) -> Statement {
        let keyword = self.span(&parts.next());
        let name = self.ident(parts.next());
        parts.take(Rule::kw_in);
        parts.take(Rule::open_bracket);
        let values = self.expressions(parts.next().into_inner());
        parts.take(Rule::close_bracket);
        Statement::For { keyword, name, values, body: self.body(parts.next()) }
    }

    fn residual(&self, mut parts: Parts) -> Statement {
        let keyword = self.span(&parts.next());
        let body = self.body(parts.next());
        let shortcut = parts.take(Rule::kw_shortcut).map(|_| self.body(parts.next()));
        Statement::Residual { keyword, body, shortcut }
    }

    fn join(&self, mut parts: Parts) -> Statement {
        let keyword = self.ident(parts.next());
        let word = if keyword.value == "add" { JoinWord::Add } else { JoinWord::Concat };
        let (mut branches, mut span) = (Vec::new(), keyword.span);
        for part in parts.0 {
            let here = self.span(&part);
            match part.as_rule() {
                Rule::branch => branches.push(self.body(part)),
                Rule::open_brace => span = here,
                _ => span = span.to(here),
            }
        }
        Statement::Join { keyword: Spanned { value: word, span: keyword.span }, branches, span }
    }

    fn word(&self, mut parts: Parts, span: Span) -> Word {
        let name = self.ident(parts.next());
        let (mut positional, mut named) = (Vec::new(), Vec::new());
        for part in parts.0 {
            if part.as_rule() == Rule::argument {
                positional.push(self.value(first(part)));
            } else {
                let mut parts = Parts(part.into_inner());
                let key = self.ident(parts.next());
                parts.take(Rule::equals);
                named.push((key, self.value(first(parts.next()))));
            }
        }
        Word { name, positional, named, span }
    }

    fn train(&self, pair: Pair<Rule>) -> Train {
        let mut parts = Parts(pair.into_inner());
        parts.take(Rule::kw_train);
        let name = self.ident(parts.next());
        let mut settings: Vec<Setting> = Vec::new();
        for part in parts.0 {
            match part.as_rule() {
                Rule::setting_key => settings.push(Setting { key: self.ident(part), values: Vec::new() }),
                Rule::setting_value => self.add_setting(&mut settings, first(part)),
                _ => {}
            }
        }
        Train { name, settings }
    }

    /// Nothing separates settings. A word begins the next one if it is a known key, or if it stands
    /// behind a number or a string, which nothing but `key=value` follows: so a misspelt key is
    /// not taken for a value of the setting before it.
    fn add_setting(&self, settings: &mut Vec<Setting>, pair: Pair<Rule>) {
        let value = self.setting_value(pair);
        let complete = |setting: &Setting| {
            setting.values.iter().any(|value| matches!(value, SettingValue::Text(_) | SettingValue::Expr(_)))
        };
        match (value, settings.last_mut()) {
            (SettingValue::Word(key), Some(last))
                if SETTINGS.contains(&key.value.as_str()) || complete(last) =>
            {
                settings.push(Setting { key, values: Vec::new() });
            }
            (value, Some(last)) => last.values.push(value),
            // The grammar puts a key first.
            (_, None) => {}
        }
    }

    /// A `setting_pair` or a `setting_plain`.
    fn setting_value(&self, pair: Pair<Rule>) -> SettingValue {
        let is_pair = pair.as_rule() == Rule::setting_pair;
        let mut parts = Parts(pair.into_inner());
        if is_pair {
            let key = self.ident(parts.next());
            parts.take(Rule::equals);
            return SettingValue::Named(key, Box::new(self.setting_value(parts.next())));
        }
        let plain = parts.next();
        match plain.as_rule() {
            Rule::name => SettingValue::Word(self.ident(plain)),
            Rule::text => {
                SettingValue::Text(Spanned { value: contents(plain.as_str()), span: self.span(&plain) })
            }
            _ => SettingValue::Expr(self.value(plain)),
        }
    }

    fn expressions(&self, pairs: Pairs<Rule>) -> Vec<Expr> {
        pairs.filter(|pair| pair.as_rule() == Rule::expression).map(|pair| self.expression(pair)).collect()
    }

    /// `expression`, `sum` or `product`: operands with operators of one level between them.
    fn expression(&self, pair: Pair<Rule>) -> Expr {
        let mut parts = pair.into_inner();
        let mut left = self.operand(parts.next().expect("a chain has an operand"));
        while let (Some(operator), Some(right)) = (parts.next(), parts.next()) {
            let right = self.operand(right);
            let span = left.span.to(right.span);
            let kind = ExprKind::Binary(binary_op(operator.as_str()), Box::new(left), Box::new(right));
            left = Expr { kind, span };
        }
        left
    }

    fn operand(&self, pair: Pair<Rule>) -> Expr {
        if pair.as_rule() == Rule::unary { self.unary(pair) } else { self.expression(pair) }
    }

    fn unary(&self, pair: Pair<Rule>) -> Expr {
        let mut parts: Vec<_> = pair.into_inner().collect();
        let value = self.value(parts.pop().expect("signs have a value behind them"));
        parts.iter().rev().fold(value, |value, sign| negate(value, self.span(sign)))
    }

    /// A value that is neither signed nor a chain, but for the rule `negative`.
    fn value(&self, pair: Pair<Rule>) -> Expr {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::number => ExprKind::Number(number(pair.as_str())),
            Rule::boolean => ExprKind::Bool(pair.as_str() == "true"),
            Rule::negative => {
                let mut parts = Parts(pair.into_inner());
                let sign = self.span(&parts.next());
                return negate(self.value(parts.next()), sign);
            }
            Rule::parenthesised => {
                let mut parts = Parts(pair.into_inner());
                parts.take(Rule::open_paren);
                return Expr { span, ..self.expression(parts.next()) };
            }
            Rule::call => {
                let mut parts = Parts(pair.into_inner());
                ExprKind::Call(self.ident(parts.next()), self.expressions(parts.0))
            }
            _ => ExprKind::Name(pair.as_str().to_owned()),
        };
        Expr { kind, span }
    }

    fn shape(&self, pair: Pair<Rule>) -> Spanned<Vec<u64>> {
        // The scanner has refused dimensions that do not fit.
        let dimensions = pair.as_str().split('x').map(|part| part.parse().unwrap_or(u64::MAX));
        Spanned { value: dimensions.collect(), span: self.span(&pair) }
    }

    fn ident(&self, pair: Pair<Rule>) -> Ident {
        Spanned { value: pair.as_str().to_owned(), span: self.span(&pair) }
    }

    /// The place of a pair in the whole text, which may lack the braces that were added to the chunk.
    fn span(&self, pair: &Pair<Rule>) -> Span {
        let place = |offset: usize| (self.base + offset).min(self.text.len());
        Span::new(place(pair.as_span().start()), place(token_end(pair.clone())))
    }
}

/// Where the last token of a pair ends; the pair itself may go on with white space.
fn token_end(pair: Pair<Rule>) -> usize {
    let span = pair.as_span();
    let is_empty_branch = pair.as_rule() == Rule::branch;
    match pair.into_inner().next_back() {
        Some(last) => token_end(last),
        None if is_empty_branch => span.start(),
        None => span.end(),
    }
}

/// The parts of a pair, in the order of its rule.
struct Parts<'p>(Pairs<'p, Rule>);

impl<'p> Parts<'p> {
    fn next(&mut self) -> Pair<'p, Rule> {
        self.0.next().expect("the grammar has this part")
    }

    /// The next part, if it is of this rule.
    fn take(&mut self, rule: Rule) -> Option<Pair<'p, Rule>> {
        let matches = self.0.peek().is_some_and(|part| part.as_rule() == rule);
        if matches { self.0.next() } else { None }
    }
}

fn only(mut pairs: Pairs<Rule>) -> Pair<Rule> {
    pairs.next().expect("an entry rule gives one pair")
}

fn first(pair: Pair<Rule>) -> Pair<Rule> {
    only(pair.into_inner())
}

fn negate(value: Expr, sign: Span) -> Expr {
    let span = sign.to(value.span);
    Expr { kind: ExprKind::Neg(Box::new(value)), span }
}

fn number(text: &str) -> f64 {
    // The scanner has refused numbers that do not fit.
    text.parse().unwrap_or(f64::MAX)
}

fn binary_op(text: &str) -> BinaryOp {
    match text {
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "%" => BinaryOp::Rem,
        "<" => BinaryOp::Less,
        _ => BinaryOp::Greater,
    }
}

/// What stands between the quotes of a string, with its escapes resolved.
fn contents(quoted: &str) -> String {
    let mut chars = quoted.trim_matches('"').chars();
    let mut resolved = String::new();
    while let Some(c) = chars.next() {
        resolved.extend(match c {
            '\\' => chars.next().and_then(unescape),
            _ => Some(c),
        });
    }
    resolved
}
