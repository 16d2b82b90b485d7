//! The checker's diagnostics, a file per family.
//!
//! Functions here are named after the mistake and take what they show; they find nothing
//! themselves. `E02` is for names, arguments and numbers, `E03` for shapes, `E04` for `train`,
//! `E05` for named values, shared parts and files; `codes` holds the page of each code.

pub(super) mod arguments;
pub(super) mod files;
pub(super) mod joins;
pub(super) mod limits;
pub(super) mod misfits;
pub(super) mod names;
pub(super) mod numbers;
pub(super) mod shapes;
pub(super) mod structure;
pub(super) mod taps;
pub(super) mod train;

use crate::diagnostic::Span;

/// `a`, `b` and `c`, each in back quotes.
pub(super) fn list<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match &quoted[..] {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What to write for a name in an expression, whose span has its parentheses where it has any.
fn in_place_of(name: &str, span: Span, meant: &str) -> String {
    if span.range().len() > name.len() { format!("({meant})") } else { meant.to_owned() }
}

/// `1 argument`, `2 arguments`.
pub(super) fn count(number: usize, noun: &str) -> String {
    match number {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_read_well() {
        assert_eq!(super::list(["a"]), "`a`");
        assert_eq!(super::list(["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(super::count(1, "branch"), "1 branch");
    }
}
