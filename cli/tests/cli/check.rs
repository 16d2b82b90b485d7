//! `nnc check`.

use serde_json::Value;

use crate::support::{Folder, TINY};

/// Mistakes after characters of several bytes, on two lines.
const WRONG: &str = "\
// größer → kleiner
network Wrong<1x8x8 -> 10> {
    con3 4 /* ä */
    gap linear 10
}
";

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_good_file_is_one_line() {
    let folder = Folder::new("check-good").with("tiny.nn", TINY);
    assert_eq!(folder.nnc(&["check", "tiny.nn"]).succeeds(), "checked 1 network\n");
    assert_eq!(folder.nnc(&["check", "tiny.nn", "--format", "json"]).succeeds(), "");
}

#[test]
fn networks_of_all_files_are_counted() {
    let folder = Folder::new("check-two").with("a.nn", TINY).with("b.nn", TINY.replace("Tiny", "Other"));
    assert_eq!(folder.nnc(&["check", "a.nn", "b.nn"]).succeeds(), "checked 2 networks\n");
}

#[test]
fn mistakes_are_drawn_where_they_are() {
    let folder = Folder::new("check-human").with("wrong.nn", WRONG);
    let text = folder.nnc(&["check", "wrong.nn"]).fails(1);
    assert!(text.contains("error[E0201]"), "{text}");
    assert!(text.contains("--> wrong.nn:3:5"), "{text}");
    assert!(text.contains("help: did you mean `conv3`?"), "{text}");
    assert!(text.ends_with("found 2 errors\n"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours outside of a terminal: {text}");
}

#[test]
fn json_has_bytes_and_characters() {
    let folder = Folder::new("check-json").with("wrong.nn", WRONG);
    let run = folder.nnc(&["check", "wrong.nn", "--format", "json"]);
    assert_eq!((run.status, run.stderr.as_str()), (Some(1), ""));
    let found = json_lines(&run.stdout);
    let word = found.iter().find(|found| found["code"] == "E0201").unwrap();
    let start = WRONG.find("con3").unwrap();
    assert_eq!(word["severity"], "error");
    assert_eq!(word["file"], "wrong.nn");
    assert_eq!(word["span"], serde_json::json!({"start": start, "end": start + 4}));
    assert_eq!(word["start"], serde_json::json!({"line": 3, "column": 5}));
    assert_eq!(word["end"], serde_json::json!({"line": 3, "column": 9}));
    assert_eq!(word["fixes"][0]["replacement"], "conv3");
    assert!(word["help"][0].is_string() && word["labels"].is_array());
    let comment = found.iter().find(|found| found["code"] == "E0101").unwrap();
    assert_eq!(comment["start"], serde_json::json!({"line": 3, "column": 12}));
}

#[test]
fn columns_count_characters_not_bytes() {
    let folder = Folder::new("check-columns");
    let text = "network A<4 -> 2> { linear 2 } train A { data images \"größe\" loss foo }";
    let run = folder.nnc_reading(text, &["check", "-", "--format", "json"]);
    let found = json_lines(&run.stdout);
    let (byte, column) = (text.find("foo").unwrap(), 1 + text.split("foo").next().unwrap().chars().count());
    assert_eq!(
        (found[0]["file"].as_str(), byte),
        (Some("<stdin>"), column + 1),
        "two letters have two bytes"
    );
    assert_eq!(found[0]["span"]["start"], byte);
    assert_eq!(found[0]["start"]["column"], column);
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_others() {
    let folder = Folder::new("check-missing").with("wrong.nn", WRONG);
    let text = folder.nnc(&["check", "missing.nn", "wrong.nn"]).fails(1);
    assert!(text.contains("cannot read `missing.nn`: no such file"), "{text}");
    assert!(text.ends_with("found 3 errors\n"), "{text}");
}

#[test]
fn what_is_no_text_is_refused_by_name() {
    let folder = Folder::new("check-no-text").with("latin.nn", b"bn\nrel\xfc").with("empty.nn", "");
    let folder = folder.with("large.nn", " ".repeat(1 << 21));
    let refused = |name: &str| folder.nnc(&["check", name]).fails(1);
    assert!(refused("latin.nn").contains("cannot read `latin.nn`: it is not UTF-8 text: line 2"));
    assert!(refused("empty.nn").contains("--> empty.nn:1:1"));
    assert!(refused("large.nn").contains("cannot read `large.nn`: it is longer than"));
    assert!(refused(".").contains("cannot read `.`: it is a folder"));
}

#[test]
fn parameters_can_be_set() {
    let folder = Folder::new("check-set").with("tiny.nn", TINY);
    folder.nnc(&["check", "tiny.nn", "--set", "width=2*8"]).succeeds();
    let text = folder.nnc(&["check", "tiny.nn", "--set", "depth=2"]).fails(1);
    assert!(text.contains("`depth`") && text.contains("it has `width`"), "{text}");
}
