//! The canonical text of a syntax tree.
//!
//! Four spaces of indentation, a line for everything with braces, and the words of a run side by
//! side up to the width of a page. Parsing the text gives the same tree, spans aside; comments are
//! not in the tree and hence not in the text.

use crate::ast::{
    Activation, Allow, Arm, BinaryOp, Block, Body, Expr, ExprKind, Ident, Item, LoopValues, Module, Network,
    Param, Port, Setting, SettingValue, Statement, Train, Use, Word,
};

use super::scan::KEYWORDS;

/// Columns after which a run of words is broken.
const WIDTH: usize = 100;

/// Writes a module in its canonical form.
pub fn print(module: &Module) -> String {
    let mut printer = Printer::default();
    for (index, item) in module.items.iter().enumerate() {
        if index > 0 {
            printer.text.push('\n');
        }
        printer.item(item);
    }
    printer.text
}

#[derive(Default)]
struct Printer {
    text: String,
    depth: usize,
}

impl Printer {
    fn item(&mut self, item: &Item) {
        match item {
            Item::Block(Block { name, params, body }) => {
                self.braces(&format!("block {}{}", name.value, parameters(params)), |inner| {
                    inner.statements(body)
                });
                self.line("}");
            }
            Item::Network(network) => self.network(network),
            Item::Train(Train { name, settings, allows }) => {
                self.braces(&format!("train {}", name.value), |inner| {
                    allows.iter().for_each(|allow| inner.line(&allow_text(allow)));
                    inner.settings(settings);
                });
                self.line("}");
            }
            Item::Use(Use { path, .. }) => self.line(&format!("use {}", quoted(&path.value))),
            Item::Activation(Activation { name, params, value }) => {
                let params: Vec<String> = params.iter().map(parameter).collect();
                let head = format!("activation {}({})", name.value, params.join(", "));
                self.line(&format!("{head} = {}", expression(value)));
            }
            Item::Allow(allow) => self.line(&allow_text(allow)),
        }
    }

    fn network(&mut self, network: &Network) {
        let signature = format!("<{} -> {}>", ports(&network.inputs), ports(&network.outputs));
        let Some(name) = &network.name else {
            self.line(&signature);
            return self.statements(&network.body);
        };
        let public = if network.public { "pub " } else { "" };
        let head = format!("{public}network {}{}{signature}", name.value, parameters(&network.params));
        self.braces(&head, |inner| inner.statements(&network.body));
        self.line("}");
    }

    fn settings(&mut self, settings: &[Setting]) {
        for setting in settings {
            let values = setting.values.iter().map(setting_value);
            let words: Vec<String> = std::iter::once(setting.key.value.clone()).chain(values).collect();
            self.line(&words.join(" "));
        }
    }

    fn statements(&mut self, body: &Body) {
        let mut run = Vec::new();
        for statement in &body.statements {
            match plain_text(statement) {
                Some(text) => run.push(text),
                None => {
                    self.run(&mut run);
                    self.statement(statement);
                }
            }
        }
        self.run(&mut run);
    }

    /// Writes the words gathered so far.
    fn run(&mut self, words: &mut Vec<String>) {
        let mut line = String::new();
        for word in words.drain(..) {
            if !line.is_empty() && 4 * self.depth + line.len() + 1 + word.len() > WIDTH {
                self.line(&std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        if !line.is_empty() {
            self.line(&line);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Repeat { count, body, .. } => {
                self.block(&format!("repeat {}", positional(count)), body);
            }
            Statement::For { name, values, body, .. } => {
                self.block(&format!("for {} in {}", name.value, loop_values(values)), body);
            }
            Statement::If { arms, otherwise, .. } => self.conditional(arms, otherwise.as_ref()),
            Statement::Residual { body, shortcut, .. } => {
                self.braces("residual", |inner| inner.statements(body));
                if let Some(shortcut) = shortcut {
                    self.braces("} shortcut", |inner| inner.statements(shortcut));
                }
                self.line("}");
            }
            Statement::Shared { name, body, .. } => self.block(&format!("shared {}", name.value), body),
            Statement::With { settings, body, .. } => {
                self.block(&format!("with{}", named_arguments(settings)), body);
            }
            Statement::Join { keyword, branches, .. } => self.join(keyword.value.name(), branches),
            Statement::Assert(reached) => self.line(&format!("-> {}", shape(&reached.value))),
            Statement::Let { name, value } => {
                self.line(&format!("let {} = {}", name.value, expression(value)));
            }
            Statement::Allow(allow) => self.line(&allow_text(allow)),
            Statement::Word(_)
            | Statement::As { .. }
            | Statement::From { .. }
            | Statement::JoinNamed { .. } => self.line(&plain_text(statement).unwrap_or_default()),
        }
    }

    fn conditional(&mut self, arms: &[Arm], otherwise: Option<&Body>) {
        let mut head = "if";
        for Arm { condition, body } in arms {
            self.braces(&format!("{head} ({})", expression(condition)), |inner| inner.statements(body));
            head = "} else if";
        }
        if let Some(body) = otherwise {
            self.braces("} else", |inner| inner.statements(body));
        }
        self.line("}");
    }

    fn join(&mut self, word: &str, branches: &[Body]) {
        for (index, branch) in branches.iter().enumerate() {
            if index == 0 {
                self.braces(word, |inner| inner.statements(branch));
            } else {
                self.line("|");
                self.indented(|inner| inner.statements(branch));
            }
        }
        self.line("}");
    }

    fn block(&mut self, head: &str, body: &Body) {
        self.braces(head, |inner| inner.statements(body));
        self.line("}");
    }

    /// `head {` and what `inner` writes; the caller closes it.
    fn braces(&mut self, head: &str, inner: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        self.indented(inner);
    }

    fn indented(&mut self, inner: impl FnOnce(&mut Self)) {
        self.depth += 1;
        inner(self);
        self.depth -= 1;
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(&"    ".repeat(self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// A statement without braces that stands among words.
fn plain_text(statement: &Statement) -> Option<String> {
    match statement {
        Statement::Word(word) => Some(word_text(word)),
        Statement::As { name, .. } => Some(format!("as {}", name.value)),
        Statement::From { name, .. } => Some(format!("from {}", name.value)),
        Statement::JoinNamed { keyword, names } => Some(format!(
            "{} {}",
            keyword.value.name(),
            names.iter().map(text).collect::<Vec<_>>().join(", ")
        )),
        _ => None,
    }
}

fn allow_text(allow: &Allow) -> String {
    format!("allow({})", allow.lints.iter().map(text).collect::<Vec<_>>().join(", "))
}

fn text(name: &Ident) -> &str {
    &name.value
}

fn parameters(params: &[Param]) -> String {
    let list: Vec<String> = params.iter().map(parameter).collect();
    if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) }
}

fn parameter(param: &Param) -> String {
    match &param.default {
        Some(default) => format!("{} = {}", param.name.value, expression(default)),
        None => param.name.value.clone(),
    }
}

fn ports(ports: &[Port]) -> String {
    let one = |port: &Port| match &port.name {
        Some(name) => format!("{}: {}", name.value, shape(&port.shape.value)),
        None => shape(&port.shape.value),
    };
    ports.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn shape(dimensions: &[u64]) -> String {
    dimensions.iter().map(u64::to_string).collect::<Vec<_>>().join("x")
}

fn word_text(word: &Word) -> String {
    let positional: String = word.positional.iter().map(|value| format!(" {}", positional(value))).collect();
    format!("{}{positional}{}", word.name.value, named_arguments(&word.named))
}

/// ` key=value key=value`
fn named_arguments(arguments: &[(Ident, Expr)]) -> String {
    arguments.iter().map(|(key, value)| format!(" {}={}", key.value, named(value))).collect()
}

fn setting_value(value: &SettingValue) -> String {
    match value {
        SettingValue::Word(word) => word.value.clone(),
        SettingValue::Text(text) => quoted(&text.value),
        SettingValue::Expr(value) => match &value.kind {
            ExprKind::Name(name) if is_keyword(name) => expression(value),
            ExprKind::Name(_) | ExprKind::Call(..) => format!("({})", expression(value)),
            _ => named(value),
        },
        SettingValue::Named(key, value) => format!("{}={}", key.value, setting_value(value)),
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

/// A positional argument or a count: a number, sides, a list, or anything in parentheses.
fn positional(value: &Expr) -> String {
    match value.kind {
        ExprKind::Number(_) | ExprKind::Sides(_) | ExprKind::List(_) => expression(value),
        ExprKind::Name(ref name) if is_keyword(name) => expression(value),
        _ => format!("({})", expression(value)),
    }
}

/// The value of `key=value`, which may be signed, a name or a call.
fn named(value: &Expr) -> String {
    let plain = match &value.kind {
        ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Name(_) => true,
        ExprKind::Call(..) | ExprKind::Sides(_) | ExprKind::List(_) => true,
        ExprKind::Neg(inner) => matches!(inner.kind, ExprKind::Number(_)),
        ExprKind::Binary(..) | ExprKind::Not(_) => false,
    };
    if plain { expression(value) } else { format!("({})", expression(value)) }
}

fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name)
}

fn loop_values(values: &LoopValues) -> String {
    match values {
        LoopValues::List(values) => format!("[{}]", list(values)),
        LoopValues::Range(bounds) => {
            // A bound has no comparisons but in parentheses.
            let [start, end] = bounds.each_ref().map(|bound| tight(bound, COMPARISON + 1));
            format!("{start}..{end}")
        }
    }
}

fn list(values: &[Expr]) -> String {
    values.iter().map(expression).collect::<Vec<_>>().join(", ")
}

fn expression(value: &Expr) -> String {
    match &value.kind {
        ExprKind::Number(number) => number_text(*number),
        ExprKind::Bool(value) => value.to_string(),
        // A parameter that is called like a keyword is known by what follows it.
        ExprKind::Name(name) if is_keyword(name) => format!("({name})"),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Neg(inner) => format!("-{}", tight(inner, level(&value.kind))),
        ExprKind::Not(inner) => format!("not {}", tight(inner, level(&value.kind))),
        ExprKind::Sides(sides) => shape(sides),
        ExprKind::List(values) => format!("[{}]", list(values)),
        ExprKind::Binary(op, left, right) => {
            let here = level(&value.kind);
            // Chains lean to the left; comparisons do not chain.
            let left_needs = if here == COMPARISON { here + 1 } else { here };
            format!("{} {} {}", tight(left, left_needs), symbol(*op), tight(right, here + 1))
        }
        ExprKind::Call(callee, arguments) => format!("{}({})", callee.value, list(arguments)),
    }
}

/// The expression, in parentheses if it binds less tightly than `needed`.
fn tight(value: &Expr, needed: u8) -> String {
    if level(&value.kind) < needed { format!("({})", expression(value)) } else { expression(value) }
}

const COMPARISON: u8 = 3;

/// How tightly an expression binds.
fn level(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Binary(op, ..) => match op {
            BinaryOp::Or => 0,
            BinaryOp::And => 1,
            BinaryOp::Less
            | BinaryOp::Greater
            | BinaryOp::LessEqual
            | BinaryOp::GreaterEqual
            | BinaryOp::Equal
            | BinaryOp::NotEqual => COMPARISON,
            BinaryOp::Add | BinaryOp::Sub => 4,
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => 5,
        },
        ExprKind::Not(_) => 2,
        ExprKind::Neg(_) => 6,
        _ => 7,
    }
}

fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::Less => "<",
        BinaryOp::Greater => ">",
        BinaryOp::LessEqual => "<=",
        BinaryOp::GreaterEqual => ">=",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
    }
}

/// The plain form, or the one with an exponent where that is clearly shorter.
fn number_text(number: f64) -> String {
    let (plain, scientific) = (format!("{number}"), format!("{number:e}"));
    if scientific.len() + 2 < plain.len() { scientific } else { plain }
}
