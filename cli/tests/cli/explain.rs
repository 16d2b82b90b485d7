//! `nnc explain`.

use crate::support::Folder;

fn page(name: &str) -> String {
    Folder::new(&format!("explain-{name}")).nnc(&["explain", name]).succeeds()
}

#[test]
fn a_page_has_both_examples() {
    let page_of_code = page("E0301");
    assert!(page_of_code.starts_with("E0301: "), "{page_of_code}");
    assert!(
        page_of_code.contains("\nWrong:\n    ") && page_of_code.contains("\nMended:\n    "),
        "{page_of_code}"
    );
    assert_eq!(page("e0301"), page_of_code);
}

#[test]
fn a_lint_says_when_it_speaks() {
    let page = page("small-batch");
    assert!(page.starts_with("small-batch: "), "{page}");
    assert!(page.contains("Group: suspicious (a warning)."), "{page}");
}

#[test]
fn a_word_has_its_arguments() {
    for name in ["conv", "conv3x1"] {
        let page = page(name);
        assert!(page.starts_with("`convK CHANNELS`\n"), "{page}");
        assert!(page.lines().any(|line| line == "  `stride=`"), "{page}");
    }
}

#[test]
fn a_library_block_is_shown_as_it_is_written() {
    let text = page("projection");
    let expected = "\
// The shortcut of a residual block: the identity, or a 1x1 convolution where the shape changes.
block projection(c, stride = 1) {
    if (stride != 1 or channels != c) { conv1 (c) stride=(stride) bn }
}
";
    assert_eq!(text, expected);
}

#[test]
fn without_a_name_all_are_listed() {
    let list = Folder::new("explain-list").nnc(&["explain"]).succeeds();
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for name in ["E0101", "E0301", "small-batch", "even-window", "conv", "relu", "se"] {
        assert!(names.contains(&name), "{name}: {list}");
    }
    let codes: Vec<&&str> = names.iter().filter(|name| name.starts_with("E0")).collect();
    assert!(codes.is_sorted(), "{codes:?}");
}

#[test]
fn an_unknown_name_is_refused_with_the_one_that_was_meant() {
    let refused = |name: &str| Folder::new("explain-unknown").nnc(&["explain", name]).fails(1);
    assert_eq!(
        refused("E9999"),
        "error: nothing is called `E9999`: no diagnostic, no lint, no word\nhelp: `nnc explain` lists all there are\n"
    );
    for (name, meant) in
        [("smal-batch", "small-batch"), ("rleu", "relu"), ("Conv2d", "conv3"), ("basic_blok", "basic_block")]
    {
        let text = refused(name);
        assert!(text.contains(&format!("did you mean `{meant}`?")), "{text}");
    }
}
