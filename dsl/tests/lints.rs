//! Every lint fires where it should, with this message, and nowhere else.
//!
//! The text in which a lint fires, and the one in which it does not, are those of its page; the message lies
//! beside this file in `lints/NAME.txt`. Other cases of a lint lie there as `NAME-*.nn`, and say in their
//! first line how often it fires. `NNC_BLESS=1` rewrites the messages and the tables of `docs/lints.md`.

use std::path::{Path, PathBuf};

use nnc_dsl::lints::{Group, LINTS, Level, Lint};
use nnc_dsl::render::{ColorChoice, render_sources};
use nnc_dsl::{Entry, Options, Outcome, Source, check_file};

#[test]
fn every_lint_fires_in_its_wrong_text_alone() {
    let failures: Vec<String> = LINTS.iter().filter_map(fires).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn fires(lint: &Lint) -> Option<String> {
    let text = example(lint, "wrong");
    let outcome = outcome(text, &[(lint.name, Level::Warn)]);
    if outcome.diagnostics.is_empty() || outcome.diagnostics.iter().any(|found| found.code != lint.name) {
        return Some(format!("{}: {:#?}", lint.name, outcome.diagnostics));
    }
    differs(&folder().join(format!("{}.txt", lint.name)), &drawn(&outcome))
}

#[test]
fn no_lint_fires_in_a_mended_text() {
    for lint in LINTS {
        let outcome = outcome(example(lint, "mended"), &[(lint.name, Level::Warn)]);
        assert_eq!(outcome.diagnostics, [], "{}", lint.name);
        assert_eq!(outcome.models.len(), 1, "{}", lint.name);
    }
}

#[test]
fn other_cases_fire_as_often_as_they_say() {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let cases: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "nn")).collect();
    assert!(cases.len() > 10);
    for path in cases {
        let text = std::fs::read_to_string(&path).unwrap();
        let (times, name) = times(text.lines().next().unwrap());
        let outcome = outcome(&text, &[("all", Level::Allow), (name, Level::Warn)]);
        assert!(
            outcome.diagnostics.iter().all(|one| one.code == name),
            "{path:?} {:#?}",
            outcome.diagnostics
        );
        assert_eq!(outcome.diagnostics.len(), times, "{path:?} {:#?}", outcome.diagnostics);
    }
}

/// `// fires 2 times: small-batch`
fn times(line: &str) -> (usize, &str) {
    let (times, name) = line.strip_prefix("// fires ").and_then(|rest| rest.split_once(" times: ")).unwrap();
    (times.parse().unwrap(), name)
}

#[test]
fn every_fix_of_a_lint_gives_a_model_that_checks() {
    for lint in LINTS {
        let text = example(lint, "wrong");
        let found = outcome(text, &[(lint.name, Level::Warn)]).diagnostics;
        let fixes = found.iter().flat_map(|one| &one.fixes);
        for fix in fixes {
            let fixed = format!("{}{}{}", &text[..fix.span.start], fix.replacement, &text[fix.span.end..]);
            assert!(!outcome(&fixed, &[]).models.is_empty(), "{}: {fixed}", lint.name);
        }
    }
}

#[test]
fn no_lint_fires_on_the_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let models: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "nn")).collect();
    assert!(models.len() >= 4);
    for path in models {
        let text = std::fs::read_to_string(&path).unwrap();
        let beside = |path: &str, _: &str| {
            let text = std::fs::read_to_string(folder.join(path)).map_err(|error| error.to_string())?;
            Ok(Source { name: path.to_owned(), text })
        };
        let outcome = check_file("example.nn", &text, Entry::File, &Options::default(), &beside);
        assert_eq!(outcome.diagnostics, [], "{path:?}");
    }
}

#[test]
fn pages_have_name_title_and_source() {
    for lint in LINTS {
        assert!(lint.page.starts_with(&format!("# {}: ", lint.name)), "{}", lint.name);
        assert!(!lint.title().is_empty() && lint.page.contains("\nSource: "), "{}", lint.name);
        let small = lint.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(small && nnc_dsl::codes::explain(lint.name) == Some(lint.page), "{}", lint.name);
    }
}

#[test]
fn names_are_unique_and_sorted_within_their_groups() {
    for group in Group::ALL {
        let names: Vec<&str> =
            LINTS.iter().filter(|lint| lint.group == group).map(|lint| lint.name).collect();
        assert!(names.is_sorted_by(|a, b| a < b) && !names.contains(&group.name()), "{names:?}");
    }
}

const SMALL: &str =
    "network Net<3x8x8 -> 10> {\n    conv3 16 bn relu\n    gap linear 10\n}\ntrain Net { batch 4 }\n";

fn codes(text: &str, levels: &[(&str, Level)]) -> Vec<(&'static str, bool)> {
    outcome(text, levels).diagnostics.iter().map(|found| (found.code, found.is_error())).collect()
}

#[test]
fn levels_make_findings_silent_warnings_or_errors() {
    assert_eq!(codes(SMALL, &[]), [("small-batch", false)]);
    assert_eq!(codes(SMALL, &[("suspicious", Level::Deny)]), [("small-batch", true)]);
    assert_eq!(codes(SMALL, &[("suspicious", Level::Deny), ("small-batch", Level::Allow)]), []);
    assert!(outcome(SMALL, &[("all", Level::Deny)]).models.is_empty(), "an error leaves no model");
    let pedantic = [("pedantic", Level::Warn), ("suspicious", Level::Allow)];
    assert_eq!(codes(SMALL, &pedantic), [("small-receptive-field", false), ("uneven-batch", false)]);
}

#[test]
fn allow_silences_a_file_a_section_or_the_rest_of_its_braces() {
    let file = format!("allow(small-batch)\n{SMALL}");
    let group = format!("{SMALL}allow(style, suspicious)\n");
    let network = SMALL.replace("conv3 16", "allow(all) conv3 16");
    let section = SMALL.replace("{ batch", "{ allow(small-batch) batch");
    for silent in [file, group, network, section] {
        assert_eq!(codes(&silent, &[]), [], "{silent}");
    }
    let other = SMALL.replace("conv3 16", "allow(norm-after-norm) conv3 16");
    let late = SMALL.replace("gap", "allow(small-batch) gap");
    let inner = "network Net<3x8x8 -> 10> {\n    if (1 > 0) { allow(all) conv3 16 relu relu }\n    relu gap linear 10\n}";
    for heard in [other, late] {
        assert_eq!(codes(&heard, &[]), [("small-batch", false)], "{heard}");
    }
    assert_eq!(codes(inner, &[]), [("activation-after-activation", false)]);
}

#[test]
fn unknown_names_are_errors_with_what_was_meant() {
    let text = format!("allow(smal-batch)\n{SMALL}");
    let found = outcome(&text, &[]).diagnostics;
    assert_eq!((found[0].code, found[0].help[0].as_str()), ("E0601", "did you mean `small-batch`?"));
    assert_eq!(nnc_dsl::fix(&text, &found[..1]).0, format!("allow(small-batch)\n{SMALL}"));
    let found = outcome(SMALL, &[("pedantics", Level::Warn)]).diagnostics;
    assert_eq!((found[0].code, found[0].help[0].as_str()), ("E0601", "did you mean `pedantic`?"));
}

#[test]
fn a_loop_reports_once() {
    let text = "network Net<3x8x8 -> 10> {\n    repeat 3 { conv3 16 relu relu }\n    gap linear 10\n}";
    assert_eq!(codes(text, &[]), [("activation-after-activation", false)]);
}

#[test]
fn the_page_of_lints_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/lints.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- lints: ").expect("an opening marker");
    let (marker, rest) = rest.split_once("-->\n").expect("the marker's end");
    let (_, after) = rest.split_once("<!-- /lints -->").expect("a closing marker");
    let fresh = format!("{before}<!-- lints: {marker}-->\n{}\n<!-- /lints -->{after}", tables());
    assert_eq!(differs(&path, &fresh), None);
    let example = page.split("```nn\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(codes(example, &[]), []);
    assert_eq!(codes(&example.replace("allow(small-batch)", ""), &[]), [("small-batch", false)]);
    for rule in 1..=27 {
        assert!(page.contains(&format!("| f{rule:03} |")), "f{rule:03}");
    }
}

fn tables() -> String {
    let table = |group: Group| {
        let level = match group.level() {
            Level::Allow => "silent",
            Level::Warn => "a warning",
            Level::Deny => "an error",
        };
        let rows = LINTS.iter().filter(|lint| lint.group == group);
        let rows: String = rows.map(|lint| format!("| `{}` | {} |\n", lint.name, lint.title())).collect();
        format!("\n### `{}`: {level}\n\n| lint | finds |\n|---|---|\n{rows}", group.name())
    };
    Group::ALL.map(table).concat()
}

/// The text between ```` ```nn KIND ```` and the next fence.
fn example<'p>(lint: &'p Lint, kind: &str) -> &'p str {
    let (_, rest) = lint.page.split_once(&format!("```nn {kind}\n")).expect("the page has the text");
    rest.split_once("```").expect("a closing fence").0
}

fn outcome(text: &str, levels: &[(&str, Level)]) -> Outcome {
    let levels = levels.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect();
    let options = Options { levels, ..Options::default() };
    let parts = |path: &str, _: &str| match path {
        "parts.nn" => {
            let text = "block unit(c) { conv3 (c) bn relu }\n".to_owned();
            Ok(Source { name: path.to_owned(), text })
        }
        _ => Err("there is no such file".to_owned()),
    };
    check_file("net.nn", text, Entry::File, &options, &parts)
}

fn drawn(outcome: &Outcome) -> String {
    render_sources(&outcome.diagnostics, &outcome.sources, ColorChoice::Never)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lints")
}

fn differs(path: &Path, found: &str) -> Option<String> {
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == found {
        return None;
    }
    if std::env::var_os("NNC_BLESS").is_some() {
        // Renamed into place, as another test may read the file at the same time.
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, found).unwrap();
        std::fs::rename(&fresh, path).unwrap();
        return None;
    }
    Some(format!("{} is not\n{found}", path.display()))
}
