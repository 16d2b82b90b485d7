//! The reference of the words, written from the table.

use super::{Argument, FAMILIES, INITIALISERS, Initialiser, Kind, Meaning, Rank, Windowed, Word};

/// Every word's page, in Markdown, family by family.
pub fn reference() -> String {
    let families = FAMILIES.iter().map(|family| {
        let pages: Vec<String> = family.words.iter().map(page).collect();
        format!("### {}\n\n{}", family.title, pages.join("\n"))
    });
    families.collect::<Vec<_>>().join("\n")
}

/// The table of initial weights, in Markdown.
pub fn initial_weights() -> String {
    let usage = |one: &Initialiser| match one.number {
        None => format!("`{}`", one.name),
        Some(number) => match number.default {
            None => format!("`{}({})`", one.name, number.name),
            Some(_) => format!("`{0}`, `{0}({1})`", one.name, number.name),
        },
    };
    let rows = INITIALISERS.iter().map(|one| format!("| {} | {} |\n", usage(one), one.summary));
    format!("| `init=` | |\n|---|---|\n{}", rows.collect::<String>())
}

/// The page of a word, in Markdown.
pub fn page(word: &Word) -> String {
    let mut page = format!("#### `{}`\n\n{}. ", usage(word), capitalised(word.summary));
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
        Rank::Plane => "a map of height and width",
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
        Kind::PerAxis(_) => "a whole number, or one per axis as in `2x1`".to_owned(),
        Kind::Choice(names) => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(" or ")
        }
        Kind::Init => "initial weights".to_owned(),
        Kind::Shape => "a shape".to_owned(),
        Kind::Order => "a list of axes".to_owned(),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
