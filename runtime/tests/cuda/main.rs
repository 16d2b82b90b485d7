//! GPUs as this crate sees them, on a machine without one: driver and libraries are the fakes of
//! `tests/cuda`.
//!
//! With the variable [`GPU`] set, the cases that hold on any GPU run on the one that the machine has;
//! the executable can be carried to it. All others need the fakes.
//!
//! Libraries are looked for once in a process, so every case is a process of its own: with the variable
//! [`CHILD`] set to its name this executable runs a case, without it, it starts itself for each of them.

#[path = "../../../tests/cuda/fake.rs"]
mod fake;

mod compiling;
mod convolutions;
mod devices;
mod failures;
mod machines;
mod support;

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, ExitCode, Output};

const CHILD: &str = "NNC_TEST_CASE";

/// Asks for the machine's own GPU.
const GPU: &str = "NNC_TEST_GPU";

/// A check, and the environment in which it holds.
pub(crate) struct Case {
    name: &'static str,
    any_gpu: bool,
    environment: Vec<(&'static str, OsString)>,
    /// Panics if something is wrong.
    check: fn(),
}

impl Case {
    /// On a machine with the fake GPU.
    pub(crate) fn new(name: &'static str, check: fn()) -> Case {
        Case { name, any_gpu: false, environment: Vec::new(), check }
    }

    /// On a machine with any GPU.
    pub(crate) fn any(name: &'static str, check: fn()) -> Case {
        Case { any_gpu: true, ..Case::new(name, check) }
    }

    /// With a variable set.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Case {
        self.environment.push((name, value.into()));
        self
    }
}

fn main() -> ExitCode {
    let cases =
        [machines::cases(), devices::cases(), compiling::cases(), failures::cases(), convolutions::cases()];
    let cases: Vec<Case> = cases.into_iter().flatten().filter(|case| case.any_gpu || is_fake()).collect();
    if let Ok(name) = std::env::var(CHILD) {
        (cases.iter().find(|case| case.name == name).expect("a case of this name").check)();
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |case: &&Case| wanted.is_empty() || wanted.iter().any(|name| case.name.contains(name));
    let failed: Vec<&str> =
        cases.iter().filter(is_wanted).filter(|case| !passes(case)).map(|case| case.name).collect();
    report(&format!("test result: {} cases, failed: {failed:?}", cases.len()));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes(case: &Case) -> bool {
    let output = start(case);
    let passed = output.status.success();
    report(&format!("test {} ... {}", case.name, if passed { "ok" } else { "FAILED" }));
    let said = String::from_utf8_lossy(&output.stderr);
    if !passed {
        report(&format!("{}\n{said}", output.status));
    } else if said.contains("skipped") {
        report(said.trim_end());
    }
    passed
}

/// Whether there is the fake GPU.
pub(crate) fn is_fake() -> bool {
    std::env::var_os(GPU).is_none()
}

/// Runs a case; on the fake GPU with nothing of CUDA in its environment but what is given.
fn start(case: &Case) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    if !is_fake() {
        let cache = std::env::temp_dir().join("nnc-test-cubins");
        return command.env(CHILD, case.name).env("NNC_CACHE_DIR", cache).output().unwrap();
    }
    let ours =
        |name: &str| ["NNC_", "CUDA_", "VIRTUAL_ENV", "CONDA_"].iter().any(|start| name.starts_with(start));
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command.env(CHILD, case.name).envs(fake::environment()).envs(case.environment.iter().cloned());
    command.output().unwrap()
}

/// Tells the reader of the test something.
pub(crate) fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
