//! Places in the flat buffers, and their table.

use nnc_dsl::model::{Form, Init};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::names::{Namer, upper};
use crate::graph::{Graph, Parameter, Role};
use crate::plan::Plan;

/// The names of the constants; those of gradients are empty for frozen parameters.
pub(super) struct FlatNames {
    pub(super) parameters: Vec<Ident>,
    pub(super) gradients: Vec<Ident>,
    pub(super) states: Vec<Ident>,
}

impl FlatNames {
    pub(super) fn new(graph: &Graph) -> FlatNames {
        let mut namer = Namer::default();
        let parameters = graph.parameters.iter().map(|p| namer.fresh(&upper(&p.name))).collect();
        let gradients = graph.parameters.iter().map(|p| namer.fresh(&upper(&format!("{}.gradient", p.name))));
        let gradients = gradients.collect();
        let states = graph.states.iter().map(|state| namer.fresh(&upper(&state.name))).collect();
        FlatNames { parameters, gradients, states }
    }
}

/// A constant for each parameter, its gradient and each state.
pub(super) fn items(plan: &Plan, names: &FlatNames) -> TokenStream {
    let graph = &plan.graph;
    let rows = graph.parameters.iter().zip(&plan.tensors.parameter_offsets);
    let parameters = rows.zip(names.parameters.iter().zip(&names.gradients)).flat_map(
        |((parameter, offset), (name, gradient))| {
            let len = parameter.dims.iter().product();
            let gradient = (!parameter.is_frozen()).then(|| slot(gradient, "Gradient", *offset, len));
            [Some(slot(name, "Parameter", *offset, len)), gradient]
        },
    );
    let states = graph.states.iter().zip(&plan.tensors.state_offsets).zip(&names.states);
    let states =
        states.map(|((state, offset), name)| slot(name, "State", *offset, state.dims.iter().product()));
    parameters.flatten().chain(states).collect()
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
    let init = init(parameter.init);
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
        (Role::ConvolutionWeight, [spatial @ .., input, output]) => {
            ("Convolution", [&[*output, *input], spatial].concat())
        }
        (Role::LinearWeight, [input, output]) => ("Linear", vec![*output, *input]),
        (_, dims) => ("Plain", dims.to_vec()),
    }
}

fn init(init: Init) -> TokenStream {
    let float = |value: f64| Literal::f32_unsuffixed(value as f32);
    match init {
        Init::Constant(value) => {
            let value = float(value);
            quote!(Constant(#value))
        }
        Init::Orthogonal { gain } => {
            let gain = float(gain);
            quote!(Orthogonal { gain: #gain })
        }
        Init::Random { std, form: Form::Uniform } => {
            // The variance of a uniform distribution is a third of its bound's square.
            let bound = float(std * 3.0f64.sqrt());
            quote!(Uniform { bound: #bound })
        }
        Init::Random { std, form: form @ (Form::Normal | Form::TruncatedNormal) } => {
            let (form, std) = (format_ident!("{form:?}"), float(std));
            quote!(#form { std: #std })
        }
        Init::Scaled { .. } => unreachable!("lowering reckons with the fan"),
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
