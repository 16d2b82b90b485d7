//! The one owner of names in emitted code.
//!
//! A value's path becomes an identifier: `for1.repeat2.conv1` is `FOR1_REPEAT2_CONV1` as a
//! constant and `conv1` within the function of its scope. Identifiers of the language are
//! those of Rust, so only keywords and clashes need care.

use std::collections::HashMap;

use proc_macro2::{Ident, Span};

/// Hands out one unique identifier per key.
#[derive(Default)]
pub(super) struct Namer {
    by_key: HashMap<String, Ident>,
    taken: HashMap<String, ()>,
}

impl Namer {
    /// The identifier of `key`, made from `wish` the first time.
    pub(super) fn name(&mut self, key: &str, wish: &str) -> Ident {
        if let Some(ident) = self.by_key.get(key) {
            return ident.clone();
        }
        let ident = self.fresh(wish);
        self.by_key.insert(key.to_owned(), ident.clone());
        ident
    }

    /// An identifier like `wish` that was not handed out before.
    pub(super) fn fresh(&mut self, wish: &str) -> Ident {
        let wish = legal(wish);
        let mut name = wish.clone();
        for number in 2.. {
            if self.taken.insert(name.clone(), ()).is_none() {
                break;
            }
            name = format!("{wish}_{number}");
        }
        Ident::new(&name, Span::call_site())
    }
}

/// `a.b` as `a_b`; anything that is no identifier made one.
pub(super) fn snake(path: &str) -> String {
    let letters = path.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    letters.collect()
}

/// `a.b` as `A_B`.
pub(super) fn upper(path: &str) -> String {
    snake(path).to_ascii_uppercase()
}

/// A legal identifier that is no keyword and does not shadow what emitted code calls.
fn legal(wish: &str) -> String {
    let starts_badly = wish.chars().next().is_none_or(|c| c.is_ascii_digit());
    let wish = if starts_badly { format!("n{wish}") } else { wish.to_owned() };
    if RESERVED.contains(&wish.as_str()) || wish == "_" { format!("{wish}_") } else { wish }
}

/// Rust's keywords of all editions, and the names that functions of emitted code use themselves.
const RESERVED: [&str; 55] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "math", "mod", "move", "mut", "override", "p", "priv", "pub", "ref", "return", "self",
    "static", "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield", "u", "Self",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clashes_and_keywords_are_resolved() {
        let mut namer = Namer::default();
        assert_eq!(namer.name("a.b_c", &snake("a.b_c")).to_string(), "a_b_c");
        assert_eq!(namer.name("a_b.c", &snake("a_b.c")).to_string(), "a_b_c_2");
        assert_eq!(namer.name("a.b_c", "other").to_string(), "a_b_c");
        assert_eq!(namer.fresh("loop").to_string(), "loop_");
        assert_eq!(namer.fresh("1x1").to_string(), "n1x1");
    }
}
