//! Types in the place of networks with mistakes.
//!
//! Without them every use of the type would be one more error, in front of the one that matters. The
//! crate does not compile, so their methods are never run.

use nnc_dsl::Diagnostic;
use nnc_dsl::ast::{Item, Module, Network, Port};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

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
    let (input, output) = (shapes(&network.inputs, "INPUT"), shapes(&network.outputs, "OUTPUT"));
    let values = quote!(::std::vec::Vec<f32>);
    let predictions = if network.outputs.len() == 1 { values } else { quote!(::std::vec::Vec<#values>) };
    let inputs = match network.inputs.len() {
        1 => quote!(&[f32]),
        count => quote!([&[f32]; #count]),
    };
    // The type of the targets depends on the losses, which may be what is wrong.
    quote! {
        #[allow(dead_code)]
        #visibility struct #name(::nnc::runtime::Model);

        #[allow(dead_code, missing_docs, clippy::all)]
        impl #name {
            #input
            #output
            pub const PARAMETERS: usize = 0;
            pub fn new(_: u64) -> Self { loop {} }
            pub fn on(_: u64, _: &::nnc::runtime::Device) -> Result<Self, ::nnc::runtime::Error> { loop {} }
            pub fn train_step<T>(
                &mut self, _: #inputs, _: T,
            ) -> Result<::nnc::runtime::StepReport, ::nnc::runtime::Error> { loop {} }
            pub fn evaluate<T>(
                &mut self, _: #inputs, _: T,
            ) -> Result<::nnc::runtime::StepReport, ::nnc::runtime::Error> { loop {} }
            pub fn predict(&mut self, _: #inputs) -> Result<#predictions, ::nnc::runtime::Error> { loop {} }
            pub fn save(&self, _: impl AsRef<std::path::Path>) -> Result<(), ::nnc::runtime::Error> { loop {} }
            pub fn load(_: impl AsRef<std::path::Path>) -> Result<Self, ::nnc::runtime::Error> { loop {} }
            pub fn model(&mut self) -> &mut ::nnc::runtime::Model { loop {} }
        }
    }
}

/// The constant with the shape of the only port, or with names and shapes of several.
fn shapes(ports: &[Port], name: &str) -> TokenStream {
    let dims = |port: &Port| -> Vec<usize> {
        port.shape.value.iter().map(|side| usize::try_from(*side).unwrap_or(usize::MAX)).collect()
    };
    if let [only] = ports {
        let (name, dims) = (format_ident!("{name}"), dims(only));
        let rank = dims.len();
        return quote!(pub const #name: [usize; #rank] = [#(#dims),*];);
    }
    let (name, count) = (format_ident!("{name}S"), ports.len());
    let rows = ports.iter().map(|port| {
        let (name, dims) = (port.name.as_ref().map_or("", |name| &name.value), dims(port));
        quote!((#name, &[#(#dims),*]))
    });
    quote!(pub const #name: [(&'static str, &'static [usize]); #count] = [#(#rows),*];)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_dsl::Entry;
    use nnc_dsl::syntax::parse;

    #[test]
    fn ports_have_the_types_of_the_right_network() {
        let stub = |text: &str| stubs(&parse(text, Entry::Macro).0, &[], false).to_string();
        let single = stub("N<3x8x8 -> 10> { }");
        let several = stub("N<a: 3x8x8, b: 4 -> c: 10, d: 2> { }");
        let plain = |tokens: TokenStream| tokens.to_string();
        for (text, part) in [
            (&single, quote!(const INPUT: [usize; 3usize] = [3usize, 8usize, 8usize])),
            (&single, quote!(predict(&mut self, _: &[f32]) -> Result<::std::vec::Vec<f32>, )),
            (&several, quote!(const OUTPUTS: [(&'static str, &'static [usize]); 2usize])),
            (&several, quote!([("a", &[3usize, 8usize, 8usize]), ("b", &[4usize])])),
            (&several, quote!(_: [&[f32]; 2usize])),
            (&several, quote!(Result<::std::vec::Vec<::std::vec::Vec<f32> >, )),
        ] {
            let part = plain(part);
            assert!(text.contains(&part), "{part} in {text}");
        }
    }
}
