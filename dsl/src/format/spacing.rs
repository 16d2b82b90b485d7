//! Where spaces stand within a line.
//!
//! `key=value`, brackets, calls, `a..b` and `*`, `/`, `%` are tight; definitions (`let a = 1`, the defaults of
//! parameters), sums, comparisons and all else have a space on both sides: `let b = 2*a + max(a, 1)`.

use std::collections::HashSet;

use super::token::Token;
use crate::ast::{Item, Module};

/// What an open bracket encloses.
#[derive(Clone, Copy, PartialEq)]
enum Bracket {
    /// Parameters with their defaults.
    Params,
    /// Names of lints, in which `-` is part of the name.
    Lints,
    /// Values.
    Values,
}

/// Decides for each token whether a space stands before it.
pub(super) fn space(tokens: &mut [Token], module: &Module) {
    let mut spacer = Spacer { angles: angles(module), open: Vec::new(), head: "", tight: true };
    for index in 0..tokens.len() {
        tokens[index].space = spacer.space_before(tokens, index);
    }
}

/// Where the angle brackets of signatures stand.
fn angles(module: &Module) -> HashSet<usize> {
    let networks = module.items.iter().filter_map(|item| match item {
        Item::Network(network) => Some(network.signature_span),
        _ => None,
    });
    networks.flat_map(|signature| [signature.start, signature.end - 1]).collect()
}

struct Spacer<'t> {
    angles: HashSet<usize>,
    /// The brackets around, but for braces.
    open: Vec<Bracket>,
    /// The first token of the statement.
    head: &'t str,
    /// Whether nothing stands between the token before and this one.
    tight: bool,
}

impl<'t> Spacer<'t> {
    fn space_before(&mut self, tokens: &[Token<'t>], index: usize) -> bool {
        let token = &tokens[index];
        let before = index.checked_sub(1).map_or("", |before| tokens[before].text);
        if token.begins {
            self.head = token.text;
        }
        let tight_before = self.tight;
        let is_sign = token.text == "-" && is_operator_or_opening(before);
        // Tight before it and behind it.
        let (this, next) = match token.text {
            _ if self.angles.contains(&token.start) => (true, token.text == "<"),
            "(" => {
                self.open.push(self.bracket(tokens, index));
                (self.is_call(tokens, index), true)
            }
            "[" => {
                self.open.push(Bracket::Values);
                (false, true)
            }
            ")" | "]" => {
                self.open.pop();
                (true, false)
            }
            "," | ":" => (true, false),
            "=" => [!self.defines(); 2].into(),
            "*" | "/" | "%" | ".." => (true, true),
            "-" if self.open.last() == Some(&Bracket::Lints) => (true, true),
            "-" => (false, is_sign),
            "}" => (before == "{", false),
            _ => (false, false),
        };
        self.tight = next;
        !(tight_before || this)
    }

    fn bracket(&self, tokens: &[Token], index: usize) -> Bracket {
        if names_item(tokens, index) {
            Bracket::Params
        } else if index > 0 && tokens[index - 1].text == "allow" && tokens[index - 1].begins {
            Bracket::Lints
        } else {
            Bracket::Values
        }
    }

    /// Whether a parenthesis belongs to the word before it.
    fn is_call(&self, tokens: &[Token], index: usize) -> bool {
        let Some(before) = index.checked_sub(1).map(|before| &tokens[before]) else { return false };
        let is_word = before.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_word || matches!(before.text, "and" | "or" | "not") {
            return false;
        }
        let has_value = index > 1 && tokens[index - 2].text == "=";
        let is_bound = self.head == "for" && before.text != "in";
        let in_expression = self.open.len() > 1 || is_bound || matches!(self.head, "let" | "activation");
        in_expression || has_value || self.open.last() != Some(&Bracket::Values)
    }

    /// Whether `=` stands in a definition and not in an argument.
    fn defines(&self) -> bool {
        match self.open.last() {
            Some(bracket) => *bracket == Bracket::Params,
            None => matches!(self.head, "let" | "activation"),
        }
    }
}

/// Whether the token before is the name of an item with parameters.
fn names_item(tokens: &[Token], index: usize) -> bool {
    let Some(keyword) = index.checked_sub(2) else { return false };
    let is_keyword = matches!(tokens[keyword].text, "block" | "network" | "activation");
    let begins = tokens[keyword].begins || keyword > 0 && tokens[keyword - 1].text == "pub";
    is_keyword && begins && !tokens[keyword + 1].begins
}

/// Whether a `-` behind it is a sign.
fn is_operator_or_opening(text: &str) -> bool {
    matches!(
        text,
        "" | "("
            | "["
            | ","
            | "="
            | "+"
            | "-"
            | "*"
            | "/"
            | "%"
            | "<"
            | ">"
            | "<="
            | ">="
            | "=="
            | "!="
            | "and"
            | "or"
            | "not"
            | "->"
            | ".."
    )
}
