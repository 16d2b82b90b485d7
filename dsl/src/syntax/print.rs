//! The canonical text of a syntax tree.
//!
//! Four spaces of indentation, a line for everything with braces, and the words of a run side by
//! side up to the width of a page. Parsing the text gives the same tree, spans aside; comments are
//! not in the tree and hence not in the text.

use crate::ast::{
    BinaryOp, Block, Body, Expr, ExprKind, Item, JoinWord, Module, Network, Param, Setting, SettingValue,
    Statement, Train, Word,
};

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
            Item::Train(Train { name, settings }) => {
                self.braces(&format!("train {}", name.value), |inner| inner.settings(settings));
                self.line("}");
            }
        }
    }

    fn network(&mut self, network: &Network) {
        let signature = format!("<{} -> {}>", shape(&network.input.value), shape(&network.output.value));
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
            if let Statement::Word(word) = statement {
                run.push(word_text(word));
            } else {
                self.run(&mut run);
                self.statement(statement);
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
            Statement::Word(word) => self.line(&word_text(word)),
            Statement::Assert(reached) => self.line(&format!("-> {}", shape(&reached.value))),
            Statement::Let { name, value } => {
                self.line(&format!("let {} = {}", name.value, expression(value)))
            }
            Statement::Repeat { count, body, .. } => {
                self.braces(&format!("repeat {}", positional(count)), |inner| inner.statements(body));
                self.line("}");
            }
            Statement::For { name, values, body, .. } => {
                let head = format!("for {} in [{}]", name.value, list(values));
                self.braces(&head, |inner| inner.statements(body));
                self.line("}");
            }
            Statement::Residual { body, shortcut, .. } => {
                self.braces("residual", |inner| inner.statements(body));
                if let Some(shortcut) = shortcut {
                    self.braces("} shortcut", |inner| inner.statements(shortcut));
                }
                self.line("}");
            }
            Statement::Join { keyword, branches, .. } => self.join(keyword.value, branches),
        }
    }

    fn join(&mut self, word: JoinWord, branches: &[Body]) {
        let word = match word {
            JoinWord::Add => "add",
            JoinWord::Concat => "concat",
        };
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

fn parameters(params: &[Param]) -> String {
    let one = |param: &Param| match &param.default {
        Some(default) => format!("{} = {}", param.name.value, expression(default)),
        None => param.name.value.clone(),
    };
    let list: Vec<String> = params.iter().map(one).collect();
    if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) }
}

fn shape(dimensions: &[u64]) -> String {
    dimensions.iter().map(u64::to_string).collect::<Vec<_>>().join("x")
}

fn word_text(word: &Word) -> String {
    let mut parts = vec![word.name.value.clone()];
    parts.extend(word.positional.iter().map(positional));
    parts.extend(word.named.iter().map(|(key, value)| format!("{}={}", key.value, named(value))));
    parts.join(" ")
}

fn setting_value(value: &SettingValue) -> String {
    match value {
        SettingValue::Word(word) => word.value.clone(),
        SettingValue::Text(text) => quoted(&text.value),
        SettingValue::Expr(Expr { kind: ExprKind::Name(name), .. }) => format!("({name})"),
        SettingValue::Expr(value) => named(value),
        SettingValue::Named(key, value) => format!("{}={}", key.value, setting_value(value)),
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

/// A positional argument or a count: a number, or anything in parentheses.
fn positional(value: &Expr) -> String {
    match value.kind {
        ExprKind::Number(_) => expression(value),
        _ => format!("({})", expression(value)),
    }
}

/// The value of `key=value`, which may be signed or a name.
fn named(value: &Expr) -> String {
    let plain = match &value.kind {
        ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Name(_) => true,
        ExprKind::Neg(inner) => matches!(inner.kind, ExprKind::Number(_)),
        ExprKind::Binary(..) | ExprKind::Call(..) => false,
    };
    if plain { expression(value) } else { format!("({})", expression(value)) }
}

fn list(values: &[Expr]) -> String {
    values.iter().map(expression).collect::<Vec<_>>().join(", ")
}

fn expression(value: &Expr) -> String {
    match &value.kind {
        ExprKind::Number(number) => number_text(*number),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Neg(inner) => format!("-{}", tight(inner, level(&value.kind))),
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

const COMPARISON: u8 = 0;

/// How tightly an expression binds.
fn level(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Binary(BinaryOp::Less | BinaryOp::Greater, ..) => COMPARISON,
        ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, ..) => 1,
        ExprKind::Binary(BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem, ..) => 2,
        ExprKind::Neg(_) => 3,
        ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Name(_) | ExprKind::Call(..) => 4,
    }
}

fn symbol(op: BinaryOp) -> char {
    match op {
        BinaryOp::Add => '+',
        BinaryOp::Sub => '-',
        BinaryOp::Mul => '*',
        BinaryOp::Div => '/',
        BinaryOp::Rem => '%',
        BinaryOp::Less => '<',
        BinaryOp::Greater => '>',
    }
}

/// The plain form, or the one with an exponent where that is clearly shorter.
fn number_text(number: f64) -> String {
    let (plain, scientific) = (format!("{number}"), format!("{number:e}"));
    if scientific.len() + 2 < plain.len() { scientific } else { plain }
}
