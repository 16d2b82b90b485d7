//! `nnc explain CODE`: the manual of the diagnostics.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use nnc_dsl::codes;

use crate::failure::Failure;
use crate::output;

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("explain")
        .about("Show the manual page of a diagnostic, or list them all")
        .arg(Arg::new("code").value_name("CODE").help("The code in brackets, such as E0301"))
}

/// Prints the page, or the list.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let text = match matches.get_one::<String>("code") {
        None => list(),
        Some(code) => match codes::explain(code.trim()) {
            Some(page) => plain(page),
            None => {
                let failure = Failure::new(format!("no diagnostic has the code `{code}`"));
                return Err(failure.help("`nnc explain` lists all codes"));
            }
        },
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn list() -> String {
    let codes = codes::CODES.iter().map(|(code, _)| code);
    codes.map(|code| format!("{code}  {}\n", codes::title(code).unwrap_or_default())).collect()
}

/// A page without its marks: examples are indented under a word that says which they are.
fn plain(page: &str) -> String {
    let mut text = String::new();
    let mut is_example = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(mark) => text.push_str(&caption(mark)),
            None if is_example => text.push_str(&format!("    {line}\n")),
            None => text.push_str(&format!("{}\n", line.trim_start_matches("# "))),
        }
        is_example ^= line.starts_with("```");
    }
    text
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
    fn no_page_keeps_a_mark() {
        for (code, page) in codes::CODES {
            assert!(!plain(page).contains("```"), "{code}");
        }
    }

    #[test]
    fn every_code_has_a_title() {
        assert!(list().lines().all(|line| line.len() > "E0101  ".len()), "{}", list());
    }
}
