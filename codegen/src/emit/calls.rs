//! One call of the runtime per node.

use nnc_dsl::scalar::Expr;
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::Shared;
use super::names::snake;
use crate::graph::{Graph, Keep, Node, Op, Operand, Pool, Section, Spread, Type, ValueId};
use crate::plan::Plan;

/// Writes the calls of one plan; `slot` says how a value is written where the call stands.
pub(super) struct Calls<'a> {
    pub(super) plan: &'a Plan,
    pub(super) shared: &'a mut Shared,
}

/// How a value is written.
type Places<'p> = dyn FnMut(ValueId) -> TokenStream + 'p;

impl Calls<'_> {
    /// The statement for a node; none for one without a kernel.
    pub(super) fn call(&mut self, node: &Node, slot: &mut Places) -> Option<TokenStream> {
        let function = format_ident!("{}", node.op.name());
        match &node.op {
            Op::Pointwise(exprs) => return Some(self.pointwise(node, exprs, slot)),
            Op::Reduce { exprs, keep } => return Some(self.reduce(node, exprs, *keep, slot)),
            Op::MaxPool { pool, expr } if node.outputs.len() == 2 || *expr != Expr::Var(0) => {
                return Some(self.max_pool_of(node, pool, expr, slot));
            }
            Op::Reshape => return None,
            _ => {}
        }
        let inputs: Vec<TokenStream> = node.inputs.iter().filter_map(|x| x.value()).map(&mut *slot).collect();
        let outputs: Vec<TokenStream> = node.outputs.iter().map(|output| slot(*output)).collect();
        if matches!(node.op, Op::Conv(_) | Op::Linear) && node.epilogue.is_some() {
            return Some(self.anchor_then(node, &inputs, &outputs[0], slot));
        }
        Some(match &node.op {
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
            Op::RunningStatistics { momentum, positions } => {
                let channels = self.ty(node.input(0)).channels();
                let momentum = Literal::f64_unsuffixed(*momentum);
                quote!(#function(p, #channels, #positions, #momentum, #(#inputs),*);)
            }
            _ => {
                let settings = self.settings(node);
                quote!(#function(p, #(#settings,)* #(#inputs,)* #(#outputs),*);)
            }
        })
    }

    /// The arguments between the pass and the places, of ops that have nothing else.
    fn settings(&mut self, node: &Node) -> Vec<TokenStream> {
        let channels = self.ty(node.outputs[0]).channels();
        let shapes = &mut self.shared.shapes;
        let shape = match &node.op {
            Op::Conv(conv) | Op::ConvBackwardData(conv) | Op::ConvBackwardWeight(conv) => shapes.conv(conv),
            Op::Linear => self.linear(node.input(0), node.outputs[0]),
            Op::LinearBackwardData => self.linear(node.outputs[0], node.input(0)),
            Op::LinearBackwardWeight => self.linear(node.input(0), node.input(1)),
            Op::MaxPool { pool, .. } | Op::MaxPoolBackward(pool) => shapes.pool(pool),
            Op::AvgPool(pool) | Op::AvgPoolBackward(pool) => shapes.pool(pool),
            Op::Resize(resize) | Op::ResizeBackward(resize) => shapes.resize(resize),
            Op::Permute(permute) => shapes.permute(permute),
            Op::Crop(crop) => shapes.crop(crop),
            Op::CrossEntropy(loss) | Op::CrossEntropyBackward(loss) => {
                let logits = self.plan.graph.ty(node.input(0));
                shapes.cross_entropy(loss, logits.channels(), logits.positions())
            }
            Op::Statistics(Keep::Groups(groups)) => {
                return vec![self.extent(node.input(0)), quote!(#groups)];
            }
            Op::Statistics(_) => return vec![self.extent(node.input(0))],
            Op::Softmax | Op::SoftmaxBackward => return vec![quote!(#channels)],
            Op::LogSumExp => {
                let channels = self.ty(node.input(0)).channels();
                return vec![quote!(#channels)];
            }
            Op::Normalize(_) => unreachable!("the pass `expand` leaves none"),
            Op::Pointwise(_)
            | Op::Reduce { .. }
            | Op::Reshape
            | Op::LossTerms(_)
            | Op::LossTermsBackward(_)
            | Op::Concat
            | Op::Split
            | Op::RunningStatistics { .. } => unreachable!("written before"),
        };
        vec![quote!(&#shape)]
    }

    fn anchor_then(
        &mut self,
        node: &Node,
        inputs: &[TokenStream],
        output: &TokenStream,
        slot: &mut Places,
    ) -> TokenStream {
        let Some(epilogue) = &node.epilogue else { unreachable!("asked before") };
        let settings = self.settings(node);
        let function = format_ident!("{}_then", node.op.name());
        let exprs = std::slice::from_ref(&epilogue.expr);
        let fused = self.fused(node, "", exprs, &epilogue.inputs);
        let operands = self.operands(&epilogue.inputs, node.outputs[0], slot);
        quote!(#function(p, #(#settings,)* #(#inputs,)* #output, [#(#operands),*], #fused);)
    }

    fn pointwise(&mut self, node: &Node, exprs: &[Expr], slot: &mut Places) -> TokenStream {
        let suffix = if node.section == Section::Backward { "_gradient" } else { "" };
        let fused = self.fused(node, suffix, exprs, &node.inputs);
        let extent = self.extent(node.outputs[0]);
        let operands = self.operands(&node.inputs, node.outputs[0], slot);
        let outputs = node.outputs.iter().map(|output| slot(*output));
        quote!(pointwise(p, #extent, [#(#operands),*], [#(#outputs),*], #fused);)
    }

    fn reduce(&mut self, node: &Node, exprs: &[Expr], keep: Keep, slot: &mut Places) -> TokenStream {
        let function = format_ident!("{}", node.op.name());
        let fused = self.fused(node, "_sums", exprs, &node.inputs);
        let extent = self.extent(node.input(0));
        let operands = self.operands(&node.inputs, node.input(0), slot);
        let groups = match keep {
            Keep::Groups(groups) => Some(quote!(#groups,)),
            Keep::Channels | Keep::Positions => None,
        };
        let whole = slot(node.input(0));
        let outputs = node.outputs.iter().map(|output| slot(*output));
        quote!(#function(p, #extent, #groups #whole, [#(#operands),*], [#(#outputs),*], #fused);)
    }

    fn max_pool_of(&mut self, node: &Node, pool: &Pool, expr: &Expr, slot: &mut Places) -> TokenStream {
        let fused = self.fused(node, "", std::slice::from_ref(expr), &node.inputs);
        let shape = self.shared.shapes.pool(pool);
        let operands = self.operands(&node.inputs, node.input(0), slot);
        let outputs = node.outputs.iter().map(|output| slot(*output));
        quote!(max_pool_of(p, &#shape, [#(#operands),*], [#(#outputs),*], #fused);)
    }

    fn fused(&mut self, node: &Node, suffix: &str, exprs: &[Expr], inputs: &[Operand]) -> TokenStream {
        let graph = &self.plan.graph;
        self.shared.fused.function(graph, &wish(graph, node, suffix), exprs, inputs)
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
        let features = self.ty(node.input(0)).len();
        let term = self.shared.fused.loss_term(wish, expr);
        quote!(#function(p, #features, #(#inputs,)* #output, #term);)
    }

    /// Operands over the extent of a value.
    fn operands(&mut self, operands: &[Operand], extent: ValueId, slot: &mut Places) -> Vec<TokenStream> {
        operands.iter().map(|operand| self.operand(*operand, extent, slot)).collect()
    }

    fn operand(&mut self, operand: Operand, extent: ValueId, slot: &mut Places) -> TokenStream {
        match operand {
            Operand::Value(value) => {
                let Some(spread) = Spread::of(self.ty(value), self.ty(extent)) else {
                    unreachable!("the verifier admits only operands that cover the extent")
                };
                let (spread, place) = (format_ident!("{spread:?}"), slot(value));
                quote!(Operand::#spread(#place))
            }
            Operand::InverseCount { positions } => quote!(Operand::Value(1.0 / p.count(#positions))),
            Operand::Random { stream, distribution, per } => {
                let [distribution, per] =
                    [format!("{distribution:?}"), format!("{per:?}")].map(|name| format_ident!("{name}"));
                quote! {
                    Operand::Random(Random {
                        stream: #stream,
                        distribution: Distribution::#distribution,
                        per: Per::#per,
                    })
                }
            }
            Operand::Unpooled { pool, dy, place } => {
                let (pool, dy, place) = (self.shared.shapes.pool(&pool), slot(dy), slot(place));
                quote!(Operand::Unpooled(Unpooled { pool: #pool, dy: #dy, place: #place }))
            }
            Operand::Result => quote!(Operand::Result),
        }
    }

    fn linear(&mut self, inputs: ValueId, outputs: ValueId) -> TokenStream {
        let (inputs, outputs) = (self.ty(inputs).len(), self.ty(outputs).len());
        self.shared.shapes.linear(inputs, outputs)
    }

    fn extent(&mut self, value: ValueId) -> TokenStream {
        self.shared.shapes.extent(self.plan.graph.ty(value))
    }

    fn ty(&self, value: ValueId) -> &Type {
        self.plan.graph.ty(value)
    }

    /// `(place, channels)` for each part of a concatenation.
    fn parts(&self, values: impl Iterator<Item = ValueId>, places: &[TokenStream]) -> Vec<TokenStream> {
        let channels = values.map(|value| self.ty(value).channels());
        places.iter().zip(channels).map(|(place, channels)| quote!((#place, #channels))).collect()
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
