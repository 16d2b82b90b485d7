//! How far a run has come and how well it does: plain numbers, stored in every checkpoint.

use serde::{Deserialize, Serialize};

use super::config::Config;
use crate::data::Statistics;
use crate::model::StepReport;

/// The run that a checkpoint belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What decides the run's result.
    pub config: Config,
    /// What the run learnt from its data set.
    pub data: DataRecord,
    /// Where the run stands.
    pub progress: Progress,
}

/// What evaluation and prediction need to know of the data that a network was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// The shape of one stored sample, channels first; a network may read a map as a vector.
    pub shape: Vec<usize>,
    /// Mean and standard deviation of the training part.
    pub statistics: Statistics,
    /// The names of the classes; empty for a regression.
    pub classes: Vec<String>,
    /// Samples of the training, validation and test part.
    pub samples: [usize; 3],
}

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs that are finished.
    pub epoch: usize,
    /// Steps of the next epoch that are done.
    pub position: usize,
    /// Sums over those steps.
    pub totals: Totals,
    /// The best epoch so far.
    pub best: Option<Score>,
}

/// Sums over samples, so that a small last batch counts for its samples only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Sum of the losses.
    pub loss: f64,
    /// Samples whose class was predicted rightly.
    pub correct: usize,
    /// Samples.
    pub samples: usize,
}

/// Loss and accuracy over many samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean loss.
    pub loss: f64,
    /// Share of the samples whose class is predicted rightly; none for a regression.
    pub accuracy: Option<f64>,
}

/// How good an epoch was on the validation part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Its metrics.
    pub metrics: Metrics,
}

impl Totals {
    /// Adds a batch.
    pub fn add(&mut self, report: &StepReport) {
        self.loss += f64::from(report.loss) * report.samples as f64;
        self.correct += report.correct;
        self.samples += report.samples;
    }

    /// The means; accuracy only if the samples have classes.
    pub fn metrics(&self, classes: bool) -> Metrics {
        let samples = self.samples.max(1) as f64;
        Metrics { loss: self.loss / samples, accuracy: classes.then(|| self.correct as f64 / samples) }
    }
}

impl Metrics {
    /// Whether these are better: higher accuracy, and lower loss where that ties or is missing.
    pub fn beat(&self, other: &Metrics) -> bool {
        match (self.accuracy, other.accuracy) {
            (Some(own), Some(other)) if own != other => own > other,
            _ => self.loss < other.loss,
        }
    }
}

impl Progress {
    /// Whether `metrics` are the best so far; equal ones are not.
    pub fn is_best(&self, metrics: &Metrics) -> bool {
        self.best.is_none_or(|best| metrics.beat(&best.metrics))
    }

    /// Ends an epoch.
    pub fn next_epoch(&mut self) {
        *self = Progress { epoch: self.epoch + 1, best: self.best, ..Progress::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_batch_counts_for_its_samples() {
        let mut totals = Totals::default();
        totals.add(&StepReport { loss: 1.0, correct: 3, labels: 3, samples: 3 });
        totals.add(&StepReport { loss: 5.0, correct: 0, labels: 1, samples: 1 });
        let metrics = totals.metrics(true);
        assert_eq!(metrics, Metrics { loss: 2.0, accuracy: Some(0.75) });
    }

    #[test]
    fn accuracy_decides_and_loss_breaks_ties() {
        let metrics = |accuracy, loss| Metrics { loss, accuracy: Some(accuracy) };
        assert!(metrics(0.9, 2.0).beat(&metrics(0.8, 1.0)));
        assert!(metrics(0.9, 0.5).beat(&metrics(0.9, 1.0)));
        assert!(!metrics(0.9, 1.0).beat(&metrics(0.9, 1.0)));
        let regression = |loss| Metrics { loss, accuracy: None };
        assert!(regression(0.5).beat(&regression(1.0)));
    }
}
