//! From a macro call to the code that it stands for.
//!
//! A macro cannot see whether it stands for an item or an expression, so the call's form decides: a
//! text that begins with a signature is an expression, everything else is items.

use nnc_codegen::emit::{CudaPart, EmitOptions, nested};
use nnc_dsl::ast::{Ident, Item, Module, Use};
use nnc_dsl::syntax::{parse, print};
use nnc_dsl::{CheckedModel, Diagnostic, Entry, Options, Outcome, Span as Place, check_file};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote};

use crate::editor;
use crate::file::FileCall;
use crate::files::{Files, package_folder};
use crate::report::{Told, drawn_but_call, errors, warnings, worded};
use crate::stub::stubs;
use crate::tokens::Text;

/// Expands a call.
pub(crate) fn network(input: TokenStream) -> TokenStream {
    match FileCall::parse(input.clone()) {
        Some(call) => call.expand(),
        None => inline(input),
    }
}

/// A network written in the call.
fn inline(input: TokenStream) -> TokenStream {
    let call = Call::new(Text::new(input), Files::new(package_folder()));
    let Call { text, module, outcome, files } = &call;
    let is_expression = text.text.starts_with('<');
    let found = &outcome.diagnostics;
    let mut extras = files.tracked();
    if found.iter().any(Diagnostic::is_error) {
        extras.extend(errors(found, |error| call.tell(error)));
        let stubs = stubs(module, found, false);
        return if is_expression { quote!({ #extras }) } else { quote!(#extras #stubs) };
    }
    extras.extend(warnings(found, |warning| call.tell(warning)));
    if editor::is_asking() {
        extras.extend(outcome.models.iter().map(|model| editor::hovers(model, module, text)));
    }
    // What is written into checkpoints reads like a file, not like tokens.
    let source = Literal::string(&files.bundled(print(module), &outcome.sources));
    if is_expression {
        expression(&outcome.models, quote!(#source), extras)
    } else {
        let networks = outcome.models.iter().map(|model| {
            let (docs, span) = (docs(model, module, text), text.spans(model.name_span).0);
            item(model, quote!(#source), docs, model.public, span)
        });
        quote!(#extras #(#networks)*)
    }
}

/// A network written in a call, and what the checker says about it.
pub(crate) struct Call {
    /// Its tokens.
    pub(crate) text: Text,
    module: Module,
    /// Models and diagnostics.
    pub(crate) outcome: Outcome,
    files: Files,
}

impl Call {
    /// Reads and checks a call with the files that it uses.
    pub(crate) fn new(text: Text, files: Files) -> Call {
        let load = |path: &str, importer: &str| files.load(path, importer);
        let mut outcome = check_file("", &text.text, Entry::Macro, &Options::default(), &load);
        outcome.diagnostics.iter_mut().for_each(say_where_paths_begin);
        let module = parse(&text.text, Entry::Macro).0;
        Call { text, module, outcome, files }
    }

    /// What is said about a mistake in the call at its tokens, about one in a file that it uses at
    /// the path that leads there.
    pub(crate) fn tell(&self, diagnostic: &Diagnostic) -> Told {
        let sources = &self.outcome.sources;
        if sources.is_main(diagnostic.span) {
            return (worded(diagnostic, sources), self.text.spans(diagnostic.span));
        }
        let file = sources.file(diagnostic.span.start);
        let root = file.and_then(|file| self.files.root(&file.name));
        let place = root.and_then(|root| self.import(&root)).unwrap_or_default();
        (drawn_but_call(diagnostic, sources), self.text.spans(place))
    }

    /// Where a path stands.
    fn import(&self, path: &str) -> Option<Place> {
        let mut uses = self.module.items.iter().filter_map(|item| match item {
            Item::Use(Use { path, .. }) => Some(path),
            _ => None,
        });
        uses.find(|written| written.value == path).map(|written| written.span)
    }
}

/// The general advice is about files.
fn say_where_paths_begin(diagnostic: &mut Diagnostic) {
    if diagnostic.code == "E0510" {
        let help = "a path in `network!` is relative to the folder of the package's `Cargo.toml`";
        diagnostic.help = vec![help.to_owned()];
    }
}

/// The doc comments in front of a network.
fn docs(model: &CheckedModel, module: &Module, text: &Text) -> TokenStream {
    let names = module.items.iter().filter_map(item_name).map(|name| name.span.start);
    let previous = names.filter(|start| *start < model.name_span.start).max();
    text.docs(previous.map_or(0, |start| start + 1), model.name_span.start)
}

fn item_name(item: &Item) -> Option<&Ident> {
    match item {
        Item::Block(block) => Some(&block.name),
        Item::Network(network) => network.name.as_ref(),
        Item::Train(train) => Some(&train.name),
        Item::Activation(activation) => Some(&activation.name),
        Item::Use(_) | Item::Allow(_) => None,
    }
}

/// A module that holds the network, and its type beside it.
pub(crate) fn item(
    model: &CheckedModel,
    source: TokenStream,
    docs: TokenStream,
    public: bool,
    span: Span,
) -> TokenStream {
    let name = proc_macro2::Ident::new(&model.name, span);
    let module = format_ident!("__nnc_{}", model.name);
    let hidden = hidden(model, source, &module);
    let public = public.then(|| quote!(pub));
    quote! {
        #hidden
        #docs
        #public use #module::#name;
    }
}

/// A block that makes an anonymous network.
fn expression(models: &[CheckedModel], source: TokenStream, extras: TokenStream) -> TokenStream {
    let module = format_ident!("__nnc_network");
    let networks = models.iter().map(|model| {
        let hidden = hidden(model, source.clone(), &module);
        let seed = model.train.seed;
        quote!(#hidden #module::Network::new(#seed))
    });
    quote!({ #extras #(#networks)* })
}

/// Lints speak about the user's own code, which this module is not.
fn hidden(model: &CheckedModel, source: TokenStream, module: &proc_macro2::Ident) -> TokenStream {
    let cuda = if cfg!(feature = "cuda") { CudaPart::Inline } else { CudaPart::Absent };
    let options = EmitOptions { runtime: quote!(::nnc::runtime), source, cuda, ahead: Vec::new() };
    let items = nested(model, &nnc_codegen::compile(model), &options);
    quote! {
        #[allow(
            clippy::all, clippy::nursery, clippy::pedantic, dead_code, non_snake_case, unreachable_pub,
            unused_imports, unused_qualifications
        )]
        mod #module { #items }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> Call {
        Call::new(Text::new(text.parse().unwrap()), Files::new(package_folder()))
    }

    /// What is told about each finding, and the words that it underlines.
    fn told(text: &str) -> Vec<(String, String)> {
        let call = call(text);
        let found = call.outcome.diagnostics.iter().map(|found| {
            let (message, (first, last)) = call.tell(found);
            (message, text[first.byte_range().start..last.byte_range().end].to_owned())
        });
        found.collect()
    }

    #[test]
    fn mistakes_in_other_files_stand_at_the_path_that_leads_there() {
        let text = r#"
            use "tests/parts/outer.nn"
            use "tests/parts/wrong.nn"
            N<3x8x8 -> 8> { outer 8 wrong 8 gap }
        "#;
        let told = told(text);
        let [(message, place)] = &told[..] else { panic!("{told:#?}") };
        assert_eq!(place, r#""tests/parts/wrong.nn""#);
        assert!(message.starts_with("no word or block is called `rleu` [E0201]\n"), "{message}");
        assert!(message.contains("tests/parts/wrong.nn:4:15") && message.contains("4 |"), "{message}");
        assert!(network(text.parse().unwrap()).to_string().contains("include_bytes"));
    }

    #[test]
    fn the_call_is_told_in_words_where_a_file_is_drawn() {
        let text = r#"use "tests/parts/misused.nn" N<3x8x8 -> 8> { misused 8 }"#;
        let told = told(text);
        let (message, place) = told.iter().find(|(message, _)| message.contains("E0301")).unwrap();
        assert_eq!(place, r#""tests/parts/misused.nn""#);
        assert!(message.contains("misused.nn:3:5"), "{message}");
        assert!(message.contains("at `misused`: "), "{message}");
        assert!(!message.contains("1 |"), "{message}");
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_at_its_path() {
        let told = told(r#"use "no/such.nn" N<3x8x8 -> 3> { gap linear 3 }"#);
        let [(message, place)] = &told[..] else { panic!("{told:#?}") };
        assert_eq!(place, r#""no/such.nn""#);
        assert!(
            message.contains("cannot be read: no such file") && message.contains("Cargo.toml"),
            "{message}"
        );
    }

    #[test]
    fn lints_of_other_files_warn_at_the_path_and_allow_silences() {
        let told = told(r#"use "tests/parts/untidy.nn" N<3x8x8 -> 9> { untidy 9 }"#);
        let [(message, place)] = &told[..] else { panic!("{told:#?}") };
        assert_eq!(place, r#""tests/parts/untidy.nn""#);
        assert!(
            message.contains("[activation-after-activation]") && message.contains("untidy.nn:1:"),
            "{message}"
        );
        let sure = "N<4 -> 1> { linear 1 softmax }";
        let codes = |text: &str| -> Vec<_> {
            call(text).outcome.diagnostics.iter().map(|one| (one.code, one.is_error())).collect()
        };
        assert_eq!(codes(sure), [("softmax-over-one-class", true)]);
        assert_eq!(codes("N<4 -> 1> { linear 1 allow(softmax-over-one-class) softmax }"), []);
    }

    #[test]
    fn used_files_go_into_the_text_of_checkpoints() {
        let call = call(r#"use "tests/parts/outer.nn" N<3x8x8 -> 8> { outer 8 se 2 gap }"#);
        let text = call.files.bundled(print(&call.module), &call.outcome.sources);
        assert!(text.contains("// tests/parts/outer.nn\n") && text.contains("block inner(c)"), "{text}");
        assert!(!text.contains("block se"), "{text}");
    }
}
