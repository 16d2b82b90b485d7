//! Diagnostics as Rust: errors and lints at the user's own tokens.
//!
//! rustc shows one place per diagnostic, so the other places are told in words. It cannot point into
//! another file at all: what is found there is drawn with its lines, at the path that leads there.

use nnc_dsl::render::{ColorChoice, render_sources};
use nnc_dsl::{Diagnostic, Severity, SourceMap};
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

/// What stands in the error, and the spans of the first and the last token that it underlines.
pub(crate) type Told = (String, (Span, Span));

/// `compile_error!` for each error.
pub(crate) fn errors(found: &[Diagnostic], tell: impl Fn(&Diagnostic) -> Told) -> TokenStream {
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).map(tell);
    errors.map(|(message, spans)| compile_error(&message, spans)).collect()
}

/// A lint for each warning.
pub(crate) fn warnings(found: &[Diagnostic], tell: impl Fn(&Diagnostic) -> Told) -> TokenStream {
    let warnings = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Warning);
    let told = warnings.map(|warning| (warning.code, tell(warning)));
    told.map(|(code, (message, (first, _)))| lint(code, &message, first)).collect()
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
fn lint(code: &str, message: &str, span: Span) -> TokenStream {
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

/// A diagnostic about a token of the call, all in words.
pub(crate) fn worded(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let mut lines = vec![format!("{} [{}]", diagnostic.message, diagnostic.code)];
    // rustc draws the place without the label, which often repeats a part of the message.
    if !diagnostic.message.contains(&diagnostic.label) {
        lines.push(format!("here: {}", diagnostic.label));
    }
    lines.extend(labels(diagnostic, sources));
    lines.extend(diagnostic.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(diagnostic.help.iter().map(|help| format!("help: {help}")));
    lines.join("\n")
}

/// A diagnostic about a file, with the lines it is about; rustc itself writes `error: ` in front.
pub(crate) fn drawn(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let drawing = render_sources(std::slice::from_ref(diagnostic), sources, ColorChoice::Never);
    let lines = drawing.split_once('\n').map_or("", |(_, lines)| lines.trim_end());
    format!("{} [{}]\n{lines}", diagnostic.message, diagnostic.code)
}

/// A diagnostic about a file that a call uses. The call itself is one long line, which is not drawn.
pub(crate) fn drawn_but_call(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let mut elsewhere = diagnostic.clone();
    elsewhere.labels.retain(|label| !sources.is_main(label.span));
    let mut inside = diagnostic.clone();
    inside.labels.retain(|label| sources.is_main(label.span));
    let inside = labels(&inside, sources);
    inside.into_iter().fold(drawn(&elsewhere, sources), |text, line| format!("{text}\n{line}"))
}

/// The other places, each in words.
fn labels(diagnostic: &Diagnostic, sources: &SourceMap) -> Vec<String> {
    let labels = diagnostic.labels.iter().map(|label| {
        let place = sources.text().get(label.span.range()).unwrap_or_default();
        let place = shortened(&place.split_whitespace().collect::<Vec<_>>().join(" "));
        let file = sources.file(label.span.start).filter(|_| !sources.is_main(label.span));
        let file = file.map_or(String::new(), |file| {
            let before = &sources.text_of(file)[..sources.local(label.span).start];
            format!(" ({}:{})", file.name, before.matches('\n').count() + 1)
        });
        format!("at `{place}`{file}: {}", label.message)
    });
    labels.collect()
}

/// A place's text, cut where it would fill lines.
fn shortened(place: &str) -> String {
    const WIDTH: usize = 40;
    match place.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &place[..end]),
        None => place.to_owned(),
    }
}
