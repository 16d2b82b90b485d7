//! `-W`, `-A` and `-D`: levels of lints.

use crate::support::Folder;

/// Even windows are pedantic, a batch of 4 before a batch norm is suspicious.
const MODEL: &str = "\
network A<3x16x16 -> 10> { conv4 8 bn relu gap linear 10 }
train A { batch 4 }
";

#[test]
fn the_last_level_counts() {
    let folder = Folder::new("lints-last").with("a.nn", MODEL);
    let found = |arguments: &[&str]| {
        let run = folder.nnc(&[&["check", "a.nn"], arguments].concat());
        let has = |lint: &str| {
            ["warning", "error"].into_iter().find(|level| run.stderr.contains(&format!("{level}[{lint}]")))
        };
        (run.status, has("small-batch"), has("even-window"))
    };
    assert_eq!(found(&[]), (Some(0), Some("warning"), None));
    assert_eq!(found(&["-A", "small-batch"]), (Some(0), None, None));
    assert_eq!(found(&["-W", "pedantic", "-D", "small-batch"]), (Some(1), Some("error"), Some("warning")));
    assert_eq!(found(&["-D", "all", "-A", "all"]), (Some(0), None, None));
    assert_eq!(found(&["-A", "all", "--deny", "even-window"]), (Some(1), None, Some("error")));
    assert_eq!(found(&["-A", "suspicious", "-W", "small-batch"]), (Some(0), Some("warning"), None));
}

#[test]
fn other_commands_take_levels_too() {
    let folder = Folder::new("lints-commands").with("a.nn", MODEL);
    assert!(folder.nnc(&["summary", "a.nn"]).stderr.contains("warning[small-batch]"));
    folder.nnc(&["summary", "a.nn", "-A", "small-batch"]).succeeds();
    assert!(folder.nnc(&["graph", "a.nn", "-D", "small-batch"]).fails(1).contains("error[small-batch]"));
}

#[test]
fn unknown_lints_are_a_wrong_command_line() {
    let folder = Folder::new("lints-unknown").with("a.nn", MODEL);
    let text = folder.nnc(&["check", "a.nn", "-W", "smal-batch"]).fails(2);
    assert!(text.contains("did you mean `small-batch`?"), "{text}");
}
