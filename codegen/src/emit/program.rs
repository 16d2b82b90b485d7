//! The static table `PROGRAM`.

use nnc_dsl::CheckedModel;
use nnc_dsl::model::{Data, Loss, LossTerm, Shape};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{CudaPart, EmitOptions, parameters};
use crate::Compiled;
use crate::graph::{Source, ValueId};
use crate::optimizers::update_rule;
use crate::plan::{Group, Plan};

/// The static, with its imports.
pub(super) fn items(model: &CheckedModel, compiled: &Compiled, options: &EmitOptions) -> TokenStream {
    let (runtime, source) = (&options.runtime, &options.source);
    let name = &model.name;
    let inputs = model.inputs.iter().map(|input| port(&input.name, &input.shape));
    let outputs = model.outputs.iter().map(|output| port(&output.name, &output.shape));
    let targets = targets(model, &compiled.training);
    let (plan, evaluation) = (&compiled.training, &compiled.evaluation);
    let (rows, states) = (parameters::table(plan), parameters::states(plan));
    let tensors = &plan.tensors;
    let (parameter_len, trained_len, state_len) =
        (tensors.parameter_len, tensors.trained_len, tensors.state_len);
    let groups = tensors.groups.iter().map(group);
    let (batched, fixed) = (plan.batched_len, plan.fixed_len);
    let (eval_batched, eval_fixed) = (evaluation.batched_len, evaluation.fixed_len);
    let prepared = evaluation.prepared_len;
    let (optimizer, defaults) = (optimizer(model), defaults(model));
    let cuda = cuda(options.cuda);
    let data = model.train.data.is_some().then(|| quote!(Data,));
    let parameter = (!rows.is_empty()).then(|| quote!(Init, Layout, Parameter,));
    let state = (!states.is_empty()).then(|| quote!(State,));
    let grouped = (!tensors.groups.is_empty()).then(|| quote!(Group,));
    quote! {
        use #runtime::program::{
            #data Defaults, Evaluation, #grouped #parameter Optimizer, Port, Program, #state Target,
            TargetKind, Training,
        };
        use #runtime::emitted::{Region, Slot};

        use super::{evaluation, optimizer, training};

        /// Constants and functions for the runtime.
        pub static PROGRAM: Program = Program {
            name: #name,
            source: #source,
            inputs: &[#(#inputs),*],
            outputs: &[#(#outputs),*],
            targets: &[#(#targets),*],
            parameters: &[#(#rows),*],
            parameter_len: #parameter_len,
            trained_len: #trained_len,
            groups: &[#(#groups),*],
            states: &[#(#states),*],
            state_len: #state_len,
            training: Training {
                batched_len: #batched,
                fixed_len: #fixed,
                forward: training::forward,
                loss: training::loss,
                backward: training::backward,
                outputs: training::OUTPUTS,
                loss_slot: training::LOSS,
            },
            evaluation: Evaluation {
                batched_len: #eval_batched,
                fixed_len: #eval_fixed,
                prepared_len: #prepared,
                prepare: evaluation::prepare,
                forward: evaluation::forward,
                loss: evaluation::loss,
                outputs: evaluation::OUTPUTS,
                loss_slot: evaluation::LOSS,
            },
            optimizer: #optimizer,
            defaults: #defaults,
            #cuda
        };
    }
}

/// The field `cuda`.
fn cuda(part: CudaPart) -> TokenStream {
    match part {
        CudaPart::Absent => quote!(cuda: None,),
        CudaPart::Inline => quote!(cuda: Some(&super::cuda::CUDA),),
        CudaPart::OfFeature => quote! {
            #[cfg(feature = "cuda")]
            cuda: Some(&super::cuda::CUDA),
            #[cfg(not(feature = "cuda"))]
            cuda: None,
        },
    }
}

fn port(name: &str, shape: &Shape) -> TokenStream {
    let dims = &shape.0;
    quote!(Port { name: #name, shape: &[#(#dims),*] })
}

fn group(group: &Group) -> TokenStream {
    let Group { end, learning_rate, decays } = group;
    let learning_rate = Literal::f32_unsuffixed(*learning_rate as f32);
    quote!(Group { end: #end, learning_rate: #learning_rate, decays: #decays })
}

/// What each loss compares, in the order of the outputs.
fn targets(model: &CheckedModel, plan: &Plan) -> Vec<TokenStream> {
    let graph = &plan.graph;
    judged(model)
        .into_iter()
        .map(|term| {
            let output = term.output;
            let is_target = |value: &ValueId| graph.value(*value).source == Source::Target(output);
            let slot = (0..graph.values.len()).map(ValueId).find(is_target).map(|value| plan.slot(value));
            let (offset, len) = slot.map_or((0, 0), |slot| (slot.offset, slot.len));
            let kind = match &term.loss {
                Loss::CrossEntropy { .. } => quote!(Classes),
                Loss::BinaryCrossEntropy
                | Loss::MeanSquaredError
                | Loss::MeanAbsoluteError
                | Loss::Huber { .. } => quote!(Values),
            };
            let slot = quote!(Slot::new(Region::Target, #offset, #len));
            quote!(Target { output: #output, kind: TargetKind::#kind, slot: #slot })
        })
        .collect()
}

/// The losses in the order of the outputs.
pub(super) fn judged(model: &CheckedModel) -> Vec<&LossTerm> {
    let mut terms: Vec<&LossTerm> = model.train.losses.iter().collect();
    terms.sort_by_key(|term| term.output);
    terms
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
    let (batch, epochs, seed) = (train.batch, train.epochs, train.seed);
    quote! {
        Defaults {
            data: #data,
            flip: #flip,
            crop: #crop,
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
