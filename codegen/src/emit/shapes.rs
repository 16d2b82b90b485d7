//! Constants for the extents of ops, each written once.

use nnc_dsl::model::Interpolation;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::names::Namer;
use crate::graph::print::{axes_text, first_axis};
use crate::graph::{Conv, Crop, CrossEntropy, Permute, Pool, Resize, Type, Windows};

/// The constants so far.
#[derive(Default)]
pub(super) struct Shapes {
    namer: Namer,
    items: Vec<(Ident, TokenStream)>,
}

impl Shapes {
    /// The constant of a convolution: `CONV3X3_16_TO_32_ON_32X32`.
    pub(super) fn conv(&mut self, conv: &Conv) -> TokenStream {
        let Conv { input, output, kernel, stride, pad, dilation, groups } = conv;
        let first = first_axis(input, output, kernel);
        let (window, map) = (axes_text(&kernel[first..]), axes_text(&input[first..3]));
        let wish = format!("CONV{window}_{}_TO_{}_ON_{map}", input[3], output[3]);
        let value = quote! {
            Conv {
                input: [#(#input),*],
                output: [#(#output),*],
                kernel: [#(#kernel),*],
                stride: [#(#stride),*],
                pad: [#(#pad),*],
                dilation: [#(#dilation),*],
                groups: #groups,
            }
        };
        self.constant(&wish, "Conv", value)
    }

    /// The constant of a pooling: `POOL2X2_16_ON_32X32`, `POOL_TO_1X1_16_ON_8X8` for an adaptive one.
    pub(super) fn pool(&mut self, pool: &Pool) -> TokenStream {
        let Pool { input, output, windows, count_pad } = pool;
        let sizes = windows.map(|windows| match windows {
            Windows::Sliding { size, .. } => size,
            Windows::Adaptive => 1,
        });
        let first = first_axis(input, output, &sizes);
        let window = match windows[2] {
            Windows::Sliding { .. } => axes_text(&sizes[first..]),
            Windows::Adaptive => format!("_TO_{}", axes_text(&output[first..3])),
        };
        let wish = format!("POOL{window}_{}_ON_{}", input[3], axes_text(&input[first..3]));
        let windows = windows.iter().map(|windows| match windows {
            Windows::Sliding { size, stride, pad } => {
                quote!(Windows::Sliding { size: #size, stride: #stride, pad: #pad })
            }
            Windows::Adaptive => quote!(Windows::Adaptive),
        });
        let value = quote! {
            Pool {
                input: [#(#input),*],
                output: [#(#output),*],
                windows: [#(#windows),*],
                count_pad: #count_pad,
            }
        };
        self.constant(&wish, "Pool", value)
    }

    /// The constant of an extent of element-wise work: `EXTENT_1024X16`, positions and channels.
    pub(super) fn extent(&mut self, ty: &Type) -> TokenStream {
        let (positions, channels) = (ty.positions(), ty.channels());
        let value = quote!(Extent { positions: #positions, channels: #channels });
        self.constant(&format!("EXTENT_{positions}X{channels}"), "Extent", value)
    }

    /// The constant of a resizing: `RESIZE_16_FROM_8X8_TO_16X16`.
    pub(super) fn resize(&mut self, resize: &Resize) -> TokenStream {
        let Resize { input, output, interpolation } = resize;
        let first = first_axis(input, output, &[1; 3]);
        let (from, to) = (axes_text(&input[first..3]), axes_text(&output[first..3]));
        let interpolation = match interpolation {
            Interpolation::Nearest => quote!(Interpolation::Nearest),
            Interpolation::Linear => quote!(Interpolation::Linear),
        };
        let value = quote! {
            Resize { input: [#(#input),*], output: [#(#output),*], interpolation: #interpolation }
        };
        self.constant(&format!("RESIZE_{}_FROM_{from}_TO_{to}", input[3]), "Resize", value)
    }

    /// The constant of a matrix product: `LINEAR_784_TO_10`.
    pub(super) fn linear(&mut self, inputs: usize, outputs: usize) -> TokenStream {
        let value = quote!(Linear { inputs: #inputs, outputs: #outputs });
        self.constant(&format!("LINEAR_{inputs}_TO_{outputs}"), "Linear", value)
    }

    /// The constant of a change of order: `PERMUTE_16X8`.
    pub(super) fn permute(&mut self, permute: &Permute) -> TokenStream {
        let Permute { dims, order } = permute;
        let value = quote!(Permute { dims: &[#(#dims),*], order: &[#(#order),*] });
        self.constant(&format!("PERMUTE_{}", axes_text(dims)), "Permute", value)
    }

    /// The constant of a part or padding: `CROP_32X32X3_TO_28X28X3`.
    pub(super) fn crop(&mut self, crop: &Crop) -> TokenStream {
        let Crop { input, output, offset } = crop;
        let offset = offset.iter().map(|offset| Literal::isize_unsuffixed(*offset));
        let value = quote! {
            Crop { input: &[#(#input),*], output: &[#(#output),*], offset: &[#(#offset),*] }
        };
        self.constant(&format!("CROP_{}_TO_{}", axes_text(input), axes_text(output)), "Crop", value)
    }

    /// The constant of a loss over logits with so many classes and positions.
    pub(super) fn cross_entropy(
        &mut self,
        loss: &CrossEntropy,
        classes: usize,
        positions: usize,
    ) -> TokenStream {
        let CrossEntropy { target, label_smoothing, class_weights, weight } = loss;
        let float = |value: &f64| Literal::f32_unsuffixed(*value as f32);
        let (label_smoothing, weight) = (float(label_smoothing), float(weight));
        let class_weights = class_weights.iter().map(float);
        let value = quote! {
            CrossEntropy {
                classes: #classes,
                positions: #positions,
                target: #target,
                label_smoothing: #label_smoothing,
                class_weights: &[#(#class_weights),*],
                weight: #weight,
            }
        };
        self.constant(&format!("CROSS_ENTROPY_{classes}"), "CrossEntropy", value)
    }

    /// All constants, in the order of first use.
    pub(super) fn items(&self) -> TokenStream {
        self.items.iter().map(|(_, item)| item.clone()).collect()
    }

    /// The path of the constant with this value.
    fn constant(&mut self, wish: &str, ty: &str, value: TokenStream) -> TokenStream {
        let name = self.namer.name(&value.to_string(), &wish.to_ascii_uppercase());
        if !self.items.iter().any(|(known, _)| *known == name) {
            let ty = format_ident!("{ty}");
            self.items.push((name.clone(), quote!(pub(super) const #name: #ty = #value;)));
        }
        quote!(shapes::#name)
    }
}
