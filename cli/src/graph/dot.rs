//! A diagram in the language of Graphviz, for those who want to lay it out otherwise.

use std::fmt::Write;

use nnc_dsl::model::Tap;

use super::diagram::{Diagram, Item, What, Word, read_only};

const PORT: &str = "shape=box, style=\"rounded,filled\", fillcolor=\"#0f172a\", fontcolor=white";
const FROM: &str = "shape=box, style=\"rounded,filled\", fillcolor=\"#ccfbf1\"";
const JOIN: &str = "shape=ellipse, style=filled, fillcolor=\"#ffedd5\"";

/// The text of a diagram.
pub(super) fn dot(diagram: &Diagram) -> String {
    let mut writer = Writer::default();
    let mut first = None;
    for input in &diagram.inputs {
        let node = writer.node(&input.label, PORT);
        writer.values.extend(input.tap.map(|tap| (tap, node)));
        first = first.or(Some(node));
    }
    let last = writer.chain(&diagram.body, first);
    for (index, output) in diagram.outputs.iter().enumerate() {
        let node = writer.node(&output.label, PORT);
        match output.tap.filter(|_| diagram.end() != Some(index)) {
            None => writer.edge(last, node),
            Some(tap) => writer.reads.push((tap, node)),
        }
    }
    writer.finish(diagram)
}

/// The number of a node.
type Node = usize;

#[derive(Default)]
struct Writer {
    text: String,
    edges: String,
    nodes: Node,
    clusters: usize,
    /// How many clusters the present place stands in.
    depth: usize,
    values: Vec<(Tap, Node)>,
    reads: Vec<(Tap, Node)>,
}

impl Writer {
    /// Writes a chain that goes on from a node, and says where it ends.
    fn chain(&mut self, items: &[Item], from: Option<Node>) -> Option<Node> {
        items.iter().fold(from, |from, item| self.item(item, from))
    }

    fn item(&mut self, item: &Item, from: Option<Node>) -> Option<Node> {
        let end = match &item.what {
            What::Word(word) => Some(self.word(word, from)),
            What::Frame { label, body } => self.frame(label, body, from),
            What::Join { symbol, shape, branches, .. } => {
                Some(self.join(&labelled(symbol, shape.as_deref()), branches, from))
            }
            What::From { tap, label } => {
                let node = self.node(label, FROM);
                self.reads.push((*tap, node));
                Some(node)
            }
            What::Point => from,
        };
        if let Some(end) = end {
            self.values.extend(item.taps.iter().map(|tap| (*tap, end)));
            self.reads.extend(item.reads.iter().map(|tap| (*tap, end)));
        }
        end
    }

    fn word(&mut self, word: &Word, from: Option<Node>) -> Node {
        let [fill, border] = word.kind.colors();
        let style = format!("shape=box, style=filled, fillcolor=\"{fill}\", color=\"{border}\"");
        let node = self.node(&labelled(&word.label, word.shape.as_deref()), &style);
        self.edge(from, node);
        node
    }

    fn frame(&mut self, label: &str, body: &[Item], from: Option<Node>) -> Option<Node> {
        self.clusters += 1;
        self.line(&format!("subgraph cluster_{} {{", self.clusters));
        self.depth += 1;
        self.line(&format!("label={}; style=rounded; color=\"#94a3b8\"; labeljust=l;", quoted(label)));
        let end = self.chain(body, from);
        self.depth -= 1;
        self.line("}");
        end
    }

    fn join(&mut self, label: &str, branches: &[Vec<Item>], from: Option<Node>) -> Node {
        let columns = branches.iter().filter(|branch| read_only(branch).is_none());
        let ends: Vec<_> = columns.map(|branch| self.chain(branch, from)).collect();
        let node = self.node(label, JOIN);
        ends.into_iter().for_each(|end| self.edge(end, node));
        let reads = branches.iter().filter_map(|branch| read_only(branch));
        self.reads.extend(reads.map(|tap| (tap, node)));
        node
    }

    fn node(&mut self, label: &str, style: &str) -> Node {
        self.nodes += 1;
        let line = format!("n{} [label={}, {style}];", self.nodes, quoted(label));
        self.line(&line);
        self.nodes
    }

    fn edge(&mut self, from: Option<Node>, to: Node) {
        if let Some(from) = from {
            // Writing into a string does not fail.
            let _ = writeln!(self.edges, "  n{from} -> n{to};");
        }
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{}{line}", "  ".repeat(self.depth + 1));
    }

    fn finish(mut self, diagram: &Diagram) -> String {
        for (tap, node) in std::mem::take(&mut self.reads) {
            let source = self.values.iter().find(|(known, _)| *known == tap);
            if let Some((_, from)) = source {
                let _ = writeln!(self.edges, "  n{from} -> n{node} [color=\"#0d9488\"];");
            }
        }
        format!(
            "digraph {} {{\n  label={};\n  labelloc=t; bgcolor=white; fontname=monospace;\n  \
             node [fontname=monospace, fontsize=11, height=0.3];\n{}{}}}\n",
            quoted(&diagram.title),
            quoted(&format!("{}\n{}", diagram.title, diagram.subtitle)),
            self.text,
            self.edges,
        )
    }
}

/// A word with the shape after it.
fn labelled(label: &str, shape: Option<&str>) -> String {
    shape.map_or_else(|| label.to_owned(), |shape| format!("{label}\n{shape}"))
}

/// A string of Graphviz; a backslash would begin an escape.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\c\nd""#);
    }
}
