//! The optimiser's update as a closure over one element of the flat buffers.
//!
//! What depends on hyperparameters and the step alone is computed once, before the loop.

use nnc_dsl::CheckedModel;
use nnc_dsl::model::OptimizerKind;
use nnc_dsl::scalar::Expr;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::optimizers::{is_uniform, update_rule, variable_names};
use crate::scalar::{children, map_children, to_rust, variables};

/// The function `step`.
pub(super) fn items(model: &CheckedModel) -> TokenStream {
    let kind = model.train.optimizer.kind;
    let rule = update_rule(kind);
    let mut names: Vec<Ident> = variable_names(kind).iter().map(|name| format_ident!("{name}")).collect();
    let uniform = Hoisted::new(kind, &rule.exprs);
    let before = to_rust(&uniform.parts, &names, "s");
    let hoisted: Vec<Ident> = (0..uniform.parts.len()).map(|index| format_ident!("uniform{index}")).collect();
    let hoisted_values = &before.results;
    let shared_before = before.lets.iter().map(|part| {
        let (name, value) = (&part.name, &part.value);
        quote!(let #name = #value;)
    });

    names.extend(hoisted.iter().cloned());
    let inside = to_rust(&uniform.exprs, &names, "t");
    let lets = inside.lets.iter().map(|part| {
        let (name, value) = (&part.name, &part.value);
        quote!(let #name = #value;)
    });
    let mut results = inside.results.iter();
    let parameter = results.next();
    let state_count = rule.states.len();
    let states = &names[4..4 + state_count];
    let reads = reads(kind, &rule.exprs, &names);
    let doc = format!(" One step of {}.", kind.name());
    quote! {
        #[doc = #doc]
        pub(super) fn step(u: &Update) {
            #(#reads)*
            #(#shared_before)*
            #(let #hoisted = #hoisted_values;)*
            update(u, move |parameter: f32, gradient: f32, [#(#states),*]: [f32; #state_count]| {
                #(#lets)*
                (#parameter, [#(#results),*])
            });
        }
    }
}

/// `let lr = u.hyperparameter(0);` for each that is used, after decay and step.
fn reads(kind: OptimizerKind, exprs: &[Expr], names: &[Ident]) -> Vec<TokenStream> {
    let used: Vec<usize> = exprs.iter().flat_map(variables).collect();
    let mut reads = Vec::new();
    for (variable, read) in [(2, quote!(let decay = u.decay();)), (3, quote!(let step = u.step();))] {
        if used.contains(&variable) {
            reads.push(read);
        }
    }
    for (index, (hyperparameter, _)) in kind.hyperparameters().iter().enumerate() {
        let variable = variable_names(kind).iter().position(|name| name == hyperparameter);
        if let Some(variable) = variable.filter(|variable| used.contains(variable)) {
            let name = &names[variable];
            reads.push(quote!(let #name = u.hyperparameter(#index);));
        }
    }
    reads
}

/// Expressions with their largest uniform parts taken out as further variables.
struct Hoisted {
    parts: Vec<Expr>,
    exprs: Vec<Expr>,
}

impl Hoisted {
    fn new(kind: OptimizerKind, exprs: &[Expr]) -> Hoisted {
        let mut hoisted = Hoisted { parts: Vec::new(), exprs: Vec::new() };
        let first = variable_names(kind).len();
        hoisted.exprs = exprs.iter().map(|expr| hoisted.hoist(kind, first, expr)).collect();
        hoisted
    }

    fn hoist(&mut self, kind: OptimizerKind, first: usize, expr: &Expr) -> Expr {
        let is_leaf = children(expr).is_empty();
        if is_leaf || !variables(expr).iter().all(|variable| is_uniform(kind, *variable)) {
            return map_children(expr, &mut |part| self.hoist(kind, first, part));
        }
        let known = self.parts.iter().position(|part| part == expr);
        let index = known.unwrap_or_else(|| {
            self.parts.push(expr.clone());
            self.parts.len() - 1
        });
        Expr::Var(first + index)
    }
}
