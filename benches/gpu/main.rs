//! Everything that wants a GPU to be proven, in one program that needs nothing but a driver and NVRTC.
//!
//! ```console
//! $ cargo bench --package nnc --features cuda --bench gpu --no-run    # where Rust is
//! $ gpu-… [check] [determinism] [train] [time] [--only WORD] [--rounds N] [--batches 64,256] [--peaks 3.35,67,495,990]
//! ```
//!
//! `check` compares every word, structure and block of the language and the networks of the benchmarks
//! with the processor: evaluation, losses, gradients, running statistics, parameters after some
//! steps, at each precision. `determinism` asks for the same bits from two runs. `train` trains on
//! the embedded digits. `time` measures training steps and evaluation beside the [floor] that memory and
//! arithmetic set, by the peaks of an H100 unless others are given: TB/s, and TFLOP/s in f32, tf32 and bf16.
//! Without a word it does all four; its status says whether all held.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

mod check;
mod data;
mod determinism;
mod floor;
mod networks;
mod time;
mod train;

use std::process::ExitCode;

/// What a part found: nothing, or what does not hold.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A part: its word and what it does.
type Part = (&'static str, fn(&Settings) -> Outcome<()>);

const PARTS: [Part; 4] =
    [("check", check::run), ("determinism", determinism::run), ("train", train::run), ("time", time::run)];

/// The command line.
struct Settings {
    /// Words of parts; all if there are none.
    parts: Vec<String>,
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
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let mut holds = true;
    for (name, part) in PARTS {
        if settings.parts.is_empty() || settings.parts.iter().any(|word| word == name) {
            println!("== {name}");
            if let Err(error) = part(&settings) {
                println!("{name} does not hold: {error}");
                holds = false;
            }
        }
    }
    println!("{}", if holds { "everything holds" } else { "not everything holds" });
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Settings {
    fn read() -> Result<Settings, String> {
        let mut settings = Settings {
            parts: Vec::new(),
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
                "--only" => settings.only = value()?.to_lowercase(),
                "--rounds" => settings.rounds = number(&value()?)?,
                "--batches" => {
                    settings.batches = value()?.split(',').map(number).collect::<Result<_, _>>()?
                }
                "--peaks" => settings.peaks = value()?.parse()?,
                word if PARTS.iter().any(|(name, _)| *name == word) => settings.parts.push(argument),
                _ => {
                    return Err(format!(
                        "`{argument}` is not known; parts are check, determinism, train, time"
                    ));
                }
            }
        }
        Ok(settings)
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
