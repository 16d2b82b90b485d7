//! `nnc dump`.

use crate::support::{Folder, TINY};

fn dump(folder: &Folder, stage: &str, more: &[&str]) -> String {
    folder.nnc(&[&["dump", "tiny.nn", "--stage", stage], more].concat()).succeeds()
}

#[test]
fn every_stage_has_a_text() {
    let folder = Folder::new("dump-stages").with("tiny.nn", TINY);
    let stages = [
        ("ast", "conv3 (width) bn relu pool2"),
        ("checked", "conv3 4"),
        ("graph", "gradient of conv1.weight"),
        ("plan", "floats per sample"),
        ("cuda", "KERNEL("),
        ("rust", "pub struct Tiny"),
    ];
    for (stage, part) in stages {
        let text = dump(&folder, stage, &[]);
        assert!(text.contains(part), "{stage}: {text}");
    }
}

#[test]
fn the_tree_is_a_text_of_the_language() {
    let folder = Folder::new("dump-ast").with("tiny.nn", TINY);
    let text = dump(&folder, "ast", &[]);
    assert_eq!(folder.nnc_reading(&text, &["dump", "-", "--stage", "ast"]).succeeds(), text);
}

#[test]
fn modes_differ() {
    let folder = Folder::new("dump-modes").with("tiny.nn", TINY);
    assert!(dump(&folder, "plan", &["--mode", "training"]).contains("backward:"));
    let evaluation = dump(&folder, "plan", &["--mode", "evaluation"]);
    assert!(evaluation.contains("prepare:") && !evaluation.contains("backward:"), "{evaluation}");
    assert!(!dump(&folder, "graph", &["--mode", "evaluation"]).contains("gradient of"));
}

#[test]
fn optimiser_and_loss_can_be_replaced() {
    let folder = Folder::new("dump-overrides").with("tiny.nn", TINY);
    let checked = dump(&folder, "checked", &["--optimizer", "sgd", "--loss", "mse"]);
    assert!(checked.contains("kind: Sgd") && checked.contains("MeanSquaredError"), "{checked}");
    assert!(dump(&folder, "rust", &["--optimizer", "adam"]).contains("first_moment"));
}

#[test]
fn a_loss_must_fit_the_output() {
    let folder = Folder::new("dump-loss")
        .with("softmax.nn", "network A<4 -> 2> { linear 2 softmax } train A { loss mse }")
        .with("map.nn", "network A<1x4x4 -> 1x4x4> { conv3 1 }");
    let refused =
        |file: &str| folder.nnc(&["dump", file, "--stage", "plan", "--loss", "cross_entropy"]).fails(1);
    assert!(refused("softmax.nn").contains("ends with `softmax`"));
    assert!(refused("map.nn").contains("ends in 1x4x4"));
}
