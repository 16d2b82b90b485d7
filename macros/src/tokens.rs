//! From the macro's tokens to the text that the parser reads, and back from its places to spans.
//!
//! The text is the tokens with a space between them, joint punctuation excepted. Spans have no line
//! and column in rust-analyzer and their text is not the user's inside `macro_rules!`, so nothing
//! but the tokens themselves is used; the same tokens give the same text everywhere.

use std::ops::Range;

use nnc_dsl::Span as Place;
use proc_macro2::{Delimiter, Group, Spacing, Span, TokenStream, TokenTree};

/// The text of a macro call.
#[derive(Default)]
pub(crate) struct Text {
    /// What the parser reads.
    pub(crate) text: String,
    /// Doc comments outside of all brackets, each as an attribute with the place where it ends.
    docs: Vec<(usize, TokenStream)>,
    /// Each token's place and span, in order.
    tokens: Vec<(Place, Span)>,
    /// Whether the next punctuation belongs to the last one.
    joint: bool,
    /// How many brackets are open.
    depth: usize,
}

impl Text {
    /// Prints tokens.
    pub(crate) fn new(tokens: TokenStream) -> Self {
        let mut text = Text::default();
        text.stream(tokens);
        text
    }

    /// The spans of the first and the last token of a place; of the token before it if it is empty.
    pub(crate) fn spans(&self, place: Place) -> (Span, Span) {
        match self.tokens.get(covered(&self.tokens, place, |(token, _)| *token)) {
            Some([(_, only)]) => (*only, *only),
            Some([(_, first), .., (_, last)]) => (*first, *last),
            _ => (Span::call_site(), Span::call_site()),
        }
    }

    /// The doc comments in front of the item that follows `previous` and whose name begins at `name`.
    pub(crate) fn docs(&self, previous: usize, name: usize) -> TokenStream {
        let own = self.docs.iter().filter(|(end, _)| (previous..=name).contains(end));
        own.map(|(_, attribute)| attribute.clone()).collect()
    }

    /// Prints tokens. Rust turns `/// …` into `#[doc = "…"]` and `//! …` into `#![doc = "…"]` before
    /// the macro sees it; in a text both are comments.
    fn stream(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let is_hash = matches!(&token, TokenTree::Punct(hash) if hash.as_char() == '#');
            let bang = is_hash.then(|| tokens.next_if(is_bang)).flatten();
            let attribute = is_hash.then(|| tokens.next_if(is_doc)).flatten();
            match attribute {
                Some(doc) if self.depth == 0 && bang.is_none() => {
                    self.docs.push((self.text.len(), TokenStream::from_iter([token, doc])));
                }
                Some(_) => {}
                None => {
                    self.token(token);
                    bang.into_iter().for_each(|bang| self.token(bang));
                }
            }
        }
    }

    fn token(&mut self, token: TokenTree) {
        match token {
            TokenTree::Group(group) => self.group(&group),
            TokenTree::Ident(ident) => self.push(&ident.to_string(), ident.span(), false),
            TokenTree::Literal(literal) => self.push(&literal.to_string(), literal.span(), false),
            TokenTree::Punct(punct) => {
                let glued = std::mem::take(&mut self.joint);
                self.push(&punct.as_char().to_string(), punct.span(), glued);
                self.joint = punct.spacing() == Spacing::Joint;
            }
        }
    }

    /// What a `macro_rules!` fragment brings comes in a group without delimiters.
    fn group(&mut self, group: &Group) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => return self.stream(group.stream()),
        };
        self.push(open, group.span_open(), false);
        self.depth += 1;
        self.stream(group.stream());
        self.depth -= 1;
        self.push(close, group.span_close(), false);
    }

    fn push(&mut self, token: &str, span: Span, glued: bool) {
        if !glued && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.joint = false;
        let start = self.text.len();
        self.text.push_str(token);
        self.tokens.push((Place::new(start, self.text.len()), span));
    }
}

/// The tokens that a place covers; the one behind it if it is empty, and none only if there is none.
fn covered<T>(tokens: &[T], place: Place, token: impl Fn(&T) -> Place) -> Range<usize> {
    let first = tokens.partition_point(|one| token(one).end <= place.start);
    let end = tokens.partition_point(|one| token(one).start < place.end);
    let first = first.min(tokens.len().saturating_sub(1));
    first..end.max(first + 1)
}

fn is_bang(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(bang) if bang.as_char() == '!')
}

/// Whether brackets hold `doc = …`.
fn is_doc(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    let first = group.stream().into_iter().next();
    group.delimiter() == Delimiter::Bracket && matches!(first, Some(TokenTree::Ident(name)) if name == "doc")
}

#[cfg(test)]
mod doors;

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(source: &str) -> String {
        Text::new(source.parse().unwrap()).text
    }

    #[test]
    fn tokens_are_separated_and_joint_punctuation_is_not() {
        assert_eq!(
            printed("pub N(w=1)<3x4x4->10>{conv3(2*w)a=-1e-5|b||c}"),
            "pub N ( w = 1 ) < 3x4x4 -> 10 > { conv3 ( 2 * w ) a =- 1e-5 | b || c }"
        );
        assert_eq!(printed("a - > b // gone\n \"x \\\" y\""), "a - > b \"x \\\" y\"");
    }

    #[test]
    fn groups_without_delimiters_leave_no_trace() {
        let inner: TokenStream = "conv3 8".parse().unwrap();
        let group = TokenTree::Group(Group::new(Delimiter::None, inner));
        assert_eq!(Text::new(TokenStream::from_iter([group])).text, "conv3 8");
    }

    #[test]
    fn doc_comments_are_comments_and_kept_for_items() {
        let source = "//! All\n/// A\nN<1 -> 1> { /// inside\n relu }\n/// B\n/// C\nM<1 -> 1> { relu }";
        let text = Text::new(source.parse().unwrap());
        assert_eq!(text.text, "N < 1 -> 1 > { relu } M < 1 -> 1 > { relu }");
        assert_eq!(text.docs(0, 0).to_string(), quote::quote!(#[doc = " A"]).to_string());
        assert_eq!(text.docs(1, 22).to_string(), quote::quote!(#[doc = " B"] #[doc = " C"]).to_string());
    }
}
