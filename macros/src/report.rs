//! Diagnostics as errors and warnings of rustc, on the tokens they are about.
//!
//! rustc shows one place per error, so the other places go into the message with their text.

use nnc_dsl::{Diagnostic, Severity};
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use crate::tokens::Text;

/// A `compile_error!` for each error.
pub(crate) fn errors(found: &[Diagnostic], text: &Text) -> TokenStream {
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    errors.map(|error| compile_error(&message(error, text), text.spans(error.span))).collect()
}

/// A lint for each warning.
pub(crate) fn warnings(found: &[Diagnostic], text: &Text) -> TokenStream {
    let warnings = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Warning);
    warnings.map(|warning| lint(warning.code, &message(warning, text), text.spans(warning.span).0)).collect()
}

/// rustc underlines from the span of the path to that of the braces.
pub(crate) fn compile_error(message: &str, (first, last): (Span, Span)) -> TokenStream {
    let path = quote_spanned!(first=> ::core::compile_error!);
    let mut literal = Literal::string(message);
    literal.set_span(last);
    let mut braces = Group::new(Delimiter::Brace, TokenTree::from(literal).into());
    braces.set_span(last);
    quote!(#path #braces)
}

/// Macros cannot warn; the use of a deprecated constant does, with its note as the message.
pub(crate) fn lint(code: &str, message: &str, span: Span) -> TokenStream {
    // `small-batch` is no Rust name, and constants are written in capitals.
    let name = code.replace('-', "_").to_uppercase();
    let definition = Ident::new(&name, Span::call_site());
    let usage = Ident::new(&name, span);
    quote! {
        const _: () = {
            mod warning {
                #[deprecated(note = #message)]
                pub(super) const #definition: () = ();
            }
            warning::#usage
        };
    }
}

fn message(diagnostic: &Diagnostic, text: &Text) -> String {
    let mut lines = vec![format!("{} [{}]", diagnostic.message, diagnostic.code)];
    // rustc draws the place without the label, which often repeats a part of the message.
    if !diagnostic.message.contains(&diagnostic.label) {
        lines.push(format!("here: {}", diagnostic.label));
    }
    for label in &diagnostic.labels {
        let place = text.text.get(label.span.range()).unwrap_or_default();
        lines.push(format!("at `{}`: {}", shortened(place), label.message));
    }
    lines.extend(diagnostic.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(diagnostic.help.iter().map(|help| format!("help: {help}")));
    lines.join("\n")
}

/// A place's text, cut where it would fill lines.
fn shortened(place: &str) -> String {
    const WIDTH: usize = 40;
    match place.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &place[..end]),
        None => place.to_owned(),
    }
}
