//! The public type of a network and its `PROGRAM`.

use nnc_dsl::CheckedModel;
use nnc_dsl::model::{Data, Loss, OptimizerKind};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::{EmitOptions, parameters};
use crate::Compiled;
use crate::optimizers::update_rule;

/// `PROGRAM`, the struct and its methods.
pub(super) fn items(model: &CheckedModel, compiled: &Compiled, options: &EmitOptions) -> TokenStream {
    let program = program(model, compiled, options);
    let name = type_name(model);
    let structure = structure(model, compiled, options, &name);
    let methods = methods(model, options, &name);
    quote! { #program #structure #methods }
}

/// The network's name; `Network` for an anonymous one.
pub(super) fn type_name(model: &CheckedModel) -> Ident {
    let name = if model.name.is_empty() { "Network" } else { &model.name };
    format_ident!("{name}")
}

fn program(model: &CheckedModel, compiled: &Compiled, options: &EmitOptions) -> TokenStream {
    let (rt, source) = (&options.runtime, &options.source);
    let (name, input, output) = (&model.name, &model.input.0, &model.output.0);
    let plan = &compiled.training;
    let (rows, states) = (parameters::table(plan, rt), parameters::states(plan, rt));
    let tensors = &plan.tensors;
    let (parameter_len, decayed_len, state_len) =
        (tensors.parameter_len, tensors.decayed_len, tensors.state_len);
    let (batched, fixed) = (plan.batched_len, plan.fixed_len);
    let evaluation = &compiled.evaluation;
    let (eval_batched, eval_fixed) = (evaluation.batched_len, evaluation.fixed_len);
    let prepared = evaluation.prepared_len;
    let (optimizer, defaults) = (optimizer(model, rt), defaults(model, rt));
    quote! {
        /// The compiled network: constants and functions for the runtime.
        pub static PROGRAM: #rt::program::Program = #rt::program::Program {
            name: #name,
            source: #source,
            input: &[#(#input),*],
            output: &[#(#output),*],
            parameters: &[#(#rows),*],
            parameter_len: #parameter_len,
            decayed_len: #decayed_len,
            states: &[#(#states),*],
            state_len: #state_len,
            training: #rt::program::Training {
                batched_len: #batched,
                fixed_len: #fixed,
                forward: training::forward,
                loss: training::loss,
                backward: training::backward,
                output: training::OUTPUT,
                loss_slot: training::LOSS,
            },
            evaluation: #rt::program::Evaluation {
                batched_len: #eval_batched,
                fixed_len: #eval_fixed,
                prepared_len: #prepared,
                prepare: evaluation::prepare,
                forward: evaluation::forward,
                loss: evaluation::loss,
                output: evaluation::OUTPUT,
                loss_slot: evaluation::LOSS,
            },
            optimizer: #optimizer,
            defaults: #defaults,
        };
    }
}

fn optimizer(model: &CheckedModel, rt: &TokenStream) -> TokenStream {
    let optimizer = &model.train.optimizer;
    let name = optimizer.kind.name();
    let names = optimizer.kind.hyperparameters().iter().map(|(name, _)| name);
    let values = optimizer.values.iter().map(|value| Literal::f32_unsuffixed(*value as f32));
    let states = update_rule(optimizer.kind).states;
    quote! {
        #rt::program::Optimizer {
            name: #name,
            hyperparameters: &[#((#names, #values)),*],
            states: &[#(#states),*],
            update: optimizer::step,
        }
    }
}

fn defaults(model: &CheckedModel, rt: &TokenStream) -> TokenStream {
    let train = &model.train;
    let data = match &train.data {
        None => quote!(None),
        Some(Data { format, path, target }) => {
            let (path, target) = (option(path), option(target));
            quote!(Some(#rt::program::Data { format: #format, path: #path, target: #target }))
        }
    };
    let (flip, crop) = (train.augment.flip, train.augment.crop);
    let target = match train.loss {
        Loss::CrossEntropy => quote!(Class),
        Loss::MeanSquaredError => quote!(Values),
    };
    let (batch, epochs, seed) = (train.batch, train.epochs, train.seed);
    quote! {
        #rt::program::Defaults {
            data: #data,
            flip: #flip,
            crop: #crop,
            target: #rt::program::Target::#target,
            batch: #batch,
            epochs: #epochs,
            seed: #seed,
        }
    }
}

fn option(text: &Option<String>) -> TokenStream {
    match text {
        Some(text) => quote!(Some(#text)),
        None => quote!(None),
    }
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
            ) -> Result<#rt::StepReport, #rt::Error> {
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
            ) -> Result<#rt::StepReport, #rt::Error> {
                self.0.evaluate(inputs, #targets)
            }

            /// The outputs for whole samples, channels first, one after the other.
            ///
            /// # Errors
            /// If the length is no multiple of a sample's.
            pub fn predict(&mut self, inputs: &[f32]) -> Result<Vec<f32>, #rt::Error> {
                self.0.predict(inputs)
            }

            /// Writes parameters, statistics and optimiser state as a safetensors file.
            ///
            /// # Errors
            /// If the file cannot be written.
            pub fn save(&self, path: impl AsRef<std::path::Path>) -> Result<(), #rt::Error> {
                self.0.save(path.as_ref())
            }

            /// Reads what `save`, or a training run, has written.
            ///
            /// # Errors
            /// If the file cannot be read or is of another network.
            pub fn load(path: impl AsRef<std::path::Path>) -> Result<Self, #rt::Error> {
                #rt::Model::load(&PROGRAM, path.as_ref()).map(Self)
            }

            /// The model underneath, with access to single tensors and settings.
            pub fn model(&mut self) -> &mut #rt::Model {
                &mut self.0
            }
        }
    }
}
