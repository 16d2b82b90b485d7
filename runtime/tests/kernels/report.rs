//! The loss and the right answers of a batch.

use nnc_emulator::Real;

use crate::{Buffer, Kernels, Step};

/// `Report` of `report.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Report {
    loss: f64,
    correct: i64,
}

/// A batch's results.
struct Batch {
    losses: Vec<f32>,
    logits: Vec<f32>,
    labels: Vec<i32>,
    classes: usize,
}

impl Batch {
    /// Made-up results; few different logits, so that rows have several maxima.
    fn new(samples: usize, positions: usize, classes: usize) -> Batch {
        let number = |index: usize| (index as u32).wrapping_mul(2_654_435_769) >> 8;
        let rows = samples * positions;
        Batch {
            losses: (0..samples).map(|index| number(index + 7) as f32 * 1e-6).collect(),
            logits: (0..rows * classes).map(|index| (number(index) % 5) as f32 - 2.0).collect(),
            labels: (0..rows).map(|index| (number(3 * index + 1) as usize % classes.max(1)) as i32).collect(),
            classes,
        }
    }

    fn expected(&self) -> Report {
        let first_maximum = |row: &[f32]| {
            let better = |best: usize, index: usize| if row[index] > row[best] { index } else { best };
            (0..row.len()).fold(0, better) as i32
        };
        let rows = self.logits.chunks(self.classes.max(1)).zip(&self.labels);
        let correct = rows.filter(|(row, label)| first_maximum(row) == **label).count();
        let sum: f64 = self.losses.iter().map(|loss| f64::from(*loss)).sum();
        Report { loss: sum / self.losses.len() as f64, correct: correct as i64 }
    }
}

fn run(
    kernels: &Kernels,
    batch: &Batch,
    report: &mut Buffer<Report>,
    step: &mut Buffer<Step>,
    reverse: bool,
) {
    const PARTS: usize = 5;
    let (mut losses, mut logits) = (Buffer::new(&batch.losses), Buffer::new(&batch.logits));
    let (mut labels, mut parts) = (Buffer::new(&batch.labels), Buffer::new(&[-1i64; PARTS]));
    let rows = if batch.classes > 0 { batch.labels.len() as u64 } else { 0 };
    let arguments = [logits.address(), labels.address(), parts.address(), rows, batch.classes as u64];
    kernels.run("nnc_score", PARTS, &arguments, reverse);
    let arguments = [
        losses.address(),
        parts.address(),
        report.address(),
        step.address(),
        batch.losses.len() as u64,
        PARTS as u64,
    ];
    kernels.run("nnc_report", 1, &arguments, reverse);
    parts.values();
}

#[test]
fn a_batch_is_judged() {
    let kernels = Kernels::new("report.cu", Real::Float);
    for (positions, classes) in [(1, 1), (1, 2), (1, 10), (6, 3), (1, 40), (2, 1000), (1, 0)] {
        for (samples, reverse) in
            [600, 64, 1].into_iter().flat_map(|samples| [(samples, false), (samples, true)])
        {
            let (mut report, mut step) = (Buffer::new(&[Report::default()]), Buffer::new(&[Step::default()]));
            let batch = Batch::new(samples, positions, classes);
            run(&kernels, &batch, &mut report, &mut step, reverse);
            let (found, expected) = (report.values()[0], batch.expected());
            let case = format!("{samples} samples of {positions} positions, {classes} classes");
            assert!((found.loss - expected.loss).abs() <= 1e-12 * expected.loss, "{case}");
            assert_eq!(found.correct, if classes > 0 { expected.correct } else { 0 }, "{case}");
            assert_eq!(step.values(), [Step::default()]);
        }
    }
}

#[test]
fn a_loss_that_is_not_finite_fails_the_step() {
    let kernels = Kernels::new("report.cu", Real::Float);
    for bad in [f32::NAN, f32::INFINITY] {
        let (mut report, mut step) = (Buffer::new(&[Report::default()]), Buffer::new(&[Step::default()]));
        let mut batch = Batch::new(8, 1, 1);
        batch.losses[5] = bad;
        run(&kernels, &batch, &mut report, &mut step, false);
        assert_eq!(step.values()[0].not_finite, 1);
        let found = report.values()[0];
        assert!(!found.loss.is_finite() && found.correct == 0, "{found:?}");
        let mut after = Buffer::new(&[Report::default()]);
        run(&kernels, &Batch::new(8, 1, 1), &mut after, &mut step, false);
        assert_eq!(after.values(), [Report::default()], "after a failure");
    }
}
