//! The network for GPUs: the text of all kernels, and a table of what to launch.

use std::collections::HashMap;

use nnc_dsl::CheckedModel;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::EmitOptions;
use crate::Compiled;
use crate::cuda::{
    Argument, Candidate, Count, Cuda, Fused, Kernel, Launch, LibraryCall, Pass, Place, Product, Step, Tensor,
    emit,
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

/// Kernels that are part of the program as code for GPUs of an architecture: the file `ARCHITECTURE.cubins` beside
/// the module, which the runtime makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// As the compiler of kernels calls it: `sm_90`.
    pub architecture: String,
    /// The names of the precisions that it serves.
    pub precisions: Vec<String>,
}

/// Ends the names of those files.
pub const AHEAD_ENDING: &str = "cubins";

/// Begins the line in front of each kernel's text; the runtime cuts there.
const KERNEL_HEAD: &str = "// kernel ";

/// Begins the line that stands for a paragraph: its number, and the kernel before that it is found in.
const PARAGRAPH_HEAD: &str = "// paragraph ";

/// Characters of the shortest paragraph that is not written twice.
const LONG: usize = 100;

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

/// All kernels, each behind its head. Ways to compute one product have much of their texts in common, so a paragraph
/// is written once.
fn text(kernels: &[Kernel]) -> String {
    let mut first: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut text = String::new();
    for Kernel { name, text: own, .. } in kernels {
        let is_free = ![KERNEL_HEAD, PARAGRAPH_HEAD].iter().any(|head| own.contains(head));
        assert!(is_free, "a mark of the file stands in a text:\n{own}");
        text += &format!("{KERNEL_HEAD}{name}\n");
        for (number, paragraph) in paragraphs(own).enumerate() {
            match first.get(paragraph) {
                Some((number, of)) if paragraph.len() >= LONG => {
                    text += &format!("{PARAGRAPH_HEAD}{number} of {of}\n");
                }
                _ => {
                    first.entry(paragraph).or_insert((number, name));
                    text += paragraph;
                }
            }
        }
    }
    text
}

/// The pieces of a text, each of which begins with a comment.
fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let comments = text.match_indices("//").filter(|(place, _)| {
        text[..*place].rsplit('\n').next().is_some_and(|before| before.chars().all(|c| c == ' '))
    });
    let starts = comments.map(|(place, _)| text[..place].rfind('\n').map_or(0, |end| end + 1));
    let mut starts: Vec<usize> = [0].into_iter().chain(starts).chain([text.len()]).collect();
    starts.dedup();
    let ends = starts.clone().into_iter().skip(1);
    starts.into_iter().zip(ends).map(|(start, end)| &text[start..end])
}

fn table(cuda: &Cuda, compiled: &Compiled, options: &EmitOptions, text: &TokenStream) -> TokenStream {
    let runtime = &options.runtime;
    let mut operands = Operands::default();
    let kernels =
        cuda.kernels.iter().map(|Kernel { name, threads, .. }| quote!(Kernel::new(#name, #threads)));
    let (inputs, targets) = ports(&cuda.training, &compiled.training);
    let training = pass(&cuda.training, &compiled.training, &mut operands);
    let evaluation = pass(&cuda.evaluation, &compiled.evaluation, &mut operands);
    let update: Vec<_> = cuda.update.iter().map(|one| launch(one, &mut operands)).collect();
    let operands = operands.table();
    let ahead = options.ahead.iter().map(ahead);
    let body = quote! {
        /// Kernels, and what to launch in which order.
        pub(super) static CUDA: Cuda = Cuda {
            text: #text,
            kernels: &[#(#kernels),*],
            inputs: &[#(#inputs),*],
            targets: &[#(#targets),*],
            training: #training,
            evaluation: #evaluation,
            update: &[#(#update),*],
            ahead: &[#(#ahead),*],
        };
        #operands
    };
    let names = super::used(&body, &NAMES);
    let names = names.iter().map(|name| format_ident!("{name}"));
    quote! {
        use #runtime::emitted::cuda::{#(#names),*};

        #body
    }
}

/// The names that a table may use.
const NAMES: [&str; 20] = [
    "Ahead",
    "Argument",
    "Candidate",
    "Conv",
    "Count",
    "Cuda",
    "Form",
    "Fused",
    "Kernel",
    "Launch",
    "LibraryCall",
    "Pass",
    "Place",
    "Product",
    "Region",
    "Step",
    "Target",
    "Tensor",
    "Units",
    "at",
];

/// Lists of arguments, which candidates of a product have in common.
#[derive(Default)]
struct Operands<'a> {
    /// By number.
    lists: Vec<&'a [Argument]>,
}

impl<'a> Operands<'a> {
    /// The list, by its number.
    fn list(&mut self, arguments: &'a [Argument]) -> TokenStream {
        let known = self.lists.iter().position(|known| *known == arguments);
        let number = known.unwrap_or_else(|| {
            self.lists.push(arguments);
            self.lists.len() - 1
        });
        quote!(OPERANDS[#number])
    }

    fn table(&self) -> TokenStream {
        let lists = self.lists.iter().map(|list| {
            let arguments = list.iter().map(argument);
            quote!(&[#(#arguments),*])
        });
        let count = self.lists.len();
        quote! {
            /// The arguments of launches.
            const OPERANDS: [&[Argument]; #count] = [#(#lists),*];
        }
    }
}

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

fn pass<'a>(pass: &'a Pass, plan: &Plan, operands: &mut Operands<'a>) -> TokenStream {
    let memory = &pass.memory;
    let (batched, wide, places) = (memory.batched_len, memory.wide_len, memory.places_len);
    let (fixed, prepared) = (memory.fixed_len, memory.prepared_len);
    let [prepare, forward, loss, backward] = Section::ALL.map(|section| {
        let of_section = pass.sections.iter().filter(move |(other, _)| *other == section);
        of_section.flat_map(|(_, steps)| steps).map(|one| step(one, operands)).collect::<Vec<_>>()
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

fn step<'a>(step: &'a Step, operands: &mut Operands<'a>) -> TokenStream {
    match step {
        Step::Launch(one) => {
            let one = launch(one, operands);
            quote!(Step::Launch(#one))
        }
        Step::Product(product) => {
            let Product { operation, spec, candidates, library } = product;
            let candidates: Vec<_> = candidates.iter().map(|one| candidate(one, operands)).collect();
            let library: Vec<_> = library.iter().map(|call| library_call(call, operands)).collect();
            let spec = conv(spec);
            quote! {
                Step::Product(Product {
                    operation: #operation,
                    spec: #spec,
                    candidates: &[#(#candidates),*],
                    library: &[#(#library),*],
                })
            }
        }
    }
}

fn library_call<'a>(call: &'a LibraryCall, lists: &mut Operands<'a>) -> TokenStream {
    let LibraryCall { form, layer, before, operands, fused, result, after } = call;
    let (form, operands, result) = (variant(form), operands.iter().map(tensor), tensor(result));
    let fused = optional(fused.as_ref().map(fused_after));
    let [before, after] =
        [before, after].map(|launches| launches.iter().map(|one| launch(one, lists)).collect::<Vec<_>>());
    quote! {
        LibraryCall {
            form: Form::#form,
            layer: #layer,
            before: &[#(#before),*],
            operands: [#(#operands),*],
            fused: #fused,
            result: #result,
            after: &[#(#after),*],
        }
    }
}

fn fused_after(fused: &Fused) -> TokenStream {
    match fused {
        Fused::Relu => quote!(Fused::Relu),
        Fused::Bias(bias) => {
            let bias = place(bias);
            quote!(Fused::Bias(#bias))
        }
        Fused::BiasRelu(bias) => {
            let bias = place(bias);
            quote!(Fused::BiasRelu(#bias))
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

fn candidate<'a>(candidate: &'a Candidate, operands: &mut Operands<'a>) -> TokenStream {
    let Candidate { name, units, launches } = candidate;
    let (units, launches) = (variant(units), launches.iter().map(|one| launch(one, operands)));
    quote!(Candidate { name: #name, units: Units::#units, launches: &[#(#launches),*] })
}

/// What is as in most launches is left out.
fn launch<'a>(launch: &'a Launch, operands: &mut Operands<'a>) -> TokenStream {
    let Launch { kernel, layer, grid, shared, workspace, arguments } = launch;
    let [x, y, z] = grid.each_ref().map(count);
    let arguments = operands.list(arguments);
    let rows = (grid[1..] != [Count::fixed(1); 2]).then(|| quote!(.rows(#y, #z)));
    let shared = (*shared != 0).then(|| quote!(.shared(#shared)));
    let workspace = (*workspace != Count::fixed(0)).then(|| {
        let workspace = count(workspace);
        quote!(.workspace(#workspace))
    });
    quote!(Launch::new(#kernel, #layer, #x, #arguments) #rows #shared #workspace)
}

fn count(count: &Count) -> TokenStream {
    let Count { per_sample, fixed, each, at_most, times } = *count;
    let number = match (per_sample, each) {
        (0, 1) => quote!(Count::fixed(#fixed)),
        _ => {
            let fixed = (fixed != 0).then(|| quote!(.plus(#fixed)));
            quote!(Count::batched(#per_sample, #each) #fixed)
        }
    };
    let at_most = (at_most != usize::MAX).then(|| quote!(.at_most(#at_most)));
    let times = (times != 1).then(|| quote!(.times(#times)));
    quote!(#number #at_most #times)
}

fn ahead(Ahead { architecture, precisions }: &Ahead) -> TokenStream {
    let file = format!("{architecture}.{AHEAD_ENDING}");
    quote! {
        Ahead {
            architecture: #architecture,
            precisions: &[#(#precisions),*],
            cubins: include_bytes!(#file),
        }
    }
}

fn argument(argument: &Argument) -> TokenStream {
    match argument {
        Argument::Place(Place { region, offset, len }) => {
            let region = variant(region);
            quote!(at(Region::#region, #offset, #len))
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
    quote!(Place::new(Region::#region, #offset, #len))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_begin_with_comments() {
        let text = "K() {\n    // a\n    b; // c\n    // d\n    // e\n}\n";
        let found: Vec<&str> = paragraphs(text).collect();
        assert_eq!(found, ["K() {\n", "    // a\n    b; // c\n", "    // d\n", "    // e\n}\n"]);
        assert_eq!(paragraphs("// a\n").collect::<Vec<_>>(), ["// a\n"]);
    }

    #[test]
    fn a_paragraph_is_written_once() {
        let long = format!("    // long\n    {};\n}}\n", "x".repeat(LONG));
        let kernel = |name: &str| Kernel {
            name: name.to_owned(),
            threads: 32,
            text: format!("K({name}) {{\n    // short\n{long}"),
        };
        let expected = format!(
            "// kernel a\nK(a) {{\n    // short\n{long}// kernel b\nK(b) {{\n    // short\n// paragraph 2 of a\n"
        );
        assert_eq!(text(&[kernel("a"), kernel("b")]), expected);
    }
}
