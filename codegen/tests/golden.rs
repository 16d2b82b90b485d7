//! Golden tests: one model with every stage beside it.
//!
//! Each `golden/*.nn` has a `.golden` with what the compiler makes of it; `kernels.nn` shows the texts
//! for GPUs, too. `NNC_BLESS=1` writes
//! them anew; then read the difference.

#![cfg(feature = "pretty")]

use std::fs;
use std::path::{Path, PathBuf};

use nnc_codegen::emit::{CrateOptions, RuntimeDependency, crate_files};
use nnc_codegen::graph::{Mode, verify};
use nnc_codegen::{compile, cuda, graph};
use nnc_dsl::syntax::Entry;
use nnc_dsl::{CheckedModel, Options, check};

#[test]
fn every_stage_is_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut models: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the golden folder exists")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "nn"))
        .collect();
    models.sort();
    assert!(!models.is_empty());
    let different: Vec<String> = models.iter().filter_map(|path| difference(path)).collect();
    assert!(different.is_empty(), "{}\nNNC_BLESS=1 writes them anew", different.join("\n"));
}

/// The first line that differs, if any.
fn difference(path: &Path) -> Option<String> {
    let found = stages(path);
    let golden = path.with_extension("golden");
    if std::env::var_os("NNC_BLESS").is_some() {
        fs::write(&golden, &found).expect("the golden file can be written");
        return None;
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    if found == expected {
        return None;
    }
    let pairs = found.lines().zip(expected.lines()).enumerate();
    let first = pairs.into_iter().find(|(_, (found, expected))| found != expected);
    let (line, (found, expected)) = first.unwrap_or((0, ("another length", "")));
    Some(format!("{} line {}:\n  found    {found}\n  expected {expected}", golden.display(), line + 1))
}

fn stages(path: &Path) -> String {
    let source = fs::read_to_string(path).expect("the model can be read");
    let model = checked(&source);
    let compiled = compile(&model);
    let mut text = format!("== checked\n{model}");
    for (mode, plan) in [(Mode::Training, &compiled.training), (Mode::Evaluation, &compiled.evaluation)] {
        let graph = graph(&model, mode);
        assert_eq!(verify(&graph), Ok(()));
        assert_eq!(verify(&plan.graph), Ok(()));
        text += &format!("\n== graph\n{graph}\n== plan\n{plan}");
    }
    let with_cuda = path.ends_with("kernels.nn");
    if with_cuda {
        let cuda = cuda::emit(&model, &compiled);
        for mode in [Mode::Training, Mode::Evaluation] {
            text += &format!("\n== cuda\n{}", cuda.text(mode));
        }
    }
    let options = CrateOptions {
        package: "golden".to_owned(),
        file: "golden.nn".to_owned(),
        source,
        runtime: RuntimeDependency::Version("0.1.0".to_owned()),
        ahead: Vec::new(),
    };
    for file in crate_files(&model, &compiled, &options) {
        // The kernels' texts stand above.
        let is_other = !file.path.starts_with("src/cuda.") || with_cuda && file.path == "src/cuda.rs";
        if file.path.starts_with("src/") && is_other {
            text += &format!("\n== {}\n{}", file.path, file.text);
        }
    }
    text
}

fn checked(source: &str) -> CheckedModel {
    let outcome = check(source, Entry::File, &Options::default());
    assert_eq!(outcome.diagnostics, [], "the golden models are right");
    outcome.models.into_iter().next().expect("a network")
}
