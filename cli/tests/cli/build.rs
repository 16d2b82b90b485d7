//! `nnc build`, and kernels that are compiled ahead, by the fake NVRTC of `tests/cuda`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::fake;
use crate::support::{Folder, TINY};

#[test]
fn a_program_is_built_where_it_is_wanted() {
    let folder = Folder::new("build-program").with("tiny.nn", TINY);
    // The cache of `nnc run`, where the runtime is built already.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("run-cache");
    let output = folder.command(&["build", "tiny.nn", "-o", "small"]).env("NNC_CACHE_DIR", cache).output();
    let [stdout, stderr] = texts(output.unwrap());
    assert!(stderr.starts_with("building tiny … "), "{stderr}");
    assert!(
        stdout.starts_with("built small: ") && stdout.ends_with(" MB\nnext: ./small train\n"),
        "{stdout}"
    );
    assert_eq!(folder.names(), ["small", "tiny.nn"]);
    let help = Command::new(folder.path("small")).arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("train"));
}

#[test]
fn a_crate_carries_kernels_for_the_architectures_that_are_named() {
    let folder = Folder::new("build-kernels").with("tiny.nn", TINY);
    let generate = |more: &[&str]| {
        let mut command = folder.command(&[&["tiny.nn", "-o", "out"], more].concat());
        texts(command.envs(fake::environment()).env("NNC_CUDA_PATH", fake::nvrtc()).output().unwrap())
    };
    let [stdout, stderr] = generate(&["--cuda-arch", "sm_90,sm_80", "--precision", "f32"]);
    let lines: Vec<&str> = stderr.lines().map(|line| line.split(" … ").next().unwrap()).collect();
    assert_eq!(lines, ["compiling kernels for sm_80", "compiling kernels for sm_90"]);
    assert!(stdout.contains("cargo run --release --features cuda -- train"), "{stdout}");
    let [older, newer] =
        ["sm_80", "sm_90"].map(|name| fs::read(folder.path(&format!("out/src/{name}.cubins"))));
    assert!(older.unwrap().len() > 1000 && newer.unwrap().len() > 1000);
    let table = folder.read("out/src/cuda.rs");
    assert!(table.contains("include_bytes!(\"sm_90.cubins\")"), "{table}");
    assert!(table.contains("precisions: &[\"f32\"]"), "{table}");
    // What is no longer asked for goes.
    generate(&["--cuda-arch", "sm_80", "--precision", "f32"]);
    assert!(folder.path("out/src/sm_80.cubins").exists() && !folder.path("out/src/sm_90.cubins").exists());
    assert!(generate(&[])[1].is_empty() && !folder.path("out/src/sm_80.cubins").exists());
}

#[test]
fn without_nvrtc_nothing_is_written() {
    let folder = Folder::new("build-no-nvrtc").with("tiny.nn", TINY);
    let mut command = folder.command(&["tiny.nn", "--cuda-arch", "sm_90"]);
    let none = [("NNC_CUDA_PATH", ""), ("PATH", ""), ("HOME", ""), ("VIRTUAL_ENV", "")];
    let output = command.env("NNC_CACHE_DIR", folder.path("cache")).envs(none).output().unwrap();
    if output.status.success() {
        // The machine has NVRTC.
        return;
    }
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("error: NVRTC, which compiles kernels for the GPU, cannot be used: "), "{text}");
    assert!(text.contains("`pip install nvidia-cuda-nvrtc`"), "{text}");
    assert_eq!(folder.names(), ["tiny.nn"]);
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = Folder::new("build-refused").with("tiny.nn", TINY);
    let text = folder.nnc(&["tiny.nn", "--cuda-arch", "hopper"]).fails(2);
    assert!(text.contains("expected sm_80, sm_89, sm_90 or the like"), "{text}");
    let text = folder.nnc(&["build", "tiny.nn", "--cuda-arch", "sm_75"]).fails(2);
    assert!(text.contains("the kernels need GPUs of sm_80 or later"), "{text}");
    let text = folder.nnc(&["build", "tiny.nn", "--precision", "bf16"]).fails(2);
    assert!(text.contains("--cuda-arch"), "{text}");
    let text = folder.nnc(&["build", "tiny.nn", "-o", "."]).fails(1);
    assert!(text.contains("it is a folder") && text.contains("-o FILE"), "{text}");
}

fn texts(output: std::process::Output) -> [String; 2] {
    let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{texts:?}");
    texts
}
