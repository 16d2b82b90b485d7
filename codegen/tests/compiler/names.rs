//! Whatever the user calls things, emitted code is Rust and says the same.

use std::collections::HashSet;

use crate::models::{Body, window};
use nnc_codegen::compile;
use nnc_codegen::emit::{CrateOptions, EmittedFile, RuntimeDependency, crate_files, type_name};
use nnc_dsl::model::{CheckedModel, Data, Layer, StepKind};
use nnc_dsl::scalar::{Expr, Unary};

fn files(model: &CheckedModel, file: &str) -> Vec<EmittedFile> {
    let options = CrateOptions {
        package: "net".to_owned(),
        file: file.to_owned(),
        source: "network \"{}\" */".to_owned(),
        runtime: RuntimeDependency::Path("a \"path\"\n{{type}}".to_owned()),
        ahead: Vec::new(),
    };
    crate_files(model, &compile(model), &options)
}

fn text<'f>(files: &'f [EmittedFile], path: &str) -> &'f str {
    let file = files.iter().find(|file| file.path == path);
    file.map(|file| file.text.as_str()).expect("the file is emitted")
}

/// Items of a module, each under the name that it defines.
fn defined(text: &str) -> Vec<String> {
    let starts = ["pub(super) const ", "const ", "pub(super) fn ", "fn "];
    let name = |line: &str| {
        let rest = starts.iter().find_map(|start| line.strip_prefix(start))?;
        rest.split([':', '(', '<']).next().map(str::to_owned)
    };
    text.lines().filter_map(name).collect()
}

fn assert_unique(names: &[String], module: &str) {
    let mut seen = HashSet::new();
    for name in names {
        assert!(seen.insert(name), "`{name}` is defined twice in {module}");
    }
}

/// A block with a convolution of this name, and an activation.
fn block(conv: &str, activation: &str) -> StepKind {
    let body = Body::new(&[2, 3, 3]).same("conv3", Layer::Conv(window(&[3, 3], 1, 1)));
    let mut body = body.same(activation, Layer::Activation(Expr::var(0).unary(Unary::Tanh))).sequence();
    body.steps[0].name = conv.to_owned();
    StepKind::Scope(body)
}

/// Blocks that are called like what emitted code uses, and two paths that are one identifier.
fn hostile() -> CheckedModel {
    let names =
        ["self", "Pass", "p", "u", "conv", "fused", "loss", "OUTPUTS", "math", "softmax_backward", "r#fn"];
    let alike = [("a", "b_c", "pointwise"), ("a_b", "c", "forward")];
    let blocks = names.map(|name| (name, name, name)).into_iter().chain(alike);
    let mut body = Body::new(&[2, 3, 3]);
    for (_, conv, activation) in blocks.clone() {
        body = body.step("block", block(conv, activation), &[2, 3, 3]);
    }
    let mut model = body.model();
    for (step, (name, ..)) in model.body.steps.iter_mut().zip(blocks) {
        step.name = name.to_owned();
    }
    model
}

#[test]
fn names_never_collide() {
    let files = files(&hostile(), "net.nn");
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        assert_unique(&defined(&file.text), &file.path);
    }
    let fused = defined(text(&files, "src/fused.rs"));
    assert!(fused.iter().all(|name| !["self", "math", "p"].contains(&name.as_str())), "{fused:?}");
    let parameters = defined(text(&files, "src/parameters.rs"));
    assert!(parameters.contains(&"A_B_C_WEIGHT".to_owned()), "{parameters:?}");
    assert!(parameters.contains(&"A_B_C_WEIGHT_2".to_owned()), "{parameters:?}");
    // What a module imports from the runtime it does not define.
    let training = text(&files, "src/training.rs");
    let imported =
        training.split("emitted::{").nth(1).and_then(|rest| rest.split('}').next()).unwrap_or_default();
    let imported: HashSet<&str> = imported.split(',').map(str::trim).collect();
    assert!(imported.contains("conv"));
    assert!(defined(training).iter().all(|name| !imported.contains(name.as_str())));
}

#[test]
fn a_type_may_be_called_anything() {
    let cases = [
        ("", "Network"),
        ("Vgg", "Vgg"),
        ("Option", "Option"),
        ("fn", "r#fn"),
        ("self", "self_"),
        ("Self", "Self_"),
        ("program", "program_"),
        ("PROGRAM", "PROGRAM_"),
        ("nnc_runtime", "nnc_runtime_"),
    ];
    for (name, expected) in cases {
        let mut model = Body::new(&[3]).mixed().model();
        model.name = name.to_owned();
        assert_eq!(type_name(&model).to_string(), expected);
        let files = files(&model, "net.nn");
        let library = text(&files, "src/lib.rs");
        assert!(library.contains(&format!("pub struct {expected}(nnc_runtime::Model)")), "{library}");
    }
}

#[test]
fn strings_of_users_stay_strings() {
    let mut model = Body::new(&[3]).mixed().model();
    let path = "a\"b\\c\n*/ {} {{file}} \u{7}";
    model.train.data = Some(Data {
        format: "csv".to_owned(),
        path: Some(path.to_owned()),
        target: Some("'\"\n".to_owned()),
    });
    let files = files(&model, "my\n\"net\" */ {{type}}.nn");
    let program = text(&files, "src/program.rs");
    let literal = r#"a\"b\\c\n*/ {} {{file}} \u{7}"#;
    assert!(program.contains(literal), "{program}");
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let comments = file.text.lines().take_while(|line| !line.is_empty());
        assert!(comments.clone().all(|line| line.starts_with("//!")), "{}: {}", file.path, file.text);
        assert!(file.text.contains("*/ {{type}}.nn"), "a value is not a template");
    }
    let manifest = text(&files, "Cargo.toml");
    for folder in ["command", "runtime"] {
        let path = r#"{ path = "a \"path\"\u000A{{type}}/FOLDER" }"#.replace("FOLDER", folder);
        assert!(manifest.contains(&path), "{manifest}");
    }
    assert_eq!(text(&files, "model.nn"), "network \"{}\" */");
}
