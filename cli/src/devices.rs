//! `nnc devices`: what this machine can compute on, and what of CUDA is missing.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Command};
use nnc_command::units::bytes;
use nnc_runtime::devices::cpu::{Isa, Pool, processor};
use nnc_runtime::devices::cuda::{Availability, Context, Library, Properties};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

/// The definition.
pub(crate) fn command() -> Command {
    Command::new("devices")
        .about("List what this machine can compute on, and what is missing for its GPUs")
        .arg(output::format_argument())
        .after_help(
            "The driver and NVIDIA's libraries are looked for when a program starts: in the folders of\n\
             NNC_CUDA_PATH, in the system's library path, under CUDA_HOME, and in the Python packages\n\
             of VIRTUAL_ENV, CONDA_PREFIX and python3. With NNC_CUDA_SYNC=1 every kernel is waited for:\n\
             it is slow, and an error on the GPU names the kernel that caused it.",
        )
}

/// Prints the list.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let report = Report::new(&Availability::find());
    let text = match output::is_json(matches) {
        true => serde_json::to_string(&report).map_err(|error| Failure::new(error.to_string()))? + "\n",
        false => report.to_text(),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Everything, as programs get it.
#[derive(Serialize)]
struct Report {
    cpu: Cpu,
    gpus: Vec<Gpu>,
    /// Why there are none.
    no_gpu: Option<String>,
    libraries: Vec<LibraryReport>,
}

#[derive(Serialize)]
struct Cpu {
    name: &'static str,
    threads: usize,
    instruction_set: &'static str,
}

#[derive(Serialize)]
struct Gpu {
    device: String,
    #[serde(flatten)]
    usable: Option<UsableGpu>,
    problem: Option<String>,
}

#[derive(Serialize)]
struct UsableGpu {
    name: String,
    capability: String,
    multiprocessors: u32,
    shared_bytes: u32,
    l2_bytes: u64,
    memory_bytes: u64,
    free_bytes: u64,
}

#[derive(Serialize)]
struct LibraryReport {
    name: &'static str,
    purpose: &'static str,
    usable: bool,
    version: Option<String>,
    path: Option<PathBuf>,
    problem: Option<String>,
}

impl Report {
    fn new(found: &Availability) -> Report {
        let cpu = Cpu {
            name: processor(),
            threads: Pool::default_threads(),
            instruction_set: Isa::detect().name(),
        };
        let count = found.gpus.as_ref().map_or(0, Vec::len);
        Report {
            cpu,
            gpus: (0..count).map(Gpu::new).collect(),
            no_gpu: found.gpus.as_ref().err().map(ToString::to_string),
            libraries: found.libraries.all.iter().map(|library| LibraryReport::new(library)).collect(),
        }
    }

    fn to_text(&self) -> String {
        let Cpu { name, threads, instruction_set } = &self.cpu;
        let mut lines = vec![("cpu".to_owned(), format!("{name}: {threads} threads, {instruction_set}"))];
        lines.extend(self.gpus.iter().map(|gpu| (gpu.device.clone(), gpu.to_text())));
        let libraries = self.libraries.iter().map(|library| (library.name.to_owned(), library.to_text()));
        let mut text = aligned(&lines);
        if let Some(why) = &self.no_gpu {
            text.push_str(&format!("no GPU: {why}\n"));
        }
        text + "\n" + &aligned(&libraries.collect::<Vec<_>>())
    }
}

impl Gpu {
    /// Only using it shows whether it can be used, and how much of its memory is free.
    fn new(ordinal: usize) -> Gpu {
        let used = Context::new(ordinal).and_then(|context| {
            let free_bytes = context.free_bytes()?;
            Ok(UsableGpu::new(context.properties(), free_bytes))
        });
        let problem = used.as_ref().err().map(|error| format!("{error}; {}", error.help()));
        Gpu { device: format!("cuda:{ordinal}"), usable: used.ok(), problem }
    }

    fn to_text(&self) -> String {
        match &self.usable {
            Some(gpu) => format!(
                "{}: compute capability {}, {} multiprocessors, {} of {} free",
                gpu.name,
                gpu.capability,
                gpu.multiprocessors,
                bytes(gpu.free_bytes),
                bytes(gpu.memory_bytes)
            ),
            None => self.problem.clone().unwrap_or_default(),
        }
    }
}

impl UsableGpu {
    fn new(properties: &Properties, free_bytes: u64) -> UsableGpu {
        let (major, minor) = properties.capability;
        UsableGpu {
            name: properties.name.clone(),
            capability: format!("{major}.{minor}"),
            multiprocessors: properties.multiprocessors,
            shared_bytes: properties.shared_bytes,
            l2_bytes: properties.l2_bytes,
            memory_bytes: properties.memory_bytes,
            free_bytes,
        }
    }
}

impl LibraryReport {
    fn new(library: &Library) -> LibraryReport {
        LibraryReport {
            name: library.kind.name(),
            purpose: library.kind.purpose(),
            usable: library.is_usable(),
            version: library.version.map(|version| version.to_string()),
            path: library.path.clone(),
            problem: library.problem.clone(),
        }
    }

    fn to_text(&self) -> String {
        let version = self.version.iter().map(|version| format!("{version} "));
        let place = self.path.iter().map(|path| format!("in {}", path.display()));
        let found: String = version.chain(place).collect();
        match &self.problem {
            None => found,
            Some(problem) if self.path.is_none() => format!("missing: {problem} ({})", self.purpose),
            Some(problem) => format!("{found} cannot be used: {problem} ({})", self.purpose),
        }
    }
}

/// Names and what is to be said of them, in two columns.
fn aligned(lines: &[(String, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    lines.iter().map(|(name, about)| format!("{name:width$}  {about}\n")).collect()
}
