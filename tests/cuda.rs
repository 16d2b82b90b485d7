//! Whole networks on a GPU, on a machine without one: the driver and NVRTC are the fakes of `tests/cuda`, the kernels
//! and all else are those that a GPU would get.
//!
//! Libraries are looked for once in a process, so every case is a process of its own: with the variable [`CHILD`] set to its
//! name this executable runs a case, without it, it starts itself for each of them.

#[path = "support/counting.rs"]
mod counting;
#[path = "cuda/fake.rs"]
mod fake;

#[path = "cuda/failures.rs"]
mod failures;
#[path = "cuda/half.rs"]
mod half;
#[path = "cuda/kept.rs"]
mod kept;
#[path = "cuda/libraries.rs"]
mod libraries;
#[path = "cuda/networks.rs"]
mod networks;
#[path = "cuda/shipped.rs"]
mod shipped;
#[path = "cuda/steady.rs"]
mod steady;
#[path = "cuda/workspace.rs"]
mod workspace;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Output};

const CHILD: &str = "NNC_TEST_CASE";

/// A check, and what it adds to the environment of the fake GPU.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    environment: &'static [(&'static str, &'static str)],
    /// The folders of its libraries, if it has not all of them.
    libraries: Option<fn() -> PathBuf>,
    /// Its cache folder, by its name, if that is not what all share.
    cache: Option<fn(&str) -> PathBuf>,
    check: fn(),
}

const CASES: &[Case] = &[
    Case::new("networks_agree_with_the_processor", networks::agree),
    Case::new("fewer_bits_agree_roughly", networks::agree_roughly),
    Case::new("half_precision_trains", half::trains),
    Case::new("a_gradient_beyond_half_precision_skips_the_step", half::overflow),
    Case::new("steps_are_skipped_without_the_processor", half::ahead),
    Case::new("half_precision_resumes_to_the_same_bits", half::resumed),
    Case::new("half_precision_fails_where_its_scale_is_not_at_fault", half::not_finite),
    Case::new("batches_of_any_size_in_any_order", networks::sizes),
    Case::new("steps_run_ahead_of_their_reports", networks::ahead),
    Case::new("copies_that_come_early_overtake_no_step", networks::ahead).with(&[("NNC_FAKE_EAGER", "1")]),
    Case::new("a_batch_is_copied_while_another_is_worked_on", steady::overlap)
        .with(&[("NNC_FAKE_EAGER", "1"), ("NNC_FAKE_LOG", steady::LOG)]),
    Case::new("data_sets_on_the_gpu_give_the_batches_of_the_loader", kept::agree),
    Case::new("a_bad_sample_on_the_gpu_is_found", kept::not_finite),
    Case::new("an_epoch_goes_on_behind_a_batch_that_cannot_be_measured", kept::goes_on),
    Case::new("epochs_that_do_not_belong_are_refused", kept::refused),
    Case::new("measured_candidates_agree", networks::benchmark),
    Case::new("checkpoints_go_from_device_to_device", networks::checkpoints),
    Case::new("values_that_are_not_finite_are_found", failures::not_finite),
    Case::new("an_evaluation_that_fails_takes_no_step_with_it", failures::evaluation),
    Case::new("a_step_is_reproducible", networks::bits),
    Case::new("a_warm_step_makes_few_calls", steady::calls).with(&[("NNC_FAKE_LOG", steady::LOG)]),
    Case::new("a_warm_step_allocates_nothing", steady::memory),
    Case::new("a_warm_step_takes_the_processor_microseconds", steady::time).with(&[("NNC_FAKE_IDLE", "1")]),
    Case::new("a_batch_that_does_not_fit_is_refused", failures::memory)
        .with(&[("NNC_FAKE_MEMORY", "90000000")]),
    Case::new("kernels_are_compiled_without_a_gpu", shipped::build).with_only(fake::nvrtc),
    // Without `python3` on the path, no NVRTC among its packages is found either.
    Case::new("a_program_with_its_kernels_needs_no_compiler", shipped::run)
        .with_only(fake::driver)
        .with(&[("PATH", ""), ("HOME", "")]),
    Case::new("a_failed_launch_is_an_error", failures::launch).with(&[("NNC_FAKE_FAIL", "cuLaunchKernel:9")]),
    Case::new("a_failed_copy_is_an_error", failures::launch)
        .with(&[("NNC_FAKE_FAIL", "cuMemcpyHtoDAsync:25")]),
    Case::new("a_failed_wait_is_an_error", failures::launch)
        .with(&[("NNC_FAKE_FAIL", "cuStreamWaitEvent:9")]),
    Case::new("fast_libraries_are_taken_and_agree", libraries::agree).with(&[libraries::FAST]).timed(),
    Case::new("libraries_compute_what_is_fused", libraries::fused).with(&[libraries::FAST]).timed(),
    Case::new("a_relu_that_hides_nan_is_not_taken", libraries::hidden)
        .with(&[libraries::FAST, ("NNC_FAKE_EPILOGUE", "maximum")])
        .timed(),
    Case::new("libraries_without_epilogues_are_taken", libraries::plain)
        .with(&[libraries::FAST, ("NNC_FAKE_EPILOGUE", "none")])
        .timed(),
    Case::new("slow_libraries_are_not_taken", libraries::slow).with(&[libraries::SLOW]).timed(),
    Case::new("no_library_is_asked_without_measurements", libraries::unasked),
    Case::new("a_library_that_does_not_start_is_not_taken", libraries::refused)
        .with(&[libraries::FAST, ("NNC_FAKE_FAIL", "cublasLtCreate:1")])
        .timed(),
    Case::new("a_library_that_does_not_answer_is_not_taken", libraries::refused)
        .with(&[libraries::FAST, ("NNC_FAKE_FAIL", "cublasLtMatmulAlgoGetHeuristic:2")])
        .timed(),
    Case::new("an_algorithm_that_fails_is_not_taken", libraries::refused)
        .with(&[libraries::FAST, ("NNC_FAKE_FAIL", "cublasLtMatmul:1:15")])
        .timed(),
    Case::new("a_library_of_convolutions_that_does_not_start_is_not_taken", libraries::refused)
        .with(&[libraries::FAST, ("NNC_FAKE_FAIL", "cudnnCreate:1")])
        .timed(),
    Case::new("a_library_of_convolutions_that_does_not_answer_is_not_taken", libraries::refused)
        .with(&[libraries::FAST, ("NNC_FAKE_FAIL", "cudnnBackendFinalize:8")])
        .timed(),
    Case::new("an_engine_that_fails_is_not_taken", libraries::refused)
        .with(&[libraries::FAST, ("NNC_FAKE_FAIL", "cudnnBackendExecute:1")])
        .timed(),
    Case::new("a_library_that_fails_in_a_step_is_an_error", libraries::lost)
        .with(&[libraries::FAST, ("NNC_FAKE_FAIL", "cublasLtMatmul:176")])
        .timed(),
    Case::new("a_library_of_convolutions_that_fails_in_a_step_is_an_error", libraries::lost)
        .with(&[libraries::FAST, ("NNC_FAKE_FAIL", "cudnnBackendExecute:226")])
        .timed(),
    Case::new("times_of_a_library_that_is_gone_are_harmless", libraries::forgotten)
        .with(&[libraries::SLOW])
        .timed()
        .without_libraries(),
    Case::new("ways_beyond_the_cap_are_not_taken", workspace::capped).with(&[workspace::FAST]).timed(),
    Case::new("smaller_batches_have_the_room_of_the_cap", workspace::smaller)
        .with(&[workspace::FAST])
        .timed()
        .without_libraries(),
    Case::new("what_is_beyond_the_cap_needs_no_memory", workspace::memory)
        .with(&[("NNC_FAKE_MEMORY", "90000000")])
        .timed(),
    Case::new("a_failed_graph_is_an_error", failures::launch).with(&[("NNC_FAKE_FAIL", "cuGraphLaunch:1")]),
];

/// Parts of checks.
const REFUSED_MEMORY: Case = Case::new("refused_memory", failures::memory_refused);
const REFUSED_LOCKED_MEMORY: Case = Case::new("refused_locked_memory", failures::locked_memory_refused);

/// A check of what several processes say.
type OfProcesses = fn() -> Result<(), String>;

const OF_PROCESSES: [(&str, OfProcesses); 3] = [
    ("graphs_and_kernels_give_the_same_bits", same_bits),
    ("memory_that_is_refused_leaves_the_model_usable", || refused(REFUSED_MEMORY, "cuMemAlloc")),
    ("locked_memory_that_is_refused_takes_no_report", || refused(REFUSED_LOCKED_MEMORY, "cuMemHostAlloc")),
];

/// The same steps as graphs and kernel by kernel, threads forward and in reverse, with libraries and without.
const SAME_BITS: [Case; 4] = [
    Case::new("a_step_is_reproducible", networks::bits),
    Case::new("a_step_is_reproducible", networks::bits).with(&[("NNC_CUDA_SYNC", "1")]),
    Case::new("a_step_is_reproducible", networks::bits).with(&[("NNC_FAKE_REVERSE", "1")]),
    Case::new("a_step_is_reproducible", networks::bits).without_libraries(),
];

impl Case {
    const fn new(name: &'static str, check: fn()) -> Case {
        Case { name, environment: &[], libraries: None, cache: None, check }
    }

    const fn with(self, environment: &'static [(&'static str, &'static str)]) -> Case {
        Case { environment, ..self }
    }

    /// With measured times of its own.
    const fn timed(self) -> Case {
        Case { cache: Some(libraries::own_times), ..self }
    }

    /// With nothing but what is needed.
    const fn without_libraries(self) -> Case {
        Case { libraries: Some(driver_and_nvrtc), ..self }
    }

    /// No kernels were compiled before, either.
    const fn with_only(self, libraries: fn() -> PathBuf) -> Case {
        Case { libraries: Some(libraries), cache: Some(cache_of_the_rest), ..self }
    }
}

fn driver_and_nvrtc() -> PathBuf {
    std::env::join_paths([fake::driver(), fake::nvrtc()]).expect("plain paths").into()
}

fn cache_of_the_rest(_: &str) -> PathBuf {
    fake::cache().join("of the rest")
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(CHILD) {
        let mut cases = CASES.iter().chain([&REFUSED_MEMORY, &REFUSED_LOCKED_MEMORY]);
        (cases.find(|case| case.name == name).expect("a case of this name").check)();
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted));
    let cases = CASES.iter().filter(|case| is_wanted(case.name) && !passes(case));
    let mut failed: Vec<&str> = cases.map(|case| case.name).collect();
    let of_processes = OF_PROCESSES.iter().filter(|(name, check)| is_wanted(name) && !agree(name, *check));
    failed.extend(of_processes.map(|(name, _)| name));
    report(&format!("test result: {} cases, failed: {failed:?}", CASES.len() + OF_PROCESSES.len()));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn agree(name: &str, check: fn() -> Result<(), String>) -> bool {
    let agreed = check();
    report(&format!("test {name} ... {}", if agreed.is_ok() { "ok" } else { "FAILED" }));
    agreed.map_err(|said| report(&said)).is_ok()
}

fn same_bits() -> Result<(), String> {
    let run = |case| said(&case);
    let bits = SAME_BITS.map(run).into_iter().collect::<Result<Vec<_>, _>>()?;
    let same = bits[0].contains("parameters") && bits.iter().all(|other| *other == bits[0]);
    if same { Ok(()) } else { Err(bits.join("\n")) }
}

/// Every allocation of a model and of its batches by a function of the driver fails once.
fn refused(case: Case, function: &str) -> Result<(), String> {
    let mut found = [0; failures::REFUSED.len()];
    for call in 1.. {
        let failing = format!("{function}:{call}").leak();
        let environment = vec![("NNC_FAKE_FAIL", &*failing)].leak();
        let said = said(&case.with(environment))?;
        let kind = failures::REFUSED.iter().position(|kind| said.trim() == *kind);
        found[kind.ok_or(said)?] += 1;
        if *found.last().unwrap_or(&1) > 0 {
            break;
        }
    }
    if found.contains(&0) { Err(format!("{found:?} of {:?}", failures::REFUSED)) } else { Ok(()) }
}

/// What a case that passes tells.
fn said(case: &Case) -> Result<String, String> {
    let output = start(case);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(said) } else { Err(format!("{:?}: {said}", case.environment)) }
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
    let libraries = case.libraries.map(|folders| ("NNC_CUDA_PATH", folders()));
    let cache = case.cache.map(|folder| ("NNC_CACHE_DIR", folder(case.name)));
    command.env(CHILD, case.name).envs(fake::environment()).envs(libraries).envs(cache).envs(added);
    command.output().expect("this program starts")
}

/// Tells the reader of the test something.
pub(crate) fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
