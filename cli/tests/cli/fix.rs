//! `nnc check --fix`.

use serde_json::Value;

use crate::support::{Folder, TINY};

const WRONG: &str = "\
// größer
network Wrong<1x8x8 -> 10> {
    con3 4 rleu
    linear 10
}
";

const MENDED: &str = "\
// größer
network Wrong<1x8x8 -> 10> {
    conv3 4 relu
    flatten linear 10
}
";

#[test]
fn edits_are_applied_and_told() {
    let folder = Folder::new("fix-told").with("wrong.nn", WRONG);
    let text = folder.nnc(&["check", "wrong.nn", "--fix"]).succeeds();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    for (line, start) in lines.iter().zip([
        "wrong.nn:3:5: fixed E0201, ",
        "wrong.nn:3:13: fixed E0201, ",
        "wrong.nn:4:5: fixed E0301, ",
    ]) {
        assert!(line.starts_with(start), "{text}");
    }
    assert!(lines[0].ends_with(": replace it by `conv3`"), "{text}");
    assert_eq!(lines[3], "checked 1 network, fixed 3 mistakes");
    assert_eq!(folder.read("wrong.nn"), MENDED);
    assert_eq!(folder.names(), ["wrong.nn"], "nothing temporary is left");
}

#[test]
fn a_good_file_is_not_touched() {
    let folder = Folder::new("fix-good").with("tiny.nn", TINY);
    let before = folder.modified("tiny.nn");
    assert_eq!(folder.nnc(&["check", "tiny.nn", "--fix"]).succeeds(), "checked 1 network\n");
    assert_eq!(folder.modified("tiny.nn"), before);
}

#[test]
fn what_no_edit_mends_is_shown() {
    let folder = Folder::new("fix-rest").with("wrong.nn", "network A<4 -> 2> { lniear 3 xyzzyx }");
    let run = folder.nnc(&["check", "wrong.nn", "--fix"]);
    assert_eq!(run.status, Some(1));
    assert!(run.stdout.contains("fixed E0201"), "{}", run.stdout);
    assert!(run.stderr.contains("`xyzzyx`") && run.stderr.ends_with("fixed 1 mistake\n"), "{}", run.stderr);
    assert_eq!(folder.read("wrong.nn"), "network A<4 -> 2> { linear 3 xyzzyx }");
}

#[test]
fn json_tells_both_kinds() {
    let folder = Folder::new("fix-json").with("wrong.nn", "network A<4 -> 2> { lniear 3 xyzzyx }");
    let run = folder.nnc(&["check", "wrong.nn", "--fix", "--format", "json"]);
    assert_eq!((run.status, run.stderr.as_str()), (Some(1), ""));
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["fixed"], &lines[0]["code"]), (&Value::Bool(true), &"E0201".into()));
    assert_eq!(lines[0]["fixes"][0]["replacement"], "linear");
    assert!(lines[1..].iter().all(|line| line["fixed"].is_null()) && lines.len() > 1);
}

#[test]
fn files_that_are_used_stay() {
    let folder = Folder::new("fix-used")
        .with("net.nn", "use \"part.nn\"\nnetwork A<4 -> 2> { part lniear 2 }\n")
        .with("part.nn", "block part() { rleu }\n");
    let run = folder.nnc(&["check", "net.nn", "--fix"]);
    assert_eq!(run.status, Some(1));
    assert!(run.stderr.contains("part.nn:1:16"), "{}", run.stderr);
    assert_eq!(folder.read("part.nn"), "block part() { rleu }\n");
    assert!(folder.read("net.nn").contains("part linear 2"));
    folder.nnc(&["check", "part.nn", "--fix"]);
    assert_eq!(folder.read("part.nn"), "block part() { relu }\n");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_permissions_stay() {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new("fix-link").with("wrong.nn", WRONG);
    fs::set_permissions(folder.path("wrong.nn"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("wrong.nn", folder.path("link.nn")).unwrap();
    folder.nnc(&["check", "link.nn", "--fix"]).succeeds();
    assert!(fs::symlink_metadata(folder.path("link.nn")).unwrap().is_symlink());
    assert_eq!(fs::metadata(folder.path("wrong.nn")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(folder.read("wrong.nn").contains("conv3 4 relu"));
}

#[test]
fn standard_input_cannot_be_changed() {
    let text = Folder::new("fix-stdin").nnc_reading(TINY, &["check", "-", "--fix"]).fails(1);
    assert!(text.contains("standard input cannot be changed"), "{text}");
}
