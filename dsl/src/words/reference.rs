//! The reference of the words, written from the table.

use super::{Argument, Kind, Meaning, Rank, WORDS, Windowed, Word};

/// Every word's page, in Markdown, in the order of the table.
pub fn reference() -> String {
    WORDS.iter().map(page).collect::<Vec<_>>().join("\n")
}

fn page(word: &Word) -> String {
    let mut page = format!("### `{}`\n\n{}. ", usage(word), capitalised(word.summary));
    page.push_str(&format!("Reads {}.", input(word.input)));
    if let Meaning::Formula(formula) = word.meaning {
        page.push_str(&format!(" Each element becomes `{formula}`."));
    }
    page.push_str(&format!("\n\n{}\n", word.reference));
    if !word.arguments.is_empty() {
        page.push_str("\n| argument | values | default | |\n|---|---|---|---|\n");
        page.extend(word.arguments.iter().map(row));
    }
    page.push_str(&format!("\n```\n{}\n```\n", word.example));
    page
}

fn usage(word: &Word) -> String {
    let name = match word.window {
        Windowed::No => word.name.to_owned(),
        Windowed::Yes(_) => format!("{}K", word.name),
    };
    let positional = word.arguments.iter().filter(|argument| argument.positional);
    positional.fold(name, |usage, argument| format!("{usage} {}", argument.name.to_uppercase()))
}

fn input(rank: Rank) -> &'static str {
    match rank {
        Rank::Any => "a map or a vector",
        Rank::Map => "a map",
        Rank::Vector => "a vector",
    }
}

fn row(argument: &Argument) -> String {
    let name = if argument.positional { argument.name.to_uppercase() } else { format!("{}=", argument.name) };
    format!("| `{name}` | {} | {} | {} |\n", values(argument.kind), argument.default, argument.doc)
}

fn values(kind: Kind) -> String {
    match kind {
        Kind::Count(_) => "a whole number".to_owned(),
        Kind::Real(range) => format!("a number, {range}"),
        Kind::Flag => "`true` or `false`".to_owned(),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
