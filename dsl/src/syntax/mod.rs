//! From text to syntax tree, with every mistake in the writing reported.
//!
//! ```text
//! text ─scan▶ tokens ─chunk▶ items ─read (grammar.pest)▶ pairs ─build▶ ast::Module
//! ```
//!
//! One convention: whatever the text, the answer is a tree of what could be read and a list of
//! diagnostics, in bounded time and stack. The tokens exist for that purpose alone; what the
//! language *is* stands in `grammar.pest`. Names and values are not looked at here.

mod build;
mod chunk;
mod expected;
#[allow(clippy::all, dead_code, missing_docs, unreachable_pub, unused_qualifications)]
#[rustfmt::skip]
mod generated;
mod help;
mod print;
mod read;
mod recover;
mod scan;
mod slips;

pub use build::SETTINGS;
pub use chunk::MAX_NESTING;
pub use print::print;
pub use scan::KEYWORDS;

use crate::ast::{Expr, Item, Module};
use crate::diagnostic::{Diagnostic, Span};
use build::Builder;
use chunk::{Chunk, Extent, chunks};
use generated::Rule;
use scan::{Scan, Token, scan};

/// The longest text, in bytes. A network of a thousand words has some ten thousand.
pub const MAX_TEXT: usize = 1 << 18;

/// How many mistakes are reported before reading stops: a text with more is no model.
const MAX_MISTAKES: usize = 100;

/// Which door a text comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file: items that begin with their keyword.
    File,
    /// The macro: the word `network` may be left out, and `<in -> out> words` is an anonymous network.
    Macro,
}

/// Reads a text. The tree lacks the statements and items that could not be read; each is reported.
pub fn parse(text: &str, entry: Entry) -> (Module, Vec<Diagnostic>) {
    if text.len() > MAX_TEXT {
        return (Module::default(), vec![too_large()]);
    }
    let Scan { text, tokens, mut diagnostics } = scan(text);
    let text = text.as_str();
    let anonymous = entry == Entry::Macro && tokens.first().is_some_and(|token| slice(text, token) == "<");
    let extent = if anonymous { Extent::Whole } else { Extent::Item };
    let mut items = Vec::new();
    if diagnostics.len() >= MAX_MISTAKES {
        return (Module { items }, diagnostics);
    }
    match chunks(text, &tokens, extent) {
        Err(diagnostic) => diagnostics.push(*diagnostic),
        Ok(chunks) => {
            let rule = match entry {
                _ if anonymous => Rule::expression_form,
                Entry::File => Rule::file_item,
                Entry::Macro => Rule::macro_item,
            };
            items = read_items(text, &chunks, rule, &mut diagnostics);
        }
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    diagnostics.truncate(MAX_MISTAKES);
    (Module { items }, diagnostics)
}

/// Reads a lone expression, such as `select(x > 0, x, slope*x)`, up to its first mistake.
pub fn parse_formula(text: &str) -> Result<Expr, Box<Diagnostic>> {
    if text.len() > MAX_TEXT {
        return Err(Box::new(too_large()));
    }
    let Scan { text, tokens, mut diagnostics } = scan(text);
    let text = text.as_str();
    let chunk = chunks(text, &tokens, Extent::Whole)?.into_iter().next().unwrap_or_default();
    let (expression, mistakes) =
        read::read(text, &chunk, Rule::formula, None, |pairs, base| Builder { text, base }.formula(pairs));
    diagnostics.extend(chunk.mistakes);
    diagnostics.extend(mistakes);
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    match (diagnostics.into_iter().next(), expression) {
        (None, Some(expression)) => Ok(expression),
        (Some(diagnostic), _) => Err(Box::new(diagnostic)),
        (None, None) => Err(Box::new(Diagnostic::error("E0101", Span::default(), "expected a value"))),
    }
}

/// Where the tokens of a text stand, which has been read without a mistake.
pub(crate) fn token_spans(text: &str) -> Vec<Span> {
    scan(text).tokens.into_iter().map(|token| token.span).collect()
}

fn read_items(text: &str, chunks: &[Chunk], rule: Rule, diagnostics: &mut Vec<Diagnostic>) -> Vec<Item> {
    let mut items = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        let mut brackets = chunk.mistakes.clone();
        if is_readable(text, chunk, rule) {
            let next = chunks.get(index + 1).and_then(|next| next.tokens.first()).copied();
            let (item, mistakes) =
                read::read(text, chunk, rule, next, |pairs, base| Builder { text, base }.item(pairs));
            // An item that lacks its `{` has a stray `}`, too: one mistake, not two.
            if item.is_none() && !mistakes.is_empty() {
                brackets.retain(|mistake| !chunk.strays.contains(&mistake.span));
            }
            items.extend(item);
            diagnostics.extend(mistakes);
        }
        diagnostics.extend(brackets);
        if diagnostics.len() >= MAX_MISTAKES {
            break;
        }
    }
    items
}

/// Whether there is an item to read: words before a stray `}` that begin no item belong to the item
/// that was closed too early, and the stray brace tells that better.
fn is_readable(text: &str, chunk: &Chunk, rule: Rule) -> bool {
    let mut tokens = chunk.tokens.iter().map(|token| slice(text, token));
    let (first, second) = (tokens.next(), tokens.next());
    let short_form = rule == Rule::macro_item && matches!(second, Some("<" | "("));
    let begins = short_form || first.is_some_and(chunk::begins_item);
    first.is_some() && (begins || rule == Rule::expression_form || chunk.strays.is_empty())
}

fn slice<'t>(text: &'t str, token: &Token) -> &'t str {
    &text[token.span.range()]
}

fn too_large() -> Diagnostic {
    Diagnostic::error("E0105", Span::default(), format!("the text is longer than {MAX_TEXT} bytes"))
        .label("begins here")
        .help("is this a model? one holds a few thousand bytes")
}
