//! Expressions as a person writes them, for dumps and comments.

use nnc_dsl::scalar::{Binary, Compare, Expr, Unary};

/// The expression with `names` for its variables.
pub fn display(expr: &Expr, names: &[String]) -> String {
    print(expr, names, 0)
}

/// `level` is the binding strength of what stands around: 0 none, 1 sum, 2 product.
fn print(expr: &Expr, names: &[String], level: u8) -> String {
    match expr {
        Expr::Const(value) => format!("{value}"),
        Expr::Var(index) => names.get(*index).cloned().unwrap_or_else(|| format!("v{index}")),
        Expr::Unary(Unary::Neg, x) => format!("-{}", print(x, names, 3)),
        Expr::Unary(function, x) => {
            format!("{}({})", format!("{function:?}").to_lowercase(), print(x, names, 0))
        }
        Expr::Binary(function, a, b) => print_binary(*function, a, b, names, level),
        Expr::Select(compare, parts) => {
            let [left, right, then, otherwise] = parts.each_ref().map(|part| print(part, names, 0));
            let symbol = if *compare == Compare::Less { "<" } else { ">" };
            format!("select({left} {symbol} {right}, {then}, {otherwise})")
        }
    }
}

fn print_binary(function: Binary, a: &Expr, b: &Expr, names: &[String], level: u8) -> String {
    let infix = |symbol: &str, own: u8, right: u8| {
        let text = format!("{} {symbol} {}", print(a, names, own), print(b, names, right));
        if own < level { format!("({text})") } else { text }
    };
    match function {
        Binary::Add => infix("+", 1, 1),
        Binary::Sub => infix("-", 1, 2),
        Binary::Mul => infix("*", 2, 2),
        Binary::Div => infix("/", 2, 3),
        Binary::Max => format!("max({}, {})", print(a, names, 0), print(b, names, 0)),
        Binary::Min => format!("min({}, {})", print(a, names, 0), print(b, names, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_stand_only_where_needed() {
        let [a, b, c] = [0, 1, 2].map(Expr::var);
        let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let expr = (a.clone() + b.clone()) * c.clone() - (a.clone() - b.clone());
        assert_eq!(display(&expr, &names), "(a + b) * c - (a - b)");
        assert_eq!(display(&(a.clone() / (b * c)).unary(Unary::Exp), &names), "exp(a / (b * c))");
    }
}
