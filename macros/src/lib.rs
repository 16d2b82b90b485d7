//! The macro `network!`: networks checked and compiled inside Rust.
//!
//! A thin door: it turns tokens into text, hands the text to the same parser, checker and compiler
//! that the program `nnc` uses, and turns their diagnostics into errors and warnings of rustc on the
//! tokens concerned. Nothing about networks is known here.

mod editor;
mod expand;
mod file;
mod files;
mod report;
mod stub;
mod tokens;

/// The forms of a call:
///
/// - `network! { pub Name<3x32x32 -> 10> { … } }`: items, as a text has them; the keyword `network`
///   may be left out. Each named network becomes a type. Doc comments in front of it are the type's.
/// - `network!(<3x32x32 -> 10> conv3 16 …)`: an expression, a fresh network of a type without a name.
/// - `network!("models/net.nn")`: the items of a file, found from the folder of the package's
///   `Cargo.toml`. `network!(pub "models/net.nn", width = 64)` makes its types public and gives a
///   parameter a value.
///
/// `use "parts/blocks.nn"` in a call brings in the blocks of a file, found from the same folder.
#[proc_macro]
pub fn network(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand::network(input.into()).into()
}
