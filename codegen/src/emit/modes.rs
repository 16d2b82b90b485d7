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
use crate::graph::{Node, Section, Source, ValueId};
use crate::plan::{Plan, Region};

/// `forward`, `loss` and `backward`.
pub(super) fn training(plan: &Plan, shared: &mut Shared) -> TokenStream {
    let sections = [
        (Section::Forward, "forward", "Input to output; updates the running statistics."),
        (Section::Loss, "loss", "Output and target to the loss of each sample."),
        (Section::Backward, "backward", "Loss to the gradient of every parameter."),
    ];
    Mode::new(plan, shared).items(&sections)
}

/// `prepare`, `forward` and `loss`.
pub(super) fn evaluation(plan: &Plan, shared: &mut Shared) -> TokenStream {
    let sections = [
        (Section::Prepare, "prepare", "What depends on parameters and running statistics alone."),
        (Section::Forward, "forward", "Input to output."),
        (Section::Loss, "loss", "Output and target to the loss of each sample."),
    ];
    Mode::new(plan, shared).items(&sections)
}

/// The name of a slot of the flat buffers, in the module `parameters`.
pub(super) fn flat_name(value_name: &str) -> Ident {
    format_ident!("{}", upper(value_name))
}

struct Mode<'a> {
    calls: Calls<'a>,
    /// Names of the arena's places and of the functions.
    namer: Namer,
    places: Vec<(ValueId, Ident)>,
    /// Functions of scopes: body, name, item.
    functions: Vec<(String, Ident, TokenStream)>,
}

impl<'a> Mode<'a> {
    fn new(plan: &'a Plan, shared: &'a mut Shared) -> Self {
        let calls = Calls { plan, shared };
        Mode { calls, namer: Namer::default(), places: Vec::new(), functions: Vec::new() }
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
        let output = self.result_item("OUTPUT", "The network's output.", graph.output);
        let loss = self.result_item("LOSS", "The loss of each sample.", graph.loss);
        let places = self.places.iter().map(|(value, name)| self.place_item(*value, name));
        let functions = self.functions.iter().map(|(_, _, item)| item);
        quote! { #output #loss #(#places)* #(#bodies)* #(#functions)* }
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
        let (places, namer, plan) = (&mut self.places, &mut self.namer, self.calls.plan);
        let call = self.calls.call(node, &mut |value| place(plan, namer, places, value))?;
        let named = (path != *layer).then(|| quote!(p.layer(#path);));
        *layer = path;
        Some(quote!(#named #call))
    }

    /// The call of the function for a run of nodes of one scope.
    fn scope_call(&mut self, scope: &str, run: &[&Node], section: Section) -> TokenStream {
        let mut locals = Locals { scope, plan: self.calls.plan, namer: Namer::default(), values: Vec::new() };
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
        place(self.calls.plan, &mut self.namer, &mut self.places, value)
    }

    fn place_item(&self, value: ValueId, name: &Ident) -> TokenStream {
        let slot = self.calls.plan.slot(value);
        let region = format_ident!("{}", format!("{:?}", slot.region));
        let (offset, len) = (slot.offset, slot.len);
        quote!(const #name: Slot = Slot::new(Region::#region, #offset, #len);)
    }

    fn result_item(&mut self, name: &str, doc: &str, value: ValueId) -> TokenStream {
        let (name, doc, place) = (format_ident!("{name}"), format!(" {doc}"), self.place(value));
        quote! { #[doc = #doc] pub(super) const #name: Slot = #place; }
    }
}

/// `p.scope("repeat1");` where the scope changes.
fn enter<'a>(current: &mut &'a str, scope: &'a str) -> Option<TokenStream> {
    let changes = *current != scope;
    *current = scope;
    changes.then(|| quote!(p.scope(#scope);))
}

/// How a value's place is written at the top level.
fn place(plan: &Plan, namer: &mut Namer, places: &mut Vec<(ValueId, Ident)>, value: ValueId) -> TokenStream {
    let slot = plan.slot(value);
    match slot.region {
        Region::Parameter | Region::State | Region::Gradient => {
            let name = flat_name(&flat_value_name(plan, value));
            quote!(parameters::#name)
        }
        Region::Input | Region::Target | Region::Batched | Region::Fixed | Region::Prepared => {
            let name = &plan.graph.value(value).name;
            let taken =
                if name == "output" || name == "loss" { format!("{name}_value") } else { name.clone() };
            let ident = namer.name(&format!("slot {name}"), &upper(&taken));
            if !places.iter().any(|(known, _)| *known == value) {
                places.push((value, ident.clone()));
            }
            quote!(#ident)
        }
    }
}

/// The name of a parameter, a state, or a parameter's gradient.
fn flat_value_name(plan: &Plan, value: ValueId) -> String {
    let graph = &plan.graph;
    let gradient = graph.gradients.iter().position(|gradient| *gradient == value);
    match (graph.value(value).source, gradient) {
        (Source::Node, Some(index)) => format!("{}.gradient", graph.parameters[index].name),
        _ => graph.value(value).name.clone(),
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
        let name = &self.plan.graph.value(value).name;
        let within = name.strip_prefix(self.scope).and_then(|rest| rest.strip_prefix('.'));
        let from_outside = if name.ends_with("gradient") { "output_gradient" } else { "input" };
        let ident = self.namer.fresh(&snake(within.unwrap_or(from_outside)));
        self.values.push((value, ident.clone()));
        quote!(#ident)
    }
}
