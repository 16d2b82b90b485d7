//! Whole networks on a GPU, on a machine without one: the driver and NVRTC are the fakes of `tests/cuda`, the kernels
//! and all else are those that a GPU would get.
//!
//! Libraries are looked for once in a process, so every case is a process of its own: with the variable [`CHILD`] set to its
//! name this executable runs a case, without it, it starts itself for each of them.

#[path = "cuda/fake.rs"]
mod fake;

#[path = "cuda/networks.rs"]
mod networks;

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, ExitCode, Output};

const CHILD: &str = "NNC_TEST_CASE";

/// A check, and what it adds to the environment of the fake GPU.
struct Case {
    name: &'static str,
    environment: &'static [(&'static str, &'static str)],
    check: fn(),
}

const CASES: [Case; 1] =
    [Case { name: "networks_agree_with_the_processor", environment: &[], check: networks::agree }];

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(CHILD) {
        (CASES.iter().find(|case| case.name == name).expect("a case of this name").check)();
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |case: &&Case| wanted.is_empty() || wanted.iter().any(|name| case.name.contains(name));
    let failed: Vec<&str> =
        CASES.iter().filter(is_wanted).filter(|case| !passes(case)).map(|case| case.name).collect();
    report(&format!("test result: {} cases, failed: {failed:?}", CASES.len()));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes(case: &Case) -> bool {
    let output = start(case);
    let passed = output.status.success();
    report(&format!("test {} ... {}", case.name, if passed { "ok" } else { "FAILED" }));
    let said = String::from_utf8_lossy(&output.stderr);
    if !passed || std::env::var_os("NNC_TEST_SHOW").is_some() {
        report(&format!("{}\n{said}", output.status));
    }
    passed
}

/// Runs a case on the fake GPU, with nothing of another in its environment.
fn start(case: &Case) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let ours =
        |name: &str| ["NNC_", "CUDA_", "VIRTUAL_ENV", "CONDA_"].iter().any(|start| name.starts_with(start));
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    let added = case.environment.iter().map(|(name, value)| (*name, OsString::from(value)));
    command.env(CHILD, case.name).envs(fake::environment()).envs(added);
    command.output().expect("this program starts")
}

/// Tells the reader of the test something.
pub(crate) fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
