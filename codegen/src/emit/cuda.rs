//! The network for GPUs: the text of all kernels, and a table of what to launch.

use nnc_dsl::CheckedModel;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::EmitOptions;
use crate::Compiled;
use crate::cuda::{
    Argument, Candidate, Count, Cuda, Kernel, Launch, LibraryCall, Pass, Place, Product, Step, Tensor, emit,
};
use crate::graph::{Conv, Section, Source, ValueId};
use crate::plan::Plan;

/// How the part for GPUs is emitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CudaPart {
    /// Not at all.
    #[default]
    Absent,
    /// Always, the texts of its kernels among the rest.
    Inline,
    /// Behind the feature `cuda` of the emitted crate, its kernels in the file `cuda.cu` beside the module.
    OfFeature,
}

/// Begins the line in front of each kernel's text; the runtime cuts there.
const KERNEL_HEAD: &str = "// kernel ";

/// The table and the text of the kernels, as `part` says.
pub(super) fn items(
    model: &CheckedModel,
    compiled: &Compiled,
    options: &EmitOptions,
) -> Option<(TokenStream, String)> {
    let text_place = match options.cuda {
        CudaPart::Absent => return None,
        CudaPart::Inline => None,
        CudaPart::OfFeature => Some(quote!(include_str!("cuda.cu"))),
    };
    let cuda = emit(model, compiled);
    let text = text(&cuda.kernels);
    let place = text_place.unwrap_or_else(|| quote!(#text));
    Some((table(&cuda, compiled, options, &place), text))
}

/// All kernels, each behind its head.
fn text(kernels: &[Kernel]) -> String {
    let one = |kernel: &Kernel| {
        assert!(
            !kernel.text.contains(KERNEL_HEAD),
            "the head of a kernel stands in a text:\n{}",
            kernel.text
        );
        format!("{KERNEL_HEAD}{}\n{}\n", kernel.name, kernel.text)
    };
    kernels.iter().map(one).collect()
}

fn table(cuda: &Cuda, compiled: &Compiled, options: &EmitOptions, text: &TokenStream) -> TokenStream {
    let runtime = &options.runtime;
    let kernels = cuda.kernels.iter().map(|Kernel { name, threads, .. }| {
        let threads = *threads;
        quote!(Kernel { name: #name, threads: #threads })
    });
    let (inputs, targets) = ports(&cuda.training, &compiled.training);
    let training = pass(&cuda.training, &compiled.training);
    let evaluation = pass(&cuda.evaluation, &compiled.evaluation);
    let update = cuda.update.iter().map(launch);
    let mut names = vec!["Cuda", "Kernel", "Pass"];
    let body = quote! {
        Cuda {
            text: #text,
            kernels: &[#(#kernels),*],
            inputs: &[#(#inputs),*],
            targets: &[#(#targets),*],
            training: #training,
            evaluation: #evaluation,
            update: &[#(#update),*],
        }
    };
    names.extend(super::used(&body, &NAMES[3..]));
    let names = names.iter().map(|name| format_ident!("{name}"));
    quote! {
        use #runtime::emitted::cuda::{#(#names),*};

        /// Kernels, and what to launch in which order.
        pub(super) static CUDA: Cuda = #body;
    }
}

/// The names that a table may use; the first three always.
const NAMES: [&str; 17] = [
    "Cuda",
    "Kernel",
    "Pass",
    "Argument",
    "Candidate",
    "Conv",
    "Count",
    "Form",
    "Launch",
    "LibraryCall",
    "Place",
    "Product",
    "Region",
    "Step",
    "Target",
    "Tensor",
    "Units",
];

/// The places of the inputs in the order of the signature, and those of target values with their outputs; the
/// same in both passes.
fn ports(pass: &Pass, plan: &Plan) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let values = || (0..plan.graph.values.len()).map(ValueId);
    let inputs = values().filter(|value| matches!(plan.graph.value(*value).source, Source::Input(_)));
    let inputs = inputs.map(|value| place(&pass.memory.place(value))).collect();
    let targets = values().filter_map(|value| match plan.graph.value(value).source {
        Source::Target(output) => {
            let place = place(&pass.memory.place(value));
            Some(quote!(Target { output: #output, place: #place }))
        }
        _ => None,
    });
    (inputs, targets.collect())
}

fn pass(pass: &Pass, plan: &Plan) -> TokenStream {
    let memory = &pass.memory;
    let (batched, wide, places) = (memory.batched_len, memory.wide_len, memory.places_len);
    let (fixed, prepared) = (memory.fixed_len, memory.prepared_len);
    let [prepare, forward, loss, backward] = Section::ALL.map(|section| {
        let of_section = pass.sections.iter().filter(move |(other, _)| *other == section);
        of_section.flat_map(|(_, steps)| steps).map(step).collect::<Vec<_>>()
    });
    let outputs = plan.graph.outputs.iter().map(|output| place(&memory.place(*output)));
    let loss_place = place(&memory.place(plan.graph.loss));
    quote! {
        Pass {
            batched_len: #batched,
            wide_len: #wide,
            places_len: #places,
            fixed_len: #fixed,
            prepared_len: #prepared,
            prepare: &[#(#prepare),*],
            forward: &[#(#forward),*],
            loss: &[#(#loss),*],
            backward: &[#(#backward),*],
            outputs: &[#(#outputs),*],
            loss_place: #loss_place,
        }
    }
}

fn step(step: &Step) -> TokenStream {
    match step {
        Step::Launch(one) => {
            let one = launch(one);
            quote!(Step::Launch(#one))
        }
        Step::Product(Product { operation, spec, candidates, library }) => {
            let (spec, candidates) = (conv(spec), candidates.iter().map(candidate));
            let library = optional(library.as_ref().map(library_call));
            quote! {
                Step::Product(Product {
                    operation: #operation,
                    spec: #spec,
                    candidates: &[#(#candidates),*],
                    library: #library,
                })
            }
        }
    }
}

fn library_call(call: &LibraryCall) -> TokenStream {
    let LibraryCall { form, layer, before, operands, result, after } = call;
    let (form, operands, result) = (variant(form), operands.iter().map(tensor), tensor(result));
    let (before, after) = (before.iter().map(launch), after.iter().map(launch));
    quote! {
        &LibraryCall {
            form: Form::#form,
            layer: #layer,
            before: &[#(#before),*],
            operands: [#(#operands),*],
            result: #result,
            after: &[#(#after),*],
        }
    }
}

fn tensor(tensor: &Tensor) -> TokenStream {
    match tensor {
        Tensor::At(at) => {
            let at = place(at);
            quote!(Tensor::At(#at))
        }
        Tensor::Workspace(start) => quote!(Tensor::Workspace(#start)),
    }
}

fn optional(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(|| quote!(None), |value| quote!(Some(#value)))
}

fn candidate(Candidate { name, units, launches }: &Candidate) -> TokenStream {
    let (units, launches) = (variant(units), launches.iter().map(launch));
    quote!(Candidate { name: #name, units: Units::#units, launches: &[#(#launches),*] })
}

fn launch(Launch { kernel, layer, grid, shared, workspace, arguments }: &Launch) -> TokenStream {
    let (grid, workspace) = (grid.iter().map(count), count(workspace));
    let arguments = arguments.iter().map(argument);
    quote! {
        Launch {
            kernel: #kernel,
            layer: #layer,
            grid: [#(#grid),*],
            shared: #shared,
            workspace: #workspace,
            arguments: &[#(#arguments),*],
        }
    }
}

/// Fields that are as in `Count::ONE` are left out.
fn count(count: &Count) -> TokenStream {
    if *count == Count::fixed(1) {
        return quote!(Count::ONE);
    }
    if *count == Count::fixed(0) {
        return quote!(Count::ZERO);
    }
    let fields = [
        ("per_sample", count.per_sample, 0),
        ("fixed", count.fixed, 1),
        ("each", count.each, 1),
        ("at_most", count.at_most, usize::MAX),
        ("times", count.times, 1),
    ];
    let given = fields.into_iter().filter(|(_, value, default)| value != default).map(|(name, value, _)| {
        let (name, value) = (format_ident!("{name}"), Literal::usize_unsuffixed(value));
        quote!(#name: #value,)
    });
    quote!(Count { #(#given)* ..Count::ONE })
}

fn argument(argument: &Argument) -> TokenStream {
    match argument {
        Argument::Place(at) => {
            let at = place(at);
            quote!(Argument::At(#at))
        }
        Argument::Labels(output) => quote!(Argument::Labels(#output)),
        Argument::Workspace => quote!(Argument::Workspace),
        Argument::Step => quote!(Argument::Step),
        Argument::Hyperparameters => quote!(Argument::Hyperparameters),
        Argument::OptimizerState(index) => quote!(Argument::OptimizerState(#index)),
        Argument::Batch => quote!(Argument::Batch),
    }
}

fn place(Place { region, offset, len }: &Place) -> TokenStream {
    let region = variant(region);
    quote!(Place { region: Region::#region, offset: #offset, len: #len })
}

fn conv(Conv { input, output, kernel, stride, pad, dilation, groups }: &Conv) -> TokenStream {
    quote! {
        Conv {
            input: [#(#input),*],
            output: [#(#output),*],
            kernel: [#(#kernel),*],
            stride: [#(#stride),*],
            pad: [#(#pad),*],
            dilation: [#(#dilation),*],
            groups: #groups,
        }
    }
}

/// The name of a variant without fields, which the runtime's type has too.
fn variant(value: &impl std::fmt::Debug) -> Ident {
    format_ident!("{}", format!("{value:?}"))
}
