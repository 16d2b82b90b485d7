//! Expressions as Rust source.
//!
//! Parts that occur more than once become `let` bindings, so that the text is as long as the
//! computation and not as its tree. The functions are those of the runtime's `math` module,
//! which vectorise, but for the absolute value, which is one instruction.

use nnc_dsl::scalar::{Binary, Compare, Expr, Unary};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::children;

/// A shared part: `let t0 = …;`
#[derive(Clone, Debug)]
pub struct Let {
    /// The name.
    pub name: Ident,
    /// The value.
    pub value: TokenStream,
}

/// Several expressions over the same operands as Rust source.
#[derive(Clone, Debug)]
pub struct RustExpr {
    /// Shared parts, in order.
    pub lets: Vec<Let>,
    /// One result per expression.
    pub results: Vec<TokenStream>,
}

/// Prints expressions with `names` for the variables and `prefix` for the shared parts.
pub fn to_rust(exprs: &[Expr], names: &[Ident], prefix: &str) -> RustExpr {
    let mut printer =
        Printer { names, prefix, shared: repeated_parts(exprs), lets: Vec::new(), done: Vec::new() };
    let results = exprs.iter().map(|expr| printer.print(expr, Level::Any)).collect();
    RustExpr { lets: printer.lets, results }
}

/// What may stand in a place without parentheses around it; each admits those after it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Any,
    Sum,
    Product,
    Negation,
    Atom,
}

struct Printer<'a> {
    names: &'a [Ident],
    prefix: &'a str,
    shared: Vec<Expr>,
    lets: Vec<Let>,
    done: Vec<(Expr, Ident)>,
}

impl Printer<'_> {
    fn print(&mut self, expr: &Expr, place: Level) -> TokenStream {
        if let Some((_, name)) = self.done.iter().find(|(part, _)| part == expr) {
            return name.to_token_stream();
        }
        let (tokens, level) = self.print_parts(expr);
        if self.shared.contains(expr) {
            let name = format_ident!("{}{}", self.prefix, self.lets.len());
            self.lets.push(Let { name: name.clone(), value: tokens });
            self.done.push((expr.clone(), name.clone()));
            name.to_token_stream()
        } else if level < place {
            quote!((#tokens))
        } else {
            tokens
        }
    }

    fn print_parts(&mut self, expr: &Expr) -> (TokenStream, Level) {
        match expr {
            Expr::Const(value) => literal(*value),
            Expr::Var(index) => (self.names[*index].to_token_stream(), Level::Atom),
            Expr::Unary(Unary::Neg, x) => {
                let x = self.print(x, Level::Negation);
                (quote!(-#x), Level::Negation)
            }
            Expr::Unary(Unary::Abs, x) => {
                let x = self.print(x, Level::Any);
                (quote!(f32::abs(#x)), Level::Atom)
            }
            Expr::Unary(function, x) => {
                let (x, name) = (self.print(x, Level::Any), math_name(function));
                (quote!(math::#name(#x)), Level::Atom)
            }
            Expr::Binary(function, a, b) => self.binary(*function, a, b),
            Expr::Select(compare, parts) => {
                let [left, right, then, otherwise] = parts.as_ref();
                let [left, right] = [left, right].map(|side| self.print(side, Level::Sum));
                let [then, otherwise] = [then, otherwise].map(|branch| self.print(branch, Level::Any));
                let tokens = match compare {
                    Compare::Less => quote!(if #left < #right { #then } else { #otherwise }),
                    Compare::Greater => quote!(if #left > #right { #then } else { #otherwise }),
                };
                (tokens, Level::Any)
            }
        }
    }

    fn binary(&mut self, function: Binary, a: &Expr, b: &Expr) -> (TokenStream, Level) {
        let (own, right) = match function {
            Binary::Add | Binary::Sub => (Level::Sum, Level::Product),
            Binary::Mul | Binary::Div => (Level::Product, Level::Negation),
            Binary::Max | Binary::Min => (Level::Any, Level::Any),
        };
        let (a, b) = (self.print(a, own), self.print(b, right));
        match function {
            Binary::Add => (quote!(#a + #b), own),
            Binary::Sub => (quote!(#a - #b), own),
            Binary::Mul => (quote!(#a * #b), own),
            Binary::Div => (quote!(#a / #b), own),
            Binary::Max | Binary::Min => {
                let name = math_name(&function);
                (quote!(math::#name(#a, #b)), Level::Atom)
            }
        }
    }
}

fn math_name(function: &impl std::fmt::Debug) -> Ident {
    Ident::new(&format!("{function:?}").to_lowercase(), Span::call_site())
}

/// A literal of type f32, the largest finite one for what is larger.
fn literal(value: f64) -> (TokenStream, Level) {
    if value.is_nan() {
        return (quote!(f32::NAN), Level::Atom);
    }
    let magnitude = Literal::f32_unsuffixed((value.abs() as f32).min(f32::MAX));
    if value < 0.0 { (quote!(-#magnitude), Level::Negation) } else { (quote!(#magnitude), Level::Atom) }
}

/// Parts, other than leaves and negations, that occur more than once.
fn repeated_parts(exprs: &[Expr]) -> Vec<Expr> {
    let mut seen: Vec<(Expr, usize)> = Vec::new();
    exprs.iter().for_each(|expr| count(expr, &mut seen));
    seen.into_iter().filter(|(_, times)| *times > 1).map(|(expr, _)| expr).collect()
}

fn count(expr: &Expr, seen: &mut Vec<(Expr, usize)>) {
    if matches!(expr, Expr::Const(_) | Expr::Var(_) | Expr::Unary(Unary::Neg, _)) {
        return children(expr).into_iter().for_each(|child| count(child, seen));
    }
    match seen.iter_mut().find(|(part, _)| part == expr) {
        Some((_, times)) => *times += 1,
        None => {
            seen.push((expr.clone(), 1));
            children(expr).into_iter().for_each(|child| count(child, seen));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(exprs: &[Expr], names: &[&str]) -> (Vec<String>, Vec<String>) {
        let names: Vec<Ident> = names.iter().map(|name| format_ident!("{name}")).collect();
        let RustExpr { lets, results } = to_rust(exprs, &names, "t");
        let lets = lets.iter().map(|binding| format!("{} = {}", binding.name, binding.value)).collect();
        (lets, results.iter().map(TokenStream::to_string).collect())
    }

    #[test]
    fn shared_parts_are_bound_once() {
        let x = Expr::var(0);
        let y = x.clone().unary(Unary::Sigmoid);
        let (lets, results) = printed(&[y.clone() * (Expr::Const(1.0) - y)], &["x"]);
        assert_eq!(lets, ["t0 = math :: sigmoid (x)"]);
        assert_eq!(results, ["t0 * (1.0 - t0)"]);
    }

    #[test]
    fn parentheses_keep_the_order_of_rounding() {
        let [a, b, c] = [0, 1, 2].map(Expr::var);
        let left = a.clone() + b.clone() + c.clone();
        let right = a.clone() + (b.clone() + c.clone());
        let product = (a.clone() - b.clone()) * Expr::Const(-1.0) / (b * c);
        let (_, results) = printed(&[left, right, product], &["a", "b", "c"]);
        assert_eq!(results, ["a + b + c", "a + (b + c)", "(a - b) * - 1.0 / (b * c)"]);
    }

    #[test]
    fn functions_are_those_of_the_runtime() {
        let x = Expr::var(0);
        let (_, results) = printed(&[x.clone().unary(Unary::Erf), x.unary(Unary::Abs)], &["x"]);
        assert_eq!(results, ["math :: erf (x)", "f32 :: abs (x)"]);
    }

    #[test]
    fn a_choice_is_an_if() {
        let expr =
            Expr::select(Compare::Greater, Expr::var(0), Expr::Const(0.0), Expr::var(1), Expr::Const(-2.0));
        let (_, results) = printed(&[expr], &["x", "dy"]);
        assert_eq!(results, ["if x > 0.0 { dy } else { - 2.0 }"]);
    }
}
