//! Constants for the extents of anchors, each written once.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::names::Namer;
use crate::graph::{Conv2d, Pool2d};

/// The constants so far.
#[derive(Default)]
pub(super) struct Shapes {
    namer: Namer,
    items: Vec<(Ident, TokenStream)>,
}

impl Shapes {
    /// The constant of a convolution: `CONV3X3_16_TO_32_ON_32X32`.
    pub(super) fn conv(&mut self, conv: &Conv2d) -> Ident {
        let Conv2d { input, output, kernel, stride, pad } = *conv;
        let name = format!("CONV{}X{}_{}_TO_{}", kernel[0], kernel[1], input[2], output[2]);
        let value = quote! {
            Conv2d {
                input: [#(#input),*],
                output: [#(#output),*],
                kernel: [#(#kernel),*],
                stride: [#(#stride),*],
                pad: [#(#pad),*],
            }
        };
        self.constant(&format!("{name}_ON_{}X{}", input[0], input[1]), quote!(Conv2d), value)
    }

    /// The constant of a pooling: `POOL2X2_16_ON_32X32`.
    pub(super) fn pool(&mut self, pool: &Pool2d) -> Ident {
        let Pool2d { input, output, window, stride, pad } = *pool;
        let name = format!("POOL{}X{}_{}_ON_{}X{}", window[0], window[1], input[2], input[0], input[1]);
        let value = quote! {
            Pool2d {
                input: [#(#input),*],
                output: [#(#output),*],
                window: [#(#window),*],
                stride: [#(#stride),*],
                pad: [#(#pad),*],
            }
        };
        self.constant(&name, quote!(Pool2d), value)
    }

    /// The constant of a matrix product: `LINEAR_784_TO_10`.
    pub(super) fn linear(&mut self, inputs: usize, outputs: usize) -> Ident {
        let value = quote!(Linear { inputs: #inputs, outputs: #outputs });
        self.constant(&format!("LINEAR_{inputs}_TO_{outputs}"), quote!(Linear), value)
    }

    /// All constants, in the order of first use.
    pub(super) fn items(&self) -> TokenStream {
        self.items.iter().map(|(_, item)| item.clone()).collect()
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<String> {
        self.items.iter().map(|(name, _)| name.to_string()).collect()
    }

    fn constant(&mut self, wish: &str, ty: TokenStream, value: TokenStream) -> Ident {
        let name = self.namer.name(&value.to_string(), wish);
        if !self.items.iter().any(|(known, _)| *known == name) {
            self.items.push((name.clone(), quote!(pub(super) const #name: #ty = #value;)));
        }
        name
    }
}
