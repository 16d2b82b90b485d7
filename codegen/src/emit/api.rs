//! The public type of a network.
//!
//! A network with one input and one output has methods over plain slices. Where there are several,
//! the methods take or give one after the other, in the order of the signature.

use nnc_dsl::CheckedModel;
use nnc_dsl::model::{Loss, LossTerm, OptimizerKind, Shape};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::program::judged;
use super::{EmitOptions, type_name};
use crate::Compiled;
use crate::summary::ports;

/// The struct and its methods.
pub(super) fn items(model: &CheckedModel, compiled: &Compiled, options: &EmitOptions) -> TokenStream {
    let name = type_name(model);
    let structure = structure(model, compiled, options, &name);
    let methods = methods(model, options, &name);
    quote! { pub use program::PROGRAM; #structure #methods }
}

fn structure(model: &CheckedModel, compiled: &Compiled, options: &EmitOptions, name: &Ident) -> TokenStream {
    let rt = &options.runtime;
    let parameters = compiled.training.graph.parameters.iter().map(|p| p.dims.iter().product::<usize>());
    let count: usize = parameters.sum();
    let inputs: Vec<_> = model.inputs.iter().map(|input| (&input.name, &input.shape)).collect();
    let outputs: Vec<_> = model.outputs.iter().map(|output| (&output.name, &output.shape)).collect();
    let (from, to) = (ports(inputs.iter().copied()), ports(outputs.iter().copied()));
    let doc = format!(" The network `{name}`: {from} → {to}, {count} parameters.");
    let losses: Vec<String> = judged(model).into_iter().map(|term| loss_title(model, term)).collect();
    let optimizer = optimizer_title(model.train.optimizer.kind);
    let how = format!(" Trains by {} and {optimizer}.", losses.join(", "));
    let (input_shape, output_shape) = (shapes(&inputs, "INPUT"), shapes(&outputs, "OUTPUT"));
    quote! {
        #[doc = #doc]
        #[doc = ""]
        #[doc = #how]
        pub struct #name(#rt::Model);

        impl #name {
            #input_shape
            #output_shape
            /// Number of learnt parameters.
            pub const PARAMETERS: usize = #count;
        }
    }
}

/// The constant with the shape of the only port, or with names and shapes of several.
fn shapes(ports: &[(&String, &Shape)], name: &str) -> TokenStream {
    let kind = name.to_lowercase();
    if let [(_, shape)] = ports {
        let (doc, name) = (format!(" Shape of one {kind} sample, channels first."), format_ident!("{name}"));
        let (dims, rank) = (&shape.0, shape.0.len());
        return quote! { #[doc = #doc] pub const #name: [usize; #rank] = [#(#dims),*]; };
    }
    let (doc, name) =
        (format!(" Names and shapes of the {kind}s, channels first."), format_ident!("{name}S"));
    let count = ports.len();
    let rows = ports.iter().map(|(name, shape)| {
        let dims = &shape.0;
        quote!((#name, &[#(#dims),*]))
    });
    quote! {
        #[doc = #doc]
        pub const #name: [(&'static str, &'static [usize]); #count] = [#(#rows),*];
    }
}

fn loss_title(model: &CheckedModel, term: &LossTerm) -> String {
    let title = match term.loss {
        Loss::CrossEntropy { .. } => "cross-entropy",
        Loss::BinaryCrossEntropy => "binary cross-entropy",
        Loss::MeanSquaredError => "mean squared error",
        Loss::MeanAbsoluteError => "mean absolute error",
        Loss::Huber { .. } => "Huber loss",
    };
    match model.outputs[term.output].name.as_str() {
        "" => title.to_owned(),
        output => format!("{title} of `{output}`"),
    }
}

fn optimizer_title(kind: OptimizerKind) -> &'static str {
    match kind {
        OptimizerKind::Adadelta => "Adadelta",
        OptimizerKind::Sgd => "SGD",
        OptimizerKind::Adam => "Adam",
    }
}

/// An argument of the methods: its type, the expressions that the model takes for it, and what it is in
/// words. Several arrive as an array, which is handed on as a slice.
struct Passed {
    ty: TokenStream,
    only: Option<TokenStream>,
    name: Ident,
    doc: String,
}

impl Passed {
    /// For the method that takes slices.
    fn slice(&self) -> TokenStream {
        let Passed { only, name, .. } = self;
        match only {
            Some(only) => quote!(&[#only]),
            None => quote!(&#name),
        }
    }
}

fn inputs(model: &CheckedModel) -> Passed {
    let name = format_ident!("inputs");
    let doc = "`inputs` holds whole samples, channels first".to_owned();
    match model.inputs.len() {
        1 => Passed { ty: quote!(&[f32]), only: Some(quote!(inputs)), name, doc },
        count => {
            let doc = format!("{doc}, of {}", names(model.inputs.iter().map(|input| &input.name)));
            Passed { ty: quote!([&[f32]; #count]), only: None, name, doc }
        }
    }
}

fn targets(model: &CheckedModel, options: &EmitOptions) -> Passed {
    let (rt, name) = (&options.runtime, format_ident!("targets"));
    let terms = judged(model);
    let [only] = &terms[..] else {
        let count = terms.len();
        let judged = names(terms.iter().map(|term| &model.outputs[term.output].name));
        let doc = format!("`targets` holds those of {judged}");
        return Passed { ty: quote!([#rt::Targets; #count]), only: None, name, doc };
    };
    let (element, variant, doc) = match only.loss {
        Loss::CrossEntropy { .. } if model.outputs[only.output].shape.positions() > 1 => {
            (quote!(u32), quote!(Classes), "one class per sample and position")
        }
        Loss::CrossEntropy { .. } => (quote!(u32), quote!(Classes), "one class per sample"),
        Loss::BinaryCrossEntropy | Loss::MeanSquaredError | Loss::MeanAbsoluteError | Loss::Huber { .. } => {
            (quote!(f32), quote!(Values), "the wanted outputs, one sample after the other")
        }
    };
    let doc = format!("`targets` holds {doc}");
    Passed { ty: quote!(&[#element]), only: Some(quote!(#rt::Targets::#variant(targets))), name, doc }
}

/// The type of the predictions, the expression that makes them, and what they are in words.
fn predictions(model: &CheckedModel, inputs: &Passed) -> (TokenStream, TokenStream, String) {
    let one = quote!(::std::vec::Vec<f32>);
    let slice = inputs.slice();
    if let [_] = &model.outputs[..] {
        let value = match &inputs.only {
            Some(only) => quote!(self.0.predict(#only)),
            None => quote!(self.0.predict_many(#slice).map(|outputs| outputs.concat())),
        };
        return (
            one,
            value,
            "The outputs for whole samples, channels first, one after the other.".to_owned(),
        );
    }
    let names = names(model.outputs.iter().map(|output| &output.name));
    let doc = format!("The outputs {names} for whole samples, channels first.");
    (quote!(::std::vec::Vec<#one>), quote!(self.0.predict_many(#slice)), doc)
}

/// `` `class`, `box` ``
fn names<'m>(names: impl Iterator<Item = &'m String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn methods(model: &CheckedModel, options: &EmitOptions, name: &Ident) -> TokenStream {
    let rt = &options.runtime;
    let (inputs, targets) = (inputs(model), targets(model, options));
    let (outputs_type, predict, predict_doc) = predictions(model, &inputs);
    let predict_doc = format!(" {predict_doc}");
    let step_doc = format!(" One step of the optimiser on a batch: {}; {}.", inputs.doc, targets.doc);
    let evaluate_doc = format!(" Loss and hits on a batch, without learning; {}.", targets.doc);
    let (inputs_type, targets_type) = (&inputs.ty, &targets.ty);
    let (step, evaluate) = match (&inputs.only, &targets.only) {
        (Some(inputs), Some(targets)) => {
            (quote!(train_step(#inputs, #targets)), quote!(evaluate(#inputs, #targets)))
        }
        _ => {
            let (inputs, targets) = (inputs.slice(), targets.slice());
            (quote!(train_step_many(#inputs, #targets)), quote!(evaluate_many(#inputs, #targets)))
        }
    };
    quote! {
        impl #name {
            /// A network with fresh parameters; the same seed gives the same ones.
            pub fn new(seed: u64) -> Self {
                Self(#rt::Model::new(&PROGRAM, seed))
            }

            /// The same on a device, such as a GPU.
            ///
            /// # Errors
            /// If the device is not there, or has too little memory.
            pub fn on(seed: u64, device: &#rt::Device) -> ::core::result::Result<Self, #rt::Error> {
                #rt::Model::on(&PROGRAM, seed, device).map(Self)
            }

            #[doc = #step_doc]
            ///
            /// # Errors
            /// If a length does not fit, a target is out of range, or the loss is not finite.
            pub fn train_step(
                &mut self,
                inputs: #inputs_type,
                targets: #targets_type,
            ) -> ::core::result::Result<#rt::StepReport, #rt::Error> {
                self.0.#step
            }

            #[doc = #evaluate_doc]
            ///
            /// # Errors
            /// If a length does not fit or a target is out of range.
            pub fn evaluate(
                &mut self,
                inputs: #inputs_type,
                targets: #targets_type,
            ) -> ::core::result::Result<#rt::StepReport, #rt::Error> {
                self.0.#evaluate
            }

            #[doc = #predict_doc]
            ///
            /// # Errors
            /// If the length is no multiple of a sample's.
            pub fn predict(
                &mut self,
                inputs: #inputs_type,
            ) -> ::core::result::Result<#outputs_type, #rt::Error> {
                #predict
            }

            /// Writes parameters, statistics and optimiser state as a safetensors file.
            ///
            /// # Errors
            /// If the file cannot be written.
            pub fn save(&self, path: impl ::core::convert::AsRef<::std::path::Path>) -> ::core::result::Result<(), #rt::Error> {
                self.0.save(path.as_ref())
            }

            /// Reads what `save`, or a training run, has written.
            ///
            /// # Errors
            /// If the file cannot be read or is of another network.
            pub fn load(path: impl ::core::convert::AsRef<::std::path::Path>) -> ::core::result::Result<Self, #rt::Error> {
                #rt::Model::load(&PROGRAM, path.as_ref()).map(Self)
            }

            /// The model underneath, with access to single tensors and settings.
            pub fn model(&mut self) -> &mut #rt::Model {
                &mut self.0
            }
        }
    }
}
