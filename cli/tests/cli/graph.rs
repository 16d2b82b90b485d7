//! `nnc graph`.

use crate::support::{Folder, TINY, example};

/// An encoder and a decoder with a skip between them, and twice the same block.
const SKIP: &str = "\
block cell(c) { residual { conv3 (c) bn relu conv3 (c) bn } relu }
network Skip<image: 3x16x16, meta: 4 -> mask: 1x16x16, kind: 2> {
    conv3 8 bn relu as fine
    pool2 cell 8 cell 8
    repeat 3 { cell 8 }
    upsample 2 concat fine
    conv1 1 as mask
    from meta linear 2 as kind
}
train Skip { loss bce output=mask loss cross_entropy output=kind }
";

fn texts(svg: &str) -> Vec<String> {
    let parts = svg.split("<text ").skip(1).filter_map(|part| part.split_once('>'));
    parts.filter_map(|(_, rest)| Some(rest.split_once("</text>")?.0.to_owned())).collect()
}

fn count(texts: &[String], text: &str) -> usize {
    texts.iter().filter(|one| *one == text).count()
}

#[test]
fn every_word_stands_in_the_drawing() {
    let folder = Folder::new("graph-tiny").with("tiny.nn", TINY);
    let svg = folder.nnc(&["graph", "tiny.nn"]).succeeds();
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{svg}");
    let texts = texts(&svg);
    for text in
        ["Tiny", "94 parameters · width = 4", "1x8x8", "conv3 4", "4x8x8", "bn", "relu", "pool2", "linear 10"]
    {
        assert!(texts.iter().any(|one| one == text), "{text}: {texts:?}");
    }
}

#[test]
fn equal_neighbours_are_drawn_once() {
    let folder = Folder::new("graph-skip").with("skip.nn", SKIP);
    let svg = folder.nnc(&["graph", "skip.nn", "-A", "all"]).succeeds();
    let names = texts(&svg);
    assert_eq!((count(&names, "cell 8 ×2"), count(&names, "cell 8 ×3")), (1, 1), "{names:?}");
    assert_eq!(svg.matches("class=\"skip\"").count(), 3, "`fine`, `meta` and `mask`");
    for port in ["image: 3x16x16", "meta: 4", "mask: 1x16x16", "kind: 2"] {
        assert_eq!(count(&names, port), 1, "{port}");
    }
    let folded = texts(&folder.nnc(&["graph", "skip.nn", "-A", "all", "--depth", "0"]).succeeds());
    assert_eq!(count(&folded, "cell 8 ×3"), 1);
    assert!(folded.len() < names.len() && count(&folded, "+") == 0, "{folded:?}");
}

#[test]
fn drawings_are_the_same_each_time() {
    let folder = Folder::new("graph-same").with("skip.nn", SKIP);
    let draw = |format: &str| folder.nnc(&["graph", "skip.nn", "-A", "all", "--format", format]).succeeds();
    assert_eq!(draw("svg"), draw("svg"));
    let dot = draw("dot");
    assert!(dot.starts_with("digraph \"Skip\" {") && dot.ends_with("}\n"), "{dot}");
    assert_eq!(dot.matches('{').count(), dot.matches('}').count());
    assert_eq!(dot.matches("color=\"#0d9488\"];").count(), 3, "{dot}");
}

#[test]
fn the_ending_of_the_file_decides() {
    let folder = Folder::new("graph-files").with("tiny.nn", TINY);
    assert_eq!(folder.nnc(&["graph", "tiny.nn", "-o", "tiny.svg"]).succeeds(), "wrote tiny.svg\n");
    assert!(folder.read("tiny.svg").ends_with("</svg>\n"));
    folder.nnc(&["graph", "tiny.nn", "-o", "tiny.dot"]).succeeds();
    assert!(folder.read("tiny.dot").starts_with("digraph"));
    let text = folder.nnc(&["graph", "tiny.nn", "-o", "tiny.png"]).fails(1);
    assert!(text.contains("`tiny.png` ends neither in .svg nor in .dot"), "{text}");
}

#[test]
fn the_gallery_can_be_drawn() {
    let folder = Folder::new("graph-gallery");
    for entry in std::fs::read_dir(example("gallery")).unwrap() {
        let path = entry.unwrap().path().display().to_string();
        for more in [&["--depth", "9"][..], &["--depth", "0"], &["--format", "dot"], &[]] {
            let run = folder.nnc(&[&["graph", &path, "-A", "all"], more].concat());
            assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{path}");
        }
    }
}
