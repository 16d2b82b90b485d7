//! The two passes as functions.
//!
//! Nodes of the network's top level stand in `forward`, `loss`, `backward` or `prepare`
//! themselves. Those of a block or of a turn of a loop stand in a function of their own, which
//! takes the places that it works on; turns that compute the same share one function.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::Shared;
use super::calls::Calls;
use super::names::{Namer, snake, upper};
use super::parameters::FlatNames;
use crate::graph::{Node, Section, Source, ValueId};
use crate::plan::Plan;

/// `forward`, `loss` and `backward`.
pub(super) fn training(plan: &Plan, shared: &mut Shared, flat: &FlatNames) -> TokenStream {
    let sections = [
        (Section::Forward, "forward", "Input to output; updates the running statistics."),
        (Section::Loss, "loss", "Output and target to the loss of each sample."),
        (Section::Backward, "backward", "Loss to the gradient of every parameter."),
    ];
    Mode::new(plan, shared, flat).items(&sections)
}

/// `prepare`, `forward` and `loss`.
pub(super) fn evaluation(plan: &Plan, shared: &mut Shared, flat: &FlatNames) -> TokenStream {
    let sections = [
        (Section::Prepare, "prepare", "What depends on parameters and running statistics alone."),
        (Section::Forward, "forward", "Input to output."),
        (Section::Loss, "loss", "Output and target to the loss of each sample."),
    ];
    Mode::new(plan, shared, flat).items(&sections)
}

struct Mode<'a> {
    calls: Calls<'a>,
    flat: &'a FlatNames,
    /// Names of the arena's places and of the functions.
    namer: Namer,
    places: Vec<(ValueId, Ident)>,
    /// Functions of scopes: body, name, item.
    functions: Vec<(String, Ident, TokenStream)>,
}

impl<'a> Mode<'a> {
    fn new(plan: &'a Plan, shared: &'a mut Shared, flat: &'a FlatNames) -> Self {
        let calls = Calls { plan, shared };
        let namer = Namer::beside(&RESERVED);
        Mode { calls, flat, namer, places: Vec::new(), functions: Vec::new() }
    }

    fn items(mut self, sections: &[(Section, &str, &str)]) -> TokenStream {
        let bodies: Vec<TokenStream> = sections
            .iter()
            .map(|(section, name, doc)| {
                let body = self.section(*section);
                let (name, doc) = (format_ident!("{name}"), format!(" {doc}"));
                let pass = if body.is_empty() { format_ident!("_p") } else { format_ident!("p") };
                quote! { #[doc = #doc] pub(super) fn #name(#pass: &Pass) { #body } }
            })
            .collect();
        let graph = &self.calls.plan.graph;
        let outputs: Vec<TokenStream> = graph.outputs.iter().map(|output| self.place(*output)).collect();
        let loss = self.place(graph.loss);
        let places = self.places.iter().map(|(value, name)| self.place_item(*value, name));
        let functions = self.functions.iter().map(|(_, _, item)| item);
        quote! {
            /// The network's outputs.
            pub(super) const OUTPUTS: &[Slot] = &[#(#outputs),*];
            /// The loss of each sample.
            pub(super) const LOSS: Slot = #loss;
            #(#places)*
            #(#bodies)*
            #(#functions)*
        }
    }

    fn section(&mut self, section: Section) -> TokenStream {
        let graph = &self.calls.plan.graph;
        let nodes: Vec<&Node> = graph.nodes.iter().filter(|node| node.section == section).collect();
        let scope = |node: &Node| &graph.origins[node.origin.0].scope;
        let mut body = TokenStream::new();
        let mut layer = String::new();
        let mut current = ""; // a section begins and ends at the top level
        for run in nodes.chunk_by(|a, b| scope(a) == scope(b)) {
            let name = scope(run[0]);
            body.extend(enter(&mut current, name));
            if name.is_empty() {
                run.iter().for_each(|node| body.extend(self.top_level(node, &mut layer)));
            } else {
                body.extend(self.scope_call(name, run, section));
                layer.clear();
            }
        }
        body.extend(enter(&mut current, ""));
        body
    }

    /// `p.layer("conv1");` where the layer changes, then the call.
    fn top_level(&mut self, node: &Node, layer: &mut String) -> Option<TokenStream> {
        let path = self.calls.plan.graph.origins[node.origin.0].path();
        let (places, namer) = (&mut self.places, &mut self.namer);
        let (plan, flat) = (self.calls.plan, self.flat);
        let call = self.calls.call(node, &mut |value| place(plan, flat, namer, places, value))?;
        let named = (path != *layer).then(|| quote!(p.layer(#path);));
        *layer = path;
        Some(quote!(#named #call))
    }

    /// The call of the function for a run of nodes of one scope.
    fn scope_call(&mut self, scope: &str, run: &[&Node], section: Section) -> TokenStream {
        let mut locals = Locals {
            scope,
            plan: self.calls.plan,
            namer: Namer::beside(&["fused", "parameters", "shapes"]),
            values: Vec::new(),
        };
        let mut layer = "";
        let mut body = TokenStream::new();
        for node in run {
            let Some(call) = self.calls.call(node, &mut |value| locals.name(value)) else { continue };
            let step = &self.calls.plan.graph.origins[node.origin.0].step;
            if step != layer {
                body.extend(quote!(p.layer(#step);));
                layer = step;
            }
            body.extend(call);
        }
        let values = locals.values;
        let function = self.scope_function(scope, section, &values, body);
        let arguments: Vec<TokenStream> = values.iter().map(|(value, _)| self.place(*value)).collect();
        quote!(#function(p, [#(#arguments),*]);)
    }

    fn scope_function(
        &mut self,
        scope: &str,
        section: Section,
        values: &[(ValueId, Ident)],
        body: TokenStream,
    ) -> Ident {
        let names: Vec<&Ident> = values.iter().map(|(_, name)| name).collect();
        let count = names.len();
        let signature = quote!((p: &Pass, [#(#names),*]: [Slot; #count]));
        let text = quote!(#signature #body).to_string();
        if let Some((_, name, _)) = self.functions.iter().find(|(known, ..)| *known == text) {
            return name.clone();
        }
        let last = scope.rsplit('.').next().unwrap_or(scope);
        let stem = last.trim_end_matches(|c: char| c.is_ascii_digit());
        let section = format!("{section:?}").to_lowercase();
        let name = self.namer.fresh(&snake(&format!("{stem}_{section}")));
        let item = quote! { fn #name #signature { #body } };
        self.functions.push((text, name.clone(), item));
        name
    }

    fn place(&mut self, value: ValueId) -> TokenStream {
        place(self.calls.plan, self.flat, &mut self.namer, &mut self.places, value)
    }

    fn place_item(&self, value: ValueId, name: &Ident) -> TokenStream {
        let slot = self.calls.plan.slot(value);
        let region = format_ident!("{}", format!("{:?}", slot.region));
        let (offset, len) = (slot.offset, slot.len);
        quote!(const #name: Slot = Slot::new(Region::#region, #offset, #len);)
    }
}

/// `p.scope("repeat1");` where the scope changes.
fn enter<'a>(current: &mut &'a str, scope: &'a str) -> Option<TokenStream> {
    let changes = *current != scope;
    *current = scope;
    changes.then(|| quote!(p.scope(#scope);))
}

/// How a value's place is written at the top level.
fn place(
    plan: &Plan,
    flat: &FlatNames,
    namer: &mut Namer,
    places: &mut Vec<(ValueId, Ident)>,
    value: ValueId,
) -> TokenStream {
    if let Some(name) = flat_name(plan, flat, value) {
        return quote!(parameters::#name);
    }
    let name = &plan.graph.value(value).name;
    let wish = if name == "loss" { "LOSS_VALUE".to_owned() } else { upper(name) };
    let ident = namer.name(&format!("slot {name}"), &wish);
    if !places.iter().any(|(known, _)| *known == value) {
        places.push((value, ident.clone()));
    }
    quote!(#ident)
}

/// The constant of a parameter, a state, or a parameter's gradient.
fn flat_name<'f>(plan: &Plan, flat: &'f FlatNames, value: ValueId) -> Option<&'f Ident> {
    let graph = &plan.graph;
    match graph.value(value).source {
        Source::Parameter(id) => Some(&flat.parameters[id.0]),
        Source::State(id) => Some(&flat.states[id.0]),
        Source::Node => {
            let index = graph.gradients.iter().position(|gradient| *gradient == Some(value))?;
            Some(&flat.gradients[index])
        }
        Source::Input(_) | Source::Target(_) => None,
    }
}

/// Names of places within the function of a scope.
struct Locals<'a> {
    scope: &'a str,
    plan: &'a Plan,
    namer: Namer,
    values: Vec<(ValueId, Ident)>,
}

impl Locals<'_> {
    fn name(&mut self, value: ValueId) -> TokenStream {
        if let Some((_, name)) = self.values.iter().find(|(known, _)| *known == value) {
            return quote!(#name);
        }
        let ident = self.namer.fresh(&snake(self.wish(value)));
        self.values.push((value, ident.clone()));
        quote!(#ident)
    }

    /// The path within the scope; for what comes from outside its part in the scope.
    fn wish(&self, value: ValueId) -> &str {
        let graph = &self.plan.graph;
        let name = without_number(&graph.value(value).name);
        if let Some(within) = name.strip_prefix(self.scope).and_then(|rest| rest.strip_prefix('.')) {
            return within;
        }
        let is_gradient = name.rsplit('.').next().is_some_and(|role| role.starts_with("gradient"));
        match graph.value(value).source {
            // Tensors of a shared sub-network: word and role.
            Source::Parameter(_) | Source::State(_) => last_two(name),
            Source::Node if is_gradient && !graph.ty(value).batched => last_three(name),
            _ if is_gradient => "output_gradient",
            _ => "input",
        }
    }
}

/// A gradient's name without the number that tells it from other uses' contributions, so that equal uses
/// have equal functions.
fn without_number(name: &str) -> &str {
    let short = name.trim_end_matches(|c: char| c.is_ascii_digit());
    short.strip_suffix('_').filter(|short| short.ends_with(".gradient")).unwrap_or(name)
}

/// `conv1.weight` of `tower.conv1.weight`.
fn last_two(path: &str) -> &str {
    path.rmatch_indices('.').nth(1).map_or(path, |(dot, _)| &path[dot + 1..])
}

/// `conv1.weight.gradient` of `tower.conv1.weight.gradient`.
fn last_three(path: &str) -> &str {
    path.rmatch_indices('.').nth(2).map_or(path, |(dot, _)| &path[dot + 1..])
}

/// Names of a mode's own items, in capitals and not.
const RESERVED: [&str; 10] =
    ["OUTPUTS", "LOSS", "forward", "loss", "backward", "prepare", "fused", "parameters", "shapes", "p"];
