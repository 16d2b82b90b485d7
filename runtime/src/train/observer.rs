//! What a run tells while it goes on.

use std::path::Path;

use super::config::Config;
use super::log::{EpochRecord, ResultRecord};

/// Follows a run. The loop itself prints nothing; a terminal, a window or a test does.
pub trait Observer {
    /// The run is about to begin or to go on.
    fn begin(&mut self, _start: &Beginning) {}

    /// A batch is done.
    fn step(&mut self, _step: &Step) {}

    /// An epoch is done, its checkpoints written.
    fn epoch(&mut self, _record: &EpochRecord) {}

    /// The best parameters have been tested.
    fn result(&mut self, _record: &ResultRecord) {}
}

/// An observer that looks away.
pub struct Silent;

impl Observer for Silent {}

/// What is known before the first step.
pub struct Beginning<'a> {
    /// The network's name.
    pub network: &'a str,
    /// The input's shape, channels first.
    pub input: &'a [usize],
    /// The optimiser's name.
    pub optimizer: &'a str,
    /// What decides the result.
    pub config: &'a Config,
    /// Number of learnt values.
    pub parameters: usize,
    /// Samples of the training, validation and test part.
    pub samples: [usize; 3],
    /// Bytes that the model needs for this batch, known before anything runs.
    pub memory: usize,
    /// What computes: `cpu`, or a GPU and the precision.
    pub device: String,
    /// Threads of the pool.
    pub threads: usize,
    /// Where checkpoints and log go.
    pub folder: &'a Path,
    /// Epochs and steps that an earlier session has done.
    pub resumed: Option<(usize, usize)>,
    /// Warnings about the data.
    pub notes: &'a [String],
}

/// Which part of the data set a step works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The parameters move.
    Training,
    /// The epoch is measured.
    Validation,
    /// The best epoch is measured.
    Test,
}

/// A batch that is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// On which part.
    pub part: Part,
    /// The epoch, from 1.
    pub epoch: usize,
    /// Epochs of the run.
    pub epochs: usize,
    /// Batches of the part that are done.
    pub done: usize,
    /// Batches of the part.
    pub steps: usize,
    /// Samples of the batch.
    pub samples: usize,
    /// Mean loss of the batch, in training.
    pub loss: Option<f32>,
}
