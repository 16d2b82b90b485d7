//! Measured times that outlive the process.
//!
//! One file holds the measurements of all networks, processors, numbers of threads and versions: a
//! head, then a line of JSON for each problem. Lines that are damaged are passed over. A file is replaced as a
//! whole, by a rename, and under a lock, so that processes that measure at once add to each other's
//! lines. A file of a later format is neither read nor changed. Nothing here is worth a failure: what
//! cannot be read or written is measured again.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Algorithm, Choice, Problem};
use crate::cache_folder;
use crate::cpu::{Isa, processor};

/// What the time of a problem depends on, beside the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The instruction set of the kernels.
    pub isa: Isa,
    /// Threads that compute.
    pub threads: usize,
}

/// What times on a GPU depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuMachine {
    /// Its name, and the versions of driver and compiler.
    pub device: String,
    /// The name of the precision.
    pub precision: &'static str,
}

/// What is measured on a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuProblem {
    /// The product.
    pub problem: Problem,
    /// Whether mean and variance of the result's channels belong to it.
    pub has_statistics: bool,
}

/// The file with measured times, read once.
pub struct TimingCache {
    path: Option<PathBuf>,
    known: Mutex<Option<Vec<Record>>>,
}

/// A problem on a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    key: Key,
    /// By the names of the algorithms.
    seconds: BTreeMap<String, f64>,
}

/// What a record is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    processor: String,
    isa: String,
    threads: usize,
    /// Of the runtime whose kernels were measured.
    version: String,
    #[serde(flatten)]
    problem: Problem,
}

#[derive(Serialize, Deserialize)]
struct Head {
    nnc_timings: u32,
}

/// What a file is good for.
enum Contents {
    /// These records, and to be replaced.
    Records(Vec<Record>),
    /// Nothing, and to be left alone: a folder, or a file of a later version.
    Foreign(&'static str),
}

const FORMAT: u32 = 1;

/// Records of about 400 bytes; the oldest have to go first.
const MOST_RECORDS: usize = 8192;

/// A larger file was not written here.
const MOST_BYTES: u64 = 16 << 20;

/// How often and how long to wait for another process that is writing, which takes it milliseconds.
const PATIENCE: (usize, Duration) = (100, Duration::from_millis(10));

impl TimingCache {
    /// The file in the user's [`cache_folder`]; if there is none, nothing is kept.
    pub fn of_user() -> TimingCache {
        TimingCache {
            path: cache_folder().map(|folder| folder.join("timings.jsonl")),
            known: Mutex::default(),
        }
    }

    /// The file at `path`, which need not exist.
    pub fn at(path: impl Into<PathBuf>) -> TimingCache {
        TimingCache { path: Some(path.into()), known: Mutex::default() }
    }

    /// Keeps nothing.
    pub fn nowhere() -> TimingCache {
        TimingCache { path: None, known: Mutex::default() }
    }

    /// Where the file is, if anything is kept at all.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Measured seconds of the algorithms for `problem`, if there are any.
    pub fn times(&self, machine: Machine, problem: &Problem) -> Option<Vec<(Algorithm, f64)>> {
        let seconds = self.seconds(&Key::new(machine, problem))?;
        let time = |algorithm: Algorithm| Some((algorithm, *seconds.get(algorithm.name())?));
        Some(Algorithm::ALL.into_iter().filter_map(time).collect())
    }

    /// Adds the measurements of `choices` to the file.
    pub fn keep(&self, machine: Machine, choices: &[&Choice]) -> io::Result<()> {
        self.add(choices.iter().filter_map(|choice| Record::new(machine, choice)).collect())
    }

    /// Measured seconds of the candidates for `problem` on a GPU, by their names, if there are any.
    pub fn gpu_times(&self, gpu: &GpuMachine, problem: &GpuProblem) -> Option<BTreeMap<String, f64>> {
        self.seconds(&Key::of_gpu(gpu, problem))
    }

    /// Adds the measurements of candidates on a GPU to the file: of each problem the seconds by their names.
    pub fn keep_gpu(
        &self,
        gpu: &GpuMachine,
        measured: &[(GpuProblem, BTreeMap<String, f64>)],
    ) -> io::Result<()> {
        let record = |(problem, seconds): &(GpuProblem, BTreeMap<String, f64>)| Record {
            key: Key::of_gpu(gpu, problem),
            seconds: seconds.clone(),
        };
        self.add(measured.iter().map(record).collect())
    }

    /// What was measured under a key, as far as it makes sense.
    fn seconds(&self, key: &Key) -> Option<BTreeMap<String, f64>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(|| match self.path.as_deref().map(read) {
            Some(Contents::Records(records)) => records,
            Some(Contents::Foreign(_)) | None => Vec::new(),
        });
        let mut seconds = known.iter().find(|record| record.key == *key)?.seconds.clone();
        seconds.retain(|_, seconds| seconds.is_finite() && *seconds > 0.0);
        Some(seconds)
    }

    /// Adds records to the file.
    fn add(&self, new: Vec<Record>) -> io::Result<()> {
        let none = || io::Error::new(ErrorKind::NotFound, "no home folder is known");
        let path = self.path.as_deref().ok_or_else(none)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        fs::create_dir_all(folder.unwrap_or(Path::new(".")))?;
        let lock = lock(&path.with_extension("lock"));
        let records = match read(path) {
            Contents::Records(records) => records,
            Contents::Foreign(why) => return Err(io::Error::new(ErrorKind::AlreadyExists, why)),
        };
        let written = replace(path, &merge(records, new));
        drop(lock);
        written
    }
}

impl Record {
    /// Nothing if nothing was measured.
    fn new(machine: Machine, choice: &Choice) -> Option<Record> {
        let measured = choice.candidates.iter();
        let seconds: BTreeMap<String, f64> = measured
            .filter_map(|candidate| Some((candidate.algorithm.name().to_owned(), candidate.measured?)))
            .collect();
        (!seconds.is_empty()).then(|| Record { key: Key::new(machine, &choice.problem), seconds })
    }
}

impl Key {
    fn new(machine: Machine, problem: &Problem) -> Key {
        Key {
            processor: processor().to_owned(),
            isa: machine.isa.name().to_owned(),
            threads: machine.threads,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            problem: *problem,
        }
    }

    /// A GPU stands in the place of the processor, its precision, and what is computed beside the product, in that of the
    /// instruction set.
    fn of_gpu(gpu: &GpuMachine, &GpuProblem { problem, has_statistics }: &GpuProblem) -> Key {
        let beside = if has_statistics { " with statistics" } else { "" };
        Key {
            processor: gpu.device.clone(),
            isa: format!("cuda {}{beside}", gpu.precision),
            threads: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            problem,
        }
    }
}

/// The old records with the new times among them; what changes moves to the end.
fn merge(mut records: Vec<Record>, new: Vec<Record>) -> Vec<Record> {
    for Record { key, seconds } in new {
        let place = records.iter().position(|record| record.key == key);
        let old = place.map(|place| records.remove(place).seconds).unwrap_or_default();
        records.push(Record { key, seconds: old.into_iter().chain(seconds).collect() });
    }
    records.split_off(records.len().saturating_sub(MOST_RECORDS))
}

fn read(path: &Path) -> Contents {
    match fs::metadata(path) {
        Err(_) => return Contents::Records(Vec::new()),
        Ok(metadata) if !metadata.is_file() => return Contents::Foreign("it is not a file"),
        Ok(metadata) if metadata.len() > MOST_BYTES => return Contents::Records(Vec::new()),
        Ok(_) => {}
    }
    match fs::read(path) {
        Ok(bytes) => parse(&String::from_utf8_lossy(&bytes)),
        Err(_) => Contents::Foreign("it cannot be read"),
    }
}

fn parse(text: &str) -> Contents {
    let mut lines = text.lines();
    match lines.next().and_then(|line| serde_json::from_str::<Head>(line).ok()) {
        Some(head) if head.nnc_timings > FORMAT => Contents::Foreign("a later version of nnc wrote it"),
        Some(head) if head.nnc_timings == FORMAT => {
            Contents::Records(lines.filter_map(|line| serde_json::from_str(line).ok()).collect())
        }
        _ => Contents::Records(Vec::new()),
    }
}

fn replace(path: &Path, records: &[Record]) -> io::Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut text = serde_json::to_string(&Head { nnc_timings: FORMAT })?;
    for record in records {
        text.push('\n');
        text.push_str(&serde_json::to_string(record)?);
    }
    text.push('\n');
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let partial = path.with_extension(format!("{}-{number}.partial", process::id()));
    let replaced = fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    if replaced.is_err() {
        // It may not be there.
        let _ = fs::remove_file(&partial);
    }
    replaced
}

/// The lock, which ends with the file's life. Where locks do not work, or another holds it for too
/// long, two processes may lose some of each other's lines.
fn lock(path: &Path) -> Option<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path).ok()?;
    let (times, pause) = PATIENCE;
    for _ in 0..times {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) => thread::sleep(pause),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}
