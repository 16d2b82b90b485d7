//! A checked model as the lints see it: nodes in order, each with the values it reads and its readers.
//!
//! Scopes, uses of shared parts, `as` and `from` are gone: an edge leads straight from the node that makes a
//! value to the nodes that read it. A layer that does nothing (`identity`) is no node. One convention:
//! a node comes after all that it reads. A turn of a loop has nodes of its own, with the same spans.

use std::collections::HashSet;
use std::ops::Range;

use crate::diagnostic::Span;
use crate::model::{CheckedModel, Join, Layer, Sequence, Shape, Step, StepKind, Tap};

/// A node of a [`Flow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(usize);

impl NodeId {
    /// Its number among the nodes.
    pub(super) fn index(self) -> usize {
        self.0
    }
}

/// A branch of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BranchId(usize);

/// The model's nodes, branches and outputs.
pub(super) struct Flow<'m> {
    nodes: Vec<Node<'m>>,
    branches: Vec<Branch<'m>>,
    /// What the network gives, in the order of its outputs.
    pub(super) outputs: Vec<NodeId>,
}

/// What makes a value.
#[derive(Clone, Copy)]
pub(super) enum Kind<'m> {
    /// An input of the network, by its number.
    Input(usize),
    /// A layer.
    Layer(&'m Layer),
    /// A join of branches.
    Join(Join),
}

/// A value and what makes it.
pub(super) struct Node<'m> {
    /// What makes it.
    pub(super) kind: Kind<'m>,
    /// Where its word stands; the network's name for an input.
    pub(super) span: Span,
    /// The word as written; empty for an input.
    pub(super) text: &'m str,
    /// Shape of what it reads; for a join, where its branches start.
    pub(super) input: &'m Shape,
    /// Shape of the value.
    pub(super) output: &'m Shape,
    /// What it reads: nothing, one value, or the end of each branch.
    pub(super) producers: Vec<NodeId>,
    /// Who reads it.
    pub(super) consumers: Vec<NodeId>,
    /// A join's own branches.
    branches: Range<usize>,
    /// The innermost branch around it.
    pub(super) branch: Option<BranchId>,
    /// Whether the weights are those of an earlier use of the same part.
    pub(super) is_reuse: bool,
    /// Factor on the learning rate; 0 is frozen.
    pub(super) learning_rate: f64,
}

/// A branch of a join.
pub(super) struct Branch<'m> {
    /// `body`, `shortcut`, `branch1`, …
    pub(super) name: &'m str,
    /// The join that ends it.
    pub(super) join: NodeId,
    /// The value that it starts from.
    pub(super) entry: NodeId,
    /// Its last value; the entry if it is empty.
    pub(super) end: NodeId,
    /// The branch around the join.
    pub(super) parent: Option<BranchId>,
}

impl<'m> Node<'m> {
    /// The layer, if it is one.
    pub(super) fn layer(&self) -> Option<&'m Layer> {
        match self.kind {
            Kind::Layer(layer) => Some(layer),
            Kind::Input(_) | Kind::Join(_) => None,
        }
    }

    /// The word alone: `conv3` of `conv3 16 stride=2`.
    pub(super) fn word(&self) -> &'m str {
        self.text.split_whitespace().next().unwrap_or_default()
    }
}

impl<'m> Flow<'m> {
    /// The flow of a model.
    pub(super) fn of(model: &'m CheckedModel) -> Flow<'m> {
        let mut builder = Builder::default();
        for (index, input) in model.inputs.iter().enumerate() {
            let node =
                builder.add(Kind::Input(index), model.name_span, "", (&input.shape, &input.shape), &[]);
            builder.name(input.tap, node);
        }
        let last = builder.sequence(&model.body, NodeId(0));
        let end = |tap: Option<Tap>| tap.map_or(last, |tap| builder.named(tap));
        let outputs = model.outputs.iter().map(|output| end(output.tap)).collect();
        let mut flow = Flow { nodes: builder.nodes, branches: builder.branches, outputs };
        flow.connect();
        flow
    }

    /// The node of an id.
    pub(super) fn node(&self, id: NodeId) -> &Node<'m> {
        &self.nodes[id.0]
    }

    /// All nodes in order.
    pub(super) fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node<'m>)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index), node))
    }

    /// The layers in order.
    pub(super) fn layers(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node<'m>, &'m Layer)> {
        self.nodes().filter_map(|(id, node)| Some((id, node, node.layer()?)))
    }

    /// The joins in order, each with its branches.
    pub(super) fn joins(&self) -> impl Iterator<Item = (&Node<'m>, Join, &[Branch<'m>])> {
        self.nodes.iter().filter_map(|node| match node.kind {
            Kind::Join(join) => Some((node, join, &self.branches[node.branches.clone()])),
            Kind::Input(_) | Kind::Layer(_) => None,
        })
    }

    /// The only value that a layer reads.
    pub(super) fn before(&self, id: NodeId) -> Option<NodeId> {
        match self.node(id).producers[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The layer right before.
    pub(super) fn layer_before(&self, id: NodeId) -> Option<(NodeId, &'m Layer)> {
        let before = self.before(id)?;
        Some((before, self.node(before).layer()?))
    }

    /// The only reader of a value that is no output.
    pub(super) fn after(&self, id: NodeId) -> Option<NodeId> {
        match self.node(id).consumers[..] {
            [only] if !self.outputs.contains(&id) => Some(only),
            _ => None,
        }
    }

    /// The layer right after, if nothing else reads the value.
    pub(super) fn layer_after(&self, id: NodeId) -> Option<(NodeId, &'m Layer)> {
        let after = self.after(id)?;
        Some((after, self.node(after).layer()?))
    }

    /// The last node before `id` that is not passed through.
    pub(super) fn back(&self, id: NodeId, pass: impl Fn(&Layer) -> bool) -> Option<NodeId> {
        let mut at = self.before(id)?;
        while self.node(at).layer().is_some_and(&pass) {
            at = self.before(at)?;
        }
        Some(at)
    }

    /// The branches around a node, innermost first.
    pub(super) fn branches_around(&self, id: NodeId) -> impl Iterator<Item = &Branch<'m>> {
        let first = self.node(id).branch.map(|branch| &self.branches[branch.0]);
        std::iter::successors(first, |branch| branch.parent.map(|parent| &self.branches[parent.0]))
    }

    /// Whether a branch is the learning side of a residual: its sum has another that keeps the value, or
    /// only brings it to the right shape.
    pub(super) fn is_residual(&self, branch: &Branch) -> bool {
        let join = self.node(branch.join);
        let keeps = |other: &Branch| other.end == other.entry;
        let others = &self.branches[join.branches.clone()];
        let kept = branch.name == "body" || others.iter().any(keeps);
        // A branch that is only the name of a value is the kept one, whatever that value is.
        let is_inside = self.branches_around(branch.end).any(|around| std::ptr::eq(around, branch));
        matches!(join.kind, Kind::Join(Join::Add)) && is_inside && kept
    }

    /// The nodes that some such layer reads, directly or later.
    pub(super) fn leading_to(&self, wanted: impl Fn(&Layer) -> bool) -> HashSet<NodeId> {
        let mut found = HashSet::new();
        for (id, node) in self.nodes().rev() {
            if found.contains(&id) || node.layer().is_some_and(&wanted) {
                found.extend(&node.producers);
            }
        }
        found
    }

    /// The nodes that read some such layer, directly or later.
    pub(super) fn coming_from(&self, wanted: impl Fn(&Layer) -> bool) -> HashSet<NodeId> {
        let mut found = HashSet::new();
        for (id, node) in self.nodes() {
            if found.contains(&id) || node.layer().is_some_and(&wanted) {
                found.extend(&node.consumers);
            }
        }
        found
    }

    /// The nodes whose values reach an output.
    pub(super) fn live(&self) -> HashSet<NodeId> {
        let mut live: HashSet<NodeId> = self.outputs.iter().copied().collect();
        for (id, node) in self.nodes().rev() {
            if live.contains(&id) {
                live.extend(&node.producers);
            }
        }
        live
    }

    fn connect(&mut self) {
        for id in 0..self.nodes.len() {
            for producer in self.nodes[id].producers.clone() {
                let consumers = &mut self.nodes[producer.0].consumers;
                if consumers.last() != Some(&NodeId(id)) {
                    consumers.push(NodeId(id));
                }
            }
        }
    }
}

#[derive(Default)]
struct Builder<'m> {
    nodes: Vec<Node<'m>>,
    branches: Vec<Branch<'m>>,
    taps: Vec<Option<NodeId>>,
    /// Paths of the shared parts used so far.
    shared: HashSet<&'m str>,
    branch: Option<BranchId>,
    is_reuse: bool,
}

impl<'m> Builder<'m> {
    /// The value after a sequence that starts from `at`.
    fn sequence(&mut self, sequence: &'m Sequence, at: NodeId) -> NodeId {
        sequence.steps.iter().fold(at, |at, step| {
            let after = self.step(step, at);
            if let Some(tap) = step.tap {
                self.name(tap, after);
            }
            after
        })
    }

    fn step(&mut self, step: &'m Step, at: NodeId) -> NodeId {
        match &step.kind {
            StepKind::Layer(Layer::Identity) => at,
            StepKind::Layer(layer) => self.of_step(Kind::Layer(layer), step, &[at]),
            StepKind::Scope(inner) => self.sequence(inner, at),
            StepKind::Shared { path, body } => self.shared(path, body, at),
            StepKind::From(tap) => self.named(*tap),
            StepKind::Join { join, branches } => self.join(*join, branches, step, at),
        }
    }

    fn shared(&mut self, path: &'m str, body: &'m Sequence, at: NodeId) -> NodeId {
        let outer = self.is_reuse;
        self.is_reuse |= !self.shared.insert(path);
        let after = self.sequence(body, at);
        self.is_reuse = outer;
        after
    }

    fn join(&mut self, join: Join, branches: &'m [(String, Sequence)], step: &'m Step, at: NodeId) -> NodeId {
        let first = self.branches.len();
        let parent = self.branch;
        let unknown = NodeId(usize::MAX);
        let open = |(name, _): &'m (String, Sequence)| Branch {
            name: name.as_str(),
            join: unknown,
            entry: at,
            end: at,
            parent,
        };
        self.branches.extend(branches.iter().map(open));
        let mut ends = Vec::new();
        for (index, (_, sequence)) in branches.iter().enumerate() {
            self.branch = Some(BranchId(first + index));
            ends.push(self.sequence(sequence, at));
        }
        self.branch = parent;
        let node = self.of_step(Kind::Join(join), step, &ends);
        self.nodes[node.0].branches = first..first + ends.len();
        for (branch, end) in self.branches[first..].iter_mut().zip(ends) {
            (branch.join, branch.end) = (node, end);
        }
        node
    }

    fn of_step(&mut self, kind: Kind<'m>, step: &'m Step, producers: &[NodeId]) -> NodeId {
        let node = self.add(kind, step.span, &step.text, (&step.input, &step.output), producers);
        self.nodes[node.0].learning_rate = step.learning_rate;
        node
    }

    fn add(
        &mut self,
        kind: Kind<'m>,
        span: Span,
        text: &'m str,
        (input, output): (&'m Shape, &'m Shape),
        producers: &[NodeId],
    ) -> NodeId {
        let (branch, is_reuse, learning_rate) = (self.branch, self.is_reuse, 1.0);
        let (producers, consumers) = (producers.to_vec(), Vec::new());
        self.nodes.push(Node {
            kind,
            span,
            text,
            input,
            output,
            producers,
            consumers,
            branches: 0..0,
            branch,
            is_reuse,
            learning_rate,
        });
        NodeId(self.nodes.len() - 1)
    }

    fn name(&mut self, tap: Tap, node: NodeId) {
        let room = self.taps.len().max(tap.0 + 1);
        self.taps.resize(room, None);
        self.taps[tap.0] = Some(node);
    }

    /// The node of a tap. A checked model names a value before it reads it.
    fn named(&self, tap: Tap) -> NodeId {
        self.taps.get(tap.0).copied().flatten().unwrap_or(NodeId(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Options, check};

    /// Each node with the numbers of those that it reads: `3 relu 2`.
    fn shown(text: &str) -> Vec<String> {
        let outcome = check(text, Entry::File, &Options::default());
        let model = outcome.models.first().expect("the text checks");
        let flow = Flow::of(model);
        let outputs: Vec<String> = flow.outputs.iter().map(|id| id.0.to_string()).collect();
        let nodes = flow.nodes().map(|(id, node)| {
            let reads: String = node.producers.iter().map(|id| format!(" {}", id.0)).collect();
            let reuse = if node.is_reuse { " again" } else { "" };
            format!("{} {}{reads}{reuse}", id.0, node.text)
        });
        nodes.chain([format!("gives {}", outputs.join(" "))]).collect()
    }

    #[test]
    fn edges_lead_through_blocks_loops_names_and_branches() {
        let text = "block unit(c) { conv1 (c) relu as r identity from r }
            network N<a: 4x2x2, b: 4x2x2 -> x: 4x2x2, y: 8x2x2> {
                repeat 1 { unit 4 } as x
                from b residual { conv1 4 } concat x as y
            }";
        let expected = [
            "0 ",
            "1 ",
            "2 conv1 4 0",
            "3 relu 2",
            "4 conv1 4 1",
            "5 residual 4 1",
            "6 concat x 5 3",
            "gives 3 6",
        ];
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn later_uses_of_a_shared_part_are_known() {
        let text = "network N<4 -> 4> { shared f { linear 4 } f relu f }";
        assert_eq!(shown(text), ["0 ", "1 linear 4 0", "2 relu 1", "3 linear 4 2 again", "gives 3"]);
    }

    #[test]
    fn what_reaches_an_output_lives() {
        let text = "network N<4 -> 4> { as start linear 3 relu from start linear 4 }";
        let outcome = check(text, Entry::File, &Options::default());
        let flow = Flow::of(&outcome.models[0]);
        let live: Vec<bool> = flow.nodes().map(|(id, _)| flow.live().contains(&id)).collect();
        assert_eq!(live, [true, false, false, true]);
        let learnt = |layer: &Layer| matches!(layer, Layer::Linear { .. });
        assert!(
            flow.leading_to(learnt).contains(&NodeId(0)) && !flow.leading_to(learnt).contains(&NodeId(1))
        );
        assert!(
            flow.coming_from(learnt).contains(&NodeId(2)) && !flow.coming_from(learnt).contains(&NodeId(3))
        );
    }
}
