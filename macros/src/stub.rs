//! Types in the place of networks with mistakes.
//!
//! Without them every use of the type would be one more error, in front of the one that matters. The
//! crate does not compile, so their methods are never run.

use nnc_dsl::ast::{Item, Module, Network};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// `errors`, and a type for each network that has a name.
pub(crate) fn stubs(module: &Module, public: bool, errors: TokenStream) -> TokenStream {
    let networks = module.items.iter().filter_map(|item| match item {
        Item::Network(network) => stub(network, public),
        Item::Block(_) | Item::Train(_) => None,
    });
    quote!(#errors #(#networks)*)
}

fn stub(network: &Network, public: bool) -> Option<TokenStream> {
    let name = Ident::new(&network.name.as_ref()?.value, Span::call_site());
    let visibility = (public || network.public).then(|| quote!(pub));
    let shape = |shape: &[u64]| {
        let (rank, sides) =
            (shape.len(), shape.iter().map(|side| usize::try_from(*side).unwrap_or(usize::MAX)));
        quote!([usize; #rank] = [#(#sides),*])
    };
    let (input, output) = (shape(&network.input.value), shape(&network.output.value));
    Some(quote! {
        #[allow(dead_code)]
        #visibility struct #name(::nnc::runtime::Model);

        #[allow(dead_code, missing_docs, clippy::all)]
        impl #name {
            pub const INPUT: #input;
            pub const OUTPUT: #output;
            pub const PARAMETERS: usize = 0;
            pub fn new(_: u64) -> Self { loop {} }
            pub fn train_step<T>(
                &mut self, _: &[f32], _: &[T],
            ) -> Result<::nnc::runtime::StepReport, ::nnc::runtime::Error> { loop {} }
            pub fn evaluate<T>(
                &mut self, _: &[f32], _: &[T],
            ) -> Result<::nnc::runtime::StepReport, ::nnc::runtime::Error> { loop {} }
            pub fn predict(&mut self, _: &[f32]) -> Result<Vec<f32>, ::nnc::runtime::Error> { loop {} }
            pub fn save(&self, _: impl AsRef<std::path::Path>) -> Result<(), ::nnc::runtime::Error> { loop {} }
            pub fn load(_: impl AsRef<std::path::Path>) -> Result<Self, ::nnc::runtime::Error> { loop {} }
            pub fn model(&mut self) -> &mut ::nnc::runtime::Model { loop {} }
        }
    })
}
