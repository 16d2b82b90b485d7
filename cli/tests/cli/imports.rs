//! Models in several files.

use std::fs;

use crate::support::Folder;

const NET: &str = "use \"parts/blocks.nn\"\nnetwork Net<1x8x8 -> 10> { head 8 gap linear 10 }\n";
const BLOCKS: &str = "use \"../deep.nn\"\nblock head(c) { conv3 (c) deep }\n";
const DEEP: &str = "block deep() { bn relu }\n";

fn model(test: &str) -> Folder {
    let folder = Folder::new(test);
    fs::create_dir(folder.path("parts")).unwrap();
    folder.with("net.nn", NET).with("parts/blocks.nn", BLOCKS).with("deep.nn", DEEP)
}

#[test]
fn paths_are_relative_to_the_file_they_stand_in() {
    let folder = model("imports-paths");
    assert_eq!(folder.nnc(&["check", "net.nn"]).succeeds(), "checked 1 network\n");
    assert!(folder.nnc(&["summary", "net.nn"]).succeeds().contains("head 8"));
    assert!(folder.nnc(&["graph", "net.nn"]).succeeds().contains("head 8"));
    assert!(folder.nnc(&["dump", "net.nn", "--stage", "checked"]).succeeds().contains("conv3 8"));
    assert_eq!(folder.nnc_reading(NET, &["check", "-"]).succeeds(), "checked 1 network\n");
}

#[test]
fn mistakes_are_shown_in_their_file() {
    let folder = model("imports-mistakes").with("deep.nn", "// größe\nblock deep() { bn rleu }\n");
    let text = folder.nnc(&["check", "net.nn"]).fails(1);
    assert!(text.contains("--> parts/../deep.nn:2:19"), "{text}");
    let run = folder.nnc(&["check", "net.nn", "--format", "json"]);
    let found: serde_json::Value = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&found["file"], &found["start"]["line"]), (&"parts/../deep.nn".into(), &2.into()));
}

#[test]
fn a_missing_file_is_named_where_it_is_used() {
    let folder = model("imports-missing");
    fs::remove_file(folder.path("deep.nn")).unwrap();
    let text = folder.nnc(&["check", "net.nn"]).fails(1);
    assert!(text.contains("error[E0510]") && text.contains("--> parts/blocks.nn:1:5"), "{text}");
    assert!(text.contains("no such file or directory"), "{text}");
    let folder = folder.with("net.nn", "use \"parts\"\nnetwork A<4 -> 2> { linear 2 }");
    assert!(folder.nnc(&["check", "net.nn"]).fails(1).contains("it is a folder"));
}

#[test]
fn a_circle_is_found_however_the_files_are_called() {
    let folder =
        model("imports-circle").with("deep.nn", "use \"parts/../net.nn\"\nblock deep() { bn relu }\n");
    for name in ["net.nn", "./net.nn"] {
        let text = folder.nnc(&["check", name]).fails(1);
        assert!(text.contains("error[E0511]"), "{text}");
    }
}
