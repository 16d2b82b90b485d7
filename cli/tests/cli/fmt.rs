//! `nnc fmt`.

use crate::support::{Folder, TINY};

const UGLY: &str = "network A < 4->2 >{linear   8 relu // why\nlinear 2}";
const TIDY: &str = "network A<4 -> 2> {\n    linear 8 relu  // why\n    linear 2\n}\n";

#[test]
fn files_are_laid_out_once() {
    let folder = Folder::new("fmt-once").with("ugly.nn", UGLY).with("tiny.nn", TINY);
    assert_eq!(folder.nnc(&["fmt", "ugly.nn"]).succeeds(), "laid out ugly.nn\n");
    assert_eq!(folder.read("ugly.nn"), TIDY);
    let before = folder.modified("ugly.nn");
    assert_eq!(folder.nnc(&["fmt", "ugly.nn"]).succeeds(), "");
    assert_eq!(folder.modified("ugly.nn"), before);
    assert_eq!(folder.names(), ["tiny.nn", "ugly.nn"]);
}

#[test]
fn a_check_lists_and_changes_nothing() {
    let folder = Folder::new("fmt-check").with("ugly.nn", UGLY).with("tidy.nn", TIDY);
    let run = folder.nnc(&["fmt", "--check", "tidy.nn", "ugly.nn"]);
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (Some(1), "ugly.nn\n", ""));
    assert_eq!(folder.read("ugly.nn"), UGLY);
    assert_eq!(folder.nnc(&["fmt", "--check", "tidy.nn"]).succeeds(), "");
}

#[test]
fn standard_input_goes_to_standard_output() {
    let folder = Folder::new("fmt-stdin");
    assert_eq!(folder.nnc_reading(UGLY, &["fmt", "-"]).succeeds(), TIDY);
    assert_eq!(folder.nnc_reading(TIDY, &["fmt", "-"]).succeeds(), TIDY);
    assert_eq!(folder.nnc_reading(UGLY, &["fmt", "--check", "-"]).status, Some(1));
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    let wrong = "network A<4 -> 2> {\n  linear 2 )\n}";
    let folder = Folder::new("fmt-wrong").with("wrong.nn", wrong).with("ugly.nn", UGLY);
    let run = folder.nnc(&["fmt", "wrong.nn", "missing.nn", "ugly.nn"]);
    assert_eq!((run.status, run.stdout.as_str()), (Some(1), "laid out ugly.nn\n"));
    assert!(run.stderr.contains("--> wrong.nn:2:12"), "{}", run.stderr);
    assert!(run.stderr.contains("`wrong.nn` is left as it is"), "{}", run.stderr);
    assert!(run.stderr.contains("cannot read `missing.nn`"), "{}", run.stderr);
    assert_eq!(folder.read("wrong.nn"), wrong);
}

#[test]
fn mistakes_of_other_kinds_are_no_hindrance() {
    let folder = Folder::new("fmt-unchecked").with("wrong.nn", "network A<4->2>{ xyzzyx }");
    folder.nnc(&["fmt", "wrong.nn"]).succeeds();
    assert_eq!(folder.read("wrong.nn"), "network A<4 -> 2> { xyzzyx }\n");
}
