//! Losses and right answers, added up over steps.

use nnc_emulator::Real;

use crate::{Buffer, Kernels, Step};

/// `Report` of `report.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Report {
    loss_sum: f64,
    correct: i64,
    labels: i64,
    samples: i64,
    steps: i64,
    last_loss: f64,
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

    fn expected(&self) -> (f64, i64) {
        let first_maximum = |row: &[f32]| {
            let better = |best: usize, index: usize| if row[index] > row[best] { index } else { best };
            (0..row.len()).fold(0, better) as i32
        };
        let rows = self.logits.chunks(self.classes.max(1)).zip(&self.labels);
        let correct = rows.filter(|(row, label)| first_maximum(row) == **label).count();
        (self.losses.iter().map(|loss| f64::from(*loss)).sum(), correct as i64)
    }
}

fn add(
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
        rows,
    ];
    kernels.run("nnc_report", 1, &arguments, reverse);
    parts.values();
}

#[test]
fn steps_are_added_up() {
    let kernels = Kernels::new("report.cu", Real::Float);
    for (positions, classes) in [(1, 1), (1, 2), (1, 10), (6, 3), (1, 40), (2, 1000), (1, 0)] {
        for reverse in [false, true] {
            let (mut report, mut step) = (Buffer::new(&[Report::default()]), Buffer::new(&[Step::default()]));
            let mut expected = Report::default();
            for samples in [600, 64, 1] {
                let batch = Batch::new(samples, positions, classes);
                add(&kernels, &batch, &mut report, &mut step, reverse);
                let (sum, correct) = batch.expected();
                let labels = if classes > 0 { samples * positions } else { 0 };
                expected = Report {
                    loss_sum: expected.loss_sum + sum,
                    correct: expected.correct + if classes > 0 { correct } else { 0 },
                    labels: expected.labels + labels as i64,
                    samples: expected.samples + samples as i64,
                    steps: expected.steps + 1,
                    last_loss: sum / samples as f64,
                };
                let found = report.values()[0];
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs();
                assert!(near(found.loss_sum, expected.loss_sum) && near(found.last_loss, expected.last_loss));
                let exact = Report { loss_sum: found.loss_sum, last_loss: found.last_loss, ..expected };
                assert_eq!(found, exact, "{positions} positions, {classes} classes");
                assert_eq!(step.values(), [Step::default()]);
            }
        }
    }
}

#[test]
fn a_loss_that_is_not_finite_ends_the_count() {
    let kernels = Kernels::new("report.cu", Real::Float);
    for bad in [f32::NAN, f32::INFINITY] {
        let (mut report, mut step) = (Buffer::new(&[Report::default()]), Buffer::new(&[Step::default()]));
        add(&kernels, &Batch::new(8, 1, 3), &mut report, &mut step, false);
        let before = report.values()[0];
        let mut batch = Batch::new(8, 1, 3);
        batch.losses[5] = bad;
        add(&kernels, &batch, &mut report, &mut step, false);
        assert_eq!(step.values()[0].not_finite, 1);
        let after = report.values()[0];
        assert!(!after.last_loss.is_finite());
        assert_eq!(Report { last_loss: before.last_loss, ..after }, before);
        add(&kernels, &Batch::new(8, 1, 3), &mut report, &mut step, false);
        assert_eq!(Report { last_loss: before.last_loss, ..report.values()[0] }, before, "after a failure");
    }
}
