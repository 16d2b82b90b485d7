//! Lints about what is written, whatever it comes to: names that nobody uses and words that say nothing.

use std::collections::HashSet;

use super::subject::{Text, finding};
use crate::ast::{Body, ExprKind, Ident, Item, LoopValues, Statement};
use crate::diagnostic::{Diagnostic, Span};

pub(super) fn unused_definition(text: &Text) -> Vec<Diagnostic> {
    let unused = text.unused_definitions.iter();
    unused
        .map(|(what, name)| {
            finding(name.span, format!("the {what} `{}` is never used", name.value))
                .label("unused")
                .help("use it or delete it")
        })
        .collect()
}

pub(super) fn unused_value(text: &Text) -> Vec<Diagnostic> {
    let unused = text.unused_values.iter();
    unused
        .map(|name| {
            finding(name.span, format!("the value `{}` is never used", name.value))
                .label("unused")
                .help(format!("delete it, or begin its name with an underscore: `_{}`", name.value))
        })
        .collect()
}

pub(super) fn unused_import(text: &Text) -> Vec<Diagnostic> {
    let found = text.unused_files.iter();
    found
        .map(|path| finding(*path, "nothing of this file is used").label("unused").help("delete the `use`"))
        .collect()
}

pub(super) fn unused_name(text: &Text) -> Vec<Diagnostic> {
    items(text).flat_map(unused_names).collect()
}

fn unused_names(item: &Item) -> Vec<Diagnostic> {
    let (mut declared, mut used) = (Vec::new(), HashSet::new());
    let outputs = match item {
        Item::Network(network) => &network.outputs[..],
        _ => &[],
    };
    used.extend(outputs.iter().filter_map(|port| port.name.as_ref()).map(|name| name.value.as_str()));
    for statement in bodies_of(item).into_iter().flat_map(|body| &body.statements) {
        match statement {
            Statement::As { keyword, name } => declared.push((*keyword, name)),
            Statement::From { name, .. } => drop(used.insert(name.value.as_str())),
            Statement::JoinNamed { names, .. } => used.extend(names.iter().map(|name| name.value.as_str())),
            _ => {}
        }
    }
    let unused =
        declared.into_iter().filter(|(_, name)| is_reported(name) && !used.contains(name.value.as_str()));
    unused
        .map(|(keyword, name)| {
            finding(name.span, format!("no word uses the name `{}`", name.value))
                .label("unused")
                .help("read it with `from`, `add` or `concat`, or delete it")
                .suggest(keyword.to(name.span), "", "delete it")
        })
        .collect()
}

fn is_reported(name: &Ident) -> bool {
    !name.value.starts_with('_')
}

pub(super) fn needless_identity(text: &Text) -> Vec<Diagnostic> {
    let bodies = items(text).flat_map(bodies_of);
    // Alone, it says that a branch is empty on purpose; before `as` or `let` it changes nothing either.
    let crowded = bodies.filter(|body| body.statements.iter().filter(|one| is_word(one)).count() > 1);
    let identities = crowded.flat_map(|body| &body.statements).filter_map(|statement| match statement {
        Statement::Word(word) if word.name.value == "identity" => Some(word.span),
        _ => None,
    });
    identities
        .map(|span| {
            finding(span, "`identity` among other words does nothing")
                .label("hands on what it gets")
                .help("delete it")
                .fix(span, "", "delete it")
        })
        .collect()
}

fn is_word(statement: &Statement) -> bool {
    !matches!(
        statement,
        Statement::Let { .. } | Statement::Assert(_) | Statement::Allow(_) | Statement::As { .. }
    )
}

pub(super) fn needless_repeat(text: &Text) -> Vec<Diagnostic> {
    let statements = items(text).flat_map(bodies_of).flat_map(|body| &body.statements);
    let loops = statements.filter_map(|statement| match statement {
        Statement::Repeat { keyword, count, .. } => match count.kind {
            ExprKind::Number(1.0) => Some((*keyword, "repeats once", "write its words without the loop")),
            ExprKind::Number(0.0) => Some((*keyword, "never repeats", "delete the loop with its words")),
            _ => None,
        },
        Statement::For { keyword, values, .. } => match turns(values)? {
            0 => Some((*keyword, "never turns", "delete the loop with its words")),
            1 => Some((*keyword, "turns once", "write `let` and its words without the loop")),
            _ => None,
        },
        _ => None,
    });
    loops
        .map(|(keyword, does, help)| finding(keyword, format!("the loop {does}")).label(does).help(help))
        .collect()
}

/// How often a loop turns, if that depends on nothing.
fn turns(values: &LoopValues) -> Option<usize> {
    match values {
        LoopValues::List(values) => Some(values.len()),
        LoopValues::Range(bounds) => match bounds.each_ref().map(|bound| &bound.kind) {
            [ExprKind::Number(start), ExprKind::Number(end)] => Some((end - start).max(0.0) as usize),
            _ => None,
        },
    }
}

pub(super) fn nested_residual(text: &Text) -> Vec<Diagnostic> {
    let statements = items(text).flat_map(bodies_of).flat_map(|body| &body.statements);
    let nested = statements.filter_map(|statement| match statement {
        Statement::Residual { keyword, body, shortcut: None } => Some((*keyword, only_residual(body)?)),
        _ => None,
    });
    nested
        .map(|(outer, inner)| {
            finding(inner, "a residual around nothing but a residual adds its input twice")
                .label("the inner one")
                .at(outer, "the outer one")
                .help("keep one of the two, or put more layers into the outer one")
        })
        .collect()
}

fn only_residual(body: &Body) -> Option<Span> {
    let mut words = body.statements.iter().filter(|statement| is_word(statement));
    match (words.next(), words.next()) {
        (Some(Statement::Residual { keyword, .. }), None) => Some(*keyword),
        _ => None,
    }
}

fn items<'t>(text: &'t Text) -> impl Iterator<Item = &'t Item> {
    text.files.iter().flat_map(|(_, module)| &module.items)
}

/// All bodies of an item, the outer ones first.
pub(super) fn bodies_of(item: &Item) -> Vec<&Body> {
    let mut bodies = match item {
        Item::Block(block) => vec![&block.body],
        Item::Network(network) => vec![&network.body],
        Item::Activation(_) | Item::Train(_) | Item::Use(_) | Item::Allow(_) => Vec::new(),
    };
    let mut next = 0;
    while next < bodies.len() {
        let body = bodies[next];
        bodies.extend(body.statements.iter().flat_map(inner));
        next += 1;
    }
    bodies
}

fn inner(statement: &Statement) -> Vec<&Body> {
    match statement {
        Statement::Word(_)
        | Statement::Assert(_)
        | Statement::Let { .. }
        | Statement::As { .. }
        | Statement::From { .. }
        | Statement::JoinNamed { .. }
        | Statement::Allow(_) => Vec::new(),
        Statement::Repeat { body, .. }
        | Statement::For { body, .. }
        | Statement::Shared { body, .. }
        | Statement::With { body, .. } => vec![body],
        Statement::If { arms, otherwise, .. } => arms.iter().map(|arm| &arm.body).chain(otherwise).collect(),
        Statement::Residual { body, shortcut, .. } => [body].into_iter().chain(shortcut).collect(),
        Statement::Join { branches, .. } => branches.iter().collect(),
    }
}
