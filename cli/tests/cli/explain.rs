//! `nnc explain`.

use crate::support::Folder;

#[test]
fn a_page_has_both_examples() {
    let folder = Folder::new("explain-page");
    let page = folder.nnc(&["explain", "E0301"]).succeeds();
    assert!(page.starts_with("E0301: "), "{page}");
    assert!(page.contains("\nWrong:\n    ") && page.contains("\nMended:\n    "), "{page}");
    assert_eq!(folder.nnc(&["explain", "e0301"]).succeeds(), page);
}

#[test]
fn without_a_code_all_are_listed() {
    let list = Folder::new("explain-list").nnc(&["explain"]).succeeds();
    let codes: Vec<&str> = list.lines().filter_map(|line| line.split("  ").next()).collect();
    assert!(codes.contains(&"E0101") && codes.contains(&"E0301") && codes.is_sorted(), "{list}");
}

#[test]
fn an_unknown_code_is_refused() {
    let text = Folder::new("explain-unknown").nnc(&["explain", "E9999"]).fails(1);
    assert_eq!(text, "error: no diagnostic has the code `E9999`\nhelp: `nnc explain` lists all codes\n");
}
