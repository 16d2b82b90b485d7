//! One call of the runtime per node.

use nnc_dsl::scalar::Expr;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::Shared;
use super::names::snake;
use crate::graph::{Graph, Node, Op, Operand, Section, Type, ValueId};
use crate::plan::Plan;

/// Writes the calls of one plan; `slot` says how a value is written where the call stands.
pub(super) struct Calls<'a> {
    pub(super) plan: &'a Plan,
    pub(super) shared: &'a mut Shared,
}

impl Calls<'_> {
    /// The statement for a node; none for one without a kernel.
    pub(super) fn call(
        &mut self,
        node: &Node,
        slot: &mut dyn FnMut(ValueId) -> TokenStream,
    ) -> Option<TokenStream> {
        let inputs: Vec<TokenStream> = match node.op {
            Op::Pointwise(_) | Op::ReduceChannels(_) => Vec::new(), // printed as operands
            _ => node.inputs.iter().filter_map(|operand| operand.value()).map(&mut *slot).collect(),
        };
        let outputs: Vec<TokenStream> = node.outputs.iter().map(|output| slot(*output)).collect();
        let function = format_ident!("{}", node.op.name());
        Some(match &node.op {
            Op::Conv2d(_) | Op::Linear => self.anchor(node, &inputs, &outputs[0], slot),
            Op::Conv2dBackwardData(conv) | Op::Conv2dBackwardWeight(conv) => {
                let shape = self.shared.shapes.conv(conv);
                quote!(#function(p, &#shape, #(#inputs,)* #(#outputs),*);)
            }
            Op::LinearBackwardData => {
                let shape = self.linear(node.outputs[0], node.input(0));
                quote!(#function(p, &#shape, #(#inputs,)* #(#outputs),*);)
            }
            Op::LinearBackwardWeight => {
                let shape = self.linear(node.input(0), node.input(1));
                quote!(#function(p, &#shape, #(#inputs,)* #(#outputs),*);)
            }
            Op::MaxPool(pool) | Op::MaxPoolBackward(pool) | Op::AvgPool(pool) | Op::AvgPoolBackward(pool) => {
                let shape = self.shared.shapes.pool(pool);
                quote!(#function(p, &#shape, #(#inputs,)* #(#outputs),*);)
            }
            Op::Pointwise(exprs) => self.pointwise(node, exprs, &outputs, slot),
            Op::ReduceChannels(exprs) => self.reduce(node, exprs, &outputs, slot),
            Op::RunningStatistics { momentum, positions } => {
                let channels = self.channels(node.input(0));
                let momentum = Literal::f64_unsuffixed(*momentum);
                quote!(#function(p, #channels, #positions, #momentum, #(#inputs),*);)
            }
            Op::BatchStatistics
            | Op::Softmax
            | Op::SoftmaxBackward
            | Op::CrossEntropy
            | Op::CrossEntropyBackward => {
                let channels = self.channels(node.input(0));
                quote!(#function(p, #channels, #(#inputs,)* #(#outputs),*);)
            }
            Op::LossTerms(expr) => self.loss_terms(node, "loss_term", expr, &inputs, &outputs[0]),
            Op::LossTermsBackward(expr) => {
                self.loss_terms(node, "loss_term_gradient", expr, &inputs, &outputs[0])
            }
            Op::Concat => {
                let parts = self.parts(node.reads(), &inputs);
                quote!(#function(p, [#(#parts),*], #(#outputs),*);)
            }
            Op::Split => {
                let parts = self.parts(node.outputs.iter().copied(), &outputs);
                quote!(#function(p, #(#inputs,)* [#(#parts),*]);)
            }
            Op::Flatten => self.reorder(node.input(0), &function, &inputs, &outputs),
            Op::FlattenBackward => self.reorder(node.outputs[0], &function, &inputs, &outputs),
            Op::Reshape => return None,
            Op::BatchNorm => unreachable!("the pass `expand` leaves none"),
        })
    }

    fn anchor(
        &mut self,
        node: &Node,
        inputs: &[TokenStream],
        output: &TokenStream,
        slot: &mut dyn FnMut(ValueId) -> TokenStream,
    ) -> TokenStream {
        let shape = match &node.op {
            Op::Conv2d(conv) => self.shared.shapes.conv(conv),
            _ => self.linear(node.input(0), node.outputs[0]),
        };
        let name = node.op.name();
        let Some(epilogue) = &node.epilogue else {
            let function = format_ident!("{name}");
            return quote!(#function(p, &#shape, #(#inputs,)* #output););
        };
        let function = format_ident!("{name}_then");
        let exprs = std::slice::from_ref(&epilogue.expr);
        let fused = self.shared.fused.function(
            &self.plan.graph,
            &wish(&self.plan.graph, node, ""),
            exprs,
            &epilogue.inputs,
        );
        let extent = self.plan.graph.ty(node.outputs[0]).clone();
        let operands: Vec<TokenStream> =
            epilogue.inputs.iter().map(|operand| self.operand(*operand, &extent, slot)).collect();
        quote!(#function(p, &#shape, #(#inputs,)* #output, [#(#operands),*], #fused);)
    }

    fn pointwise(
        &mut self,
        node: &Node,
        exprs: &[Expr],
        outputs: &[TokenStream],
        slot: &mut dyn FnMut(ValueId) -> TokenStream,
    ) -> TokenStream {
        let extent = self.plan.graph.ty(node.outputs[0]).clone();
        let suffix = if node.section == Section::Backward { "_gradient" } else { "" };
        let fused = self.shared.fused.function(
            &self.plan.graph,
            &wish(&self.plan.graph, node, suffix),
            exprs,
            &node.inputs,
        );
        let operands: Vec<TokenStream> =
            node.inputs.iter().map(|operand| self.operand(*operand, &extent, slot)).collect();
        let channels = extent.channels();
        quote!(pointwise(p, #channels, [#(#operands),*], [#(#outputs),*], #fused);)
    }

    fn reduce(
        &mut self,
        node: &Node,
        exprs: &[Expr],
        outputs: &[TokenStream],
        slot: &mut dyn FnMut(ValueId) -> TokenStream,
    ) -> TokenStream {
        let extent = self.plan.graph.ty(node.input(0)).clone();
        let fused = self.shared.fused.function(
            &self.plan.graph,
            &wish(&self.plan.graph, node, "_sums"),
            exprs,
            &node.inputs,
        );
        let operands: Vec<TokenStream> =
            node.inputs.iter().map(|operand| self.operand(*operand, &extent, slot)).collect();
        let (channels, whole) = (extent.channels(), slot(node.input(0)));
        quote!(reduce_channels(p, #channels, #whole, [#(#operands),*], [#(#outputs),*], #fused);)
    }

    fn loss_terms(
        &mut self,
        node: &Node,
        wish: &str,
        expr: &Expr,
        inputs: &[TokenStream],
        output: &TokenStream,
    ) -> TokenStream {
        let function = format_ident!("{}", node.op.name());
        let features = self.plan.graph.ty(node.input(0)).len();
        let term = self.shared.fused.loss_term(wish, expr);
        quote!(#function(p, #features, #(#inputs,)* #output, #term);)
    }

    fn operand(
        &self,
        operand: Operand,
        extent: &Type,
        slot: &mut dyn FnMut(ValueId) -> TokenStream,
    ) -> TokenStream {
        match operand {
            Operand::Value(value) => {
                let ty = self.plan.graph.ty(value);
                let is_full = ty.batched == extent.batched && ty.len() == extent.len();
                let place = slot(value);
                if is_full { quote!(Operand::Full(#place)) } else { quote!(Operand::Channel(#place)) }
            }
            Operand::InverseCount { positions } => quote!(Operand::Value(1.0 / p.count(#positions))),
            Operand::Uniform { stream } => quote!(Operand::Uniform(#stream)),
            Operand::Result => quote!(Operand::Result),
        }
    }

    fn linear(&mut self, inputs: ValueId, outputs: ValueId) -> Ident {
        let graph = &self.plan.graph;
        self.shared.shapes.linear(graph.ty(inputs).len(), graph.ty(outputs).len())
    }

    fn channels(&self, value: ValueId) -> usize {
        self.plan.graph.ty(value).channels()
    }

    /// `(place, channels)` for each part of a concatenation.
    fn parts(&self, values: impl Iterator<Item = ValueId>, places: &[TokenStream]) -> Vec<TokenStream> {
        let channels = values.map(|value| self.channels(value));
        places.iter().zip(channels).map(|(place, channels)| quote!((#place, #channels))).collect()
    }

    fn reorder(
        &self,
        map: ValueId,
        function: &Ident,
        inputs: &[TokenStream],
        outputs: &[TokenStream],
    ) -> TokenStream {
        let map = self.plan.graph.ty(map).as_map();
        quote!(#function(p, [#(#map),*], #(#inputs,)* #(#outputs),*);)
    }
}

/// A name for a fused function from the words that it comes from, and from the role of what it
/// makes if that is not the word's own result: `bn_relu`, `bn_factor`, `relu_bn_gradient`.
fn wish(graph: &Graph, node: &Node, suffix: &str) -> String {
    let words: Vec<String> = node.words.iter().take(4).map(|word| snake(word)).collect();
    let path = graph.origins[node.origin.0].path();
    let role = graph.value(node.outputs[0]).name.strip_prefix(&path).unwrap_or_default();
    let role = if suffix.is_empty() { snake(role) } else { suffix.to_owned() };
    format!("{}{role}", words.join("_"))
}
