//! Lines for people, and the numbers in them.

use std::io::{self, Write};

use nnc_runtime::train::{EpochRecord, Metrics};
use serde::Serialize;

use crate::units::thousands;

/// Writes a line to standard output. If nobody reads it any more (`| head`), the work goes on.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes a value as one line of JSON to standard output.
pub(crate) fn say_json<T: Serialize>(value: &T) {
    match serde_json::to_string(value) {
        Ok(line) => say(&line),
        Err(error) => complain(&format!("error: the result cannot be written as JSON: {error}")),
    }
}

/// Writes a line to standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The line of an epoch; all lines of a run are aligned.
pub(crate) fn epoch_line(record: &EpochRecord, unit: &str) -> String {
    format!(
        "{}  {}  validation {}  {:>9} {unit}/s  {:>5.1} s",
        epoch_label(record.epoch, record.epochs),
        metrics(&record.training),
        metrics(&record.validation),
        thousands(record.samples_per_second.round() as u64),
        record.seconds,
    )
}

/// `epoch  3/30`.
pub(crate) fn epoch_label(epoch: usize, epochs: usize) -> String {
    let width = epochs.to_string().len();
    format!("epoch {epoch:>width$}/{epochs}")
}

/// The last lines about a part of the data set.
pub(crate) fn result_lines(part: &str, result: &Metrics) -> Vec<String> {
    let loss = format!("{part} loss {:.4}", result.loss);
    let accuracy = result.accuracy.map(|accuracy| format!("{part} accuracy {:.2} %", 100.0 * accuracy));
    std::iter::once(loss).chain(accuracy).collect()
}

/// `1 thread`, `2 threads`.
pub(crate) fn plural(count: usize, word: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {word}{ending}", thousands(count as u64))
}

/// A duration that is still to come.
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.round().max(0.0) as u64;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes}:{:02} min", seconds % 60),
        _ => format!("{hours}:{minutes:02} h"),
    }
}

fn metrics(metrics: &Metrics) -> String {
    let accuracy = metrics.accuracy.map(|accuracy| format!("  accuracy {:>6.2} %", 100.0 * accuracy));
    format!("loss {:>6.4}{}", metrics.loss, accuracy.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> EpochRecord {
        EpochRecord {
            epoch: 3,
            epochs: 30,
            training: Metrics { loss: 0.0821, accuracy: Some(0.97614) },
            validation: Metrics { loss: 0.1012, accuracy: Some(1.0) },
            samples_per_second: 12_345.4,
            seconds: 1.24,
            best: true,
        }
    }

    #[test]
    fn an_epoch_is_one_aligned_line() {
        assert_eq!(
            epoch_line(&record(), "images"),
            "epoch  3/30  loss 0.0821  accuracy  97.61 %  \
             validation loss 0.1012  accuracy 100.00 %     12,345 images/s    1.2 s"
        );
    }

    #[test]
    fn a_regression_has_no_accuracy() {
        let metrics = Metrics { loss: 1.5, accuracy: None };
        assert_eq!(result_lines("test", &metrics), ["test loss 1.5000"]);
        assert_eq!(result_lines("test", &record().training)[1], "test accuracy 97.61 %");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(plural(1, "step"), "1 step");
        assert_eq!(plural(1000, "step"), "1,000 steps");
        assert_eq!(duration(59.4), "59 s");
        assert_eq!(duration(61.0), "1:01 min");
        assert_eq!(duration(3_700.0), "1:01 h");
    }
}
