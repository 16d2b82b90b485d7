//! What is drawn of a network: boxes, frames and joins, without any place yet.
//!
//! The checked model has a scope for every turn, condition and setting. A reader wants less: equal
//! neighbours are one frame with `×n`, what a condition has chosen stands where the condition stood,
//! and what does nothing is left out. Frames deeper than asked for become boxes.

use std::collections::HashSet;

use nnc_command::units::thousands;
use nnc_dsl::model::{CheckedModel, Input, Join, Layer, Output, Sequence, Step, StepKind, Tap};
use nnc_dsl::{parameter_count, parameters};

use super::alike::{Scope, keyword, run};
use super::kind::Kind;
use crate::signature::port;

/// A network as it is drawn.
pub(super) struct Diagram {
    /// The network's name.
    pub(super) title: String,
    /// What else is to be known of the whole.
    pub(super) subtitle: String,
    /// The first one is where the body starts.
    pub(super) inputs: Vec<Port>,
    /// Those without a tap are the end of the body.
    pub(super) outputs: Vec<Port>,
    /// The network itself.
    pub(super) body: Vec<Item>,
}

/// An input or an output.
pub(super) struct Port {
    /// Its name, if it has one, and its shape.
    pub(super) label: String,
    /// The value.
    pub(super) tap: Option<Tap>,
}

/// Something in a chain.
pub(super) struct Item {
    /// What it is.
    pub(super) what: What,
    /// The names of the value after it, and of those that are hidden in it.
    pub(super) taps: Vec<Tap>,
    /// Values from elsewhere that something hidden in it reads.
    pub(super) reads: Vec<Tap>,
}

/// What stands in a chain.
pub(super) enum What {
    /// A box.
    Word(Word),
    /// A chain with a frame and words over it.
    Frame {
        /// The words.
        label: String,
        /// What stands in the frame.
        body: Vec<Item>,
    },
    /// Branches and how they come together.
    Join {
        /// A sign or a word.
        symbol: &'static str,
        /// The shape after it, if it is a new one.
        shape: Option<String>,
        /// Whether the first branch is the main one.
        is_residual: bool,
        /// The branches.
        branches: Vec<Vec<Item>>,
    },
    /// The chain goes on from another value.
    From {
        /// The value.
        tap: Tap,
        /// How it is written.
        label: String,
    },
    /// A place that has a name and nothing to show.
    Point,
}

/// A box.
pub(super) struct Word {
    /// The word with its arguments.
    pub(super) label: String,
    /// The shape after it, if it is a new one.
    pub(super) shape: Option<String>,
    /// What it is, for its colour.
    pub(super) kind: Kind,
    /// What is to be known of it besides.
    pub(super) hint: String,
}

/// The most boxes of a drawing whose depth nobody has chosen.
const READABLE: usize = 120;

impl Diagram {
    /// The drawing of a network down to so many frames within each other, or as deep as it stays readable.
    pub(super) fn new(model: &CheckedModel, depth: Option<usize>) -> Diagram {
        let body = match depth {
            Some(depth) => items(&model.body, depth),
            None => readable(&model.body),
        };
        let input = |input: &Input| Port { label: port(&input.name, &input.shape), tap: Some(input.tap) };
        let output = |output: &Output| Port { label: port(&output.name, &output.shape), tap: output.tap };
        Diagram {
            title: if model.name.is_empty() { "network".to_owned() } else { model.name.clone() },
            subtitle: subtitle(model),
            inputs: model.inputs.iter().map(input).collect(),
            outputs: model.outputs.iter().map(output).collect(),
            body,
        }
    }

    /// The output that the body's chain ends in, if it does.
    pub(super) fn end(&self) -> Option<usize> {
        let last = self.body.last();
        self.outputs.iter().position(|output| match output.tap {
            None => true,
            Some(tap) => last.is_some_and(|item| item.taps.contains(&tap)),
        })
    }
}

/// The value of a branch that only reads one by name: it needs no place of its own.
pub(super) fn read_only(branch: &[Item]) -> Option<Tap> {
    match branch {
        [Item { what: What::From { tap, .. }, taps, .. }] if taps.is_empty() => Some(*tap),
        _ => None,
    }
}

impl Item {
    fn new(what: What) -> Item {
        Item { what, taps: Vec::new(), reads: Vec::new() }
    }

    fn tapped(what: What, tap: Option<Tap>) -> Item {
        Item { taps: tap.into_iter().collect(), ..Item::new(what) }
    }
}

/// How many boxes there are.
fn boxes(items: &[Item]) -> usize {
    let count = |item: &Item| match &item.what {
        What::Word(_) => 1,
        What::Frame { body, .. } => boxes(body),
        What::Join { branches, .. } => branches.iter().map(|branch| boxes(branch)).sum(),
        What::From { .. } | What::Point => 0,
    };
    items.iter().map(count).sum()
}

fn readable(body: &Sequence) -> Vec<Item> {
    let mut best = items(body, 0);
    // No model nests deeper than the checker allows; a level that adds nothing is the last.
    for depth in 1.. {
        let deeper = items(body, depth);
        let (had, has) = (boxes(&best), boxes(&deeper));
        if has > READABLE || has == had {
            break;
        }
        best = deeper;
    }
    best
}

fn subtitle(model: &CheckedModel) -> String {
    let count = thousands(parameter_count(&model.body) as u64);
    let settings = model.parameters.iter().map(|(name, value)| format!(" · {name} = {value}"));
    format!("{count} parameters{}", settings.collect::<String>())
}

fn items(sequence: &Sequence, depth: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = &sequence.steps[..];
    while let Some(first) = rest.first() {
        let (equal, others) = rest.split_at(run(rest));
        add(&mut items, first, equal, depth);
        rest = others;
    }
    items
}

/// Adds steps that are alike, of which the first one is drawn.
fn add(items: &mut Vec<Item>, first: &Step, equal: &[Step], depth: usize) {
    let tap = equal.last().and_then(|last| last.tap);
    match &first.kind {
        StepKind::Layer(Layer::Identity) => name_last(items, tap),
        StepKind::Layer(layer) => items.push(Item::tapped(What::Word(word(first, layer)), tap)),
        StepKind::From(value) => {
            items.push(Item::tapped(What::From { tap: *value, label: first.text.clone() }, tap));
        }
        StepKind::Scope(body) | StepKind::Shared { body, .. } if is_nothing(body) => name_last(items, tap),
        StepKind::Scope(body) if keyword(first) == Scope::Transparent && equal.len() == 1 => {
            items.extend(self::items(body, depth));
            name_last(items, tap);
        }
        StepKind::Scope(body) => items.push(framed(scope_label(first), body, equal, depth)),
        StepKind::Shared { body, .. } => {
            items.push(framed(format!("{} (shared)", first.text), body, equal, depth));
        }
        StepKind::Join { join, branches } => {
            let what = joined(first, *join, branches, depth);
            let item = Item::tapped(what, tap);
            items.push(if equal.len() == 1 { item } else { times(vec![item], &first.text, equal) });
        }
    }
}

/// What hides nothing but empty scopes and `identity` does nothing.
fn is_nothing(body: &Sequence) -> bool {
    body.steps.iter().all(|step| match &step.kind {
        StepKind::Layer(layer) => *layer == Layer::Identity && step.tap.is_none(),
        StepKind::Scope(body) | StepKind::Shared { body, .. } => step.tap.is_none() && is_nothing(body),
        StepKind::From(_) | StepKind::Join { .. } => false,
    })
}

/// Gives the present value a name.
fn name_last(items: &mut Vec<Item>, tap: Option<Tap>) {
    let Some(tap) = tap else { return };
    match items.last_mut() {
        Some(last) => last.taps.push(tap),
        None => items.push(Item::tapped(What::Point, Some(tap))),
    }
}

fn word(step: &Step, layer: &Layer) -> Word {
    let learnt = parameters(layer, &step.input, &step.output);
    let count: usize = learnt.iter().map(|one| one.shape.iter().product::<usize>()).sum();
    Word {
        label: step.text.clone(),
        shape: new_shape(step),
        kind: Kind::of(layer),
        hint: hint(&step.text, step, step, count),
    }
}

fn new_shape(step: &Step) -> Option<String> {
    (step.input != step.output).then(|| step.output.to_string())
}

fn hint(label: &str, first: &Step, last: &Step, parameters: usize) -> String {
    let count = match parameters {
        0 => String::new(),
        count => format!("\n{} parameters", thousands(count as u64)),
    };
    let frozen = if first.learning_rate == 0.0 { "\nfrozen" } else { "" };
    format!("{label}\n{} -> {}{count}{frozen}", first.input, last.output)
}

fn scope_label(step: &Step) -> String {
    match keyword(step) {
        Scope::Turn => "repeat".to_owned(),
        Scope::Transparent | Scope::Named => step.text.clone(),
    }
}

/// Equal scopes in a frame, or in a box where that would be too deep.
fn framed(label: String, body: &Sequence, equal: &[Step], depth: usize) -> Item {
    let (Some(first), Some(last)) = (equal.first(), equal.last()) else {
        return Item::new(What::Point);
    };
    let is_turn = keyword(first) == Scope::Turn;
    if is_turn
        && let [inner] = &body.steps[..]
        && matches!(inner.kind, StepKind::Scope(_) | StepKind::Shared { .. })
    {
        // `repeat 6 { layer }` is six layers.
        let inners: Vec<Step> =
            equal.iter().filter_map(body_of).flat_map(|body| body.steps.clone()).collect();
        let mut items = Vec::new();
        add(&mut items, inner, &inners, depth);
        name_last(&mut items, last.tap);
        return items.pop().unwrap_or_else(|| Item::new(What::Point));
    }
    if depth > 0 {
        let items = items(body, depth - 1);
        let mut item = times(items, &label, equal);
        item.taps.extend(last.tap);
        return item;
    }
    hidden(label, equal)
}

fn body_of(step: &Step) -> Option<&Sequence> {
    match &step.kind {
        StepKind::Scope(body) | StepKind::Shared { body, .. } => Some(body),
        StepKind::Layer(_) | StepKind::From(_) | StepKind::Join { .. } => None,
    }
}

fn times(body: Vec<Item>, label: &str, equal: &[Step]) -> Item {
    let shape = match equal {
        [first, .., last] if first.output != last.output => format!(" → {}", last.output),
        _ => String::new(),
    };
    let label = format!("{}{shape}", counted(label, equal.len()));
    Item::new(What::Frame { label, body })
}

fn counted(label: &str, count: usize) -> String {
    if count == 1 { label.to_owned() } else { format!("{label} ×{count}") }
}

/// A box in the place of steps, with the names that the rest of the drawing needs.
fn hidden(label: String, equal: &[Step]) -> Item {
    let label = counted(&label, equal.len());
    let (mut names, mut reads) = (HashSet::new(), Vec::new());
    equal.iter().for_each(|step| collect(step, &mut names, &mut reads));
    reads.retain(|tap| !names.contains(tap));
    reads.sort();
    reads.dedup();
    let mut taps: Vec<Tap> = names.into_iter().collect();
    taps.sort();
    let (Some(first), Some(last)) = (equal.first(), equal.last()) else {
        return Item::new(What::Point);
    };
    let whole = Sequence { input: first.input.clone(), output: last.output.clone(), steps: equal.to_vec() };
    let shape = (first.input != last.output).then(|| last.output.to_string());
    let hint = hint(&label, first, last, parameter_count(&whole));
    Item { what: What::Word(Word { label, shape, kind: Kind::Block, hint }), taps, reads }
}

/// The names that a step gives and reads, inside of it too.
fn collect(step: &Step, names: &mut HashSet<Tap>, reads: &mut Vec<Tap>) {
    names.extend(step.tap);
    let mut inside = |body: &Sequence| body.steps.iter().for_each(|step| collect(step, names, reads));
    match &step.kind {
        StepKind::Layer(_) => {}
        StepKind::From(tap) => reads.push(*tap),
        StepKind::Scope(body) | StepKind::Shared { body, .. } => inside(body),
        StepKind::Join { branches, .. } => branches.iter().for_each(|(_, branch)| inside(branch)),
    }
}

fn joined(step: &Step, join: Join, branches: &[(String, Sequence)], depth: usize) -> What {
    let symbol = match join {
        Join::Add => "+",
        Join::Concat => "concat",
        Join::Mul => "×",
    };
    What::Join {
        symbol,
        shape: new_shape(step),
        is_residual: branches.first().is_some_and(|(name, _)| name == "body"),
        branches: branches.iter().map(|(_, branch)| items(branch, depth)).collect(),
    }
}
