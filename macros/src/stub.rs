//! Types in the place of networks with mistakes.
//!
//! Without them every use of the type would be one more error, in front of the one that matters. The
//! crate does not compile, so their methods are never run.

use nnc_dsl::Diagnostic;
use nnc_dsl::ast::{Item, Module, Network};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// A type for each network whose name is not itself a mistake, such as a name given twice.
pub(crate) fn stubs(module: &Module, found: &[Diagnostic], public: bool) -> TokenStream {
    let networks = module.items.iter().filter_map(|item| match item {
        Item::Network(network) => Some((network.name.as_ref()?, network)),
        _ => None,
    });
    let sound = networks.filter(|(name, _)| found.iter().all(|mistake| mistake.span != name.span));
    sound.map(|(name, network)| stub(&name.value, network, public || network.public)).collect()
}

fn stub(name: &str, network: &Network, public: bool) -> TokenStream {
    let name = Ident::new(name, Span::call_site());
    let visibility = public.then(|| quote!(pub));
    let shape = |shape: &[u64]| {
        let (rank, sides) =
            (shape.len(), shape.iter().map(|side| usize::try_from(*side).unwrap_or(usize::MAX)));
        quote!([usize; #rank] = [#(#sides),*])
    };
    let (input, output) = (shape(&network.inputs[0].shape.value), shape(&network.outputs[0].shape.value));
    quote! {
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
    }
}
