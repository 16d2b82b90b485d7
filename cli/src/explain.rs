//! `nnc explain NAME`: the manual of diagnostics, lints, words and library blocks.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use nnc_dsl::lints::{Group, LINTS, Level};
use nnc_dsl::words::{FAMILIES, Found, find, nearest, page, suggest};
use nnc_dsl::{codes, library, lints};

use crate::failure::Failure;
use crate::output;

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("explain")
        .about("Show the manual page of a diagnostic, a lint, a word or a library block, or list them all")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .help("The code in brackets, such as E0301, or a lint, or a word"),
        )
        .after_help(
            "Examples:\n  \
             nnc explain E0301         A diagnostic\n  \
             nnc explain small-batch   A lint\n  \
             nnc explain conv          A word, with its arguments and their defaults\n  \
             nnc explain basic_block   A block of the standard library, as it is written\n  \
             nnc explain               The list of all",
        )
}

/// Prints the page, or the list.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let text = match matches.get_one::<String>("name") {
        None => list(),
        Some(name) => explained(name.trim()).ok_or_else(|| unknown(name))?,
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The page of a name, for a terminal.
fn explained(name: &str) -> Option<String> {
    if let Some(lint) = lints::find(name) {
        return Some(format!("{}\n{}", plain(lint.page), standing(lint.group)));
    }
    if let Some(page) = codes::explain(name) {
        return Some(plain(page));
    }
    match find(name) {
        Found::Word(word, _) | Found::BadWindow(word) => Some(plain(&page(word))),
        Found::Nothing => library_block(name),
    }
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::new(format!("nothing is called `{name}`: no diagnostic, no lint, no word"));
    let codes = codes::CODES.iter().map(|(code, _)| *code);
    let all = codes.chain(lints::names()).chain(library::names());
    // Codes are told apart by their digits alone, so one of them is as good a guess as another.
    let is_code = name.starts_with(['E', 'e']) && name[1..].chars().all(|char| char.is_ascii_digit());
    let meant = (!is_code).then(|| suggest(name).or_else(|| nearest(name, all).map(str::to_owned))).flatten();
    match meant {
        Some(meant) => failure.help(format!("did you mean `{meant}`?")),
        None => failure.help("`nnc explain` lists all there are"),
    }
}

/// What a lint is where nobody says otherwise.
fn standing(group: Group) -> String {
    let level = match group.level() {
        Level::Allow => "silent unless asked for",
        Level::Warn => "a warning",
        Level::Deny => "an error",
    };
    format!("Group: {} ({level}). `allow(NAME)` in the model or -W, -A, -D NAME change that.\n", group.name())
}

/// A block with the comment above it, from the text of the library.
fn library_block(name: &str) -> Option<String> {
    let part = library::part(name)?;
    let start = part.text.find(&format!("block {name}("))?;
    let before = part.text[..start].trim_end().lines().rev();
    let mut lines: Vec<&str> = before.take_while(|line| line.starts_with("//")).collect();
    lines.reverse();
    let (body, _) = part.text[start..].split_once("\n}").unwrap_or((&part.text[start..], ""));
    Some(format!("{}\n{body}\n}}\n", lines.join("\n")))
}

fn list() -> String {
    let mut text = "Diagnostics\n".to_owned();
    let codes = codes::CODES.iter().map(|(code, _)| (*code, codes::title(code).unwrap_or_default()));
    text.push_str(&rows(codes));
    for group in Group::ALL {
        text.push_str(&format!("\nLints: {}\n", group.name()));
        let lints = LINTS.iter().filter(|lint| lint.group == group);
        text.push_str(&rows(lints.map(|lint| (lint.name, lint.title()))));
    }
    for family in FAMILIES {
        text.push_str(&format!("\nWords: {}\n", family.title.to_lowercase()));
        text.push_str(&rows(family.words.iter().map(|word| (word.name, word.summary))));
    }
    let blocks: Vec<&str> = library::names().collect();
    format!("{text}\nLibrary blocks\n  {}\n", blocks.join(" "))
}

/// Names in a column, each with a few words.
fn rows<'a>(rows: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let width = rows.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.map(|(name, words)| format!("  {name:width$}  {words}\n")).collect()
}

/// Columns of a terminal that a page takes at most.
const WIDTH: usize = 96;

/// A page without its marks: examples are indented under a word that says which they are, tables are lists.
fn plain(page: &str) -> String {
    let mut text = String::new();
    let mut paragraph = String::new();
    let mut is_example = false;
    for line in page.lines() {
        if !is_example && is_prose(line) {
            paragraph.push_str(&format!("{line} "));
            continue;
        }
        text.push_str(&finished(&mut paragraph));
        match line.strip_prefix("```") {
            Some(mark) => {
                text.push_str(&caption(mark));
                is_example = !is_example;
            }
            None if is_example => text.push_str(&format!("{}\n", format!("    {line}").trim_end())),
            None if line.starts_with('|') => text.push_str(&row(line)),
            None if line.is_empty() => text.push('\n'),
            None => paragraph.push_str(&format!("{} ", line.trim_start_matches('#').trim_start())),
        }
        if line.starts_with('#') {
            text.push_str(&finished(&mut paragraph));
        }
    }
    text + &finished(&mut paragraph)
}

/// Whether a line goes on with the paragraph before it.
fn is_prose(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', '|', '-']) && !line.starts_with("```")
}

/// The lines of a paragraph that has ended, if there is one.
fn finished(paragraph: &mut String) -> String {
    let paragraph = std::mem::take(paragraph);
    if paragraph.is_empty() { paragraph } else { wrapped(&unlinked(&paragraph), 0) }
}

/// What stands over an example: `nn wrong set width=64` is one that needs `--set`.
fn caption(mark: &str) -> String {
    let kinds = [("nn wrong", "Wrong"), ("nn mended", "Mended")].into_iter();
    let mut matching = kinds.filter_map(|(prefix, word)| Some((word, mark.strip_prefix(prefix)?.trim())));
    match matching.next() {
        Some((word, "")) => format!("{word}:\n"),
        Some((word, setting)) => format!("{word}, with `--{setting}`:\n"),
        None => String::new(),
    }
}

/// A row of a table of arguments, `name | values | default | what it does`; nothing for its head.
fn row(line: &str) -> String {
    let cells: Vec<String> = line.trim_matches('|').split(" | ").map(|cell| unlinked(cell.trim())).collect();
    match &cells[..] {
        [name, ..] if name == "argument" || name.starts_with('-') => String::new(),
        [name, values, default, doc] => {
            format!(
                "  {name}\n{}{}",
                wrapped(doc, 6),
                wrapped(&format!("Takes {values}. Default: {default}."), 6)
            )
        }
        _ => wrapped(&cells.join("  "), 2),
    }
}

/// `[text](place)` is its text.
fn unlinked(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((place, end)) = after.split_once(')') else { break };
        let Some((start, label)) = before.rsplit_once('[') else { break };
        // Anything else in such brackets is a formula.
        if !place.starts_with(['#', 'h', '.']) {
            break;
        }
        text.push_str(&format!("{start}{label}"));
        rest = end;
    }
    text + rest
}

/// A paragraph in lines that fit, indented, with its end.
fn wrapped(paragraph: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let mut text = margin.clone();
    let mut column = indent;
    for word in paragraph.split_whitespace() {
        let len = word.chars().count();
        if column > indent && column + 1 + len > WIDTH {
            text.push_str(&format!("\n{margin}"));
            column = indent;
        } else if column > indent {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += len;
    }
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lose_their_marks() {
        let page =
            "# E1: title\n\nText.\n\n```nn wrong\nfoo {\n    bar\n}\n```\n\n```nn mended set a=1\nbaz\n```\n";
        let expected = "E1: title\n\nText.\n\nWrong:\n    foo {\n        bar\n    }\n\nMended, with `--set a=1`:\n    baz\n";
        assert_eq!(plain(page), expected);
    }

    #[test]
    fn tables_are_lists() {
        let table = "| argument | values | default | |\n|---|---|---|---|\n| `pad=` | `a` or `b` | 1 | See [here](#x). |\n";
        assert_eq!(plain(table), "  `pad=`\n      See here.\n      Takes `a` or `b`. Default: 1.\n");
    }

    #[test]
    fn long_lines_are_wrapped() {
        let text = wrapped(&"word ".repeat(40), 4);
        assert!(text.lines().all(|line| line.starts_with("    word") && line.len() <= WIDTH), "{text}");
        assert_eq!(text.split_whitespace().count(), 40);
        assert_eq!(unlinked("f[i](x) and [1](2)"), "f[i](x) and [1](2)");
    }

    #[test]
    fn no_page_keeps_a_mark() {
        let codes = codes::CODES.iter().map(|(code, _)| *code);
        let words = FAMILIES.iter().flat_map(|family| family.words).map(|word| word.name);
        for name in codes.chain(lints::names()).chain(words).chain(library::names()) {
            let page = explained(name).unwrap_or_else(|| panic!("{name}"));
            assert!(!page.contains("```") && !page.contains("|---"), "{name}: {page}");
        }
    }

    #[test]
    fn everything_has_a_title() {
        assert!(list().lines().filter(|line| line.starts_with("  ")).all(|line| line.trim().contains(' ')));
    }
}
