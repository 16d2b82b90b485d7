//! `nnc summary`.

use serde_json::Value;

use crate::support::{Folder, TINY, example};

fn summary_json(folder: &Folder, arguments: &[&str]) -> Value {
    let arguments = [&["summary", "--format", "json"], arguments].concat();
    serde_json::from_str(&folder.nnc(&arguments).succeeds()).unwrap()
}

fn sum(layers: &Value, key: &str) -> u64 {
    layers.as_array().unwrap().iter().map(|layer| layer[key].as_u64().unwrap()).sum()
}

#[test]
fn vgg_has_the_counts_of_its_definition() {
    let summary = summary_json(&Folder::new("summary-vgg"), &[&example("vgg.nn")]);
    assert_eq!(summary["network"], "Vgg");
    assert_eq!(summary["inputs"], serde_json::json!([{"name": "", "shape": "3x224x224"}]));
    assert_eq!(summary["outputs"][0]["shape"], "10");
    assert_eq!(summary["parameters"], 3_935_018);
    assert_eq!(sum(&summary["layers"], "parameters"), 3_935_018);
    assert_eq!(Some(sum(&summary["layers"], "macs")), summary["macs"].as_u64());
    assert_eq!(summary["layers"][0]["word"], "conv3 32");
    assert_eq!(summary["layers"][0]["output"], "32x224x224");
    assert_eq!(summary["layers"][0]["macs"], 224 * 224 * 9 * 3 * 32);
}

#[test]
fn the_table_has_aligned_columns() {
    let folder = Folder::new("summary-table").with("tiny.nn", TINY);
    let text = folder.nnc(&["summary", "tiny.nn"]).succeeds();
    let expected = "\
Tiny: 1x8x8 -> 10

word       output  parameters  multiply-adds
--------------------------------------------
input      1x8x8
conv3 4    4x8x8           36          2,304
bn         4x8x8            8
relu       4x8x8
pool2      4x4x4
gap        4
linear 10  10              50             40
--------------------------------------------
total      10              94          2,344
";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("memory at batch 64"), "{text}");
}

#[test]
fn parameters_and_batch_can_be_set() {
    let folder = Folder::new("summary-set").with("tiny.nn", TINY);
    let small = summary_json(&folder, &["tiny.nn"]);
    let large = summary_json(&folder, &["tiny.nn", "--set", "width=8", "--batch", "1000"]);
    assert_eq!(small["parameters"], 9 * 4 + 2 * 4 + 4 * 10 + 10);
    assert_eq!(large["parameters"], 9 * 8 + 2 * 8 + 8 * 10 + 10);
    assert_eq!(large["memory"]["batch"], 1000);
    let memory = |key: &str| large["memory"][key].as_u64().unwrap();
    let arena = memory("evaluation_per_sample") * 1000 + memory("evaluation_fixed");
    let kept = memory("parameters") + memory("states") + memory("prepared") + memory("evaluation_kernels");
    assert_eq!(memory("batch_per_sample"), 4 * 64);
    assert_eq!(memory("evaluation"), arena + kept + 1000 * memory("batch_per_sample"));
}

#[test]
fn one_network_of_several_must_be_chosen() {
    let text = format!("{TINY}network Other<4 -> 2> {{ linear 2 }}\n");
    let folder = Folder::new("summary-several").with("two.nn", text);
    let refused = folder.nnc(&["summary", "two.nn"]).fails(1);
    assert!(refused.contains("`two.nn` has 2 networks: `Tiny`, `Other`"), "{refused}");
    assert!(refused.contains("--network"), "{refused}");
    assert_eq!(summary_json(&folder, &["two.nn", "--network", "Other"])["parameters"], 10);
}

const NESTED: &str = "\
block cell(c) { residual { conv3 (c) bn relu conv3 (c) bn } relu }
network Nested<3x8x8 -> 4> {
    conv3 8 bn relu
    repeat 3 { cell 8 }
    gap linear 4
}
";

#[test]
fn equal_neighbours_are_shown_once() {
    let folder = Folder::new("summary-fold").with("nested.nn", NESTED);
    let text = folder.nnc(&["summary", "nested.nn", "-A", "all"]).succeeds();
    let shown: Vec<&str> = text.lines().skip(5).take_while(|line| !line.starts_with('-')).collect();
    let words: Vec<&str> = shown.iter().map(|line| line.split("  8x").next().unwrap().trim_end()).collect();
    assert_eq!(
        words[..9],
        [
            "conv3 8",
            "bn",
            "relu",
            "cell 8 ×3",
            "  residual",
            "    conv3 8",
            "    bn",
            "    relu",
            "    conv3 8"
        ],
        "{text}"
    );
}

#[test]
fn deep_words_are_summed() {
    let folder = Folder::new("summary-depth").with("nested.nn", NESTED);
    let text = folder.nnc(&["summary", "nested.nn", "-A", "all", "--depth", "0"]).succeeds();
    let cell = text.lines().find(|line| line.starts_with("cell 8 ×3")).unwrap_or_else(|| panic!("{text}"));
    let one = 2 * (9 * 8 * 8 + 2 * 8);
    assert!(cell.contains(&format!(" {},{} ", one / 1000, one % 1000)), "{cell}");
    let deep = summary_json(&folder, &["nested.nn", "-A", "all"]);
    let flat = summary_json(&folder, &["nested.nn", "-A", "all", "--depth", "0"]);
    assert_eq!(sum(&flat["layers"], "parameters"), sum(&deep["layers"], "parameters"));
    assert!(flat["layers"].as_array().unwrap().len() < deep["layers"].as_array().unwrap().len());
}
