//! Shapes under the pointer: what rust-analyzer shows about the words of a network.
//!
//! A token that lands in a documented item shows that documentation when hovered over. So for each
//! word a constant of the same name and span is written, but only where rust-analyzer expands the
//! macro: rustc would only have more to read.

use std::collections::{BTreeMap, HashMap};

use nnc_codegen::compile;
use nnc_codegen::summary::{Cost, summary};
use nnc_dsl::ast::{Body, Ident as Name, Item, Module, Network, Port, Statement};
use nnc_dsl::model::{Sequence, Shape, StepKind};
use nnc_dsl::{CheckedModel, Span as Place};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::tokens::Text;

/// How many uses of a word in a block or a loop are shown.
const MAX_USES: usize = 8;

/// Whether the macro runs inside rust-analyzer.
pub(crate) fn is_asking() -> bool {
    let program = std::env::current_exe().unwrap_or_default();
    program.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("rust-analyzer"))
}

/// A documented constant for each word of a network, and for each name that it gives to a value.
pub(crate) fn hovers(model: &CheckedModel, module: &Module, text: &Text) -> TokenStream {
    let table = summary(model, &compile(model));
    let costs = table.rows.into_iter().filter_map(|row| Some((row.path, row.cost?))).collect();
    let mut steps = Steps { costs, ..Steps::default() };
    steps.sequence(&model.body, "");
    let mut lines = std::mem::take(&mut steps.lines);
    names(module, model, &steps, &mut lines);
    lines.into_iter().filter_map(|(place, lines)| hover(place, &lines, text)).collect()
}

/// What is shown at each place; a word in a block has many uses.
type Lines = BTreeMap<Place, Vec<String>>;

/// The steps of a network by the places of their words.
#[derive(Default)]
struct Steps {
    costs: HashMap<String, Cost>,
    lines: Lines,
    /// What the uses of the word that begins here come to.
    outputs: HashMap<usize, Vec<Shape>>,
    /// What the uses of a shared sub-network are.
    shared: HashMap<String, Vec<String>>,
}

impl Steps {
    fn sequence(&mut self, sequence: &Sequence, path: &str) {
        for step in &sequence.steps {
            let path = join(path, &step.name);
            let parameters = match self.costs.get(&path).map(|cost| cost.parameters) {
                None | Some(0) => String::new(),
                Some(count) => format!(", {count} parameters"),
            };
            let line = format!("`{}`: {} → {}{parameters}", step.text, step.input, step.output);
            self.outputs.entry(step.span.start).or_default().push(step.output.clone());
            if let StepKind::Shared { .. } = step.kind {
                self.shared.entry(step.text.clone()).or_default().push(line.clone());
            }
            self.lines.entry(step.span).or_default().push(line);
            self.inside(&step.kind, &path);
        }
    }

    fn inside(&mut self, kind: &StepKind, path: &str) {
        match kind {
            StepKind::Layer(_) | StepKind::From(_) => {}
            StepKind::Scope(body) | StepKind::Shared { body, .. } => self.sequence(body, path),
            StepKind::Join { branches, .. } => {
                branches.iter().for_each(|(name, branch)| self.sequence(branch, &join(path, name)));
            }
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Adds the names that are given to values: ports, `as` and `shared`.
fn names(module: &Module, model: &CheckedModel, steps: &Steps, lines: &mut Lines) {
    for item in &module.items {
        match item {
            Item::Block(block) => body(&block.body, None, steps, lines),
            Item::Network(network) if is_of(network, model) => {
                ports(&network.inputs, "input", lines);
                ports(&network.outputs, "output", lines);
                body(&network.body, model.inputs.first().map(|input| &input.shape), steps, lines);
            }
            _ => {}
        }
    }
}

fn is_of(network: &Network, model: &CheckedModel) -> bool {
    network.name.as_ref().map_or(network.signature_span, |name| name.span) == model.name_span
}

fn ports(ports: &[Port], kind: &str, lines: &mut Lines) {
    for port in ports {
        let Some(name) = &port.name else { continue };
        let shape = Shape(port.shape.value.iter().map(|side| *side as usize).collect());
        lines.entry(name.span).or_default().push(format!("`{}`: {kind}, {shape}", name.value));
    }
}

/// `input` is the shape before a body, where it has only one.
fn body(statements: &Body, input: Option<&Shape>, steps: &Steps, lines: &mut Lines) {
    let mut shapes: Vec<&Shape> = input.into_iter().collect();
    for statement in &statements.statements {
        match statement {
            Statement::As { name, .. } => named(name, &shapes, lines),
            Statement::Shared { name, body: inner, .. } => {
                let uses = steps.shared.get(&name.value).into_iter().flatten().cloned();
                lines.entry(name.span).or_default().extend(uses);
                body(inner, None, steps, lines);
            }
            _ => inner_bodies(statement).into_iter().for_each(|inner| body(inner, None, steps, lines)),
        }
        if let Some(start) = start(statement) {
            shapes = steps.outputs.get(&start).into_iter().flatten().collect();
        }
    }
}

fn named(name: &Name, shapes: &[&Shape], lines: &mut Lines) {
    let shown = shapes.iter().map(|shape| format!("`{}`: {shape}", name.value));
    lines.entry(name.span).or_default().extend(shown);
}

fn inner_bodies(statement: &Statement) -> Vec<&Body> {
    match statement {
        Statement::Repeat { body, .. } | Statement::For { body, .. } | Statement::With { body, .. } => {
            vec![body]
        }
        Statement::Residual { body, shortcut, .. } => [body].into_iter().chain(shortcut).collect(),
        Statement::If { arms, otherwise, .. } => arms.iter().map(|arm| &arm.body).chain(otherwise).collect(),
        Statement::Join { branches, .. } => branches.iter().collect(),
        _ => Vec::new(),
    }
}

/// Where the word of a statement begins that makes steps.
fn start(statement: &Statement) -> Option<usize> {
    let place = match statement {
        Statement::Word(word) => word.name.span,
        Statement::Repeat { keyword, .. }
        | Statement::For { keyword, .. }
        | Statement::If { keyword, .. }
        | Statement::From { keyword, .. }
        | Statement::With { keyword, .. }
        | Statement::Residual { keyword, .. } => *keyword,
        Statement::Join { keyword, .. } | Statement::JoinNamed { keyword, .. } => keyword.span,
        Statement::Assert(_)
        | Statement::Let { .. }
        | Statement::As { .. }
        | Statement::Shared { .. }
        | Statement::Allow(_) => return None,
    };
    Some(place.start)
}

/// The words of the language that cannot name a constant.
const RUST_KEYWORDS: [&str; 9] = ["as", "else", "false", "for", "if", "in", "let", "true", "use"];

fn hover(place: Place, lines: &[String], text: &Text) -> Option<TokenStream> {
    let word = text.text.get(place.range())?.split(' ').next()?;
    if !word.starts_with(|c: char| c.is_ascii_alphabetic()) || RUST_KEYWORDS.contains(&word) {
        return None;
    }
    let name = Ident::new(word, text.spans(place).0);
    let mut shown: Vec<&str> = Vec::new();
    for line in lines {
        if !shown.contains(&line.as_str()) && shown.len() < MAX_USES {
            shown.push(line);
        }
    }
    if shown.is_empty() {
        return None;
    }
    let doc = shown.join("\n\n");
    Some(quote! {
        const _: () = {
            #[doc = #doc]
            #[allow(dead_code, non_upper_case_globals)]
            const #name: () = ();
        };
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_dsl::syntax::parse;
    use nnc_dsl::{Entry, Options, check};

    fn shown(source: &str) -> String {
        let text = Text::new(source.parse().unwrap());
        let outcome = check(&text.text, Entry::Macro, &Options::default());
        let errors: Vec<_> = outcome.diagnostics.iter().filter(|found| found.is_error()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let module = parse(&text.text, Entry::Macro).0;
        hovers(&outcome.models[0], &module, &text).to_string()
    }

    fn assert_shows(source: &str, parts: &[&str]) {
        let hovers = shown(source);
        for part in parts {
            assert!(hovers.contains(part), "{part} in {hovers}");
        }
    }

    #[test]
    fn words_are_documented_with_their_shapes() {
        assert_shows(
            "block b { conv3 8 } N<3x8x8 -> 8> { b b residual { relu } repeat 2 { bn } gap }",
            &[
                "\"`conv3 8`: 3x8x8 → 8x8x8, 224 parameters\\n\\n`conv3 8`: 8x8x8 → 8x8x8, 584 parameters\"",
                "`gap`: 8x8x8 → 8",
                "const residual : ()",
                "const repeat : ()",
            ],
        );
        assert!(!is_asking());
    }

    #[test]
    fn names_of_values_are_documented_with_their_shapes() {
        assert_shows(
            "N<image: 3x8x8, meta: 4 -> class: 10, size: 2> {
                as start conv3 8 stride=2 relu as low shared tower { conv3 8 } tower tower add low
                gap as pooled linear 10 as class
                from meta linear 8 as code concat pooled if (features > 2) { linear 2 } as size
            }",
            &[
                "\"`image`: input, 3x8x8\"",
                "\"`class`: output, 10\"",
                "\"`start`: 3x8x8\"",
                "\"`low`: 8x4x4\"",
                "\"`tower`: 8x4x4 → 8x4x4\"",
                "\"`code`: 8\"",
                "\"`size`: 2\"",
            ],
        );
    }
}
