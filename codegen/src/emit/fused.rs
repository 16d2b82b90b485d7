//! Functions of each element.
//!
//! A fused expression becomes a small named function, written once however often it is used:
//! the runtime's loops are generic over it, so one name is also one compiled loop.

use nnc_dsl::scalar::Expr;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::names::{Namer, snake};
use crate::graph::{Graph, Operand};
use crate::scalar::{display, to_rust};

/// The functions so far.
#[derive(Default)]
pub(super) struct Fused {
    namer: Namer,
    functions: Vec<(Vec<Expr>, usize, Ident, TokenStream)>,
}

impl Fused {
    /// The function for `exprs` over `inputs`, called something like `wish`.
    pub(super) fn function(
        &mut self,
        graph: &Graph,
        wish: &str,
        exprs: &[Expr],
        inputs: &[Operand],
    ) -> TokenStream {
        let known = |(known, operands, ..): &&(Vec<Expr>, usize, Ident, TokenStream)| {
            known == exprs && *operands == inputs.len()
        };
        if let Some((_, _, name, _)) = self.functions.iter().find(known) {
            return quote!(fused::#name);
        }
        let name = self.namer.fresh(&snake(wish));
        let item = function(&name, exprs, &operand_names(graph, inputs));
        self.functions.push((exprs.to_vec(), inputs.len(), name.clone(), item));
        quote!(fused::#name)
    }

    /// A function of a prediction and a target, for losses.
    pub(super) fn loss_term(&mut self, wish: &str, expr: &Expr) -> TokenStream {
        let name = self.namer.fresh(wish);
        let operands = [format_ident!("prediction"), format_ident!("target")];
        let doc = doc(std::slice::from_ref(expr), &operands);
        let printed = to_rust(std::slice::from_ref(expr), &operands, "t");
        let (names, values) =
            printed.lets.iter().map(|part| (&part.name, &part.value)).unzip::<_, _, Vec<_>, Vec<_>>();
        let result = &printed.results[0];
        let item = quote! {
            #[doc = #doc]
            #[inline(always)]
            pub(super) fn #name(prediction: f32, target: f32) -> f32 {
                #(let #names = #values;)*
                #result
            }
        };
        self.functions.push((Vec::new(), usize::MAX, name.clone(), item));
        quote!(fused::#name)
    }

    /// All functions, in the order of first use.
    pub(super) fn items(&self) -> TokenStream {
        self.functions.iter().map(|(.., item)| item.clone()).collect()
    }
}

fn function(name: &Ident, exprs: &[Expr], operands: &[Ident]) -> TokenStream {
    let doc = doc(exprs, operands);
    let printed = to_rust(exprs, operands, "t");
    let lets = printed.lets.iter().map(|part| {
        let (name, value) = (&part.name, &part.value);
        quote!(let #name = #value;)
    });
    let results = &printed.results;
    let (inputs, outputs) = (operands.len(), exprs.len());
    quote! {
        #[doc = #doc]
        #[inline(always)]
        pub(super) fn #name([#(#operands),*]: [f32; #inputs]) -> [f32; #outputs] {
            #(#lets)*
            [#(#results),*]
        }
    }
}

fn doc(exprs: &[Expr], operands: &[Ident]) -> String {
    let names: Vec<String> = operands.iter().map(Ident::to_string).collect();
    let texts: Vec<String> = exprs.iter().map(|expr| format!("`{}`", display(expr, &names))).collect();
    format!(" {}", texts.join(", "))
}

/// Names after the operands' roles: `x`, `dy`, `mean`, `weight`, `weight_gradient`.
fn operand_names(graph: &Graph, inputs: &[Operand]) -> Vec<Ident> {
    let mut namer = Namer::default();
    inputs.iter().map(|operand| namer.fresh(&operand_name(graph, *operand))).collect()
}

/// A name after an operand's role.
pub(crate) fn operand_name(graph: &Graph, operand: Operand) -> String {
    let id = match operand {
        Operand::Value(id) => id,
        Operand::InverseCount { .. } => return "inverse_count".to_owned(),
        Operand::Random { distribution, .. } => return snake(&format!("{distribution:?}")),
        Operand::Unpooled { .. } => return "dy".to_owned(),
        Operand::Result => return "result".to_owned(),
    };
    let value = graph.value(id);
    let parts: Vec<&str> = value.name.split('.').collect();
    match parts[..] {
        [.., role, gradient] if gradient.starts_with("gradient") && !value.ty.batched => {
            format!("{}_gradient", snake(role))
        }
        [.., gradient] if gradient.starts_with("gradient") => "dy".to_owned(),
        [.., role] if !value.ty.batched => snake(role),
        _ => "x".to_owned(),
    }
}
