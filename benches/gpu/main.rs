//! Everything that wants a GPU to be proven, in one program that needs nothing but a driver and NVRTC.
//!
//! ```console
//! $ cargo bench --package nnc --features cuda --bench gpu --no-run    # where Rust is
//! $ gpu-… | tee benches/gpu/h100.md                                  # where the GPU is: everything, to be committed
//! $ compute-sanitizer gpu-… check determinism --small                # every kernel, on small networks alone
//! $ gpu-… --help
//! ```
//!
//! `check` compares every word, structure and block of the language and the networks of the benchmarks
//! with the processor: evaluation, losses, gradients, running statistics, parameters after some
//! steps, at each precision. `determinism` asks for the same bits from two runs. `train` trains on
//! the embedded digits. `time` measures training steps and evaluation beside the [floor] that memory and
//! arithmetic set, by the peaks of an H100 unless others are given: TB/s, and TFLOP/s in f32, tf32 and bf16.
//! Without a word it does all four; its status says whether all held. What it prints is markdown, headed with the names and
//! versions of GPU and libraries.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

mod check;
mod comparison;
mod data;
mod determinism;
mod floor;
mod networks;
mod time;
mod train;
mod trial;

use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use nnc::runtime::Precision;
use nnc::runtime::devices::cuda::{Context, Libraries, Library};
use nnc::runtime::program::Program;

/// What a part found: nothing, or what does not hold.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A part: its word, what it does in words, and in deed.
type Part = (&'static str, &'static str, fn(&Settings) -> Outcome<()>);

const PARTS: [Part; 4] = [
    (
        "check",
        "compare every word, structure and block, and the networks of the benchmarks, with the processor",
        check::run,
    ),
    ("determinism", "the same bits from two runs", determinism::run),
    ("train", "the embedded digits, to 98 %", train::run),
    (
        "time",
        "training steps and evaluation of the networks of the benchmarks, beside the floor of memory and arithmetic",
        time::run,
    ),
];

/// The command line.
struct Settings {
    /// Words of parts; all if there are none.
    parts: Vec<String>,
    /// Without the networks of the benchmarks, where others are there.
    small: bool,
    precisions: Vec<Precision>,
    /// Only networks whose name contains it.
    only: String,
    /// Repetitions of a measurement.
    rounds: usize,
    /// Batches to measure.
    batches: Vec<usize>,
    /// Of the GPU.
    peaks: floor::Peaks,
}

fn main() -> ExitCode {
    let settings = Settings::of(&command().get_matches());
    match heading() {
        Ok(heading) => println!("{heading}"),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    let mut holds = true;
    for (name, _, part) in PARTS {
        if settings.parts.is_empty() || settings.parts.iter().any(|word| word == name) {
            println!("\n## {name}\n");
            if let Err(error) = part(&settings) {
                println!("\n{name} does not hold: {error}");
                holds = false;
            }
        }
    }
    println!("\n{}", if holds { "everything holds" } else { "not everything holds" });
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The GPU, and the versions of what is found for it.
fn heading() -> Outcome<String> {
    let context = Context::new(0)?;
    let version =
        |library: &Library| library.version.map(|version| format!("{} {version}", library.kind.name()));
    let found: Vec<String> = Libraries::find().all.iter().filter_map(|library| version(library)).collect();
    Ok(format!("# {}\n\n{}, nnc {}", context.properties().name, found.join(", "), env!("CARGO_PKG_VERSION")))
}

fn command() -> Command {
    let parts = PARTS.map(|(name, does, _)| PossibleValue::new(name).help(does));
    let list = |name: &'static str| Arg::new(name).long(name).value_name("LIST");
    let number = value_parser!(u32).range(1..);
    Command::new("gpu").about("Proves on a GPU what wants one; without a part, everything").args([
        Arg::new("parts").num_args(0..).value_parser(parts),
        list("precisions")
            .value_delimiter(',')
            .value_parser(value_parser!(Precision))
            .default_values(Precision::ALL.map(Precision::name))
            .help("At which precisions"),
        Arg::new("small")
            .long("small")
            .action(ArgAction::SetTrue)
            .help("check, determinism: leave out the networks of the benchmarks (for compute-sanitizer)"),
        Arg::new("only")
            .long("only")
            .value_name("WORD")
            .default_value("")
            .hide_default_value(true)
            .help("check, determinism, time: networks whose names contain it"),
        Arg::new("rounds")
            .long("rounds")
            .value_name("N")
            .value_parser(number)
            .default_value("9")
            .help("time: repetitions of a measurement"),
        list("batches")
            .value_delimiter(',')
            .value_parser(number)
            .default_values(["64", "256", "1024"])
            .help("time: sizes of the batch"),
        list("peaks")
            .value_parser(value_parser!(floor::Peaks))
            .default_value(floor::H100)
            .help("time: TB/s, and TFLOP/s in f32, tf32 and bf16; unless others are given, those of an H100"),
        // What cargo adds.
        Arg::new("bench").long("bench").action(ArgAction::SetTrue).hide(true),
    ])
}

impl Settings {
    fn of(matches: &ArgMatches) -> Settings {
        let sizes = |name| matches.get_many::<u32>(name).into_iter().flatten().map(|size| *size as usize);
        let only: &String = matches.get_one("only").expect("it has a default");
        Settings {
            parts: matches.get_many("parts").into_iter().flatten().cloned().collect(),
            small: matches.get_flag("small"),
            precisions: matches.get_many("precisions").into_iter().flatten().copied().collect(),
            only: only.to_lowercase(),
            rounds: *matches.get_one::<u32>("rounds").expect("it has a default") as usize,
            batches: sizes("batches").collect(),
            peaks: *matches.get_one("peaks").expect("it has a default"),
        }
    }

    /// The networks that are checked.
    fn networks(&self) -> Vec<&'static Program> {
        let timed = if self.small { Vec::new() } else { networks::timed::all() };
        let all = networks::small().into_iter().chain(timed);
        all.filter(|program| self.wants(program.name)).collect()
    }

    fn wants(&self, name: &str) -> bool {
        name.to_lowercase().contains(&self.only)
    }
}
