//! From a macro call to the code that it stands for.
//!
//! A macro cannot see whether it stands for an item or an expression, so the call's form decides: a
//! text that begins with a signature is an expression, everything else is items.

use nnc_codegen::emit::{EmitOptions, nested};
use nnc_dsl::ast::{Ident, Item, Module};
use nnc_dsl::syntax::{parse, print};
use nnc_dsl::{CheckedModel, Entry, Options, check};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote};

use crate::editor;
use crate::file::FileCall;
use crate::report::{errors, warnings};
use crate::stub::stubs;
use crate::tokens::Text;

/// Expands a call.
pub(crate) fn network(input: TokenStream) -> TokenStream {
    match FileCall::parse(input.clone()) {
        Some(call) => call.expand(),
        None => inline(input),
    }
}

/// A network written in the call.
fn inline(input: TokenStream) -> TokenStream {
    let text = Text::new(input);
    let outcome = check(&text.text, Entry::Macro, &Options::default());
    let module = parse(&text.text, Entry::Macro).0;
    let is_expression = text.text.starts_with('<');
    let found = &outcome.diagnostics;
    if found.iter().any(|diagnostic| diagnostic.is_error()) {
        let errors = errors(found, &text);
        let stubs = stubs(&module, found, false);
        return if is_expression { quote!({ #errors }) } else { quote!(#errors #stubs) };
    }
    let mut extras = warnings(found, &text);
    if editor::is_asking() {
        extras.extend(outcome.models.iter().map(|model| editor::hovers(model, &text)));
    }
    // What is written into checkpoints reads like a file, not like tokens.
    let source = Literal::string(&print(&module));
    if is_expression {
        expression(&outcome.models, quote!(#source), extras)
    } else {
        let networks = outcome.models.iter().map(|model| {
            let (docs, span) = (docs(model, &module, &text), text.spans(model.name_span).0);
            item(model, quote!(#source), docs, model.public, span)
        });
        quote!(#extras #(#networks)*)
    }
}

/// The doc comments in front of a network.
fn docs(model: &CheckedModel, module: &Module, text: &Text) -> TokenStream {
    let names = module.items.iter().filter_map(item_name).map(|name| name.span.start);
    let previous = names.filter(|start| *start < model.name_span.start).max();
    text.docs(previous.map_or(0, |start| start + 1), model.name_span.start)
}

fn item_name(item: &Item) -> Option<&Ident> {
    match item {
        Item::Block(block) => Some(&block.name),
        Item::Network(network) => network.name.as_ref(),
        Item::Train(train) => Some(&train.name),
        Item::Activation(activation) => Some(&activation.name),
        Item::Use(_) | Item::Allow(_) => None,
    }
}

/// A module that holds the network, and its type beside it.
pub(crate) fn item(
    model: &CheckedModel,
    source: TokenStream,
    docs: TokenStream,
    public: bool,
    span: Span,
) -> TokenStream {
    let name = proc_macro2::Ident::new(&model.name, span);
    let module = format_ident!("__nnc_{}", model.name);
    let hidden = hidden(model, source, &module);
    let public = public.then(|| quote!(pub));
    quote! {
        #hidden
        #docs
        #public use #module::#name;
    }
}

/// A block that makes an anonymous network.
fn expression(models: &[CheckedModel], source: TokenStream, extras: TokenStream) -> TokenStream {
    let module = format_ident!("__nnc_network");
    let networks = models.iter().map(|model| {
        let hidden = hidden(model, source.clone(), &module);
        let seed = model.train.seed;
        quote!(#hidden #module::Network::new(#seed))
    });
    quote!({ #extras #(#networks)* })
}

/// Lints speak about the user's own code, which this module is not.
fn hidden(model: &CheckedModel, source: TokenStream, module: &proc_macro2::Ident) -> TokenStream {
    let options = EmitOptions { runtime: quote!(::nnc::runtime), source };
    let items = nested(model, &nnc_codegen::compile(model), &options);
    quote! {
        #[allow(
            clippy::all, clippy::nursery, clippy::pedantic, dead_code, non_snake_case, unreachable_pub,
            unused_imports, unused_qualifications
        )]
        mod #module { #items }
    }
}
