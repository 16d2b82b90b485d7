//! The child's side of the protocol: a line of JSON in, a line of JSON out.
//!
//! `load` builds a network; `train` makes steps and tells their losses; `predict` writes the outputs for
//! the whole batch; `time` runs one of the measures again and again and tells the milliseconds of each
//! run. `benches/peers/systems/worker.py` is the same for Python.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};

/// What can go wrong in a system; its text goes into the report.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A network in some system.
pub trait Model {
    /// The version of the system.
    fn version(&self) -> String;

    /// One step of SGD with momentum 0.9 on the batch; its loss.
    fn train_step(&mut self, _rate: f64) -> Result<f64> {
        Err("this system does not train".into())
    }

    /// The same, but for a system that works behind the program's back only asked for: its loss is not read.
    fn enqueue_step(&mut self, rate: f64) -> Result<()> {
        self.train_step(rate).map(drop)
    }

    /// An evaluation of the batch that is only asked for, likewise.
    fn enqueue_evaluation(&mut self) -> Result<()> {
        self.evaluate().map(|outputs| drop(std::hint::black_box(outputs)))
    }

    /// Waits for all that was asked for.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    /// The outputs for the batch.
    fn evaluate(&mut self) -> Result<Vec<f32>>;

    /// The outputs for the first sample.
    fn latency(&mut self) -> Result<Vec<f32>>;
}

/// What to load.
#[derive(Deserialize)]
pub struct Request {
    pub network: Network,
    pub batch: usize,
    pub threads: usize,
    /// `cpu` or `cuda`.
    pub device: String,
    /// `f32`, `tf32` or `bf16`, on a GPU.
    pub precision: String,
    pub onnx: Onnx,
    parameters: Option<PathBuf>,
    states: Option<PathBuf>,
    inputs: PathBuf,
    labels: PathBuf,
}

#[derive(Deserialize)]
pub struct Network {
    pub name: String,
    /// Shape of a sample, channels first.
    pub input: Vec<usize>,
    pub classes: usize,
    pub layers: Vec<Layer>,
}

/// The ONNX files for the batch and for one sample.
#[derive(Deserialize)]
pub struct Onnx {
    pub batch: PathBuf,
    pub one: PathBuf,
}

/// `benches/peers/harness/networks.py` makes them.
#[derive(Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Layer {
    Conv { inputs: usize, outputs: usize, kernel: usize, stride: usize, pad: usize, bias: bool },
    Linear { inputs: usize, outputs: usize },
    Bn { channels: usize },
    Relu,
    Pool { kernel: usize, stride: usize, pad: usize },
    Gap,
    Flatten,
    Residual { body: Vec<Layer>, shortcut: Vec<Layer> },
}

impl Request {
    /// The learnt values in the order of the layers, weights as PyTorch has them.
    pub fn parameters(&self) -> Result<Values> {
        Values::read(self.parameters.as_deref())
    }

    /// Running means and variances in the order of the layers.
    pub fn states(&self) -> Result<Values> {
        Values::read(self.states.as_deref())
    }

    /// The samples of the batch, channels first.
    pub fn inputs(&self) -> Result<Vec<f32>> {
        numbers(&self.inputs, f32::from_le_bytes)
    }

    /// The class of each sample.
    pub fn labels(&self) -> Result<Vec<u32>> {
        numbers(&self.labels, u32::from_le_bytes)
    }

    /// The shape of `batch` samples.
    pub fn shape(&self, batch: usize) -> Vec<usize> {
        [&[batch], &self.network.input[..]].concat()
    }

    /// Numbers of a sample.
    pub fn sample_len(&self) -> usize {
        self.network.input.iter().product()
    }
}

/// The numbers of a flat file, one tensor after the other; or nothing, and the system initialises.
pub struct Values {
    numbers: Option<Vec<f32>>,
    next: usize,
}

impl Values {
    fn read(path: Option<&Path>) -> Result<Values> {
        let numbers = path.map(|path| numbers(path, f32::from_le_bytes)).transpose()?;
        Ok(Values { numbers, next: 0 })
    }

    /// The next tensor.
    pub fn take(&mut self, len: usize) -> Option<Vec<f32>> {
        let start = self.next;
        self.next += len;
        self.numbers.as_ref().map(|numbers| numbers[start..start + len].to_vec())
    }
}

/// The version of a package in this workspace's lock file.
pub fn locked_version(package: &str) -> String {
    let lock = include_str!("../../Cargo.lock");
    let entry = format!("name = \"{package}\"\nversion = \"");
    let version = lock.split_once(&entry).and_then(|(_, rest)| rest.split_once('"'));
    version.map_or("unknown", |(version, _)| version).to_owned()
}

/// Serves requests until the input ends.
pub fn serve<M: Model>(load: impl Fn(&Request) -> Result<M>) {
    let mut model = None;
    for line in std::io::stdin().lock().lines().map_while(std::io::Result::ok) {
        let reply = answer(&load, &mut model, &line);
        let reply = reply.unwrap_or_else(|error| json!({ "error": error.to_string() }));
        let mut output = std::io::stdout().lock();
        // If nobody listens any more, the next line will not come either.
        let _ = writeln!(output, "{reply}").and_then(|()| output.flush());
    }
}

/// A line of the input.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Command {
    Load(Box<Request>),
    Predict { output: PathBuf },
    Train { steps: usize, rate: f64 },
    Time { what: Measure, warm_up: usize, repetitions: usize, group: usize },
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Measure {
    Training,
    Evaluation,
    Latency,
}

/// Small enough that hours of steps on one batch leave the weights where they were.
const LEARNING_RATE: f64 = 1e-6;

fn answer<M: Model>(
    load: &impl Fn(&Request) -> Result<M>,
    slot: &mut Option<M>,
    line: &str,
) -> Result<Value> {
    let loaded = || "nothing is loaded";
    match serde_json::from_str(line)? {
        Command::Load(request) => {
            let model = slot.insert(load(&request)?);
            Ok(json!({ "version": model.version() }))
        }
        Command::Predict { output } => {
            let outputs = slot.as_mut().ok_or_else(loaded)?.evaluate()?;
            let bytes: Vec<u8> = outputs.iter().flat_map(|value| value.to_le_bytes()).collect();
            std::fs::write(output, bytes)?;
            Ok(json!({}))
        }
        Command::Train { steps, rate } => {
            let model = slot.as_mut().ok_or_else(loaded)?;
            let losses: Vec<f64> = (0..steps).map(|_| model.train_step(rate)).collect::<Result<_>>()?;
            Ok(json!({ "losses": losses }))
        }
        Command::Time { what, warm_up, repetitions, group } => {
            let model = slot.as_mut().ok_or_else(loaded)?;
            milliseconds(model, what, warm_up)?;
            let found: Vec<f64> =
                (0..repetitions).map(|_| milliseconds(model, what, group)).collect::<Result<_>>()?;
            Ok(json!({ "milliseconds": found }))
        }
    }
}

/// Of one run, in a group that is waited for at its end.
fn milliseconds(model: &mut impl Model, what: Measure, group: usize) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..group {
        match what {
            Measure::Training => model.enqueue_step(LEARNING_RATE)?,
            Measure::Evaluation => model.enqueue_evaluation()?,
            Measure::Latency => drop(std::hint::black_box(model.latency()?)),
        }
    }
    model.finish()?;
    Ok(start.elapsed().as_secs_f64() * 1e3 / group as f64)
}

fn numbers<T>(path: &Path, number: fn([u8; 4]) -> T) -> Result<Vec<T>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(bytes.as_chunks().0.iter().map(|chunk| number(*chunk)).collect())
}
