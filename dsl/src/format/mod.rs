//! The canonical layout of a text: what `nnc fmt` writes.
//!
//! Four spaces of indentation, lines of at most 100 columns, one space between words. How words are
//! grouped into lines is the author's: line breaks between statements stay, and what stood between
//! braces on one line stays there as long as it fits. Comments keep their place, and of several empty
//! lines one is kept.
//!
//! ```text
//! text ─tokens, with their comments and line breaks▶ spacing ▶ layout ▶ lines
//! ```
//!
//! The tokens of the result are those of the text, but for commas before a closing bracket: so its
//! tree is the same. Formatting a second time changes nothing.

mod layout;
mod lines;
mod spacing;
mod token;

use crate::diagnostic::Diagnostic;
use crate::syntax::{Entry, parse};

/// The text of a file in its canonical layout, or why it cannot be read.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let (module, diagnostics) = parse(text, Entry::File);
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let mut tokens = token::tokens(text, &module);
    spacing::space(&mut tokens, &module);
    Ok(layout::lay_out(&tokens))
}
