//! The form that reads a `.nn` file: `network!("models/vgg.nn")`.
//!
//! rustc cannot point into another file, so each diagnostic is drawn with its lines inside the
//! message, and the path in the call carries it.

use nnc_dsl::syntax::parse;
use nnc_dsl::{Diagnostic, Entry, Options, check_file};
use proc_macro2::{Delimiter, Literal, Span, TokenStream, TokenTree};
use quote::quote;

use crate::expand::item;
use crate::files::{Files, package_folder};
use crate::report::{compile_error, drawn, errors, warnings};
use crate::stub::stubs;
use crate::tokens::Text;

/// A `$path:literal` of a user's macro comes in an invisible group of its own.
fn opened(tree: TokenTree) -> TokenTree {
    match &tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            group.stream().into_iter().next().unwrap_or(tree)
        }
        _ => tree,
    }
}

/// A call with a path.
pub(crate) struct FileCall {
    public: bool,
    path: Literal,
    /// What follows the path.
    rest: TokenStream,
}

impl FileCall {
    /// The call, if it has a path.
    pub(crate) fn parse(input: TokenStream) -> Option<FileCall> {
        let mut tokens = input.into_iter().peekable();
        let public = matches!(tokens.peek(), Some(TokenTree::Ident(word)) if word == "pub");
        if public {
            tokens.next();
        }
        match opened(tokens.next()?) {
            TokenTree::Literal(path) if path.to_string().ends_with(['"', '#']) => {
                Some(FileCall { public, path, rest: tokens.collect() })
            }
            _ => None,
        }
    }

    /// The items of the file, or errors at the path.
    pub(crate) fn expand(self) -> TokenStream {
        self.try_expand().unwrap_or_else(|message| self.error(&message))
    }

    fn try_expand(&self) -> Result<TokenStream, String> {
        let written = unquoted(&self.path.to_string()).ok_or("write the path as a plain string, with `/`")?;
        let set = overrides(self.rest.clone())?;
        let (files, text) =
            Files::with_main(package_folder(), &written).map_err(|reason| unreadable(&written, &reason))?;
        let options = Options { set, ..Options::default() };
        let load = |path: &str, importer: &str| files.load(path, importer);
        let outcome = check_file(&files.main(), &text, Entry::File, &options, &load);
        let found = &outcome.diagnostics;
        let tell = |one: &Diagnostic| (drawn(one, &outcome.sources), (self.path.span(), self.path.span()));
        let tracked = files.tracked();
        if found.iter().any(Diagnostic::is_error) {
            let errors = errors(found, tell);
            let stubs = stubs(&parse(&text, Entry::File).0, found, self.public);
            return Ok(quote!(#tracked #errors #stubs));
        }
        let warnings = warnings(found, tell);
        let source = Literal::string(&files.bundled(text, &outcome.sources));
        let networks = outcome.models.iter().map(|model| {
            let (docs, public) = (TokenStream::new(), self.public || model.public);
            item(model, quote!(#source), docs, public, Span::call_site())
        });
        Ok(quote!(#tracked #warnings #(#networks)*))
    }

    fn error(&self, message: &str) -> TokenStream {
        compile_error(message, (self.path.span(), self.path.span()))
    }
}

fn unreadable(written: &str, reason: &str) -> String {
    format!(
        "cannot read `{written}`: {reason}\nhelp: paths are relative to the folder of the package's `Cargo.toml`"
    )
}

/// What a string literal stands for.
fn unquoted(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let raw = raw.trim_matches('#');
        return Some(raw.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    }
    let plain = literal.strip_prefix('"')?.strip_suffix('"')?;
    let resolved = plain.replace("\\\\", "/");
    (!resolved.contains('\\')).then_some(resolved)
}

/// `, width = 64, depth = 2*3` after the path.
fn overrides(rest: TokenStream) -> Result<Vec<(String, String)>, String> {
    let mut set = Vec::new();
    let tokens: Vec<TokenTree> = rest.into_iter().collect();
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',');
    for (index, part) in tokens.split(is_comma).enumerate() {
        match part {
            [] => {}
            [TokenTree::Ident(name), TokenTree::Punct(equals), value @ ..]
                if index > 0 && equals.as_char() == '=' && !value.is_empty() =>
            {
                let value = Text::new(value.iter().cloned().collect()).text;
                set.push((name.to_string(), value));
            }
            _ => {
                return Err(
                    "after the path, write values of parameters: `, width = 64, depth = 3`".to_owned()
                );
            }
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unquoted() {
        assert_eq!(unquoted(r#""a/b.nn""#).as_deref(), Some("a/b.nn"));
        assert_eq!(unquoted(r##"r#"a\b.nn"#"##).as_deref(), Some("a\\b.nn"));
        assert_eq!(unquoted(r#""a\\b.nn""#).as_deref(), Some("a/b.nn"));
        assert_eq!(unquoted(r#""a\nb""#), None);
        assert_eq!(unquoted(r#"b"a""#), None);
    }

    #[test]
    fn errors_show_the_lines_of_the_file() {
        let call = FileCall::parse(r#"pub "tests/mistakes.nn""#.parse().unwrap()).unwrap();
        let expanded = call.expand().to_string();
        for part in
            ["no word or block is called `rleu` [E0201]", "tests/mistakes.nn:3:16", "E0207", "pub struct Net"]
        {
            assert!(expanded.contains(part), "{part} in {expanded}");
        }
        let call = FileCall::parse(r#""no/such.nn""#.parse().unwrap()).unwrap();
        assert!(call.expand().to_string().contains("cannot read `no/such.nn`"));
        assert!(FileCall::parse("pub Net<1 -> 1> { relu }".parse().unwrap()).is_none());
    }

    #[test]
    fn values_follow_the_path() {
        let set = overrides(", width = 2 * 32, depth = 3,".parse().unwrap()).unwrap();
        assert_eq!(set, [("width".to_owned(), "2 * 32".to_owned()), ("depth".to_owned(), "3".to_owned())]);
        assert!(overrides(TokenStream::new()).unwrap().is_empty());
        for wrong in ["width = 3", ", width", ", width =", ", 3 = 4"] {
            assert!(overrides(wrong.parse().unwrap()).is_err(), "{wrong}");
        }
    }
}
