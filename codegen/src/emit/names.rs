//! The one owner of names in emitted code.
//!
//! A value's path becomes an identifier: `for1.repeat2.conv1` is `FOR1_REPEAT2_CONV1` as a
//! constant and `conv1` within the function of its scope. Identifiers of the language are
//! those of Rust, so only keywords and clashes need care.

use std::collections::{HashMap, HashSet};

use proc_macro2::{Ident, Span};

/// Hands out one unique identifier per key.
#[derive(Default)]
pub(super) struct Namer {
    by_key: HashMap<String, Ident>,
    taken: HashSet<String>,
}

impl Namer {
    /// One that never hands out these names, nor those of the runtime's functions.
    pub(super) fn beside(names: &[&str]) -> Namer {
        let taken = names.iter().chain(&EMITTED).map(|name| (*name).to_owned()).collect();
        Namer { by_key: HashMap::new(), taken }
    }

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
            if self.taken.insert(name.clone()) {
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

/// The name of a network's type: as the user wrote it, but for what Rust or the emitted module keeps
/// for itself.
pub(super) fn type_name(name: &str) -> Ident {
    match name {
        "" => Ident::new("Network", Span::call_site()),
        _ if NEVER_RAW.contains(&name) || TOP_LEVEL.contains(&name) => {
            Ident::new(&format!("{name}_"), Span::call_site())
        }
        _ if KEYWORDS.contains(&name) => Ident::new_raw(name, Span::call_site()),
        _ => Ident::new(name, Span::call_site()),
    }
}

/// A legal identifier that is no keyword and does not shadow what emitted code calls.
fn legal(wish: &str) -> String {
    let starts_badly = wish.chars().next().is_none_or(|c| c.is_ascii_digit());
    let wish = if starts_badly { format!("n{wish}") } else { wish.to_owned() };
    let is_kept = KEYWORDS.contains(&wish.as_str()) || ["math", "p", "u"].contains(&wish.as_str());
    if is_kept || wish.chars().all(|c| c == '_') { format!("{wish}_") } else { wish }
}

/// Rust's keywords of all editions.
const KEYWORDS: [&str; 52] = [
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// Keywords and names that no raw identifier can be.
const NEVER_RAW: [&str; 5] = ["self", "Self", "super", "crate", "_"];

/// What stands beside the type in an emitted module.
const TOP_LEVEL: [&str; 10] = [
    "PROGRAM",
    "cuda",
    "evaluation",
    "fused",
    "nnc_runtime",
    "optimizer",
    "parameters",
    "program",
    "shapes",
    "training",
];

/// Every name that emitted code may use from the runtime's module `emitted`.
pub(super) const EMITTED: [&str; 55] = [
    "Conv",
    "Crop",
    "CrossEntropy",
    "Distribution",
    "Extent",
    "Interpolation",
    "Linear",
    "Operand",
    "Pass",
    "Per",
    "Permute",
    "Pool",
    "Random",
    "Region",
    "Resize",
    "Slot",
    "Unpooled",
    "Update",
    "Windows",
    "avg_pool",
    "avg_pool_backward",
    "channel_statistics",
    "concat_channels",
    "conv",
    "conv_backward_data",
    "conv_backward_weight",
    "conv_then",
    "crop",
    "cross_entropy",
    "cross_entropy_backward",
    "group_statistics",
    "linear",
    "linear_backward_data",
    "linear_backward_weight",
    "linear_then",
    "log_sum_exp",
    "loss_terms",
    "loss_terms_backward",
    "math",
    "max_pool",
    "max_pool_backward",
    "max_pool_of",
    "permute",
    "pointwise",
    "position_statistics",
    "reduce_channels",
    "reduce_groups",
    "reduce_positions",
    "resize",
    "resize_backward",
    "running_statistics",
    "softmax",
    "softmax_backward",
    "split_channels",
    "update",
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
