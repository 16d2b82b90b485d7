//! The committed parser is the one that the grammar gives.
//!
//! Generating it here and not in a build script keeps the generator out of every user's build.
//! `NNC_BLESS=1` rewrites the file.

use std::path::Path;

const HEAD: &str =
    "// Generated from grammar.pest; `NNC_BLESS=1 cargo test -p nnc-dsl --test grammar` renews it.\n\n";

#[test]
fn generated_parser_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/syntax");
    let grammar = std::fs::read_to_string(folder.join("grammar.pest")).unwrap();
    let expected = format!("{HEAD}{}", generate(&grammar));
    let path = folder.join("generated.rs");
    if std::env::var_os("NNC_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "generated.rs is not what grammar.pest gives; run with NNC_BLESS=1");
}

fn generate(grammar: &str) -> String {
    let parser = quote::quote! {
        #[grammar_inline = #grammar]
        pub(super) struct Grammar;
    };
    let tokens = pest_generator::derive_parser(parser, false);
    let file = syn::parse2(tokens).expect("the generator writes Rust");
    // No rule is called like a keyword of Rust, so no name needs the raw form.
    let text = prettyplease::unparse(&file).replace("r#", "");
    format!("/// The parser.\npub(super) struct Grammar;\n\n{text}")
}
