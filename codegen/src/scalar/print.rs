//! What the printers to source text share: which parts are bound first, and where parentheses stand.
//!
//! Parts that occur more than once are bound to names, so that the text is as long as the computation
//! and not as its tree. A [`Syntax`] says how a language writes the pieces.

use nnc_dsl::scalar::{Binary, Compare, Expr, Unary};

use super::children;

/// A language to print in.
pub(super) trait Syntax {
    /// A piece of source.
    type Text: Clone;

    /// The operand of this index.
    fn variable(&self, index: usize) -> Self::Text;
    /// The shared part of this index.
    fn shared(&self, index: usize) -> Self::Text;
    /// A number that is not negative, infinite or NaN.
    fn literal(&self, magnitude: f32) -> Self::Text;
    /// NaN, as an atom.
    fn nan(&self) -> Self::Text;
    /// `-x`
    fn negation(&self, x: Self::Text) -> Self::Text;
    /// `(x)`
    fn parentheses(&self, x: Self::Text) -> Self::Text;
    /// `a + b` with this sign.
    fn infix(&self, a: Self::Text, sign: char, b: Self::Text) -> Self::Text;
    /// The function of this name, which is its variant's in lower case.
    fn call(&self, function: &str, arguments: &[Self::Text]) -> Self::Text;
    /// A choice between the last two by comparing the first two with this sign.
    fn choice(&self, sign: char, parts: [Self::Text; 4]) -> Self::Text;
}

/// Several expressions over the same operands as source.
pub(super) struct Printed<T> {
    /// The values of the shared parts, in order; each may mention those before it.
    pub(super) shared: Vec<T>,
    /// One per expression.
    pub(super) results: Vec<T>,
}

/// Prints expressions.
pub(super) fn print<S: Syntax>(syntax: S, exprs: &[Expr]) -> Printed<S::Text> {
    let mut printer =
        Printer { syntax, repeated: repeated_parts(exprs), shared: Vec::new(), done: Vec::new() };
    let results = exprs.iter().map(|expr| printer.print(expr, Level::Any)).collect();
    Printed { shared: printer.shared, results }
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

struct Printer<S: Syntax> {
    syntax: S,
    repeated: Vec<Expr>,
    shared: Vec<S::Text>,
    done: Vec<Expr>,
}

impl<S: Syntax> Printer<S> {
    fn print(&mut self, expr: &Expr, place: Level) -> S::Text {
        if let Some(index) = self.done.iter().position(|part| part == expr) {
            return self.syntax.shared(index);
        }
        let (text, level) = self.print_parts(expr);
        if self.repeated.contains(expr) {
            self.shared.push(text);
            self.done.push(expr.clone());
            self.syntax.shared(self.done.len() - 1)
        } else if level < place {
            self.syntax.parentheses(text)
        } else {
            text
        }
    }

    fn print_parts(&mut self, expr: &Expr) -> (S::Text, Level) {
        match expr {
            Expr::Const(value) => self.literal(*value),
            Expr::Var(index) => (self.syntax.variable(*index), Level::Atom),
            Expr::Unary(Unary::Neg, x) => {
                let x = self.print(x, Level::Negation);
                (self.syntax.negation(x), Level::Negation)
            }
            Expr::Unary(function, x) => {
                let x = self.print(x, Level::Any);
                (self.syntax.call(&lower_case(function), &[x]), Level::Atom)
            }
            Expr::Binary(function, a, b) => self.binary(*function, a, b),
            Expr::Select(compare, parts) => {
                let [left, right, then, otherwise] = parts.as_ref();
                let [left, right] = [left, right].map(|side| self.print(side, Level::Sum));
                let [then, otherwise] = [then, otherwise].map(|branch| self.print(branch, Level::Any));
                let sign = match compare {
                    Compare::Less => '<',
                    Compare::Greater => '>',
                };
                (self.syntax.choice(sign, [left, right, then, otherwise]), Level::Any)
            }
        }
    }

    fn binary(&mut self, function: Binary, a: &Expr, b: &Expr) -> (S::Text, Level) {
        let (sign, own, right) = match function {
            Binary::Add => ('+', Level::Sum, Level::Product),
            Binary::Sub => ('-', Level::Sum, Level::Product),
            Binary::Mul => ('*', Level::Product, Level::Negation),
            Binary::Div => ('/', Level::Product, Level::Negation),
            Binary::Max | Binary::Min => {
                let arguments = [self.print(a, Level::Any), self.print(b, Level::Any)];
                return (self.syntax.call(&lower_case(&function), &arguments), Level::Atom);
            }
        };
        let (a, b) = (self.print(a, own), self.print(b, right));
        (self.syntax.infix(a, sign, b), own)
    }

    /// In single precision: the largest finite number for what is larger.
    fn literal(&self, value: f64) -> (S::Text, Level) {
        if value.is_nan() {
            return (self.syntax.nan(), Level::Atom);
        }
        let magnitude = self.syntax.literal((value.abs() as f32).min(f32::MAX));
        if value < 0.0 {
            (self.syntax.negation(magnitude), Level::Negation)
        } else {
            (magnitude, Level::Atom)
        }
    }
}

fn lower_case(function: &impl std::fmt::Debug) -> String {
    format!("{function:?}").to_lowercase()
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
