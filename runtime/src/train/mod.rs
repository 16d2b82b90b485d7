//! The training loop: epochs over a data set, with checkpoints, a log and an exact resume.
//!
//! [`train`] starts or resumes a run and ends it by testing its best parameters. Its one
//! convention: whatever happens between two steps can be repeated. The checkpoint `last` holds
//! the exact position, so that a run that was interrupted ends in the same bits as one left
//! alone, with any number of threads. The loop prints nothing and asks nothing; an
//! [`Observer`] follows it, and a flag interrupts it.

mod batches;
mod config;
mod evaluate;
mod folder;
mod log;
mod observer;
mod progress;
mod run;
mod task;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

pub use config::{Config, Overrides, Source};
pub use evaluate::{evaluate, load_data};
pub use folder::{RUNS, RunFolder};
pub use log::{EpochRecord, Record, ResultRecord, Session};
pub use observer::{Beginning, Observer, Part, Silent, Step};
pub use progress::{DataRecord, Metrics, Progress, RunRecord, Score, Totals};
pub use task::Task;

use crate::error::Error;
use crate::model::Device;
use crate::program::Program;

/// How to run.
pub struct Options<'a> {
    /// Changes to the model's `train` section.
    pub overrides: Overrides,
    /// What to compute on.
    pub device: Device,
    /// Where the run begins.
    pub start: Start,
    /// Set it to end the run after the step that it is in.
    pub interrupt: &'a AtomicBool,
}

/// Where a run begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the beginning, in this folder or in the next free `runs/<name>-<n>`.
    New(Option<PathBuf>),
    /// Where the run in this folder, or the latest run of the network, stopped.
    Resume(Option<PathBuf>),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All epochs are done and the best one is tested.
    Finished {
        /// Where the checkpoints are.
        folder: PathBuf,
        /// The metrics.
        result: ResultRecord,
    },
    /// The flag was set; the position is saved.
    Interrupted {
        /// The run to resume.
        folder: PathBuf,
    },
}

/// Trains `program`.
pub fn train(
    program: &'static Program,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let mut run = run::Run::open(program, options)?;
    observer.begin(&run.beginning());
    while !run.is_trained() {
        if run.epoch(observer)?.is_break() {
            return Ok(run.interrupted());
        }
    }
    Ok(match run.test(observer)? {
        Some(result) => Outcome::Finished { folder: run.folder().to_owned(), result },
        None => run.interrupted(),
    })
}
