//! Expressions as Rust source.
//!
//! The functions are those of the runtime's `math` module, which vectorise, but for the absolute
//! value, which is one instruction.

use nnc_dsl::scalar::Expr;
use proc_macro2::{Ident, Literal, Punct, Spacing, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::print::{Printed, Syntax, print};

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
    let Printed { shared, results } = print(Rust { names, prefix }, exprs);
    let named = |(index, value)| Let { name: format_ident!("{prefix}{index}"), value };
    RustExpr { lets: shared.into_iter().enumerate().map(named).collect(), results }
}

struct Rust<'a> {
    names: &'a [Ident],
    prefix: &'a str,
}

impl Syntax for Rust<'_> {
    type Text = TokenStream;

    fn variable(&self, index: usize) -> TokenStream {
        self.names[index].to_token_stream()
    }

    fn shared(&self, index: usize) -> TokenStream {
        format_ident!("{}{index}", self.prefix).to_token_stream()
    }

    fn literal(&self, magnitude: f32) -> TokenStream {
        Literal::f32_unsuffixed(magnitude).to_token_stream()
    }

    fn nan(&self) -> TokenStream {
        quote!(f32::NAN)
    }

    fn negation(&self, x: TokenStream) -> TokenStream {
        quote!(-#x)
    }

    fn parentheses(&self, x: TokenStream) -> TokenStream {
        quote!((#x))
    }

    fn infix(&self, a: TokenStream, sign: char, b: TokenStream) -> TokenStream {
        let sign = Punct::new(sign, Spacing::Alone);
        quote!(#a #sign #b)
    }

    fn call(&self, function: &str, arguments: &[TokenStream]) -> TokenStream {
        let name = format_ident!("{function}");
        match function {
            "abs" => quote!(f32::#name(#(#arguments),*)),
            _ => quote!(math::#name(#(#arguments),*)),
        }
    }

    fn choice(&self, sign: char, [left, right, then, otherwise]: [TokenStream; 4]) -> TokenStream {
        let sign = Punct::new(sign, Spacing::Alone);
        quote!(if #left #sign #right { #then } else { #otherwise })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_dsl::scalar::{Compare, Unary};

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
