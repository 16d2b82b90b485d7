//! Command lines: help, wrong usage, and what comes of misspelt words.

use std::process::Stdio;

use crate::support::{Folder, TINY};

#[test]
fn help_teaches() {
    let folder = Folder::new("usage-help");
    let help = folder.nnc(&["--help"]).succeeds();
    for part in ["network Digits<1x8x8 -> 10>", "nnc run digits.nn", "explain", "--set", "Exit status"] {
        assert!(help.contains(part), "{part}: {help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    assert!(folder.nnc(&["run", "--help"]).succeeds().contains("--epochs"));
    assert_eq!(folder.nnc(&["--version"]).succeeds(), format!("nnc {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn nothing_at_all_shows_the_help() {
    assert!(Folder::new("usage-empty").nnc(&[]).fails(2).contains("Examples:"));
}

#[test]
fn wrong_command_lines_end_with_2() {
    let folder = Folder::new("usage-wrong").with("tiny.nn", TINY);
    let lines: [&[&str]; 12] = [
        &["check"],
        &["check", "tiny.nn", "--format", "xml"],
        &["check", "tiny.nn", "--set", "width"],
        &["dump", "tiny.nn"],
        &["dump", "tiny.nn", "--stage", "machine"],
        &["summary", "tiny.nn", "--batch", "0"],
        &["run", "tiny.nn", "--epochs", "many"],
        &["run", "tiny.nn", "--optimizer", "magic"],
        &["run", "tiny.nn", "--algorithms", "magic"],
        &["run", "tiny.nn", "--threads", "0"],
        &["tune", "tiny.nn", "--workspace", "much"],
        &["tiny.nn", "--frobnicate"],
    ];
    for line in lines {
        let text = folder.nnc(line).fails(2);
        assert!(text.starts_with("error: "), "{line:?}: {text}");
    }
}

#[test]
fn a_missing_model_is_named() {
    let folder = Folder::new("usage-missing").with("tiny.nn", TINY);
    let text = folder.nnc(&["chekc"]).fails(1);
    assert!(text.contains("cannot read `chekc`") && text.contains("run, check, fmt, summary"), "{text}");
    let text = folder.nnc(&["tiny"]).fails(1);
    assert!(text.contains("there is `tiny.nn`"), "{text}");
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let folder = Folder::new("usage-pipe").with("tiny.nn", TINY);
    let mut command = folder.command(&["dump", "tiny.nn", "--stage", "rust"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
