//! The names of a whole text: blocks, networks and `train` sections.
//!
//! Double names, names that the language or Rust has taken, and blocks that use each other
//! in a circle are found here, so that later steps need not think of them.

use std::collections::{HashMap, HashSet};

use super::report::names;
use super::sink::Sink;
use crate::ast::{Block, Body, Ident, Item, Module, Network, Param, Statement, Train, Word};
use crate::words::{Found, find};

/// The items of a text.
pub(super) struct Symbols<'a> {
    blocks: HashMap<&'a str, &'a Block>,
    circular: HashSet<&'a str>,
    /// Networks in the order of the text.
    pub(super) networks: Vec<&'a Network>,
    /// `train` sections in the order of the text.
    pub(super) trains: Vec<&'a Train>,
}

impl<'a> Symbols<'a> {
    /// Gathers the items of a text and reports what is wrong with their names.
    pub(super) fn gather(module: &'a Module, sink: &mut Sink) -> Symbols<'a> {
        let (blocks, networks, trains) = Default::default();
        let mut symbols = Symbols { blocks, circular: HashSet::new(), networks, trains };
        for item in &module.items {
            match item {
                Item::Block(block) => symbols.add_block(block, sink),
                Item::Network(network) => symbols.add_network(network, sink),
                Item::Train(train) => symbols.trains.push(train),
            }
        }
        symbols.find_circles(sink);
        symbols
    }

    /// The block of this name.
    pub(super) fn block(&self, name: &str) -> Option<&'a Block> {
        self.blocks.get(name).copied()
    }

    /// Whether the block uses itself, if only through others. That has been reported.
    pub(super) fn is_circular(&self, block: &Block) -> bool {
        self.circular.contains(block.name.value.as_str())
    }

    /// The blocks in the order of the text.
    pub(super) fn blocks(&self) -> Vec<&'a Block> {
        let mut blocks: Vec<_> = self.blocks.values().copied().collect();
        blocks.sort_by_key(|block| block.name.span);
        blocks
    }

    /// The blocks that no network uses, in the order of the text.
    pub(super) fn unused_blocks(&self) -> Vec<&'a Block> {
        let mut used = HashSet::new();
        let mut open: Vec<&Body> = self.networks.iter().map(|network| &network.body).collect();
        while let Some(body) = open.pop() {
            let blocks = words(body).into_iter().filter_map(|word| self.block(&word.name.value));
            open.extend(blocks.filter(|block| used.insert(block.name.span)).map(|block| &block.body));
        }
        self.blocks().into_iter().filter(|block| !used.contains(&block.name.span)).collect()
    }

    fn add_block(&mut self, block: &'a Block, sink: &mut Sink) {
        check_params(&block.params, sink);
        let name = &block.name;
        if is_word(name) {
            sink.report(names::taken_by_word(name));
        }
        match self.block(&name.value) {
            Some(first) => sink.report(names::defined_twice("block", name, &first.name)),
            None => drop(self.blocks.insert(&name.value, block)),
        }
    }

    fn add_network(&mut self, network: &'a Network, sink: &mut Sink) {
        check_params(&network.params, sink);
        let same = |other: &&&Network| {
            other.name.as_ref().map(|n| &n.value) == network.name.as_ref().map(|n| &n.value)
        };
        let first = self.networks.iter().find(same).and_then(|first| first.name.as_ref());
        if let (Some(name), Some(first)) = (&network.name, first) {
            sink.report(names::defined_twice("network", name, first));
        }
        if let Some(name) = network.name.as_ref().filter(|name| is_rust_keyword(&name.value)) {
            sink.report(names::rust_keyword(name));
        }
        self.networks.push(network);
    }

    fn find_circles(&mut self, sink: &mut Sink) {
        let mut done = HashSet::new();
        for root in self.blocks() {
            let mut path = Path::default();
            path.enter(root);
            while let Some(word) = path.next_word(&mut done) {
                let Some(next) = self.block(&word.name.value) else { continue };
                if done.contains(next.name.value.as_str()) {
                    continue;
                }
                match path.circle_to(next) {
                    Some(circle) => self.add_circle(word, &circle, sink),
                    None => path.enter(next),
                }
            }
        }
    }

    fn add_circle(&mut self, word: &Word, circle: &[&'a Block], sink: &mut Sink) {
        self.circular.extend(circle.iter().map(|block| block.name.value.as_str()));
        // A block with the name of a layer most often means the layer inside.
        if !circle.iter().any(|block| is_word(&block.name)) {
            sink.report(names::circle(word, circle));
        }
    }
}

/// The way of a depth-first search from block to block. It is no recursion, since a chain of
/// blocks may be longer than the thread's stack.
#[derive(Default)]
struct Path<'a> {
    /// The blocks on the way, each with the words that are still to be followed.
    steps: Vec<(&'a Block, std::vec::IntoIter<&'a Word>)>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Path<'a> {
    fn enter(&mut self, block: &'a Block) {
        self.places.insert(&block.name.value, self.steps.len());
        self.steps.push((block, words(&block.body).into_iter()));
    }

    /// The next word to follow. Blocks without any more are left and done.
    fn next_word(&mut self, done: &mut HashSet<&'a str>) -> Option<&'a Word> {
        loop {
            let (block, rest) = self.steps.last_mut()?;
            if let Some(word) = rest.next() {
                return Some(word);
            }
            let name = block.name.value.as_str();
            done.insert(name);
            self.places.remove(name);
            self.steps.pop();
        }
    }

    /// The blocks from this one to the present one, if it is on the way.
    fn circle_to(&self, block: &Block) -> Option<Vec<&'a Block>> {
        let first = *self.places.get(block.name.value.as_str())?;
        Some(self.steps[first..].iter().map(|(block, _)| *block).collect())
    }
}

fn is_word(name: &Ident) -> bool {
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
        Statement::Word(_) | Statement::Assert(_) | Statement::Let { .. } => vec![],
        Statement::Repeat { body, .. } | Statement::For { body, .. } => vec![body],
        Statement::Residual { body, shortcut, .. } => {
            shortcut.iter().fold(vec![body], |mut all, shortcut| {
                all.push(shortcut);
                all
            })
        }
        Statement::Join { branches, .. } => branches.iter().collect(),
    }
}

fn check_params(params: &[Param], sink: &mut Sink) {
    for (index, param) in params.iter().enumerate() {
        let first = params[..index].iter().find(|first| first.name.value == param.name.value);
        if let Some(first) = first {
            sink.report(names::defined_twice("parameter", &param.name, &first.name));
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

/// Every declaration of the text whose use can be asked for, in the order of the text.
pub(super) fn declarations(module: &Module) -> Vec<&Ident> {
    let mut found = Vec::new();
    for item in &module.items {
        let (params, body) = match item {
            Item::Block(block) => (&block.params, &block.body),
            Item::Network(network) => (&network.params, &network.body),
            Item::Train(_) => continue,
        };
        found.extend(params.iter().map(|param| &param.name));
        visit(body, &mut |statement| match statement {
            Statement::Let { name, .. } | Statement::For { name, .. } => found.push(name),
            _ => {}
        });
    }
    found
}
