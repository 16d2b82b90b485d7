//! Emission: from plans to Rust source.
//!
//! Everything was decided before; this room only writes. One network becomes a handful of
//! modules: `shapes` (extents of the operations), `parameters` (places in the flat
//! buffers), `fused` (functions of each element), `training`, `evaluation`, `optimizer`,
//! `program` (the table of all these), and the public type. The macro nests them in one hidden module, the program
//! writes them as the files of a crate.

mod api;
mod calls;
mod cuda;
mod fused;
mod modes;
mod names;
mod optimizer;
mod parameters;
mod program;
mod shapes;

#[cfg(feature = "pretty")]
mod files;

use nnc_dsl::CheckedModel;
use proc_macro2::{Group, Ident, Literal, TokenStream, TokenTree};
use quote::{format_ident, quote};

use crate::Compiled;

pub use cuda::{AHEAD_ENDING, Ahead, CudaPart};
#[cfg(feature = "pretty")]
pub use files::{CrateOptions, EmittedFile, RuntimeDependency, crate_files, rust_text};
pub(crate) use fused::operand_name;

/// The name of a network's type in emitted code.
pub fn type_name(model: &CheckedModel) -> Ident {
    names::type_name(&model.name)
}

/// How emitted code finds its surroundings.
#[derive(Clone, Debug)]
pub struct EmitOptions {
    /// Path of the runtime crate, such as `::nnc_runtime`.
    pub runtime: TokenStream,
    /// An expression of type `&'static str`: the model's text.
    pub source: TokenStream,
    /// How the part for GPUs is emitted.
    pub cuda: CudaPart,
    /// What was compiled for GPUs ahead, in files beside the module.
    pub ahead: Vec<Ahead>,
}

/// A module of an emitted network.
pub struct Module {
    /// Its name.
    pub name: &'static str,
    /// What it holds, for its first line.
    pub doc: String,
    /// Its items.
    pub items: TokenStream,
    /// A text that the module includes: its ending beside the module's own name, and the text.
    pub beside: Option<(&'static str, String)>,
}

/// The modules of a network, and the items of their parent: the type.
pub fn modules(
    model: &CheckedModel,
    compiled: &Compiled,
    options: &EmitOptions,
) -> (Vec<Module>, TokenStream) {
    let mut shared = Shared::default();
    let flat = parameters::FlatNames::new(&compiled.training.graph);
    let training = modes::training(&compiled.training, &mut shared, &flat);
    let evaluation = modes::evaluation(&compiled.evaluation, &mut shared, &flat);
    let bodies = [
        ("program", "The network as the runtime sees it.", program::items(model, compiled, options)),
        ("training", "The training pass.", training),
        ("evaluation", "The evaluation pass, with batch norm folded into the weights.", evaluation),
        ("fused", "Functions of each element, fused by the compiler.", shared.fused.items()),
        ("optimizer", "The update of the parameters.", optimizer::items(model)),
        ("shapes", "Extents of the operations.", shared.shapes.items()),
        (
            "parameters",
            "Places in the flat buffers of parameters, gradients and states.",
            parameters::items(&compiled.training, &flat),
        ),
    ];
    let modules = bodies.into_iter().filter(|(_, _, items)| !items.is_empty()).map(|(name, doc, items)| {
        // The table names fields and variants alike and brings its own imports.
        let imports = if name == "program" { quote!() } else { imports(&items, options, name) };
        let items = unsuffixed(quote!(#imports #items));
        Module { name, doc: doc.to_owned(), items, beside: None }
    });
    let cuda = cuda::items(model, compiled, options).map(|(items, text)| Module {
        name: "cuda",
        doc: "The network for GPUs.".to_owned(),
        items: unsuffixed(items),
        beside: (options.cuda == CudaPart::OfFeature).then_some(("cu", text)),
    });
    let root = unsuffixed(api::items(model, compiled, options));
    (modules.chain(cuda).collect(), root)
}

/// The whole network as the items of one module, for the macro.
pub fn nested(model: &CheckedModel, compiled: &Compiled, options: &EmitOptions) -> TokenStream {
    let (modules, items) = modules(model, compiled, options);
    let modules = modules.into_iter().map(|Module { name, doc, items, .. }| {
        let (name, doc) = (format_ident!("{name}"), format!(" {doc}"));
        quote! { #[doc = #doc] mod #name { #items } }
    });
    quote! { #(#modules)* #items }
}

/// `3` for `3usize`: the types follow from the places.
fn unsuffixed(tokens: TokenStream) -> TokenStream {
    let plain = |tree| match tree {
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), unsuffixed(group.stream()));
            inner.set_span(group.span());
            TokenTree::Group(inner)
        }
        TokenTree::Literal(literal) => TokenTree::Literal(unsuffixed_literal(literal)),
        TokenTree::Ident(_) | TokenTree::Punct(_) => tree,
    };
    tokens.into_iter().map(plain).collect()
}

fn unsuffixed_literal(literal: Literal) -> Literal {
    let text = literal.to_string();
    let digits = ["usize", "u64", "u32"].iter().find_map(|suffix| text.strip_suffix(suffix));
    digits.and_then(|digits| digits.parse().ok()).map_or(literal, Literal::u64_unsuffixed)
}

/// What both passes use and is written once.
#[derive(Default)]
struct Shared {
    shapes: shapes::Shapes,
    fused: fused::Fused,
}

/// `use` lines for just the names that the items mention.
fn imports(items: &TokenStream, options: &EmitOptions, module: &str) -> TokenStream {
    let used = |names: &[&'static str]| -> Vec<Ident> {
        used(items, names).iter().map(|name| format_ident!("{name}")).collect()
    };
    let runtime = &options.runtime;
    let emitted = used(&names::EMITTED);
    let emitted = (!emitted.is_empty()).then(|| quote!(use #runtime::emitted::{#(#emitted),*};));
    let from_parent = matches!(module, "training" | "evaluation");
    let siblings = if from_parent { used(&["fused", "parameters", "shapes"]) } else { Vec::new() };
    let siblings = (!siblings.is_empty()).then(|| quote!(use super::{#(#siblings),*};));
    quote!(#emitted #siblings)
}

/// Those of the names that the items mention.
fn used(items: &TokenStream, names: &[&'static str]) -> Vec<&'static str> {
    let mut mentioned = Vec::new();
    collect_idents(items.clone(), &mut mentioned);
    mentioned.sort();
    let is_mentioned = |name: &&&str| mentioned.binary_search_by(|other| other.as_str().cmp(name)).is_ok();
    names.iter().filter(is_mentioned).copied().collect()
}

fn collect_idents(tokens: TokenStream, found: &mut Vec<String>) {
    for tree in tokens {
        match tree {
            TokenTree::Ident(ident) => found.push(ident.to_string()),
            TokenTree::Group(group) => collect_idents(group.stream(), found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}
