//! The names of all files: blocks, networks, activations and `train` sections.
//!
//! Double names, names that the language or Rust has taken, and definitions that use each other
//! in a circle are found here, so that later steps need not think of them. The files of a user
//! share their names; the standard library has its own, which stand behind the user's.

use std::collections::{HashMap, HashSet};

use super::load::Loaded;
use super::report::names;
use super::sink::Sink;
use crate::ast::{
    Activation, Block, Body, Expr, ExprKind, Ident, Item, Module, Network, Param, Statement, Train, Word,
};
use crate::diagnostic::Span;
use crate::words::{Found, find};

/// What a name that is no word of the language stands for.
#[derive(Clone, Copy)]
pub(super) enum Definition<'a> {
    /// `block`
    Block(&'a Block),
    /// `network`, used as a word.
    Network(&'a Network),
    /// `activation`
    Activation(&'a Activation),
}

impl<'a> Definition<'a> {
    /// Its name; an anonymous network has none, but cannot be used either.
    pub(super) fn name(self) -> Option<&'a Ident> {
        match self {
            Definition::Block(block) => Some(&block.name),
            Definition::Network(network) => network.name.as_ref(),
            Definition::Activation(activation) => Some(&activation.name),
        }
    }

    /// Its words.
    pub(super) fn body(self) -> Option<&'a Body> {
        match self {
            Definition::Block(block) => Some(&block.body),
            Definition::Network(network) => Some(&network.body),
            Definition::Activation(_) => None,
        }
    }

    /// What messages call it.
    pub(super) fn what(self) -> &'static str {
        match self {
            Definition::Block(_) => "block",
            Definition::Network(_) => "network",
            Definition::Activation(_) => "activation",
        }
    }

    fn span(self) -> Span {
        self.name().map(|name| name.span).unwrap_or_default()
    }
}

type Names<'a> = HashMap<&'a str, Definition<'a>>;

/// The items of all files.
pub(super) struct Symbols<'a> {
    user: Names<'a>,
    library: Names<'a>,
    library_start: usize,
    /// Definitions that use themselves, by the places of their names.
    circular: HashSet<Span>,
    /// Networks of the main file in the order of the text.
    pub(super) networks: Vec<&'a Network>,
    /// `train` sections of the main file in the order of the text.
    pub(super) trains: Vec<&'a Train>,
}

impl<'a> Symbols<'a> {
    /// Gathers the items of all files and reports what is wrong with their names.
    pub(super) fn gather(loaded: &'a Loaded, sink: &mut Sink) -> Symbols<'a> {
        let (user, library, circular, networks, trains) = Default::default();
        let library_start = loaded.library;
        let mut symbols = Symbols { user, library, library_start, circular, networks, trains };
        for (index, file) in loaded.files.iter().enumerate() {
            for item in &file.module.items {
                symbols.add_item(item, index == 0, sink);
            }
        }
        symbols.find_circles(sink);
        symbols
    }

    fn add_item(&mut self, item: &'a Item, is_main: bool, sink: &mut Sink) {
        match item {
            Item::Block(block) => {
                check_params(&block.params, sink);
                self.define(Definition::Block(block), sink);
            }
            Item::Activation(activation) => {
                check_params(&activation.params, sink);
                self.define(Definition::Activation(activation), sink);
            }
            Item::Network(network) => {
                self.add_network(network, sink);
                if is_main {
                    self.networks.push(network);
                }
            }
            Item::Train(train) if is_main => self.trains.push(train),
            Item::Train(_) | Item::Use(_) | Item::Allow(_) => {}
        }
    }

    /// What the name of a word stands for, by the user's names before the library's.
    pub(super) fn find(&self, word: &Ident) -> Option<Definition<'a>> {
        self.find_from(&word.value, word.span)
    }

    fn find_from(&self, name: &str, place: Span) -> Option<Definition<'a>> {
        let user = self.user.get(name).filter(|_| place.start < self.library_start);
        user.or_else(|| self.library.get(name)).copied()
    }

    /// Whether the definition uses itself, if only through others. That has been reported.
    pub(super) fn is_circular(&self, definition: Definition) -> bool {
        self.circular.contains(&definition.span())
    }

    /// The user's definitions in the order of the text.
    pub(super) fn definitions(&self) -> Vec<Definition<'a>> {
        sorted(&self.user)
    }

    /// The definitions that networks of the main file use.
    fn used(&self) -> HashSet<Span> {
        let mut used = HashSet::new();
        let mut open: Vec<&Body> = self.networks.iter().map(|network| &network.body).collect();
        while let Some(body) = open.pop() {
            let found = words(body).into_iter().filter_map(|word| self.find(&word.name));
            open.extend(found.filter(|found| used.insert(found.span())).filter_map(Definition::body));
        }
        used
    }

    /// The blocks and activations of the main file that no network uses, in the order of the text.
    pub(super) fn unused(&self, main: Span) -> Vec<Definition<'a>> {
        let used = self.used();
        let is_unused = |definition: &Definition| {
            !matches!(definition, Definition::Network(_))
                && definition.span().end <= main.end
                && !used.contains(&definition.span())
        };
        self.definitions().into_iter().filter(is_unused).collect()
    }

    /// The `use`s of the main file from whose files, and those that they use, nothing is used.
    pub(super) fn unused_files(&self, loaded: &'a Loaded) -> Vec<Span> {
        let used = self.used();
        let files: HashSet<usize> = used.iter().map(|span| loaded.sources.index(span.start)).collect();
        let uses = loaded.files.first().map_or(&[][..], |main| &main.uses);
        let is_unused = |&&(_, file): &&(Span, usize)| {
            let mut open = vec![file];
            let mut seen = HashSet::new();
            while let Some(file) = open.pop() {
                if files.contains(&file) {
                    return false;
                }
                if seen.insert(file) {
                    open.extend(loaded.files[file].uses.iter().map(|(_, used)| *used));
                }
            }
            true
        };
        uses.iter().filter(is_unused).map(|(span, _)| *span).collect()
    }

    fn define(&mut self, definition: Definition<'a>, sink: &mut Sink) {
        let Some(name) = definition.name() else { return };
        if is_word(name) {
            sink.report(names::taken_by_word(definition.what(), name));
        }
        let is_library = name.span.start >= self.library_start;
        let names = if is_library { &mut self.library } else { &mut self.user };
        match names.get(name.value.as_str()).and_then(|first| first.name()) {
            Some(first) => sink.report(names::defined_twice(definition.what(), name, first)),
            None => drop(names.insert(&name.value, definition)),
        }
    }

    fn add_network(&mut self, network: &'a Network, sink: &mut Sink) {
        check_params(&network.params, sink);
        let ports = network.inputs.iter().chain(&network.outputs).filter_map(|port| port.name.as_ref());
        check_distinct("input or output", &ports.collect::<Vec<_>>(), sink);
        if let Some(name) = network.name.as_ref().filter(|name| is_rust_keyword(&name.value)) {
            sink.report(names::rust_keyword(name));
        }
        self.define(Definition::Network(network), sink);
    }

    fn find_circles(&mut self, sink: &mut Sink) {
        let mut done = HashSet::new();
        for root in self.definitions() {
            let mut path = Path::default();
            path.enter(root);
            while let Some(word) = path.next_word(&mut done) {
                let Some(next) = self.find(&word.name) else { continue };
                if done.contains(&next.span()) {
                    continue;
                }
                match path.circle_to(next) {
                    Some(circle) => self.add_circle(word, &circle, sink),
                    None => path.enter(next),
                }
            }
        }
    }

    fn add_circle(&mut self, word: &Word, circle: &[Definition<'a>], sink: &mut Sink) {
        self.circular.extend(circle.iter().map(|one| one.span()));
        // A block with the name of a layer most often means the layer inside.
        if !circle.iter().filter_map(|one| one.name()).any(is_word) {
            sink.report(names::circle(word, circle));
        }
    }
}

fn sorted<'a>(names: &Names<'a>) -> Vec<Definition<'a>> {
    let mut definitions: Vec<_> = names.values().copied().collect();
    definitions.sort_by_key(|definition| definition.span());
    definitions
}

/// The way of a depth-first search from definition to definition. It is no recursion, since a chain
/// of blocks may be longer than the thread's stack.
#[derive(Default)]
struct Path<'a> {
    /// The definitions on the way, each with the words that are still to be followed.
    steps: Vec<(Definition<'a>, std::vec::IntoIter<&'a Word>)>,
    places: HashMap<Span, usize>,
}

impl<'a> Path<'a> {
    fn enter(&mut self, definition: Definition<'a>) {
        self.places.insert(definition.span(), self.steps.len());
        let words = definition.body().map(words).unwrap_or_default();
        self.steps.push((definition, words.into_iter()));
    }

    /// The next word to follow. Definitions without any more are left and done.
    fn next_word(&mut self, done: &mut HashSet<Span>) -> Option<&'a Word> {
        loop {
            let (definition, rest) = self.steps.last_mut()?;
            if let Some(word) = rest.next() {
                return Some(word);
            }
            let span = definition.span();
            done.insert(span);
            self.places.remove(&span);
            self.steps.pop();
        }
    }

    /// The definitions from this one to the present one, if it is on the way.
    fn circle_to(&self, definition: Definition) -> Option<Vec<Definition<'a>>> {
        let first = *self.places.get(&definition.span())?;
        Some(self.steps[first..].iter().map(|(definition, _)| *definition).collect())
    }
}

/// Whether the language has a word of this name.
pub(super) fn is_word(name: &Ident) -> bool {
    !matches!(find(&name.value), Found::Nothing)
}

/// All words of a body, in the order of the text.
pub(super) fn words(body: &Body) -> Vec<&Word> {
    let mut found = Vec::new();
    visit(body, &mut |statement| {
        if let Statement::Word(word) = statement {
            found.push(word);
        }
    });
    found
}

/// Calls `act` on each statement of a body and of the bodies inside, in the order of the text.
pub(super) fn visit<'a>(body: &'a Body, act: &mut impl FnMut(&'a Statement)) {
    for statement in &body.statements {
        act(statement);
        for inner in bodies(statement) {
            visit(inner, act);
        }
    }
}

fn bodies(statement: &Statement) -> Vec<&Body> {
    match statement {
        Statement::Word(_)
        | Statement::Assert(_)
        | Statement::Let { .. }
        | Statement::As { .. }
        | Statement::From { .. }
        | Statement::Allow(_)
        | Statement::JoinNamed { .. } => vec![],
        Statement::Repeat { body, .. }
        | Statement::For { body, .. }
        | Statement::Shared { body, .. }
        | Statement::With { body, .. } => vec![body],
        Statement::If { arms, otherwise, .. } => arms.iter().map(|arm| &arm.body).chain(otherwise).collect(),
        Statement::Residual { body, shortcut, .. } => [body].into_iter().chain(shortcut).collect(),
        Statement::Join { branches, .. } => branches.iter().collect(),
    }
}

fn check_params(params: &[Param], sink: &mut Sink) {
    check_distinct("parameter", &params.iter().map(|param| &param.name).collect::<Vec<_>>(), sink);
}

fn check_distinct(what: &str, idents: &[&Ident], sink: &mut Sink) {
    for (index, name) in idents.iter().enumerate() {
        if let Some(first) = idents[..index].iter().find(|first| first.value == name.value) {
            sink.report(names::defined_twice(what, name, first));
        }
    }
}

/// Network names become Rust types. Lower-case keywords are left out that the language's own grammar reserves.
fn is_rust_keyword(name: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
        "do", "dyn", "else", "enum", "extern", "final", "fn", "gen", "if", "impl", "loop", "macro", "match",
        "mod", "move", "mut", "override", "priv", "ref", "return", "self", "static", "struct", "super",
        "trait", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
        "_",
    ];
    KEYWORDS.contains(&name)
}

/// Every declaration of a file whose use can be asked for, in the order of the text; with a word for
/// those that are more than a value.
pub(super) fn declarations(module: &Module) -> Vec<(Option<&'static str>, &Ident)> {
    let mut found = Vec::new();
    for item in &module.items {
        let (params, body) = match item {
            Item::Block(block) => (&block.params, Some(&block.body)),
            Item::Network(network) => (&network.params, Some(&network.body)),
            Item::Activation(activation) => (&activation.params, None),
            Item::Train(_) | Item::Use(_) | Item::Allow(_) => continue,
        };
        found.extend(params.iter().map(|param| (None, &param.name)));
        let Some(body) = body else { continue };
        visit(body, &mut |statement| match statement {
            Statement::Let { name, .. } | Statement::For { name, .. } => found.push((None, name)),
            Statement::Shared { name, .. } => found.push((Some("sub-network"), name)),
            _ => {}
        });
    }
    found
}

/// Whether an expression reads a name.
pub(super) fn reads(expr: &Expr, name: &str) -> bool {
    match &expr.kind {
        ExprKind::Name(read) => read == name,
        ExprKind::Neg(inner) | ExprKind::Not(inner) => reads(inner, name),
        ExprKind::Binary(_, left, right) => reads(left, name) || reads(right, name),
        ExprKind::Call(_, arguments) | ExprKind::List(arguments) => {
            arguments.iter().any(|part| reads(part, name))
        }
        ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Sides(_) => false,
    }
}
