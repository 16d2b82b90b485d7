//! From the macro's tokens to the text that the parser reads, and back from its places to spans.
//!
//! The text is the tokens with a space between them, joint punctuation excepted. Spans have no line
//! and column in rust-analyzer and their text is not the user's inside `macro_rules!`, so nothing
//! but the tokens themselves is used; the same tokens give the same text everywhere.

use nnc_dsl::{Diagnostic, Span as Place};
use proc_macro2::{Delimiter, Group, Spacing, Span, TokenStream, TokenTree};

/// The text of a macro call.
#[derive(Default)]
pub(crate) struct Text {
    /// What the parser reads.
    pub(crate) text: String,
    /// Mistakes that only the tokens show.
    pub(crate) mistakes: Vec<Diagnostic>,
    /// Each token's place and span, in order.
    tokens: Vec<(Place, Span)>,
    /// Whether the next punctuation belongs to the last one.
    joint: bool,
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
        let first = self.tokens.partition_point(|(token, _)| token.end <= place.start);
        let end = self.tokens.partition_point(|(token, _)| token.start < place.end);
        let first = first.min(self.tokens.len().saturating_sub(1));
        match self.tokens.get(first..end.max(first + 1)) {
            Some([(_, only)]) => (*only, *only),
            Some([(_, first), .., (_, last)]) => (*first, *last),
            _ => (Span::call_site(), Span::call_site()),
        }
    }

    fn stream(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let attribute = match (&token, tokens.peek()) {
                (TokenTree::Punct(hash), Some(TokenTree::Group(group))) if hash.as_char() == '#' => is_doc(group),
                _ => false,
            };
            if attribute {
                self.doc_comment(token.span());
                tokens.next();
            } else {
                self.token(token);
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
        self.stream(group.stream());
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

    /// Rust turns `/// …` into `#[doc = "…"]` before the macro sees it.
    fn doc_comment(&mut self, span: Span) {
        // A place of its own, for the diagnostic alone: blank to the parser.
        self.push(" ", span, false);
        let place = self.tokens.last().map_or(Place::default(), |(place, _)| *place);
        let message = "comments start with `//`, found a doc comment";
        self.mistakes.push(
            Diagnostic::error("E0101", place, message)
                .label("a doc comment")
                .help("write `//` instead of `///`; the type that the macro makes has its own documentation"),
        );
    }
}

/// Whether the brackets of an attribute hold `doc = …`.
fn is_doc(group: &Group) -> bool {
    let first = group.stream().into_iter().next();
    matches!(first, Some(TokenTree::Ident(name)) if name == "doc" && group.delimiter() == Delimiter::Bracket)
}

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
    fn doc_comments_are_named() {
        let text = Text::new("/// What it is\nN<1 -> 1> { relu }".parse().unwrap());
        assert_eq!(text.mistakes.len(), 1);
        assert_eq!(text.text.trim_start(), "N < 1 -> 1 > { relu }");
    }
}
