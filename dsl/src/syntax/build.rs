//! From the grammar's pairs to the syntax tree.
//!
//! The grammar has accepted the text, so the parts of every rule are known here; where the code
//! says so with `expect`, only a change of the grammar could prove it wrong.

use super::generated::Rule;
use super::scan::unescape;
use crate::ast::{
    Activation, Allow, Arm, BinaryOp, Block, Body, Expr, ExprKind, Ident, Item, JoinWord, LoopValues,
    Network, Param, Port, Setting, SettingValue, Spanned, Statement, Train, Use, Word,
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
            Rule::use_file => Item::Use(self.use_file(item)),
            Rule::activation => Item::Activation(self.activation(item)),
            Rule::allow => Item::Allow(self.allow(item)),
            _ => Item::Network(self.network(item)),
        }
    }

    /// The expression that the rule `formula` holds.
    pub(super) fn formula(&self, entry: Pairs<Rule>) -> Expr {
        self.expression(first(only(entry)))
    }

    fn use_file(&self, pair: Pair<Rule>) -> Use {
        let mut parts = Parts(pair.into_inner());
        Use { keyword: self.span(&parts.next()), path: self.text(parts.next()) }
    }

    fn activation(&self, pair: Pair<Rule>) -> Activation {
        let mut parts = Parts(pair.into_inner());
        parts.take(Rule::kw_activation);
        let name = self.ident(parts.next());
        let params = self.params(&mut parts);
        parts.take(Rule::equals);
        Activation { name, params, value: self.expression(parts.next()) }
    }

    fn allow(&self, pair: Pair<Rule>) -> Allow {
        let mut parts = Parts(pair.into_inner());
        let keyword = self.span(&parts.next());
        let lints = parts.0.filter(|part| part.as_rule() == Rule::lint).map(|part| self.lint(part));
        Allow { keyword, lints: lints.collect() }
    }

    /// `small-batch`, which is three tokens of the macro.
    fn lint(&self, pair: Pair<Rule>) -> Ident {
        let span = self.span(&pair);
        let parts: Vec<&str> = pair.into_inner().map(|part| part.as_str()).collect();
        Spanned { value: parts.concat(), span }
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
        let (signature_span, [inputs, outputs]) = self.signature(parts.next());
        Network { public, name, params, inputs, outputs, signature_span, body: self.body(parts.next()) }
    }

    fn anonymous(&self, pair: Pair<Rule>) -> Network {
        let mut parts = Parts(pair.into_inner());
        let (signature_span, [inputs, outputs]) = self.signature(parts.next());
        let words: Vec<_> = parts.0.filter(|part| part.as_rule() == Rule::statement).collect();
        let spans = words.iter().map(|word| self.span(word));
        let span = spans.reduce(Span::to).unwrap_or(Span::new(signature_span.end, signature_span.end));
        let statements = words.into_iter().map(|word| self.statement(word)).collect();
        let body = Body { statements, span };
        Network { public: false, name: None, params: Vec::new(), inputs, outputs, signature_span, body }
    }

    fn signature(&self, pair: Pair<Rule>) -> (Span, [Vec<Port>; 2]) {
        let span = self.span(&pair);
        let mut sides =
            pair.into_inner().filter(|part| part.as_rule() == Rule::ports).map(|part| self.ports(part));
        let mut side = || sides.next().expect("a signature has two sides");
        (span, [side(), side()])
    }

    fn ports(&self, pair: Pair<Rule>) -> Vec<Port> {
        let mut ports = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::shape => ports.push(Port { name: None, shape: self.shape(part) }),
                Rule::named_port => ports.push(self.named_port(part)),
                _ => {}
            }
        }
        ports
    }

    fn named_port(&self, pair: Pair<Rule>) -> Port {
        let mut parts = Parts(pair.into_inner());
        let name = Some(self.ident(parts.next()));
        parts.take(Rule::colon);
        Port { name, shape: self.shape(parts.next()) }
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
        let mut parts = Parts(statement.clone().into_inner());
        match rule {
            Rule::assertion => {
                parts.take(Rule::arrow);
                Statement::Assert(Spanned { value: self.shape(parts.next()).value, span })
            }
            Rule::binding => self.binding(parts),
            Rule::repetition => self.repetition(parts),
            Rule::for_loop => self.for_loop(parts),
            Rule::conditional => self.conditional(parts),
            Rule::residual => self.residual(parts),
            Rule::naming => {
                Statement::As { keyword: self.span(&parts.next()), name: self.ident(parts.next()) }
            }
            Rule::continuation => {
                Statement::From { keyword: self.span(&parts.next()), name: self.ident(parts.next()) }
            }
            Rule::shared => Statement::Shared {
                keyword: self.span(&parts.next()),
                name: self.ident(parts.next()),
                body: self.body(parts.next()),
            },
            Rule::settled => self.settled(parts),
            Rule::allow => Statement::Allow(self.allow(statement)),
            Rule::join => self.join(parts),
            Rule::named_join => self.named_join(parts),
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
        let values = parts.next();
        let values = match values.as_rule() {
            Rule::list => LoopValues::List(self.expressions(values.into_inner())),
            _ => self.range(Parts(values.into_inner())),
        };
        Statement::For { keyword, name, values, body: self.body(parts.next()) }
    }

    /// `a..b`
    fn range(&self, mut parts: Parts) -> LoopValues {
        let start = self.expression(first(parts.next()));
        parts.take(Rule::dots);
        LoopValues::Range(Box::new([start, self.expression(first(parts.next()))]))
    }

    fn residual(&self, mut parts: Parts) -> Statement {
        let keyword = self.span(&parts.next());
        let body = self.body(parts.next());
        let shortcut = parts.take(Rule::kw_shortcut).map(|_| self.body(parts.next()));
        Statement::Residual { keyword, body, shortcut }
    }

    fn conditional(&self, parts: Parts) -> Statement {
        let (mut keyword, mut condition) = (None, None);
        let (mut arms, mut otherwise) = (Vec::new(), None);
        for part in parts.0 {
            match part.as_rule() {
                Rule::kw_if => keyword = keyword.or(Some(self.span(&part))),
                Rule::parenthesised => condition = Some(self.value(part)),
                Rule::body => match condition.take() {
                    Some(condition) => arms.push(Arm { condition, body: self.body(part) }),
                    None => otherwise = Some(self.body(part)),
                },
                _ => {}
            }
        }
        Statement::If { keyword: keyword.expect("it begins with `if`"), arms, otherwise }
    }

    fn settled(&self, mut parts: Parts) -> Statement {
        let keyword = self.span(&parts.next());
        let mut settings = Vec::new();
        while let Some(setting) = parts.take(Rule::named) {
            settings.push(self.named(setting));
        }
        Statement::With { keyword, settings, body: self.body(parts.next()) }
    }

    fn join(&self, mut parts: Parts) -> Statement {
        let keyword = self.join_word(parts.next());
        let (mut branches, mut span) = (Vec::new(), keyword.span);
        for part in parts.0 {
            let here = self.span(&part);
            match part.as_rule() {
                Rule::branch => branches.push(self.body(part)),
                Rule::open_brace => span = here,
                _ => span = span.to(here),
            }
        }
        Statement::Join { keyword, branches, span }
    }

    fn named_join(&self, mut parts: Parts) -> Statement {
        let keyword = self.join_word(parts.next());
        let names = parts.0.filter(|part| part.as_rule() == Rule::name).map(|part| self.ident(part));
        Statement::JoinNamed { keyword, names: names.collect() }
    }

    fn join_word(&self, pair: Pair<Rule>) -> Spanned<JoinWord> {
        let value = match pair.as_str() {
            "add" => JoinWord::Add,
            "concat" => JoinWord::Concat,
            _ => JoinWord::Mul,
        };
        Spanned { value, span: self.span(&pair) }
    }

    fn word(&self, mut parts: Parts, span: Span) -> Word {
        let name = self.ident(parts.next());
        let (mut positional, mut named) = (Vec::new(), Vec::new());
        for part in parts.0 {
            if part.as_rule() == Rule::argument {
                positional.push(self.value(first(part)));
            } else {
                named.push(self.named(part));
            }
        }
        Word { name, positional, named, span }
    }

    /// `key=value`
    fn named(&self, pair: Pair<Rule>) -> (Ident, Expr) {
        let mut parts = Parts(pair.into_inner());
        let key = self.ident(parts.next());
        parts.take(Rule::equals);
        (key, self.value(first(parts.next())))
    }

    fn train(&self, pair: Pair<Rule>) -> Train {
        let mut parts = Parts(pair.into_inner());
        parts.take(Rule::kw_train);
        let name = self.ident(parts.next());
        let (mut settings, mut allows): (Vec<Setting>, _) = (Vec::new(), Vec::new());
        for part in parts.0 {
            match part.as_rule() {
                Rule::setting_key => settings.push(Setting { key: self.ident(part), values: Vec::new() }),
                Rule::setting_value => self.add_setting(&mut settings, first(part)),
                Rule::allow => allows.push(self.allow(part)),
                _ => {}
            }
        }
        Train { name, settings, allows }
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
            Rule::text => SettingValue::Text(self.text(plain)),
            _ => SettingValue::Expr(self.value(plain)),
        }
    }

    fn expressions(&self, pairs: Pairs<Rule>) -> Vec<Expr> {
        pairs.filter(|pair| pair.as_rule() == Rule::expression).map(|pair| self.expression(pair)).collect()
    }

    /// `expression` and all below it down to `product`: operands with operators of one level between them.
    fn expression(&self, pair: Pair<Rule>) -> Expr {
        if pair.as_rule() == Rule::inversion {
            return self.inversion(pair);
        }
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

    fn inversion(&self, pair: Pair<Rule>) -> Expr {
        let mut parts: Vec<_> = pair.into_inner().collect();
        let value = self.expression(parts.pop().expect("`not` has a value behind it"));
        parts.iter().rev().fold(value, |value, not| {
            let span = self.span(not).to(value.span);
            Expr { kind: ExprKind::Not(Box::new(value)), span }
        })
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
            Rule::sides => ExprKind::Sides(dimensions(pair.as_str())),
            Rule::list => ExprKind::List(self.expressions(pair.into_inner())),
            _ => ExprKind::Name(pair.as_str().to_owned()),
        };
        Expr { kind, span }
    }

    fn shape(&self, pair: Pair<Rule>) -> Spanned<Vec<u64>> {
        Spanned { value: dimensions(pair.as_str()), span: self.span(&pair) }
    }

    fn text(&self, pair: Pair<Rule>) -> Spanned<String> {
        Spanned { value: contents(pair.as_str()), span: self.span(&pair) }
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

fn dimensions(text: &str) -> Vec<u64> {
    // The scanner has refused dimensions that do not fit.
    text.split('x').map(|part| part.parse().unwrap_or(u64::MAX)).collect()
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
        ">" => BinaryOp::Greater,
        "<=" => BinaryOp::LessEqual,
        ">=" => BinaryOp::GreaterEqual,
        "==" => BinaryOp::Equal,
        "!=" => BinaryOp::NotEqual,
        "and" => BinaryOp::And,
        _ => BinaryOp::Or,
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
