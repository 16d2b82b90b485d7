//! What to compute on: `--device` and `--precision`.

use clap::builder::ValueParser;
use clap::{Arg, ArgMatches};
use nnc_runtime::emitted::cuda::Cuda;
use nnc_runtime::program::Program;
use nnc_runtime::{Device, Error, Gpu, Precision};

use crate::engine;

/// The names of [`device_arguments`].
pub(crate) const DEVICE: [&str; 2] = ["device", "precision"];

/// A value of `--device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// A GPU if there is one that the program can use.
    Auto,
    Cpu,
    Cuda(usize),
}

/// The arguments of every command that runs a network.
pub(crate) fn device_arguments() -> [Arg; 2] {
    let [device, precision] = DEVICE;
    [
        Arg::new(device)
            .long(device)
            .value_name("DEVICE")
            .value_parser(ValueParser::new(wish))
            .default_value("auto")
            .hide_default_value(true)
            .help("cpu, cuda, or cuda:N for GPU number N [default: the first GPU, or else the processor]"),
        Arg::new(precision)
            .long(precision)
            .value_name("TYPE")
            .value_parser(Precision::ALL.map(Precision::name))
            .default_value(Precision::default().name())
            .help("What a GPU stores activations in and multiplies; parameters stay f32"),
    ]
}

/// Whether a program that is given these arguments has to be built with the feature `cuda`.
pub fn wants_cuda(matches: &ArgMatches) -> bool {
    match wished(matches) {
        Wish::Cpu => false,
        Wish::Cuda(_) => true,
        Wish::Auto => missing(None).is_none(),
    }
}

/// What the matches of [`device_arguments`] ask for; says in a line why a GPU that could be used is not.
pub(crate) fn device(program: &Program, matches: &ArgMatches) -> Result<Device, Error> {
    match gpu(program, matches) {
        Some(gpu) => Ok(Device::Cuda(gpu)),
        None => engine::pool(matches).map(Device::Cpu),
    }
}

/// The GPU that the matches of [`device_arguments`] ask for, if it is one.
pub(crate) fn gpu(program: &Program, matches: &ArgMatches) -> Option<Gpu> {
    let ordinal = match wished(matches) {
        Wish::Cuda(ordinal) => ordinal,
        Wish::Auto if program.cuda.is_some() => match missing(program.cuda) {
            None => 0,
            Some(line) => {
                crate::output::complain(&line);
                return None;
            }
        },
        Wish::Auto | Wish::Cpu => return None,
    };
    Some(numbered(ordinal, matches))
}

/// The GPU of this number, and how the matches want it to compute.
fn numbered(ordinal: usize, matches: &ArgMatches) -> Gpu {
    let precision = matches.get_one::<String>("precision").and_then(|name| name.parse().ok());
    Gpu {
        ordinal,
        precision: precision.unwrap_or_default(),
        mode: engine::mode(matches),
        workspace: engine::workspace(matches),
    }
}

fn wished(matches: &ArgMatches) -> Wish {
    matches.get_one("device").copied().unwrap_or(Wish::Auto)
}

/// Why no GPU can be used by a network, in a line.
#[cfg(feature = "cuda")]
fn missing(cuda: Option<&Cuda>) -> Option<String> {
    nnc_runtime::devices::cuda::Availability::missing(cuda.map_or(&[], |cuda| cuda.ahead))
}

#[cfg(not(feature = "cuda"))]
fn missing(_: Option<&Cuda>) -> Option<String> {
    Some("no CUDA, running on the CPU: this program was built without it".to_owned())
}

fn wish(text: &str) -> Result<Wish, String> {
    let number = |text: &str| text.parse().map(Wish::Cuda).ok();
    let wish = match text {
        "auto" => Some(Wish::Auto),
        "cpu" => Some(Wish::Cpu),
        "cuda" => Some(Wish::Cuda(0)),
        _ => text.strip_prefix("cuda:").and_then(number),
    };
    wish.ok_or_else(|| "expected auto, cpu, cuda, or cuda:N for GPU number N".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_runtime::select::Mode;

    #[test]
    fn devices_have_names() {
        assert_eq!([wish("auto"), wish("cpu")], [Ok(Wish::Auto), Ok(Wish::Cpu)]);
        assert_eq!([wish("cuda"), wish("cuda:3")], [Ok(Wish::Cuda(0)), Ok(Wish::Cuda(3))]);
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CUDA"] {
            assert!(wish(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_gpu_computes_as_the_arguments_say() {
        let command = clap::Command::new("run").args(device_arguments()).args(engine::engine_arguments());
        let gpu = |line: &[&str]| {
            let matches = command.clone().try_get_matches_from([&["run"], line].concat());
            numbered(2, &matches.expect("a command line"))
        };
        assert_eq!(gpu(&[]), Gpu { ordinal: 2, ..Gpu::default() });
        let (precision, mode, workspace) = (Precision::Tf32, Mode::Benchmark, 64 << 20);
        let line = ["--precision", "tf32", "--algorithms", "benchmark", "--workspace", "64MiB"];
        assert_eq!(gpu(&line), Gpu { ordinal: 2, precision, mode, workspace });
    }

    #[test]
    fn every_precision_is_an_argument() {
        let command = clap::Command::new("run").args(device_arguments());
        for precision in Precision::ALL {
            let matches = command.clone().try_get_matches_from(["run", "--precision", precision.name()]);
            let named = matches.expect("a value").get_one::<String>("precision").map(|name| name.parse());
            assert_eq!(named, Some(Ok(precision)));
        }
        assert_eq!(Precision::ALL.map(Precision::name), ["f32", "tf32", "bf16", "f16"]);
    }
}
