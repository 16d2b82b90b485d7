//! The public type of a network.

use nnc_dsl::CheckedModel;
use nnc_dsl::model::{Loss, OptimizerKind};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::EmitOptions;
use crate::Compiled;

/// The struct and its methods.
pub(super) fn items(model: &CheckedModel, compiled: &Compiled, options: &EmitOptions) -> TokenStream {
    let name = type_name(model);
    let structure = structure(model, compiled, options, &name);
    let methods = methods(model, options, &name);
    quote! { pub use program::PROGRAM; #structure #methods }
}

/// The network's name; `Network` for an anonymous one.
pub(super) fn type_name(model: &CheckedModel) -> Ident {
    let name = if model.name.is_empty() { "Network" } else { &model.name };
    format_ident!("{name}")
}

fn structure(model: &CheckedModel, compiled: &Compiled, options: &EmitOptions, name: &Ident) -> TokenStream {
    let rt = &options.runtime;
    let parameters = compiled.training.graph.parameters.iter().map(|p| p.dims.iter().product::<usize>());
    let count: usize = parameters.sum();
    let doc = format!(" The network `{name}`: {} → {}, {count} parameters.", model.input, model.output);
    let loss = match model.train.loss {
        Loss::CrossEntropy => "cross-entropy",
        Loss::MeanSquaredError => "mean squared error",
    };
    let how = format!(" Trains by {loss} and {}.", optimizer_title(model.train.optimizer.kind));
    let (input, output) = (&model.input.0, &model.output.0);
    let (input_rank, output_rank) = (input.len(), output.len());
    quote! {
        #[doc = #doc]
        #[doc = ""]
        #[doc = #how]
        pub struct #name(#rt::Model);

        impl #name {
            /// Shape of one input sample, channels first.
            pub const INPUT: [usize; #input_rank] = [#(#input),*];
            /// Shape of one output sample, channels first.
            pub const OUTPUT: [usize; #output_rank] = [#(#output),*];
            /// Number of learnt parameters.
            pub const PARAMETERS: usize = #count;
        }
    }
}

fn optimizer_title(kind: OptimizerKind) -> &'static str {
    match kind {
        OptimizerKind::Adadelta => "Adadelta",
        OptimizerKind::Sgd => "SGD",
        OptimizerKind::Adam => "Adam",
    }
}

fn methods(model: &CheckedModel, options: &EmitOptions, name: &Ident) -> TokenStream {
    let rt = &options.runtime;
    let (targets_doc, targets_type, targets) = match model.train.loss {
        Loss::CrossEntropy => {
            ("one class per sample", quote!(&[u32]), quote!(#rt::Targets::Classes(targets)))
        }
        Loss::MeanSquaredError => (
            "the wanted outputs, one sample after the other",
            quote!(&[f32]),
            quote!(#rt::Targets::Values(targets)),
        ),
    };
    let step_doc = format!(
        " One step of the optimiser on a batch: `inputs` holds whole samples, channels first, `targets` {targets_doc}."
    );
    let evaluate_doc = format!(" Loss and hits on a batch, without learning; `targets` holds {targets_doc}.");
    quote! {
        impl #name {
            /// A network with fresh parameters; the same seed gives the same ones.
            pub fn new(seed: u64) -> Self {
                Self(#rt::Model::new(&PROGRAM, seed))
            }

            #[doc = #step_doc]
            ///
            /// # Errors
            /// If a length does not fit, a target is out of range, or the loss is not finite.
            pub fn train_step(
                &mut self,
                inputs: &[f32],
                targets: #targets_type,
            ) -> ::core::result::Result<#rt::StepReport, #rt::Error> {
                self.0.train_step(inputs, #targets)
            }

            #[doc = #evaluate_doc]
            ///
            /// # Errors
            /// If a length does not fit or a target is out of range.
            pub fn evaluate(
                &mut self,
                inputs: &[f32],
                targets: #targets_type,
            ) -> ::core::result::Result<#rt::StepReport, #rt::Error> {
                self.0.evaluate(inputs, #targets)
            }

            /// The outputs for whole samples, channels first, one after the other.
            ///
            /// # Errors
            /// If the length is no multiple of a sample's.
            pub fn predict(&mut self, inputs: &[f32]) -> ::core::result::Result<::std::vec::Vec<f32>, #rt::Error> {
                self.0.predict(inputs)
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
