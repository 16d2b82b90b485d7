//! The static table `PROGRAM`.

use nnc_dsl::CheckedModel;
use nnc_dsl::model::{Data, Loss};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{EmitOptions, parameters};
use crate::Compiled;
use crate::optimizers::update_rule;

/// The static, with its imports.
pub(super) fn items(model: &CheckedModel, compiled: &Compiled, options: &EmitOptions) -> TokenStream {
    let (runtime, source) = (&options.runtime, &options.source);
    let (name, input, output) = (&model.name, &model.input.0, &model.output.0);
    let (plan, evaluation) = (&compiled.training, &compiled.evaluation);
    let (rows, states) = (parameters::table(plan), parameters::states(plan));
    let tensors = &plan.tensors;
    let (parameter_len, decayed_len, state_len) =
        (tensors.parameter_len, tensors.decayed_len, tensors.state_len);
    let (batched, fixed) = (plan.batched_len, plan.fixed_len);
    let (eval_batched, eval_fixed) = (evaluation.batched_len, evaluation.fixed_len);
    let prepared = evaluation.prepared_len;
    let (optimizer, defaults) = (optimizer(model), defaults(model));
    let data = model.train.data.is_some().then(|| quote!(Data,));
    let parameter = (!rows.is_empty()).then(|| quote!(Init, Layout, Parameter,));
    let state = (!states.is_empty()).then(|| quote!(State,));
    quote! {
        use #runtime::program::{
            #data Defaults, Evaluation, #parameter Optimizer, Program, #state Target, Training,
        };

        use super::{evaluation, optimizer, training};

        /// Constants and functions for the runtime.
        pub static PROGRAM: Program = Program {
            name: #name,
            source: #source,
            input: &[#(#input),*],
            output: &[#(#output),*],
            parameters: &[#(#rows),*],
            parameter_len: #parameter_len,
            decayed_len: #decayed_len,
            states: &[#(#states),*],
            state_len: #state_len,
            training: Training {
                batched_len: #batched,
                fixed_len: #fixed,
                forward: training::forward,
                loss: training::loss,
                backward: training::backward,
                output: training::OUTPUT,
                loss_slot: training::LOSS,
            },
            evaluation: Evaluation {
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

fn optimizer(model: &CheckedModel) -> TokenStream {
    let optimizer = &model.train.optimizer;
    let name = optimizer.kind.name();
    let names = optimizer.kind.hyperparameters().iter().map(|(name, _)| name);
    let values = optimizer.values.iter().map(|value| Literal::f32_unsuffixed(*value as f32));
    let states = update_rule(optimizer.kind).states;
    quote! {
        Optimizer {
            name: #name,
            hyperparameters: &[#((#names, #values)),*],
            states: &[#(#states),*],
            update: optimizer::step,
        }
    }
}

fn defaults(model: &CheckedModel) -> TokenStream {
    let train = &model.train;
    let data = match &train.data {
        None => quote!(None),
        Some(Data { format, path, target }) => {
            let (path, target) = (option(path), option(target));
            quote!(Some(Data { format: #format, path: #path, target: #target }))
        }
    };
    let (flip, crop) = (train.augment.flip, train.augment.crop);
    let target = match train.loss {
        Loss::CrossEntropy => quote!(Class),
        Loss::MeanSquaredError => quote!(Values),
    };
    let (batch, epochs, seed) = (train.batch, train.epochs, train.seed);
    quote! {
        Defaults {
            data: #data,
            flip: #flip,
            crop: #crop,
            target: Target::#target,
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
