//! The log of a run: one JSON object a line, each with its `event`.
//!
//! `start` holds the configuration and versions, `resume` says where a later session went on,
//! `steps` holds the mean loss over a twentieth of an epoch, `epoch` the metrics of an epoch, `result`
//! those of the test part. A run that was killed
//! may repeat an epoch: the later record is the one that counts.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::config::Config;
use super::progress::Metrics;
use crate::error::Error;

/// A record of the log.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Record<'a> {
    /// A run begins.
    Start(Session<'a>),
    /// A session goes on with a run.
    Resume {
        /// Epochs that are finished.
        epoch: usize,
        /// Steps of the next epoch that are done.
        position: usize,
        /// The new session.
        #[serde(flatten)]
        session: Session<'a>,
    },
    /// A part of an epoch is done.
    Steps {
        /// The epoch, from 1.
        epoch: usize,
        /// Steps of the epoch that are done.
        step: usize,
        /// Steps of the epoch.
        steps: usize,
        /// Mean training loss since the record before.
        loss: f64,
    },
    /// An epoch has ended.
    Epoch(EpochRecord),
    /// The best checkpoint has been tested.
    Result(ResultRecord),
}

/// What a session runs, and on what.
#[derive(Clone, Debug, Serialize)]
pub struct Session<'a> {
    /// The network's name.
    pub network: &'a str,
    /// Hash of the model's text.
    pub source_fnv1a64: String,
    /// Number of learnt values.
    pub parameters: usize,
    /// What decides the result.
    pub config: &'a Config,
    /// Samples of the training, validation and test part.
    pub samples: [usize; 3],
    /// Version of the runtime.
    pub runtime: &'static str,
    /// Operating system and processor family.
    pub platform: String,
    /// Where it runs.
    pub device: String,
    /// Threads of the pool.
    pub threads: usize,
    /// How algorithms are chosen.
    pub algorithms: &'static str,
}

/// The metrics of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EpochRecord {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Epochs of the run.
    pub epochs: usize,
    /// Metrics on the training part, gathered while the parameters moved.
    pub training: Metrics,
    /// Metrics on the validation part after the epoch.
    pub validation: Metrics,
    /// Training samples per second, evaluation not counted.
    pub samples_per_second: f64,
    /// Seconds that this session spent on the epoch, evaluation included.
    pub seconds: f64,
    /// Whether no earlier epoch was as good.
    pub best: bool,
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ResultRecord {
    /// Metrics on the test part.
    pub test: Metrics,
    /// The epoch whose parameters were tested.
    pub best_epoch: usize,
}

/// The open log.
pub(super) struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    /// Opens the log at `path` to append to it.
    pub(super) fn open(path: &Path) -> Result<Log, Error> {
        // A session that was killed may have left half a line.
        let torn = fs::read(path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n'));
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.map_err(Error::file("write", path))?;
        if torn {
            file.write_all(b"\n").map_err(Error::file("write", path))?;
        }
        Ok(Log { file, path: path.to_owned() })
    }

    /// Appends a record.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), Error> {
        let line = serde_json::to_string(record).map_err(std::io::Error::from);
        let line = line.map_err(Error::file("write", &self.path))?;
        writeln!(self.file, "{line}").map_err(Error::file("write", &self.path))
    }
}
