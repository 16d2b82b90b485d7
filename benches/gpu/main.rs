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

use nnc::runtime::Precision;
use nnc::runtime::devices::cuda::{Context, Libraries, Library};
use nnc::runtime::program::Program;

/// What a part found: nothing, or what does not hold.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A part: its word and what it does.
type Part = (&'static str, fn(&Settings) -> Outcome<()>);

const PARTS: [Part; 4] =
    [("check", check::run), ("determinism", determinism::run), ("train", train::run), ("time", time::run)];

const USAGE: &str = "\
gpu [PARTS] [OPTIONS]

Parts, all if none is named:
  check        compare every word, structure and block, and the networks of the benchmarks, with the processor
  determinism  the same bits from two runs
  train        the embedded digits, to 98 %
  time         training steps and evaluation of the networks of the benchmarks, beside the floor of memory and arithmetic

Options:
  --small              check, determinism: leave out the networks of the benchmarks (for compute-sanitizer)
  --only WORD          check, determinism, time: networks whose names contain it
  --precisions LIST    of f32,tf32,bf16,f16 (all)
  --rounds N           time: repetitions of a measurement (9)
  --batches LIST       time: sizes of the batch (64,256,1024)
  --peaks LIST         time: TB/s, and TFLOP/s in f32, tf32 and bf16 (3.35,67,495,990, of an H100)
";

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
    if std::env::args().any(|argument| argument == "--help") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match heading() {
        Ok(heading) => println!("{heading}"),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    let mut holds = true;
    for (name, part) in PARTS {
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

impl Settings {
    fn read() -> Result<Settings, String> {
        let mut settings = Settings {
            parts: Vec::new(),
            small: false,
            precisions: Precision::ALL.to_vec(),
            only: String::new(),
            rounds: 9,
            batches: vec![64, 256, 1024],
            peaks: floor::H100,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("`{argument}` takes a value"));
            match argument.as_str() {
                "--bench" => {}
                "--small" => settings.small = true,
                "--precisions" => {
                    settings.precisions = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?
                }
                "--only" => settings.only = value()?.to_lowercase(),
                "--rounds" => settings.rounds = number(&value()?)?,
                "--batches" => {
                    settings.batches = value()?.split(',').map(number).collect::<Result<_, _>>()?
                }
                "--peaks" => settings.peaks = value()?.parse()?,
                word if PARTS.iter().any(|(name, _)| *name == word) => settings.parts.push(argument),
                _ => {
                    return Err(format!(
                        "`{argument}` is not known; parts are check, determinism, train, time; see --help"
                    ));
                }
            }
        }
        Ok(settings)
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

fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("expected a number from 1 on, found `{text}`")),
    }
}
