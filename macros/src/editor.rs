//! Shapes under the pointer: what rust-analyzer shows about the words of a network.
//!
//! A token that lands in a documented item shows that documentation when hovered over. So for each
//! word a constant of the same name and span is written, but only where rust-analyzer expands the
//! macro: rustc would only have more to read.

use std::collections::{BTreeMap, HashMap};

use nnc_codegen::compile;
use nnc_codegen::summary::{Cost, summary};
use nnc_dsl::model::{Sequence, StepKind};
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

/// A documented constant for each word.
pub(crate) fn hovers(model: &CheckedModel, text: &Text) -> TokenStream {
    let table = summary(model, &compile(model));
    let costs = table.rows.into_iter().filter_map(|row| Some((row.path, row.cost?))).collect();
    let mut uses = BTreeMap::new();
    collect(&model.body, "", &costs, &mut uses);
    uses.into_iter().filter_map(|(place, lines)| hover(place, &lines, text)).collect()
}

/// What each word does to the shape, by the word's place; a word in a block has many uses.
type Uses = BTreeMap<Place, Vec<String>>;

fn collect(sequence: &Sequence, path: &str, costs: &HashMap<String, Cost>, uses: &mut Uses) {
    for step in &sequence.steps {
        let path = join(path, &step.name);
        let parameters = match costs.get(&path).map(|cost| cost.parameters) {
            None | Some(0) => String::new(),
            Some(count) => format!(", {count} parameters"),
        };
        let line = format!("`{}`: {} → {}{parameters}", step.text, step.input, step.output);
        uses.entry(step.span).or_default().push(line);
        match &step.kind {
            StepKind::Layer(_) => {}
            StepKind::Scope(body) => collect(body, &path, costs, uses),
            StepKind::Join { branches, .. } => {
                branches.iter().for_each(|(name, branch)| collect(branch, &join(&path, name), costs, uses));
            }
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn hover(place: Place, lines: &[String], text: &Text) -> Option<TokenStream> {
    let word = text.text.get(place.range())?.split(' ').next()?;
    // `for` and `let` cannot name a constant.
    if !word.starts_with(|c: char| c.is_ascii_alphabetic()) || matches!(word, "for" | "let") {
        return None;
    }
    let name = Ident::new(word, text.spans(place).0);
    let mut shown: Vec<&str> = Vec::new();
    for line in lines {
        if !shown.contains(&line.as_str()) && shown.len() < MAX_USES {
            shown.push(line);
        }
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
    use nnc_dsl::{Entry, Options, check};

    #[test]
    fn words_are_documented_with_their_shapes() {
        let source = "block b { conv3 8 } N<3x8x8 -> 8> { b b residual { relu } repeat 2 { bn } gap }";
        let text = Text::new(source.parse().unwrap());
        let outcome = check(&text.text, Entry::Macro, &Options::default());
        let hovers = hovers(&outcome.models[0], &text).to_string();
        for part in [
            "\"`conv3 8`: 3x8x8 → 8x8x8, 224 parameters\\n\\n`conv3 8`: 8x8x8 → 8x8x8, 584 parameters\"",
            "`gap`: 8x8x8 → 8",
            "const residual : ()",
            "const repeat : ()",
        ] {
            assert!(hovers.contains(part), "{part} in {hovers}");
        }
        assert!(!is_asking());
    }
}
