//! Kernels that are compiled before a program is built: `--cuda-arch`.
//!
//! NVRTC does it on this machine, which needs neither a GPU nor a driver for that; the program then needs no NVRTC where
//! it runs. What was compiled once is found in the user's cache.

use clap::{Arg, ArgAction, ArgMatches};
use nnc_codegen::emit::{AHEAD_ENDING, Ahead};
use nnc_codegen::{Compiled, cuda};
use nnc_dsl::CheckedModel;
use nnc_runtime::Precision;
use nnc_runtime::devices::cuda::{CudaError, Kernel, compile_ahead};

use crate::failure::Failure;
use crate::output;

/// The oldest architecture that has what the kernels use: asynchronous copies, bf16 on tensor cores.
const OLDEST: u32 = 80;

/// What is to be compiled ahead; nothing without an architecture.
pub(crate) struct Wanted {
    architectures: Vec<String>,
    precisions: Vec<Precision>,
}

/// A file of a crate that is no text.
pub(crate) struct Archive {
    /// Path within the crate.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) bytes: Vec<u8>,
}

/// The arguments.
pub(crate) fn arguments() -> [Arg; 2] {
    let list = |name| Arg::new(name).long(name).action(ArgAction::Append).value_delimiter(',');
    [
        list("cuda-arch")
            .value_name("ARCH,…")
            .value_parser(architecture)
            .help("Compile the kernels for GPUs of these architectures now: sm_80, sm_90"),
        list("precision")
            .value_name("TYPE,…")
            .value_parser(Precision::ALL.map(Precision::name))
            .requires("cuda-arch")
            .help("Only for these precisions"),
    ]
}

impl Wanted {
    /// Nothing.
    pub(crate) const NOTHING: Wanted = Wanted { architectures: Vec::new(), precisions: Vec::new() };

    /// The values of [`arguments`].
    pub(crate) fn new(matches: &ArgMatches) -> Wanted {
        let texts = |name| matches.get_many::<String>(name).into_iter().flatten();
        let mut architectures: Vec<String> = texts("cuda-arch").cloned().collect();
        architectures.sort();
        architectures.dedup();
        let named = |precision: &Precision| texts("precision").any(|name| name == precision.name());
        let all = matches.get_many::<String>("precision").is_none();
        let precisions = Precision::ALL.into_iter().filter(|precision| all || named(precision)).collect();
        Wanted { architectures, precisions }
    }

    /// Whether anything is to be compiled.
    pub(crate) fn is_something(&self) -> bool {
        !self.architectures.is_empty()
    }

    /// `sm_80 and sm_90`.
    pub(crate) fn architectures(&self) -> String {
        self.architectures.join(" and ")
    }

    /// What the emitted crate says of it.
    pub(crate) fn parts(&self) -> Vec<Ahead> {
        let precisions: Vec<String> =
            self.precisions.iter().map(|precision| precision.name().to_owned()).collect();
        let part = |architecture: &String| Ahead {
            architecture: architecture.clone(),
            precisions: precisions.clone(),
        };
        self.architectures.iter().map(part).collect()
    }

    /// The files that the emitted crate includes.
    pub(crate) fn compile(&self, model: &CheckedModel, compiled: &Compiled) -> Result<Vec<Archive>, Failure> {
        if !self.is_something() {
            return Ok(Vec::new());
        }
        let cuda = cuda::emit(model, compiled);
        let needs = cuda.needs_tensor_cores();
        let kernels = cuda.kernels.iter().zip(needs);
        let kernels: Vec<(Kernel, bool)> = kernels
            .map(|(kernel, needs)| (Kernel { name: &kernel.name, text: &kernel.text }, needs))
            .collect();
        self.architectures.iter().map(|architecture| self.archive(&kernels, architecture)).collect()
    }

    fn archive(&self, kernels: &[(Kernel, bool)], architecture: &str) -> Result<Archive, Failure> {
        let compile = || compile_ahead(kernels, &self.precisions, architecture);
        let bytes = output::timed(&format!("compiling kernels for {architecture}"), compile);
        let failure = |error: CudaError| Failure::new(error.to_string()).help(error.help());
        Ok(Archive { path: format!("src/{architecture}.{AHEAD_ENDING}"), bytes: bytes.map_err(failure)? })
    }
}

/// As NVRTC calls it. Code for an architecture with a letter runs on that one alone; only that of `sm_90a` is looked for.
fn architecture(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("sm_").map(|rest| if rest == "90a" { "90" } else { rest });
    let number = number.filter(|number| number.chars().all(|c| c.is_ascii_digit()));
    match number.and_then(|number| number.parse::<u32>().ok()) {
        Some(number) if number >= OLDEST => Ok(text.to_owned()),
        Some(_) => Err(format!("the kernels need GPUs of sm_{OLDEST} or later")),
        None => Err(
            "expected sm_80, sm_89, sm_90 or the like: `nnc devices` shows compute capability 9.0 for sm_90"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_are_those_of_nvrtc() {
        for text in ["sm_80", "sm_89", "sm_90", "sm_90a", "sm_120"] {
            assert_eq!(architecture(text), Ok(text.to_owned()));
        }
        for text in ["", "90", "sm_", "sm_9x", "sm_+90", "sm_80a", "compute_90", "sm_ 90"] {
            assert!(architecture(text).unwrap_err().starts_with("expected sm_80"), "{text}");
        }
        assert!(architecture("sm_75").unwrap_err().contains("sm_80 or later"));
    }
}
