//! What the operations' emission shares: kernels with their names, and launches.

use std::collections::HashMap;
use std::fmt;

use super::text::Writer;
use super::{Count, Kernel, Launch, Memory, Step, ops};
use crate::graph::{Graph, Node, Type, ValueId};
use crate::plan::Plan;

/// Emits the nodes of one plan.
pub struct Emitter<'a> {
    plan: &'a Plan,
    memory: Memory,
    kernels: Vec<Kernel>,
    /// Index by text without the name.
    known: HashMap<String, usize>,
}

/// Threads of a block where nothing speaks for another number.
pub(super) const THREADS: usize = 256;

/// [`THREADS`] with as many registers as let a multiprocessor run four blocks: 64 each. Where sums need a few more than 48, the
/// compiler else has five, and spills what is beyond.
pub(super) const FOUR_AT_ONCE: Block = Block { threads: THREADS, at_once: Some(4) };

/// The same with three blocks, 80 registers each: what the widest pools need.
pub(super) const THREE_AT_ONCE: Block = Block { threads: THREADS, at_once: Some(3) };

/// The threads of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    threads: usize,
    /// Blocks on a multiprocessor that the registers are shared out among; the compiler's choice, if it is none.
    at_once: Option<usize>,
}

impl From<usize> for Block {
    fn from(threads: usize) -> Block {
        Block { threads, at_once: None }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.at_once {
            None => self.threads.fmt(f),
            Some(blocks) => write!(f, "AT_ONCE({}, {blocks})", self.threads),
        }
    }
}

impl<'a> Emitter<'a> {
    /// One that goes on from the kernels of another pass.
    pub fn new(plan: &'a Plan, kernels: Vec<Kernel>) -> Emitter<'a> {
        let known = kernels.iter().enumerate().map(|(index, kernel)| (anonymous(kernel), index)).collect();
        Emitter { plan, memory: Memory::new(plan), kernels, known }
    }

    /// The memory and all kernels.
    pub fn finish(self) -> (Memory, Vec<Kernel>) {
        (self.memory, self.kernels)
    }

    /// The kernels so far.
    pub fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }

    /// The places.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What nodes in execution order need: those that are computed together, and their steps; none for one without
    /// a kernel.
    pub fn steps<'n, 'm>(&mut self, mut nodes: &'m [&'n Node]) -> Vec<(&'m [&'n Node], Vec<Step>)> {
        let mut all = Vec::new();
        while !nodes.is_empty() {
            let (steps, count) = ops::first(self, nodes);
            let (together, rest) = nodes.split_at(count);
            all.push((together, steps));
            nodes = rest;
        }
        all
    }

    pub(super) fn graph(&self) -> &'a Graph {
        &self.plan.graph
    }

    pub(super) fn ty(&self, value: ValueId) -> &'a Type {
        self.plan.graph.ty(value)
    }

    /// A kernel's parameters and arguments, to be filled.
    pub(super) fn writer(&self) -> Writer<'_> {
        Writer::new(&self.memory)
    }

    /// The name that a kernel of `node` wishes: its words, and what is special about it.
    pub(super) fn wish(&self, node: &Node, suffix: &str) -> String {
        let words: Vec<&str> = node.words.iter().map(String::as_str).collect();
        let word = &self.graph().origins[node.origin.0].word;
        let stem = if words.is_empty() { word.clone() } else { words.join("_") };
        let stem: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if suffix.is_empty() || stem == suffix { format!("nn_{stem}") } else { format!("nn_{stem}_{suffix}") }
    }

    /// A launch of the kernel with this body, which is written only once: `blocks` blocks along x.
    pub(super) fn launch(
        &mut self,
        node: &Node,
        suffix: &str,
        block: impl Into<Block>,
        blocks: Count,
        writer: (Vec<String>, Vec<super::Argument>),
        body: &str,
    ) -> Launch {
        let (parameters, arguments) = writer;
        let wish = self.wish(node, suffix);
        let kernel = self.kernel(&wish, block.into(), &parameters, body);
        let layer = self.graph().origins[node.origin.0].path();
        let grid = [blocks, Count::fixed(1), Count::fixed(1)];
        Launch { kernel, layer, grid, shared: 0, workspace: Count::fixed(0), arguments }
    }

    /// The index of the kernel with this body, which is written only once.
    pub(super) fn kernel(&mut self, wish: &str, block: Block, parameters: &[String], body: &str) -> usize {
        let count = parameters.len();
        let parameters = parameters.join(",\n    ");
        let write =
            |name: &str| format!("KERNEL({name}, {block}, {count})(\n    {parameters}) {{\n{body}}}\n");
        if let Some(index) = self.known.get(&write("")) {
            return *index;
        }
        let name = self.fresh(wish);
        self.known.insert(write(""), self.kernels.len());
        self.kernels.push(Kernel { text: write(&name), name, threads: block.threads });
        self.kernels.len() - 1
    }

    /// The wish, with a number if another kernel has it.
    fn fresh(&self, wish: &str) -> String {
        let taken = |name: &str| self.kernels.iter().any(|kernel| kernel.name == name);
        let numbered = (2..).map(|number| format!("{wish}_{number}"));
        let mut names = std::iter::once(wish.to_owned()).chain(numbered);
        names.find(|name| !taken(name)).expect("an endless row of names")
    }
}

fn anonymous(kernel: &Kernel) -> String {
    kernel.text.replacen(&format!("KERNEL({}, ", kernel.name), "KERNEL(, ", 1)
}
