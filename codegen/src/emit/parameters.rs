//! Places in the flat buffers, and their table.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::modes::flat_name;
use crate::graph::{Parameter, Role};
use crate::plan::Plan;

/// A constant for each parameter, its gradient and each state.
pub(super) fn items(plan: &Plan) -> TokenStream {
    let graph = &plan.graph;
    let parameters =
        graph.parameters.iter().zip(&plan.tensors.parameter_offsets).flat_map(|(parameter, offset)| {
            let len = parameter.dims.iter().product();
            let gradient = flat_name(&format!("{}.gradient", parameter.name));
            [
                slot(&flat_name(&parameter.name), "Parameter", *offset, len),
                slot(&gradient, "Gradient", *offset, len),
            ]
        });
    let states =
        graph.states.iter().zip(&plan.tensors.state_offsets).map(|(state, offset)| {
            slot(&flat_name(&state.name), "State", *offset, state.dims.iter().product())
        });
    parameters.chain(states).collect()
}

fn slot(name: &Ident, region: &str, offset: usize, len: usize) -> TokenStream {
    let region = format_ident!("{region}");
    quote!(pub(super) const #name: Slot = Slot::new(Region::#region, #offset, #len);)
}

/// The elements of `Program::parameters`.
pub(super) fn table(plan: &Plan) -> Vec<TokenStream> {
    let offsets = &plan.tensors.parameter_offsets;
    let rows = plan.graph.parameters.iter().zip(offsets);
    rows.map(|(parameter, offset)| row(parameter, *offset)).collect()
}

fn row(parameter: &Parameter, offset: usize) -> TokenStream {
    let name = &parameter.name;
    let (layout, shape) = outside(parameter);
    let layout = format_ident!("{layout}");
    let init = init(parameter);
    quote! {
        Parameter {
            name: #name,
            shape: &[#(#shape),*],
            layout: Layout::#layout,
            init: Init::#init,
            offset: #offset,
        }
    }
}

/// Layout and shape of a parameter outside the compiled network, which are PyTorch's.
fn outside(parameter: &Parameter) -> (&'static str, Vec<usize>) {
    match (parameter.role, &parameter.dims[..]) {
        (Role::ConvolutionWeight, &[kh, kw, input, output]) => ("Convolution", vec![output, input, kh, kw]),
        (Role::LinearWeight, &[input, output]) => ("Linear", vec![output, input]),
        (_, dims) => ("Plain", dims.to_vec()),
    }
}

/// He et al. 2015, equation 10, for weights: a standard deviation of √(2 / fan-in).
fn init(parameter: &Parameter) -> TokenStream {
    let constant = |value: f32| {
        let value = Literal::f32_unsuffixed(value);
        quote!(Constant(#value))
    };
    match parameter.role {
        Role::ConvolutionWeight | Role::LinearWeight => {
            let fan_in: usize = parameter.dims[..parameter.dims.len() - 1].iter().product();
            let std = Literal::f32_unsuffixed((2.0 / fan_in as f64).sqrt() as f32);
            quote!(Normal { std: #std })
        }
        Role::Scale => constant(1.0),
        Role::Bias | Role::Shift => constant(0.0),
    }
}

/// The elements of `Program::states`.
pub(super) fn states(plan: &Plan) -> Vec<TokenStream> {
    let rows = plan.graph.states.iter().zip(&plan.tensors.state_offsets);
    rows.map(|(state, offset)| {
        let (name, shape) = (&state.name, &state.dims);
        let initial = Literal::f32_unsuffixed(state.initial as f32);
        quote! {
            State { name: #name, shape: &[#(#shape),*], initial: #initial, offset: #offset }
        }
    })
    .collect()
}
